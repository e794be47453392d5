//! A tiny space: random scenarios in which every packet there could be is like one of a few thousand.

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::Linear;
use sgsim::packet::{AddressRange, AddressSet, Flow, PortSet, Protocol, Timestamp};
use sgsim::policy::{Policy, Scenario, ServiceMatch};
use sgsim::replay::{Judgement, Replay};
use sgsim::space::{PacketSet, ServiceSet};

/// Every address, port, message and protocol that the drawn rules tell apart is among these, and one more of each.
pub(crate) const V4: [&str; 9] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.4",
    "10.0.0.5",
    "10.0.0.6",
    "10.0.0.7",
    "10.0.0.8",
    "203.0.113.9",
];
pub(crate) const V6: [&str; 4] = ["fd00::1", "fd00::2", "fd00::3", "2001:db8::9"];
pub(crate) const SERVICES_V4: [&str; 13] = [
    "tcp 19", "tcp 20", "tcp 21", "tcp 22", "tcp 23", "udp 20", "udp 21", "icmp 3/0", "icmp 3/4", "icmp 8/0",
    "icmp 5/0", "gre", "2",
];
pub(crate) const SERVICES_V6: [&str; 11] = [
    "tcp 19",
    "tcp 20",
    "tcp 21",
    "tcp 22",
    "tcp 23",
    "udp 20",
    "udp 21",
    "icmpv6 128/0",
    "icmpv6 135/0",
    "gre",
    "2",
];

fn remote() -> impl Strategy<Value = String> {
    let range = (1u8..9, 1u8..9).prop_map(|(a, b)| format!("10.0.0.{}-10.0.0.{}", a.min(b), a.max(b)));
    prop_oneof![
        3 => Just("any".to_owned()),
        4 => range,
        1 => Just("fd00::1-fd00::2".to_owned()),
        2 => select(vec!["group g0", "group g1", "group g2", "0.0.0.0/0", "::/0"]).prop_map(str::to_owned),
    ]
}

fn rule(side: &'static str) -> impl Strategy<Value = String> {
    let ports = (20u8..23, 0u8..3).prop_map(|(first, more)| format!("{first}-{}", (first + more).min(22)));
    let service = prop_oneof![
        2 => Just("all".to_owned()),
        3 => ports.prop_map(|ports| format!("tcp {ports}")),
        1 => Just("tcp".to_owned()),
        1 => select(vec!["udp 20", "udp", "icmp", "icmp echo-request", "icmp 3", "icmp 3/4", "icmpv6", "gre"])
            .prop_map(str::to_owned),
    ];
    let end = select(vec!["", "", "", " priority 2", " disabled"]);
    (any::<bool>(), service, remote(), end).prop_map(move |(deny, service, remote, end)| {
        format!("{} {service} {side} {remote}{end}", if deny { "deny" } else { "allow" })
    })
}

fn group() -> impl Strategy<Value = String> {
    let list = |side| prop::collection::vec(rule(side), 0..4);
    (list("from"), list("to")).prop_map(|(ingress, egress)| {
        format!("{{ ingress: [\"{}\"], egress: [\"{}\"] }}", ingress.join("\", \""), egress.join("\", \""))
            .replace("\"\"", "")
    })
}

pub(crate) fn scenario() -> impl Strategy<Value = String> {
    let bound = || prop::collection::vec(select(vec!["g0", "g1", "g2"]), 1..3);
    let options = (
        select(vec!["ordered", "union"]),
        select(vec!["assume", "strict"]),
        select(vec!["huawei", "stateless"]),
    );
    (prop::collection::vec(group(), 3), bound(), bound(), bound(), options).prop_map(
        |(groups, a, b, c, (dialect, midstream, state))| {
            let list = |groups: Vec<&str>| groups.join(", ");
            format!(
                "dialect: {dialect}\nmidstream: {midstream}\nstate: {state}\ngroups:\n  g0: {}\n  g1: {}\n  g2: {}\ninterfaces:\n  \
                 a: {{ addresses: [10.0.0.1, 10.0.0.2, 'fd00::1'], groups: [{}] }}\n  \
                 b: {{ addresses: 10.0.0.3, behind: 10.0.0.4/30, groups: [{}] }}\n  \
                 c: {{ addresses: [10.0.0.8, 'fd00::2'], groups: [{}] }}\n",
                groups[0], groups[1], groups[2], list(a), list(b), list(c),
            )
        },
    )
}

pub(crate) fn load(text: &str) -> Scenario {
    let loaded = Scenario::parse("drawn.yaml", text);
    loaded.scenario.clone().unwrap_or_else(|| panic!("{text}\n{}", loaded.render(sgsim::diag::Style::Plain)))
}

/// Every packet of the tiny space.
pub(crate) fn packets() -> Vec<Flow> {
    let mut flows = vec![];
    for (addresses, services) in [(&V4[..], &SERVICES_V4[..]), (&V6[..], &SERVICES_V6[..])] {
        for (from, to) in addresses.iter().flat_map(|from| addresses.iter().map(move |to| (from, to))) {
            for service in services {
                let (protocol, detail) = service.split_once(' ').unwrap_or((service, ""));
                let text = match protocol {
                    "tcp" | "udp" => format!("{protocol} {from} > [{to}]:{detail}").replace(
                        &format!("[{to}]"),
                        &if to.contains(':') { format!("[{to}]") } else { (*to).to_owned() },
                    ),
                    _ => format!("{protocol} {from} > {to} {detail}"),
                };
                flows.push(text.parse().unwrap_or_else(|error| panic!("{error}")));
            }
        }
    }
    flows
}

/// The same packets as a set.
pub(crate) fn space() -> PacketSet {
    let set = |addresses: &[&str]| -> AddressSet {
        addresses.iter().map(|address| address.parse::<AddressRange>().unwrap()).collect()
    };
    let services = |services: &[&str]| -> ServiceSet {
        let one = |service: &&str| {
            let (protocol, detail) = service.split_once(' ').unwrap_or((service, ""));
            let protocol: Protocol = protocol.parse().unwrap();
            ServiceSet::of(&asked(protocol, detail), None)
        };
        services.iter().map(one).fold(ServiceSet::default(), |all, one| all.union(&one))
    };
    let v4 = PacketSet::new(&set(&V4), &set(&V4), &services(&SERVICES_V4));
    v4.union(&PacketSet::new(&set(&V6), &set(&V6), &services(&SERVICES_V6)))
}

fn asked(protocol: Protocol, detail: &str) -> ServiceMatch {
    if protocol.has_ports() {
        return ServiceMatch::Ports(protocol, detail.parse::<PortSet>().unwrap());
    }
    let family = match protocol {
        Protocol::ICMP => sgsim::packet::Family::V4,
        Protocol::ICMPV6 => sgsim::packet::Family::V6,
        _ => return ServiceMatch::Protocol(protocol),
    };
    let (kind, code) = detail.split_once('/').unwrap();
    let kind = sgsim::packet::IcmpKind { kind: kind.parse().unwrap(), code: Some(code.parse().unwrap()) };
    ServiceMatch::Icmp(family, vec![kind])
}

/// A replay that sees this packet alone.
pub(crate) fn alone(policy: &Policy, linear: &Linear<'_>, flow: &Flow) -> Judgement {
    let mut replay = Replay::new(policy, linear).without_past();
    let mut found = None;
    replay.push(1, flow.packet(Timestamp(0)), &mut (), &mut |judged| found = Some(judged.judgement));
    found.unwrap()
}
