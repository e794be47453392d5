//! A suite from traffic: what was let through and what was not, folded to services and peers, for people to review.

mod anonymise;
mod fold;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::IpAddr;

use crate::packet::{Family, PortRange, PortSet, Protocol, Service};
use crate::policy::Scenario;
use crate::policy::language::quoted;
use crate::replay::{Connection, ConnectionVerdict};

pub use anonymise::{Anonymiser, Key, ParseKeyError};
use fold::{Folded, Peer};

/// What a recorded suite says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'r> {
    /// The paths of the scenario's files from the suite's folder.
    pub scenario_paths: &'r [String],
    /// The captures, as the user named them.
    pub captures: &'r [String],
    /// Replaces the addresses of peers.
    pub anonymiser: Option<&'r Anonymiser>,
}

/// Writes a suite that holds what became of these connections, and says how many expectations it has.
pub fn record(
    scenario: &Scenario,
    connections: impl Iterator<Item = Connection>,
    recording: Recording<'_>,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let replace = |address: IpAddr| recording.anonymiser.map_or(address, |one| one.replace(address));
    let (folded, left_out) = fold::fold(&scenario.policy, connections, &replace);
    writeln!(
        out,
        "# Recorded by `sgsim record`; to be reviewed: what stands here is what happened, not what should."
    )?;
    if recording.anonymiser.is_some() {
        writeln!(out, "# Addresses are replaced; networks that the scenario names are the same.")?;
    } else {
        for capture in recording.captures {
            writeln!(out, "# From {}", quoted(capture))?;
        }
    }
    for (why, count) in &left_out {
        writeln!(out, "# Left out: {count} connections {why}")?;
    }
    match recording.scenario_paths {
        [path] => writeln!(out, "scenario: {}", quoted(path))?,
        paths => {
            let paths: Vec<_> = paths.iter().map(|path| quoted(path)).collect();
            writeln!(out, "scenario: [{}]", paths.join(", "))?;
        }
    }
    writeln!(out, "expectations:{}", if folded.is_empty() { " []" } else { "" })?;
    let mut last = None;
    for one in &folded {
        if last != Some(one.came.verdict) {
            last = Some(one.came.verdict);
            writeln!(
                out,
                "\n  # {}",
                if one.came.verdict == ConnectionVerdict::Allowed { "Allowed" } else { "Blocked" }
            )?;
        }
        write_one(scenario, one, out)?;
    }
    Ok(folded.len())
}

fn write_one(scenario: &Scenario, one: &Folded, out: &mut dyn Write) -> io::Result<()> {
    let (connections, packets) = (one.connections, one.volume.packets);
    // A name may stand for an address of the other family too, of which nothing was seen.
    let other = if one.came.family == Family::V4 { Family::V6 } else { Family::V4 };
    let both = one.from.iter().chain(&one.to).any(|peer| match peer {
        Peer::Interface(id) => fold::own(&scenario.policy, *id, other).next().is_some(),
        Peer::Address(_) => false,
    });
    let with_family = |service: String| {
        if both && !service.starts_with("icmp") { format!("{service} {}", one.came.family) } else { service }
    };
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    writeln!(
        out,
        "  # {connections} connection{}, {packets} packet{}",
        plural(connections),
        plural(packets)
    )?;
    writeln!(out, "  - from: {}", list(one.from.iter().map(|&peer| name(scenario, peer))))?;
    writeln!(out, "    to: {}", list(one.to.iter().map(|&peer| name(scenario, peer))))?;
    writeln!(out, "    services: {}", list(services(&one.services).into_iter().map(with_family)))?;
    writeln!(out, "    expect: {}", one.came.verdict)?;
    match &one.came.rule {
        Some(rule) => writeln!(out, "    rule: {}", quoted(rule)),
        None => writeln!(out, "    reason: {}\n    step: {}", one.came.reason, one.came.direction),
    }
}

/// The words for one end: the interface's name, qualified where a set or group has it too.
fn name(scenario: &Scenario, peer: Peer) -> String {
    match peer {
        Peer::Address(address) => address.to_string(),
        Peer::Interface(id) => {
            let name = &scenario.policy.interface(id).name;
            let taken = scenario.sets.iter().any(|set| set.name == *name)
                || scenario.policy.groups.iter().any(|group| group.name == *name)
                || ["any", "outside"].contains(&name.to_ascii_lowercase().as_str());
            if taken { format!("interface {name}") } else { name.clone() }
        }
    }
}

/// The words for services: one for each protocol.
fn services(services: &BTreeSet<Service>) -> Vec<String> {
    let mut words: BTreeMap<Protocol, (Vec<PortRange>, Vec<String>)> = BTreeMap::new();
    for service in services {
        let (ports, messages) = words.entry(service.protocol()).or_default();
        match service {
            Service::Port(_, port) => ports.extend(PortRange::new(*port, *port)),
            Service::Icmp { kind, code, .. } => messages.push(format!("{kind}/{code}")),
            Service::Other(_) => {}
        }
    }
    let one = |(protocol, (ports, messages)): (Protocol, (Vec<PortRange>, Vec<String>))| {
        if !ports.is_empty() {
            return format!("{protocol} {}", ports.into_iter().collect::<PortSet>());
        }
        if messages.is_empty() { protocol.to_string() } else { format!("{protocol} {}", messages.join(",")) }
    };
    words.into_iter().map(one).collect()
}

/// One text, or a list of them, as YAML.
fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.map(|word| quoted(&word)).collect();
    match &words[..] {
        [one] => one.clone(),
        _ => format!("[{}]", words.join(", ")),
    }
}
