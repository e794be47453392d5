//! Compiled against linear: policies, and five-tuple lists in every structure and on every path of this machine.
//!
//! Input: a byte for the dialect and the kind, then ten bytes a rule; the headers asked are those around the rules' edges.

#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use sgsim::compile::five_tuple::{
    DualHeader, DualRule, DualSet, FiveTuple, FiveTuple6, FiveTupleRule, FiveTupleRule6, FiveTupleSet,
    NO_MATCH, Prefix, Prefix6, Strategy, first_match,
};
use sgsim::compile::{Compiled, Linear, Matcher, Path, Probe};
use sgsim::packet::{AddressRange, Family, Header, IcmpKind, PortRange, Protocol, Service};
use sgsim::policy::{Dialect, Direction, InterfaceId, ServiceMatch};

#[path = "../../tests/support/drawn.rs"]
mod drawn;
use drawn::{Drawn, policy};

/// What a rule is drawn from.
type Bytes = [u8; 10];

const MOST_RULES: usize = 48;

/// Ports and numbers close together and at both ends, so that rules meet.
fn port(byte: u8) -> u16 {
    match byte {
        0..64 => u16::from(byte),
        64..128 => 250 + u16::from(byte & 15),
        128..192 => u16::from(byte) << 8,
        _ => u16::MAX - u16::from(byte & 7),
    }
}

fn ports(a: u8, b: u8) -> Option<PortRange> {
    PortRange::new(port(a).min(port(b)), port(a).max(port(b)))
}

fn v4(high: u8, low: u8) -> u32 {
    match high >> 6 {
        0 => 0x0a00_0000 | u32::from(low),
        1 => u32::from(low) << 24 | u32::from(high),
        2 => u32::from(low & 7),
        _ => u32::MAX - u32::from(low),
    }
}

fn v6(high: u8, low: u8) -> Ipv6Addr {
    match high >> 6 {
        0 => Ipv6Addr::from_bits(0xfd << 120 | u128::from(low)),
        1 => Ipv6Addr::from_bits(u128::from(low) << 64),
        2 => Ipv6Addr::from_bits(u128::from(low & 7)),
        _ => Ipv6Addr::from_bits(u128::MAX - u128::from(low)),
    }
}

fn remote(kind: u8, bytes: [u8; 4]) -> AddressRange {
    let [a, b, c, d] = bytes;
    match kind % 5 {
        0 => AddressRange::ANY_V4,
        1 => AddressRange::ANY_V6,
        2 => AddressRange::single(IpAddr::V4(v4(a, b).into())),
        3 => AddressRange::V4(v4(a, b).min(v4(c, d)).into(), v4(a, b).max(v4(c, d)).into()),
        _ => AddressRange::V6(v6(a, b).min(v6(c, d)), v6(a, b).max(v6(c, d))),
    }
}

fn service(kind: u8, a: u8, b: u8) -> ServiceMatch {
    let family = if kind & 8 == 0 { Family::V4 } else { Family::V6 };
    match kind % 5 {
        0 => ServiceMatch::Any,
        1 => ServiceMatch::Protocol(Protocol(a)),
        2 => ServiceMatch::Ports(Protocol::TCP, ports(a, b).into_iter().collect()),
        3 => ServiceMatch::Ports(Protocol::UDP, ports(a, b).into_iter().chain(ports(b, kind)).collect()),
        _ => ServiceMatch::Icmp(family, vec![IcmpKind { kind: a, code: (b & 1 == 0).then_some(b >> 1) }]),
    }
}

/// The rule of these bytes.
fn rule([place, priority, kind, a, b, range, r0, r1, r2, r3]: Bytes) -> Drawn {
    Drawn {
        group: u32::from(place >> 1 & 1),
        egress: place & 1 == 1,
        deny: place & 4 != 0,
        priority: 1 + priority % 3,
        family: [None, None, Some(Family::V4), Some(Family::V6)][usize::from(place >> 3 & 3)],
        service: service(kind, a, b),
        remote: vec![remote(range, [r0, r1, r2, r3])],
        enabled: place < 0xf0,
        doubt: None,
    }
}

