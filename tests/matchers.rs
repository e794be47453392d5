//! Compiled policies against the linear reference: random policies of all shapes, headers around every boundary.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.
#![allow(clippy::cast_possible_truncation)] // Drawn numbers are kept small, or cut on purpose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::{Compiled, Linear, Matcher, Path, Probe, Ruling, Structure};
use sgsim::packet::{AddressRange, Family, Header, IcmpKind, PortRange, Protocol, Service};
use sgsim::policy::{Action, Dialect, Direction, Doubt, InterfaceId, ServiceMatch};

#[path = "support/drawn.rs"]
mod drawn;
use drawn::{Drawn, GROUPS, policy};

fn family() -> impl Strategy<Value = Family> {
    select(vec![Family::V4, Family::V6])
}

/// Few addresses, at both ends of the space and close together, so that rules meet.
fn v4() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..6, 0x0a00_0000u32..0x0a00_0012, (0u32..4).prop_map(|x| u32::MAX - x), any::<u32>()]
}

fn v6() -> impl Strategy<Value = u128> {
    prop_oneof![
        0u128..4,
        (0xfd00u128 << 112..(0xfd00u128 << 112) + 12),
        (0u128..3).prop_map(|x| u128::MAX - x)
    ]
}

fn range() -> impl Strategy<Value = AddressRange> {
    let order4 =
        |(a, b): (u32, u32)| AddressRange::V4(Ipv4Addr::from_bits(a.min(b)), Ipv4Addr::from_bits(a.max(b)));
    let order6 =
        |(a, b): (u128, u128)| AddressRange::V6(Ipv6Addr::from_bits(a.min(b)), Ipv6Addr::from_bits(a.max(b)));
    prop_oneof![
        Just(AddressRange::ANY_V4),
        Just(AddressRange::ANY_V6),
        (v4(), v4()).prop_map(order4),
        v4().prop_map(|a| AddressRange::single(IpAddr::V4(Ipv4Addr::from_bits(a)))),
        (v6(), v6()).prop_map(order6),
        v6().prop_map(|a| AddressRange::single(IpAddr::V6(Ipv6Addr::from_bits(a)))),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), 20u16..26, 255u16..259, Just(u16::MAX), any::<u16>()]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select([0u8, 1, 6, 17, 47, 58, 132, 255].map(Protocol).to_vec())
}

fn service() -> impl Strategy<Value = ServiceMatch> {
    let ports = prop::collection::vec((port(), port()), 1..4).prop_map(|ranges| {
        ranges.into_iter().map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap()).collect()
    });
    let kind = (0u8..5, prop::option::of(0u8..3)).prop_map(|(kind, code)| IcmpKind { kind: kind * 60, code });
    prop_oneof![
        Just(ServiceMatch::Any),
        protocol().prop_map(ServiceMatch::Protocol),
        (select(vec![Protocol::TCP, Protocol::UDP]), ports)
            .prop_map(|(p, ports)| ServiceMatch::Ports(p, ports)),
        (family(), prop::collection::vec(kind, 0..4)).prop_map(|(f, kinds)| ServiceMatch::Icmp(f, kinds)),
    ]
}

fn rule() -> impl Strategy<Value = Drawn> {
    (
        0..GROUPS,
        any::<bool>(),
        any::<bool>(),
        1u8..4,
        prop::option::of(family()),
        service(),
        prop::collection::vec(range(), 0..4),
        prop::bool::weighted(0.9),
        prop::option::weighted(0.2, select(vec![Doubt::UnknownMembers, Doubt::HiddenDeny])),
    )
        .prop_map(|(group, egress, deny, priority, family, service, remote, enabled, doubt)| Drawn {
            group,
            egress,
            deny,
            priority,
            family,
            service,
            remote,
            enabled,
            doubt,
        })
}

