//! Every structure for five-tuple lists against the linear reference, on every path of this machine.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.
#![allow(clippy::cast_possible_truncation)] // Drawn numbers are kept small, or cut on purpose.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::Path;
use sgsim::compile::five_tuple::{
    DualHeader, DualRule, DualSet, FiveTuple, FiveTuple6, FiveTupleRule, FiveTupleRule6, FiveTupleSet,
    NO_MATCH, PartReport, Prefix, Prefix6, Strategy as How, first_match,
};
use sgsim::packet::{PortRange, Protocol};

fn prefix() -> impl Strategy<Value = Prefix> {
    let address = prop_oneof![
        any::<u32>(),
        // Neighbours, so that prefixes nest and share bits.
        (0u32..64).prop_map(|low| 0x0a00_0000 | low),
        (0u32..64).prop_map(|high| 0xc0a8_0000 | high << 8),
        select(vec![0, u32::MAX]),
    ];
    let length = prop_oneof![Just(0u8), 1u8..12, 12u8..=32, 24u8..=32, Just(32)];
    (address, length).prop_map(|(address, length)| Prefix::new(Ipv4Addr::from_bits(address), length).unwrap())
}

fn ports() -> impl Strategy<Value = PortRange> {
    let all = PortRange::new(0, u16::MAX).unwrap();
    let single = |port| PortRange::new(port, port).unwrap();
    prop_oneof![
        3 => Just(all),
        2 => select(vec![22u16, 53, 80, 443, 0, 65535]).prop_map(single),
        1 => select(vec![(1024u16, 65535u16), (0, 1023), (30000, 32767)]).prop_map(|(a, b)| PortRange::new(a, b).unwrap()),
        1 => any::<(u16, u16)>().prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap()),
    ]
}

fn rule() -> impl Strategy<Value = FiveTupleRule> {
    let protocol = prop::option::of(select([0u8, 1, 6, 17, 47, 255].map(Protocol).to_vec()));
    (prefix(), prefix(), ports(), ports(), protocol).prop_map(
        |(source, destination, source_ports, destination_ports, protocol)| FiveTupleRule {
            source,
            destination,
            source_ports,
            destination_ports,
            protocol,
        },
    )
}

/// A number at, below, above or between the edges of a range, by `how`.
fn around(low: u32, high: u32, how: u32, between: u32) -> u32 {
    match how % 5 {
        0 => low,
        1 => low.wrapping_sub(1),
        2 => high,
        3 => high.wrapping_add(1),
        _ => low + (u64::from(between) % (u64::from(high - low) + 1)) as u32,
    }
}

/// A header around the edges of one rule, or of one rule for each field.
fn header(rules: &[FiveTupleRule], picks: [prop::sample::Index; 2], how: u32, between: u32) -> FiveTuple {
    if rules.is_empty() {
        return FiveTuple::default();
    }
    let [a, b] = picks.map(|pick| &rules[pick.index(rules.len())]);
    let port = |range: PortRange, how| around(range.first().into(), range.last().into(), how, between) as u16;
    FiveTuple::new(
        Ipv4Addr::from_bits(around(a.source.first(), a.source.last(), how, between)),
        Ipv4Addr::from_bits(around(b.destination.first(), b.destination.last(), how / 5, between)),
        port(a.source_ports, how / 25),
        port(b.destination_ports, how / 125),
        b.protocol.or(a.protocol).unwrap_or(Protocol(between as u8)),
    )
}