/// Headers around what the bytes name.
fn headers(drawn: &[Bytes]) -> Vec<Header> {
    let mut headers = vec![];
    for &[step, _, kind, a, b, _, r0, r1, r2, r3] in drawn {
        let step = u32::from(step & 3).wrapping_sub(1);
        let remotes = [
            IpAddr::V4(v4(r0, r1).wrapping_add(step).into()),
            IpAddr::V4(v4(r2, r3).wrapping_add(step).into()),
            IpAddr::V6(v6(r0, r1)),
            IpAddr::V6(Ipv6Addr::from_bits(v6(r2, r3).to_bits().wrapping_add(step.into()))),
        ];
        let port = port(a).wrapping_add(u16::from(step == 1)).wrapping_sub(u16::from(step > 1));
        let family = if kind & 16 == 0 { Family::V4 } else { Family::V6 };
        let services = [
            Service::Port(Protocol::TCP, port),
            Service::Port(Protocol::UDP, port),
            Service::Port(Protocol(a), u16::from(b)),
            Service::Other(Protocol(a)),
            Service::Icmp { family, kind: a, code: b >> 1 },
        ];
        headers.extend(
            remotes.into_iter().flat_map(|remote| services.map(|service| Header { remote, service })),
        );
    }
    headers
}

fn check_policy(dialect: Dialect, drawn: &[Bytes]) {
    let rules: Vec<_> = drawn.iter().copied().map(rule).collect();
    let policy = policy(&rules, dialect, &[vec![0], vec![0, 1], vec![1, 0, 2]]);
    let linear = Linear::new(&policy);
    let headers = headers(drawn);
    let engines = [Compiled::new(&policy), Compiled::of_lists(&policy)];
    for (interface, compiled) in
        (0..3).flat_map(|at| engines.each_ref().map(|engine| (InterfaceId(at), engine)))
    {
        for direction in Direction::BOTH {
            let decide = |header: &Header| linear.decide(interface, direction, header);
            for header in &headers {
                assert_eq!(compiled.decide(interface, direction, header), decide(header), "{header:?}");
                let alone = |matcher: &dyn Matcher| matcher.each_group(interface, direction, header);
                assert_eq!(alone(compiled), alone(&linear), "{header:?}");
            }
            let probes: Vec<_> = headers.iter().filter_map(Probe::new).collect();
            let mut found = vec![None; probes.len()];
            compiled.decide_batch(compiled.table(interface, direction), &probes, &mut found);
            for (probe, found) in probes.iter().zip(found) {
                assert_eq!(found, decide(&probe.header()), "{probe:?}");
            }
        }
    }
}

fn check_five_tuples(drawn: &[Bytes]) {
    let prefix = |high, low, length: u8| Prefix::new(v4(high, low).into(), length % 33).expect("at most 32");
    let all = PortRange::new(0, u16::MAX).expect("in order");
    let rules: Vec<_> = drawn
        .iter()
        .map(|&[s0, s1, sl, d0, d1, dl, p0, p1, p2, kind]| FiveTupleRule {
            source: prefix(s0, s1, sl),
            destination: prefix(d0, d1, dl),
            source_ports: if kind & 4 == 0 { all } else { ports(p0, p1).unwrap_or(all) },
            destination_ports: if kind & 8 == 0 { all } else { ports(p1, p2).unwrap_or(all) },
            protocol: [None, Some(Protocol::TCP), Some(Protocol::UDP), Some(Protocol(p0))]
                [usize::from(kind & 3)],
        })
        .collect();
    let mut asked = vec![];
    for (&[s0, s1, _, _, _, _, p0, p1, _, kind], &[_, _, _, d0, d1, _, _, _, p2, _]) in
        drawn.iter().zip(drawn.iter().skip(1).chain(drawn))
    {
        for step in [u32::MAX, 0, 1] {
            asked.push(FiveTuple::new(
                v4(s0, s1).wrapping_add(step).into(),
                v4(d0, d1).into(),
                port(p0).wrapping_add(step as u16),
                port(p2).wrapping_add(step as u16),
                [Protocol::TCP, Protocol::UDP, Protocol(p1)][usize::from(kind % 3)],
            ));
        }
    }
    for strategy in [Strategy::Auto, Strategy::Matrix, Strategy::Forest, Strategy::Linear] {
        let Ok(set) = FiveTupleSet::with_strategy(&rules, strategy) else { panic!("{} rules", rules.len()) };
        for path in Path::ALL {
            let set = set.clone().with_path(path);
            let mut found = vec![7; asked.len()];
            set.lookup_batch(&asked, &mut found);
            for (header, found) in asked.iter().zip(found) {
                assert_eq!(found, first_match(&rules, *header), "{strategy:?} {path:?} {header:?}");
            }
        }
    }
}

