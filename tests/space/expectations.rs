//! Universal expectations against brute force: `always`, `never` and `only` hold just when every packet of a tiny space,
//! through a replay of its own, does what they say.

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::Linear;
use sgsim::diag::Style;
use sgsim::expect::{Selection, Status, SuiteFile, check};
use sgsim::packet::{Flow, IpPacket, Service};
use sgsim::policy::Policy;
use sgsim::replay::Verdict;

use crate::tiny;

/// Who is meant, in the words of a suite, and by a plain look at the scenario.
const SIDES: &[&str] = &[
    "any",
    "outside",
    "group g0",
    "group g1",
    "a",
    "interface b",
    "10.0.0.1-10.0.0.7",
    "10.0.0.5",
    "fd00::/16",
];
const SERVICES: &[&str] =
    &["all", "tcp", "tcp 20-21", "tcp 22", "udp 20", "icmp", "icmp 3/4", "gre", "icmpv6"];

fn is_side(policy: &Policy, side: &str, address: std::net::IpAddr) -> bool {
    let text = address.to_string();
    let own = |name: &str| policy.interfaces.iter().any(|i| i.name == name && i.addresses.contains(&address));
    match side {
        "any" => true,
        "outside" => policy.owners.of(address).is_none(),
        "group g0" | "group g1" => {
            let id = policy.groups.iter().position(|group| format!("group {}", group.name) == side).unwrap();
            let has = |groups: &[sgsim::policy::GroupId]| groups.iter().any(|group| group.0 as usize == id);
            policy.interfaces.iter().any(|i| has(&i.groups) && i.addresses.contains(&address))
        }
        "a" => own("a"),
        "interface b" => own("b"),
        "10.0.0.1-10.0.0.7" => (1..8).any(|last| text == format!("10.0.0.{last}")),
        "10.0.0.5" => text == side,
        _ => text.starts_with("fd00:"),
    }
}

fn is_service(asked: &str, ip: &IpPacket) -> bool {
    let service = Service::of(ip).unwrap();
    let is = |text: &str| service.to_string() == text;
    match asked {
        "all" => true,
        "tcp" | "gre" => service.protocol().to_string() == asked,
        "tcp 20-21" => is("tcp 20") || is("tcp 21"),
        "icmp" | "icmpv6" => {
            service.to_string().split(' ').next() == Some(asked) && matches!(service, Service::Icmp { .. })
        }
        _ => is(asked),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn universal_expectations_hold_when_every_packet_says_so(
        text in tiny::scenario(),
        claims in prop::collection::vec((select(SIDES), select(SIDES), select(vec!["always", "never", "only"]), select(SERVICES)), 12),
    ) {
        let scenario = tiny::load(&text);
        let policy = &scenario.policy;
        let linear = Linear::new(policy);
        // The networks behind `b` and outside packets are all in the tiny space: one of each kind.
        let judged: Vec<(Flow, Verdict)> = tiny::packets()
            .into_iter()
            .map(|flow| (flow, tiny::alone(policy, &linear, &flow).verdict()))
            .collect();
        for (from, to, word, services) in claims {
            let meant = |ip: &IpPacket| {
                is_side(policy, from, ip.source())
                    && is_side(policy, to, ip.destination())
                    && (is_service(services, ip) != (word == "only"))
            };
            let asked: Vec<_> = judged
                .iter()
                .filter(|(flow, verdict)| meant(&flow.ip()) && *verdict != Verdict::NotSubject)
                .collect();
            let wanted = if word == "always" { Verdict::Allow } else { Verdict::Drop };
            let broken: Vec<_> = asked.iter().filter(|(_, verdict)| *verdict != wanted).collect();
            let suite = format!("expectations: [{{ from: {from}, to: {to}, {word}: {services} }}]");
            let mut file = SuiteFile::parse("suite.yaml", &suite);
            let Some(suite) = file.resolve(&scenario) else {
                // Empty by its words alone.
                prop_assert!(asked.is_empty(), "{}", file.render(Style::Plain));
                continue;
            };
            let found = &check(&suite, policy, &Selection::default()).checked[0];
            let expected = match () {
                () if asked.is_empty() => Status::Error,
                () if broken.is_empty() => Status::Held,
                () => Status::Failed,
            };
            prop_assert_eq!(found.status, expected, "from {} to {} {} {} in\n{}", from, to, word, services, text);
            for failure in &found.failures {
                let flow = failure.example.as_ref().unwrap().flow;
                let verdict = tiny::alone(policy, &linear, &flow).verdict();
                prop_assert!(verdict != wanted && verdict != Verdict::NotSubject, "{flow}");
            }
            // Every packet that breaks it is among those told.
            for (flow, _) in broken {
                let told = found.failures.iter().any(|failure| {
                    failure.example.as_ref().unwrap().packets.as_ref().unwrap().contains(&flow.ip())
                });
                prop_assert!(told, "{flow}");
            }
        }
    }
}