fn check(rules: &[FiveTupleRule], headers: &[FiveTuple]) {
    let expected: Vec<u32> = headers.iter().map(|&header| first_match(rules, header)).collect();
    for strategy in [How::Auto, How::Matrix, How::Forest, How::Linear] {
        let set = FiveTupleSet::with_strategy(rules, strategy).unwrap();
        for path in Path::ALL {
            let set = set.clone().with_path(path);
            let mut out = vec![7; headers.len()];
            set.lookup_batch(headers, &mut out);
            for ((header, &answer), &expected) in headers.iter().zip(&out).zip(&expected) {
                assert_eq!(answer, expected, "{strategy:?} {path:?} {header:?}: {}", set.report());
                assert_eq!(set.lookup(*header), expected, "{strategy:?} {header:?}: {}", set.report());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_structure_says_what_linear_says(
        rules in prop::collection::vec(rule(), 0..120),
        // Also numbers that fill no batch.
        picks in prop::collection::vec(any::<([prop::sample::Index; 2], u32, u32)>(), 1..700),
    ) {
        let headers: Vec<_> = picks.into_iter().map(|(at, how, between)| header(&rules, at, how, between)).collect();
        check(&rules, &headers);
    }
}

/// IPv6 prefixes that nest, lie side by side, and stand at both ends of the space.
fn prefix6() -> impl Strategy<Value = Prefix6> {
    let address = prop_oneof![
        (0u128..64).prop_map(|low| 0x2001_0db8_u128 << 96 | low),
        (0u128..64).prop_map(|middle| 0xfd_u128 << 120 | middle << 64),
        select(vec![0, u128::MAX]),
        any::<u128>(),
    ];
    let length = prop_oneof![Just(0u8), 1u8..=128, 120u8..=128, select(vec![32u8, 48, 64, 128])];
    (address, length)
        .prop_map(|(address, length)| Prefix6::new(Ipv6Addr::from_bits(address), length).unwrap())
}

fn dual_rule() -> impl Strategy<Value = DualRule> {
    (rule(), prop::option::weighted(0.7, (prefix6(), prefix6()))).prop_map(|(v4, v6)| match v6 {
        None => DualRule::V4(v4),
        Some((source, destination)) => {
            let FiveTupleRule { source_ports, destination_ports, protocol, .. } = v4;
            DualRule::V6(FiveTupleRule6 { source, destination, source_ports, destination_ports, protocol })
        }
    })
}

/// A header around the edges of two rules, in the family of the first.
fn dual_header(rules: &[DualRule], picks: [prop::sample::Index; 2], how: u32, between: u32) -> DualHeader {
    let v4: Vec<_> =
        rules.iter().filter_map(|r| if let DualRule::V4(r) = r { Some(*r) } else { None }).collect();
    let v6: Vec<_> =
        rules.iter().filter_map(|r| if let DualRule::V6(r) = r { Some(*r) } else { None }).collect();
    if v6.is_empty() || !v4.is_empty() && between.is_multiple_of(4) {
        return DualHeader::V4(header(&v4, picks, how, between));
    }
    let [a, b] = picks.map(|pick| &v6[pick.index(v6.len())]);
    let beside = |prefix: Prefix6, how| match how % 5 {
        0 => prefix.first(),
        1 => prefix.first().wrapping_sub(1),
        2 => prefix.last(),
        3 => prefix.last().wrapping_add(1),
        _ => prefix.first() | u128::from(between) & !prefix.mask(),
    };
    let port = |range: PortRange, how| around(range.first().into(), range.last().into(), how, between) as u16;
    DualHeader::V6(FiveTuple6 {
        source: Ipv6Addr::from_bits(beside(a.source, how)),
        destination: Ipv6Addr::from_bits(beside(b.destination, how / 5)),
        source_port: port(a.source_ports, how / 25),
        destination_port: port(b.destination_ports, how / 125),
        protocol: b.protocol.or(a.protocol).unwrap_or(Protocol(between as u8)),
    })
}

fn check_dual(rules: &[DualRule], headers: &[DualHeader]) {
    let set = DualSet::new(rules).unwrap();
    for path in Path::ALL {
        let set = set.clone().with_path(path);
        let mut out = vec![7; headers.len()];
        set.lookup_batch(headers, &mut out);
        for (header, answer) in headers.iter().zip(out) {
            let expected =
                rules.iter().position(|rule| rule.matches(header)).map_or(NO_MATCH, |at| at as u32);
            assert_eq!(answer, expected, "{path:?} {header:?}");
            assert_eq!(set.lookup(header), expected, "{header:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lists_of_both_families_say_what_linear_says(
        rules in prop::collection::vec(dual_rule(), 0..100),
        picks in prop::collection::vec(any::<([prop::sample::Index; 2], u32, u32)>(), 1..500),
    ) {
        let headers: Vec<_> =
            picks.into_iter().map(|(at, how, between)| dual_header(&rules, at, how, between)).collect();
        check_dual(&rules, &headers);
    }
}

fn to_any(source: Prefix6, at: u16) -> DualRule {
    let ports = PortRange::new(at, at).unwrap();
    let source_ports = PortRange::new(0, u16::MAX).unwrap();
    let destination = Prefix6::ANY;
    DualRule::V6(FiveTupleRule6 {
        source,
        destination,
        source_ports,
        destination_ports: ports,
        protocol: None,
    })
}

/// Codes of 32 bits cannot nest as deeply as prefixes of 128.
#[test]
fn prefixes_that_nest_too_deeply_are_tried_one_by_one_and_the_report_says_so() {
    let nested = |depth: u8| -> Vec<_> {
        (0..depth)
            .map(|length| to_any(Prefix6::new(Ipv6Addr::UNSPECIFIED, length).unwrap(), length.into()))
            .collect()
    };
    for (depth, coded) in [(30, true), (129, false)] {
        let rules = nested(depth);
        let set = DualSet::new(&rules).unwrap();
        assert_eq!(set.report().v6.is_some(), coded, "{depth}");
        let headers: Vec<_> = (0..128u16)
            .map(|at| {
                DualHeader::V6(FiveTuple6 {
                    source: Ipv6Addr::from_bits(1 << at),
                    destination: Ipv6Addr::LOCALHOST,
                    source_port: 1,
                    destination_port: 127 - at,
                    protocol: Protocol::TCP,
                })
            })
            .collect();
        check_dual(&rules, &headers);
    }
}

/// A list as `ClassBench` makes them: few networks, many hosts, some services; too large for one matrix.
fn large(count: u32) -> Vec<FiveTupleRule> {
    let mut state = 7u64;
    let mut next = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(below)) as u32
    };
    let rule = |_| {
        let mut prefix = |base: u32| {
            let length = [32, 32, 32, 28, 24, 16, 8, 0][next(8) as usize];
            Prefix::new(Ipv4Addr::from_bits(base | next(1 << 20)), length).unwrap()
        };
        let (source, destination) = (prefix(0x0a00_0000), prefix(0xac10_0000));
        let mut ports = || match next(4) {
            0 => PortRange::new(1024, 65535).unwrap(),
            1 => {
                let port = next(2000) as u16;
                PortRange::new(port, port).unwrap()
            }
            _ => PortRange::new(0, 65535).unwrap(),
        };
        let (source_ports, destination_ports) = (ports(), ports());
        let protocol = [Some(Protocol::TCP), Some(Protocol::UDP), None][next(3) as usize];
        FiveTupleRule { source, destination, source_ports, destination_ports, protocol }
    };
    (0..count).map(rule).collect()
}

/// Headers that match some rule, or just miss it.
fn near(rules: &[FiveTupleRule], count: usize) -> Vec<FiveTuple> {
    (0..count as u32)
        .map(|i| {
            let mixed = i.wrapping_mul(2_654_435_761);
            let rule = &rules[mixed as usize % rules.len()];
            let port =
                |range: PortRange, how| around(range.first().into(), range.last().into(), how, mixed) as u16;
            FiveTuple::new(
                Ipv4Addr::from_bits(around(rule.source.first(), rule.source.last(), 4 - i % 2, mixed)),
                Ipv4Addr::from_bits(around(rule.destination.first(), rule.destination.last(), 4, mixed)),
                port(rule.source_ports, 4),
                port(rule.destination_ports, 4 - i / 2 % 2),
                rule.protocol.unwrap_or(Protocol::TCP),
            )
        })
        .collect()
}

#[test]
fn a_large_list_becomes_trees_that_say_what_linear_says() {
    let rules = large(6000);
    let set = FiveTupleSet::new(&rules).unwrap();
    assert!(set.report().parts.contains(&PartReport::Tree), "{}", set.report());
    let headers = near(&rules, 3000);
    let mut out = vec![0; headers.len()];
    for path in Path::ALL {
        set.clone().with_path(path).lookup_batch(&headers, &mut out);
        for (&header, &answer) in headers.iter().zip(&out) {
            assert_eq!(answer, first_match(&rules, header), "{path:?} {header:?}");
        }
    }
}

/// Rules that differ in port ranges alone cannot be told apart by address bits, and copying them would square them.
#[test]
fn a_list_that_copies_would_blow_up_stays_within_its_budget() {
    let rules: Vec<_> = (0..3000u16)
        .map(|at| FiveTupleRule {
            source: Prefix::ANY,
            destination: Prefix::new(Ipv4Addr::new(10, 0, 0, 0), 8).unwrap(),
            source_ports: PortRange::new(at * 5, 65535 - at * 3).unwrap(),
            destination_ports: PortRange::new(at * 7, 65535 - at * 2).unwrap(),
            protocol: None,
        })
        .rev()
        .collect();
    let set = FiveTupleSet::with_strategy(&rules, How::Forest).unwrap();
    assert!(set.report().bytes < (1 << 20) + rules.len() * 1024, "{}", set.report());
    let headers = near(&rules, 300);
    let mut out = vec![0; headers.len()];
    set.lookup_batch(&headers, &mut out);
    for (&header, &answer) in headers.iter().zip(&out) {
        assert_eq!(answer, first_match(&rules, header), "{header:?}");
    }
}

#[test]
fn an_empty_list_matches_nothing() {
    let set = FiveTupleSet::new(&[]).unwrap();
    assert_eq!(set.lookup(FiveTuple::default()), NO_MATCH);
    set.lookup_batch(&[], &mut []);
}

#[test]
fn sets_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<FiveTupleSet>();
    shared::<sgsim::compile::Compiled<'_>>();
}