/// The same bytes as a list of both families.
fn check_dual(drawn: &[Bytes]) {
    let all = PortRange::ALL;
    let prefix4 = |high, low, length: u8| Prefix::new(v4(high, low).into(), length % 33).expect("at most 32");
    let prefix6 = |high, low, length: u8| Prefix6::new(v6(high, low), length % 129).expect("at most 128");
    let rules: Vec<_> = drawn
        .iter()
        .map(|&[s0, s1, sl, d0, d1, dl, p0, p1, p2, kind]| {
            let source_ports = if kind & 4 == 0 { all } else { ports(p0, p1).unwrap_or(all) };
            let destination_ports = if kind & 8 == 0 { all } else { ports(p1, p2).unwrap_or(all) };
            let protocol = (kind & 1 == 0).then_some(Protocol::TCP);
            if kind & 16 == 0 {
                let (source, destination) = (prefix4(s0, s1, sl), prefix4(d0, d1, dl));
                DualRule::V4(FiveTupleRule { source, destination, source_ports, destination_ports, protocol })
            } else {
                let (source, destination) = (prefix6(s0, s1, sl), prefix6(d0, d1, dl));
                DualRule::V6(FiveTupleRule6 {
                    source,
                    destination,
                    source_ports,
                    destination_ports,
                    protocol,
                })
            }
        })
        .collect();
    let mut asked = vec![];
    for (&[s0, s1, _, _, _, _, p0, p1, _, kind], &[_, _, _, d0, d1, _, _, _, p2, _]) in
        drawn.iter().zip(drawn.iter().skip(1).chain(drawn))
    {
        for step in [u32::MAX, 0, 1] {
            let protocol = [Protocol::TCP, Protocol(p1)][usize::from(kind & 1)];
            let (source_port, destination_port) = (port(p0).wrapping_add(step as u16), port(p2));
            let source = v4(s0, s1).wrapping_add(step).into();
            asked.push(DualHeader::V4(FiveTuple::new(
                source,
                v4(d0, d1).into(),
                source_port,
                destination_port,
                protocol,
            )));
            let wide = i128::from(step.cast_signed()).cast_unsigned();
            asked.push(DualHeader::V6(FiveTuple6 {
                source: Ipv6Addr::from_bits(v6(s0, s1).to_bits().wrapping_add(wide)),
                destination: v6(d0, d1),
                source_port,
                destination_port,
                protocol,
            }));
        }
    }
    let Ok(set) = DualSet::new(&rules) else { panic!("{} rules", rules.len()) };
    let mut found = vec![7; asked.len()];
    set.lookup_batch(&asked, &mut found);
    for (header, found) in asked.iter().zip(found) {
        let expected = rules.iter().position(|rule| rule.matches(header));
        assert_eq!(found, expected.map_or(NO_MATCH, |at| at as u32), "{header:?}");
        assert_eq!(found, set.lookup(header), "{header:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let [pick, rest @ ..] = data else { return };
    let (drawn, _) = rest.as_chunks::<10>();
    let drawn = &drawn[..drawn.len().min(MOST_RULES)];
    match pick % 4 {
        0 => check_policy(Dialect::Ordered, drawn),
        1 => check_policy(Dialect::Union, drawn),
        3 => check_dual(drawn),
        _ => check_five_tuples(drawn),
    }
});
