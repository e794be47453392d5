//! Questions over the whole header space against brute force: every packet of a tiny space through a replay of its
//! own, judged by the reference matcher.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::{Compiled, Linear};
use sgsim::packet::{AddressRange, AddressSet, Flow, IpPacket, PortSet, Protocol, Timestamp};
use sgsim::policy::{Direction, Policy, RuleId, Scenario, ServiceMatch};
use sgsim::replay::{FirstPackets, Judgement, Replay, Verdict};
use sgsim::space::{Answer, Never, PacketSet, Reach, ServiceSet, ask, differences, reach};

/// Every address, port, message and protocol that the drawn rules tell apart is among these, and one more of each.
const V4: [&str; 9] = [
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
const V6: [&str; 4] = ["fd00::1", "fd00::2", "fd00::3", "2001:db8::9"];
const SERVICES_V4: [&str; 12] = [
    "tcp 19", "tcp 20", "tcp 21", "tcp 22", "tcp 23", "udp 20", "udp 21", "icmp 3/0", "icmp 3/4", "icmp 8/0",
    "gre", "2",
];
const SERVICES_V6: [&str; 11] = [
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

fn scenario() -> impl Strategy<Value = String> {
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

fn load(text: &str) -> Policy {
    let loaded = Scenario::parse("drawn.yaml", text);
    loaded.policy().cloned().unwrap_or_else(|| panic!("{text}\n{}", loaded.render(sgsim::diag::Style::Plain)))
}

/// Every packet of the tiny space.
fn packets() -> Vec<Flow> {
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
fn space() -> PacketSet {
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
fn alone(policy: &Policy, linear: &Linear<'_>, flow: &Flow) -> Judgement {
    let mut replay = Replay::new(policy, linear).without_past();
    let mut found = None;
    replay.push(1, flow.packet(Timestamp(0)), &mut (), &mut |judged| found = Some(judged.judgement));
    found.unwrap()
}

type Rules = Vec<(Direction, Option<RuleId>)>;

fn rules(judgement: &Judgement) -> Rules {
    judgement.steps.iter().map(|step| (step.direction, step.rule)).collect()
}

/// What an answer says of a packet: the verdict and the rules; exactly one part must hold it.
fn told(answer: &Answer, ip: &IpPacket) -> (Verdict, Rules) {
    let fates = answer.allowed.iter().chain(&answer.dropped).chain(&answer.not_subject);
    let holding: Vec<_> = fates.filter(|fate| fate.packets.contains(ip)).collect();
    assert_eq!(holding.len(), 1, "{ip:?}");
    (holding[0].judgement.verdict(), rules(&holding[0].judgement))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_has_the_fate_that_a_replay_gives_it(text in scenario()) {
        let policy = load(&text);
        let (linear, compiled) = (Linear::new(&policy), Compiled::new(&policy));
        let answer = ask(&FirstPackets::new(&policy, &compiled), &space());
        for flow in packets() {
            let judgement = alone(&policy, &linear, &flow);
            prop_assert_eq!(told(&answer, &flow.ip()), (judgement.verdict(), rules(&judgement)), "{} in\n{}", flow, text);
        }
        let fates = || answer.allowed.iter().chain(&answer.dropped).chain(&answer.not_subject);
        let all = fates().fold(PacketSet::default(), |all, fate| all.union(&fate.packets));
        prop_assert_eq!(all, space(), "nothing is left out, nothing is made up");
        for fate in fates() {
            prop_assert!(fate.packets.contains(&fate.witness.ip()));
            let judgement = alone(&policy, &linear, &fate.witness);
            prop_assert_eq!(judgement.steps, fate.judgement.steps);
            prop_assert_eq!(judgement.reason, fate.judgement.reason);
        }
    }

    #[test]
    fn differences_are_the_packets_that_two_policies_judge_differently(texts in (scenario(), scenario())) {
        let (before, after) = (load(&texts.0), load(&texts.1));
        let (old, new) = (Linear::new(&before), Linear::new(&after));
        let found = differences(&FirstPackets::new(&before, &old), &FirstPackets::new(&after, &new), &space());
        for flow in packets() {
            let verdicts = (alone(&before, &old, &flow).verdict(), alone(&after, &new, &flow).verdict());
            let holding: Vec<_> =
                found.iter().filter(|difference| difference.packets.contains(&flow.ip())).collect();
            prop_assert_eq!(holding.len(), usize::from(verdicts.0 != verdicts.1), "{}", flow);
            for difference in holding {
                prop_assert_eq!((difference.before.verdict(), difference.after.verdict()), verdicts);
            }
        }
    }

    /// Over the whole space: a rule that decides some packet decides one of the tiny space, which has one of each kind.
    #[test]
    fn a_rule_is_reached_when_some_packet_is_decided_by_it(text in scenario()) {
        let policy = load(&text);
        let (linear, compiled) = (Linear::new(&policy), Compiled::new(&policy));
        let mut decided = BTreeSet::new();
        for flow in packets() {
            decided.extend(alone(&policy, &linear, &flow).steps.iter().filter_map(|step| step.rule));
        }
        for (index, reach) in (0..).zip(reach(&FirstPackets::new(&policy, &compiled))) {
            let rule = RuleId(index);
            match reach {
                Reach::Decides { witness, .. } => {
                    prop_assert!(decided.contains(&rule), "{} by {witness}\n{text}", policy.rule(rule).name);
                    let judgement = alone(&policy, &linear, &witness);
                    prop_assert!(judgement.steps.iter().any(|step| step.rule == Some(rule)));
                }
                Reach::Never(never) => {
                    prop_assert!(!decided.contains(&rule), "{} is said to be {never:?}\n{text}", policy.rule(rule).name);
                    prop_assert_eq!(never == Never::Disabled, !policy.rule(rule).enabled);
                }
            }
        }
    }
}

#[test]
fn why_a_rule_never_decides_is_told() {
    let policy = load(
        "
addresses: { nobody: [] }
groups:
  web:
    ingress:
      - allow tcp 80 from any id off disabled
      - allow all from any id wide
      - allow tcp 443 from any id narrow
      - allow icmp from fd00::/64 id other-family
  spare: { ingress: [allow tcp 1 from any id unbound] }
  client: { egress: [allow tcp 443 to any id out] }
  shut: { ingress: [allow udp 53 from group client id never-sent] }
interfaces:
  web-1: { addresses: 10.0.0.1, groups: [web] }
  client-1: { addresses: 10.0.0.2, groups: [client] }
  shut-1: { addresses: 10.0.0.3, groups: [shut] }
",
    );
    let matcher = Compiled::new(&policy);
    let found: Vec<String> = policy
        .rules
        .iter()
        .zip(reach(&FirstPackets::new(&policy, &matcher)))
        .map(|(rule, reach)| match reach {
            Reach::Decides { witness, .. } => format!("{}: {witness}", rule.name),
            Reach::Never(Never::Covered { by, stopped_by, not_let_out }) => {
                let names = |ids: &[RuleId]| -> Vec<_> {
                    ids.iter().map(|&id| policy.rule(id).name.clone()).collect()
                };
                format!("{}: by {:?} {:?} {not_let_out}", rule.name, names(&by), names(&stopped_by))
            }
            Reach::Never(never) => format!("{}: {never:?}", rule.name),
        })
        .collect();
    assert_eq!(
        found,
        [
            "web/off: Disabled",
            "web/wide: tcp 203.0.113.9:49152 > 10.0.0.1:1",
            "web/narrow: by [\"web/wide\"] [] true",
            "web/other-family: NoRemote",
            "spare/unbound: NotBound",
            "client/out: tcp 10.0.0.2:49152 > 203.0.113.9:443",
            "shut/never-sent: by [] [] true",
        ]
    );
}

#[test]
fn sets_are_written_as_people_say_them() {
    let policy = load(
        "
groups: { web: { ingress: [\"deny tcp 22,8000-8100 from 10.0.0.0/8\", allow icmp echo-request from any, allow udp from any, allow tcp from any] } }
interfaces: { web-1: { addresses: 192.168.0.1, groups: [web] } }
",
    );
    let matcher = Compiled::new(&policy);
    let here: AddressSet = ["192.168.0.1".parse().unwrap()].into_iter().collect();
    let question = PacketSet::new(&AddressSet::any(), &here, &ServiceSet::any());
    let answer = ask(&FirstPackets::new(&policy, &matcher), &question);
    let texts = |fates: &[sgsim::space::Fate]| -> Vec<String> {
        fates.iter().map(|fate| fate.packets.to_string()).collect()
    };
    assert_eq!(
        texts(&answer.dropped),
        [
            "tcp 22,8000-8100 from 10.0.0.0/8 to 192.168.0.1",
            "all but icmp echo-request, tcp, udp from 0.0.0.0-192.168.0.0, 192.168.0.2-255.255.255.255 to 192.168.0.1",
        ]
    );
    assert_eq!(
        texts(&answer.allowed)[0],
        "icmp echo-request from 0.0.0.0-192.168.0.0, 192.168.0.2-255.255.255.255 to 192.168.0.1"
    );
}
