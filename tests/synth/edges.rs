//! Rule-driven traffic reaches every rule that a packet can reach, by brute force too.

use sgsim::compile::{Compiled, Linear};
use sgsim::replay::Replay;
use sgsim::synth::{Coverage, Edges};

use crate::support::{scenario, shipped};

/// By hand: rules of the shipped scenarios that no packet reaches, and why.
///
/// `self` of one master alone is about packets from it to itself; in Turbo, 5444 is open to any before it is to the VPC.
const NEVER: [(&str, &[&str]); 3] = [
    ("cce-vpc", &["control/self"]),
    ("cce-tunnel", &["control/self"]),
    ("cce-turbo", &["control/apiserver-5444-vpc", "control/self"]),
];

#[test]
fn every_rule_of_the_shipped_scenarios_is_reached_where_it_can_be() {
    for (name, never) in NEVER {
        let scenario = scenario(&shipped(name));
        let policy = &scenario.policy;
        let coverage = Coverage::of(policy, &Compiled::new(policy), 1_000_000, |_| {});
        let told: Vec<_> = coverage.never.iter().map(|(id, _)| policy.rule(*id).name.as_str()).collect();
        assert_eq!(told, never, "{name}");
        assert_eq!(coverage.reached.len() + told.len(), policy.rules.len(), "{name}");
        assert!(coverage.searched.is_empty() && !coverage.stopped);
    }
}

/// The same traffic through replay, judged rule by rule: its report counts no other rule as never hit.
#[test]
fn replay_agrees_with_the_coverage() {
    for (name, never) in NEVER {
        let scenario = scenario(&shipped(name));
        let policy = &scenario.policy;
        let linear = Linear::new(policy);
        let mut replay = Replay::new(policy, &linear).without_past();
        let mut number = 0;
        let _ = Edges::new(policy).for_each(&mut |segment| {
            number += 1;
            replay.push(number, segment.packet(), &mut (), &mut |_| {});
            std::ops::ControlFlow::Continue(())
        });
        let tally = replay.tally();
        let idle = policy.rules.iter().zip(&tally.rules).filter(|(_, hits)| hits.volume.packets == 0);
        assert_eq!(idle.map(|(rule, _)| rule.name.as_str()).collect::<Vec<_>>(), never, "{name}");
    }
}

/// Every boundary of a rule is asked on both sides, worked out by hand.
#[test]
fn boundaries_are_asked_on_both_sides() {
    let scenario = scenario(
        "groups: { g: { ingress: ['allow tcp 80-90 from 10.0.0.0/24 id web', 'deny all from 10.0.0.9 id not'] } }\n\
         interfaces: { i: { addresses: 192.168.0.1, groups: [g] } }\n",
    );
    let mut asked = std::collections::BTreeSet::new();
    let _ = Edges::new(&scenario.policy).for_each(&mut |segment| {
        let sgsim::packet::Content::Ip(ip) = segment.packet().content else { unreachable!() };
        if let sgsim::packet::Transport::Tcp { destination, .. } = ip.transport {
            asked.insert((ip.source().to_string(), destination));
        }
        std::ops::ControlFlow::Continue(())
    });
    for address in ["9.255.255.255", "10.0.0.0", "10.0.0.255", "10.0.1.0"] {
        for port in [79, 80, 90, 91] {
            assert!(asked.contains(&(address.to_owned(), port)), "{address}:{port}");
        }
    }
    // Where they overlap: the address of the one with the ports of the other.
    for port in [79, 80, 90, 91] {
        assert!(asked.contains(&("10.0.0.9".to_owned(), port)), "10.0.0.9:{port}");
    }
}

/// What the limit leaves out is searched for, and what search finds is tried.
#[test]
fn what_boundaries_miss_is_searched() {
    let scenario = scenario(&shipped("cce-tunnel"));
    let coverage = Coverage::of(&scenario.policy, &Compiled::new(&scenario.policy), 10, |_| {});
    assert!(coverage.stopped && !coverage.searched.is_empty());
    assert_eq!(coverage.reached.len() + coverage.never.len(), scenario.policy.rules.len());
}