/// Addresses at, below and above every edge of every remote.
fn addresses(rules: &[Drawn]) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for range in rules.iter().flat_map(|rule| &rule.remote) {
        match *range {
            AddressRange::V4(first, last) => {
                for edge in [first, last] {
                    let beside =
                        [edge.to_bits().wrapping_sub(1), edge.to_bits(), edge.to_bits().wrapping_add(1)];
                    addresses.extend(beside.map(|a| IpAddr::V4(Ipv4Addr::from_bits(a))));
                }
            }
            AddressRange::V6(first, last) => {
                for edge in [first, last] {
                    let beside =
                        [edge.to_bits().wrapping_sub(1), edge.to_bits(), edge.to_bits().wrapping_add(1)];
                    addresses.extend(beside.map(|a| IpAddr::V6(Ipv6Addr::from_bits(a))));
                }
            }
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Services at, below and above every edge of every rule, of its protocol and of others.
fn services(rules: &[Drawn]) -> Vec<Service> {
    let mut services = vec![Service::Port(Protocol::TCP, 443), Service::Other(Protocol::GRE)];
    for rule in rules {
        match &rule.service {
            ServiceMatch::Any => {}
            ServiceMatch::Protocol(p) => services.extend([
                Service::Port(*p, 0),
                Service::Port(*p, 70),
                Service::Other(*p),
                Service::Other(Protocol(p.0.wrapping_add(1))),
                Service::Icmp { family: Family::V4, kind: 8, code: 0 },
                Service::Icmp { family: Family::V6, kind: 128, code: 0 },
            ]),
            ServiceMatch::Ports(p, ports) => {
                for edge in ports.ranges().iter().flat_map(|r| [r.first(), r.last()]) {
                    for port in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
                        services.push(Service::Port(*p, port));
                    }
                    services.push(Service::Port(Protocol::UDPLITE, edge));
                }
                services.push(Service::Other(*p));
            }
            ServiceMatch::Icmp(_, kinds) => {
                for icmp in kinds {
                    let code = icmp.code.unwrap_or(0);
                    for family in [Family::V4, Family::V6] {
                        for kind in [icmp.kind.wrapping_sub(1), icmp.kind, icmp.kind.wrapping_add(1)] {
                            for code in [code, code.wrapping_add(1), code.wrapping_sub(1), 255] {
                                services.push(Service::Icmp { family, kind, code });
                            }
                        }
                    }
                    services.push(Service::Port(Protocol::ICMP, u16::from(icmp.kind) << 8));
                }
            }
        }
    }
    services.sort_unstable();
    services.dedup();
    services
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiled_says_what_linear_says(
        drawn in prop::collection::vec(rule(), 0..24),
        union in any::<bool>(),
        // A group may be bound twice, or not at all.
        bound in prop::collection::vec(prop::collection::vec(0..GROUPS, 0..4), 1..4),
    ) {
        let policy = policy(&drawn, if union { Dialect::Union } else { Dialect::Ordered }, &bound);
        let linear = Linear::new(&policy);
        let (tables, lists) = (Compiled::new(&policy), Compiled::of_lists(&policy));
        let (addresses, services) = (addresses(&drawn), services(&drawn));
        let headers: Vec<Header> = addresses
            .iter()
            .flat_map(|&remote| services.iter().map(move |&service| Header { remote, service }))
            .collect();
        // All pairs where they are few, else an even part of them.
        let step = (headers.len() / 4000).max(1) | 1;
        let headers: Vec<_> = headers.into_iter().step_by(step).collect();
        let probes: Vec<_> = headers.iter().filter_map(Probe::new).collect();
        let engines = [&tables, &lists].map(|compiled| (compiled, by_path(compiled)));
        for (at, (compiled, by_path)) in (0..bound.len()).flat_map(|at| engines.each_ref().map(|engine| (at, engine))) {
            for direction in Direction::BOTH {
                let interface = InterfaceId(at as u32);
                for header in &headers {
                    prop_assert_eq!(
                        compiled.decide(interface, direction, header),
                        linear.decide(interface, direction, header),
                        "{:?}", header
                    );
                    prop_assert_eq!(
                        compiled.each_group(interface, direction, header),
                        linear.each_group(interface, direction, header),
                        "{:?}", header
                    );
                    prop_assert_eq!(
                        compiled.rule_on(&policy, interface, direction, header),
                        linear.rule_on(&policy, interface, direction, header),
                        "{:?}", header
                    );
                }
                for (path, compiled) in by_path {
                    let mut out = vec![None; probes.len()];
                    compiled.decide_batch(compiled.table(interface, direction), &probes, &mut out);
                    for (probe, answer) in probes.iter().zip(out) {
                        let expected = linear.decide(interface, direction, &probe.header());
                        prop_assert_eq!(answer, expected, "{:?} {:?}", path, probe);
                    }
                }
            }
        }
    }
}

/// What a step comes to in every world: each rule in doubt may be there or not.
fn in_every_world(drawn: &[Drawn], dialect: Dialect, bound: &[u32], header: &Header) -> [bool; 2] {
    let doubtful: Vec<usize> = (0..drawn.len()).filter(|&at| drawn[at].doubt.is_some()).collect();
    let mut seen = [false; 2];
    for world in 0..1u32 << doubtful.len() {
        let mut rules = drawn.to_vec();
        for (bit, &at) in doubtful.iter().enumerate() {
            rules[at].enabled &= world >> bit & 1 == 1;
            rules[at].doubt = None;
        }
        let policy = policy(&rules, dialect, &[bound.to_vec()]);
        let rule = Linear::new(&policy).decide(InterfaceId(0), Direction::Ingress, header);
        seen[usize::from(rule.is_some_and(|id| policy.rule(id).action == Action::Allow))] = true;
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_doubt_is_told_when_worlds_differ_and_only_then(
        drawn in prop::collection::vec(rule(), 0..9),
        doubtful in prop::collection::vec(any::<bool>(), 9),
        union in any::<bool>(),
        bound in prop::collection::vec(0..GROUPS, 0..4),
    ) {
        let mut drawn = drawn;
        for (rule, doubtful) in drawn.iter_mut().zip(doubtful) {
            rule.egress = false;
            rule.doubt = doubtful.then_some(Doubt::HiddenDeny);
        }
        let dialect = if union { Dialect::Union } else { Dialect::Ordered };
        let (addresses, services) = (addresses(&drawn), services(&drawn));
        let all = addresses.iter().flat_map(|&remote| services.iter().map(move |&service| Header { remote, service }));
        let headers: Vec<Header> = all.collect();
        let policy = policy(&drawn, dialect, std::slice::from_ref(&bound));
        let linear = Linear::new(&policy);
        for header in headers.iter().step_by((headers.len() / 40).max(1) | 1) {
            let ruling = linear.rule_on(&policy, InterfaceId(0), Direction::Ingress, header);
            let expected = in_every_world(&drawn, dialect, &bound, header);
            match ruling {
                Ruling::Doubtful(..) => prop_assert_eq!(expected, [true, true], "{:?}", header),
                Ruling::Certain(rule) => {
                    let allows = ruling.allows(&policy);
                    prop_assert_eq!(expected, [!allows, allows], "{:?}", header);
                    prop_assert!(rule.is_none_or(|id| policy.rule(id).doubt.is_none()));
                }
            }
        }
    }
}

/// The same policy on every path of this machine.
fn by_path<'p>(compiled: &Compiled<'p>) -> [(Path, Compiled<'p>); 3] {
    Path::ALL.map(|path| (path, compiled.clone().with_path(path)))
}

#[test]
fn a_probe_keeps_the_header() {
    for service in [
        Service::Port(Protocol::UDP, 53),
        Service::Other(Protocol::GRE),
        Service::Icmp { family: Family::V4, kind: 3, code: 4 },
        Service::Icmp { family: Family::V6, kind: 128, code: 0 },
    ] {
        let header = Header { remote: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), service };
        assert_eq!(Probe::new(&header).map(Probe::header), Some(header));
    }
    let v6 = Header { remote: IpAddr::V6(Ipv6Addr::LOCALHOST), service: Service::Other(Protocol::GRE) };
    assert_eq!(Probe::new(&v6), None);
}

#[test]
fn interfaces_with_the_same_groups_share_a_table() {
    let policy = policy(&[], Dialect::Ordered, &[vec![0, 1], vec![1, 0], vec![0, 1]]);
    let compiled = Compiled::new(&policy);
    let table = |at| compiled.table(InterfaceId(at), Direction::Ingress);
    assert_eq!(table(0), table(2));
    assert_ne!(table(0), table(1), "the order of the groups is part of the table");
    assert_eq!(compiled.report().tables.len(), 4);
}

/// A policy whose remotes and services cross so often that its table would have some ten million cells.
#[test]
fn a_table_that_would_blow_up_becomes_lists_and_says_so() {
    let rule = |at: u32| Drawn {
        group: 0,
        egress: false,
        deny: false,
        priority: 1,
        family: None,
        service: ServiceMatch::Ports(
            Protocol::TCP,
            [PortRange::new(at as u16, at as u16 * 2).unwrap()].into_iter().collect(),
        ),
        remote: vec![AddressRange::V4(
            Ipv4Addr::from_bits(at * 1000),
            Ipv4Addr::from_bits(at * 1000 + 40_000_000),
        )],
        enabled: true,
        doubt: None,
    };
    let drawn: Vec<_> = (1..8000).map(rule).collect();
    let policy = policy(&drawn, Dialect::Ordered, &[vec![0]]);
    let (linear, compiled) = (Linear::new(&policy), Compiled::new(&policy));
    let report = compiled.report();
    assert!(matches!(report.tables[0].structure, Structure::Lists(_)), "{report}");
    assert!(report.to_string().contains("lists, because a table would be too large"), "{report}");
    let header = Header {
        remote: IpAddr::V4(Ipv4Addr::from_bits(7_000_000)),
        service: Service::Port(Protocol::TCP, 900),
    };
    let expected = linear.decide(InterfaceId(0), Direction::Ingress, &header);
    assert!(expected.is_some());
    assert_eq!(compiled.decide(InterfaceId(0), Direction::Ingress, &header), expected);
    let mut out = [None];
    let table = compiled.table(InterfaceId(0), Direction::Ingress);
    compiled.decide_batch(table, &[Probe::new(&header).unwrap()], &mut out);
    assert_eq!(out, [expected]);
}
