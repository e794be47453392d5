//! The Linux kernel as judge: hosts as network namespaces, groups as nftables rules with conntrack, one forwarding namespace
//! for each interface; the same generated packets to sgsim and to the kernel.
//!
//! `SGSIM_KERNEL_PACKETS` says how many packets are sent, `SGSIM_KERNEL_SEED` which, `SGSIM_KERNEL_SCENARIO` that only one
//! of the seed's scenarios is run: to see a disagreement again. Where they differ on purpose is told in
//! `docs/kernel-differences.md`. Without root, `nft`, `ip` or namespaces the tests are reported as ignored.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.
#![allow(clippy::print_stderr, reason = "a test that draws lots has to say which")]

#[path = "kernel/compare.rs"]
mod compare;
#[path = "kernel/differences.rs"]
mod differences;
#[path = "kernel/expiry.rs"]
mod expiry;
#[path = "kernel/follow.rs"]
mod follow;
#[path = "kernel/fragments.rs"]
mod fragments;
#[path = "kernel/lab.rs"]
mod lab;
#[path = "kernel/netlink.rs"]
mod netlink;
#[path = "kernel/netns.rs"]
mod netns;
#[path = "kernel/observe.rs"]
mod observe;
#[path = "kernel/packet.rs"]
mod packet;
#[path = "kernel/plan.rs"]
mod plan;
#[path = "kernel/random.rs"]
mod random;
#[path = "kernel/ruleset.rs"]
mod ruleset;
#[path = "kernel/scenario.rs"]
mod scenario;
#[path = "kernel/tcp.rs"]
mod tcp;
#[path = "kernel/traffic.rs"]
mod traffic;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use sgsim::compile::Linear;
use sgsim::policy::Scenario as Product;

use compare::{Comparison, Totals};
use fragments::Pending;
use lab::Lab;
use random::Random;
use scenario::Scenario;
use traffic::{Traffic, key_of};

/// Packets of one scenario.
const EACH: usize = 250;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn random_traffic() -> Result<(), Failed> {
    let packets =
        usize::try_from(number("SGSIM_KERNEL_PACKETS").unwrap_or(10_000)).map_err(|e| e.to_string())?;
    let seed = number("SGSIM_KERNEL_SEED").unwrap_or(1);
    eprintln!("SGSIM_KERNEL_SEED={seed} SGSIM_KERNEL_PACKETS={packets}");
    let lab = Lab::new().map_err(|error| error.to_string())?;
    let mut totals = Totals::default();
    let mut token = 0;
    let only = number("SGSIM_KERNEL_SCENARIO");
    let mut round = only.unwrap_or(0);
    while totals.packets < packets {
        run(&lab, &mut Random::new(seed, round), &mut token, &mut totals)
            .map_err(|why| format!("SGSIM_KERNEL_SEED={seed} SGSIM_KERNEL_SCENARIO={round}: {why}"))?;
        round += 1;
        if only.is_some() {
            break;
        }
    }
    eprintln!("{} packets in {round} scenarios, {} steps: {:?}", totals.packets, totals.steps, totals.ways);
    for (difference, count) in &totals.differences {
        eprintln!("listed difference {difference}: {count}");
    }
    Ok(())
}

fn run(lab: &Lab, random: &mut Random, token: &mut u16, totals: &mut Totals) -> Result<(), String> {
    let scenario = Scenario::random(random);
    let yaml = scenario.yaml();
    let loaded = Product::parse("generated", &yaml);
    let policy = loaded.policy().ok_or_else(|| format!("{:?}\n{yaml}", loaded.diagnostics))?;
    let matcher = Linear::new(policy);
    let mut comparison =
        Comparison::new(lab, &scenario, policy, &matcher).map_err(|error| format!("{error}\n{yaml}"))?;
    let mut traffic = Traffic::default();
    let mut pending: Vec<Pending> = Vec::new();
    for _ in 0..EACH {
        if !pending.is_empty() && random.percent(60) {
            let at = random.below(pending.len());
            let datagram = &mut pending[at];
            match datagram.pieces.pop().filter(|_| !comparison.retired.contains(&key_of(&datagram.packet))) {
                Some(piece) => {
                    let part = Some((piece, datagram.first));
                    comparison.exchange(&datagram.packet, datagram.token, part, totals)?;
                }
                None => drop(pending.swap_remove(at)),
            }
            continue;
        }
        let packet = traffic.next(random, &comparison.retired);
        *token = token.checked_add(1).unwrap_or(1);
        match if random.percent(6) { fragments::cut(random, &packet, *token) } else { None } {
            Some(datagram) => pending.push(datagram),
            None => comparison.exchange(&packet, *token, None, totals)?,
        }
    }
    comparison.finish()
}

/// Why the kernel cannot be asked here. Only what the machine lacks counts: a lab that cannot be built where all of this is
/// there is a failure.
fn obstacle() -> Option<String> {
    let ask = || {
        let namespace = netns::Namespace::new()?;
        namespace.run("ip", &["link", "add", "x", "type", "veth", "peer", "name", "y"], "")?;
        let probe = "table inet t {\n chain c {\n ct state new log group 1\n }\n}\n";
        namespace.run("nft", &["-f", "-"], probe)?;
        namespace.enter(netlink::NetfilterSocket::open)?.forget_connections()?;
        // Trackers that this kernel was built without.
        let parameters = scenario::TIMEOUTS.iter().flat_map(|(_, parameters)| *parameters);
        let values: Vec<_> = parameters.map(|name| format!("netfilter/nf_conntrack_{name}")).collect();
        namespace.set(&values.iter().map(|name| (name.as_str(), "30")).collect::<Vec<_>>())
    };
    let error = ask().err()?.to_string();
    Some(error.lines().next().unwrap_or_default().to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let obstacle = if arguments.list { None } else { obstacle() };
    if let Some(why) = &obstacle {
        eprintln!("skipped: the kernel cannot be asked: {why}");
    }
    let trials = vec![
        Trial::test("random_traffic_is_judged_as_the_kernel_does", random_traffic),
        Trial::test("state_runs_out_when_the_kernel_says", || expiry::run().map_err(Failed::from)),
    ];
    let trials = trials.into_iter().map(|trial| trial.with_ignored_flag(obstacle.is_some())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
