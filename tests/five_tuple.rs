//! Every structure for five-tuple lists against the linear reference, on every path of this machine.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.
#![allow(clippy::cast_possible_truncation)] // Drawn numbers are kept small, or cut on purpose.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use proptest::sample::select;

use sgsim::compile::Path;
use sgsim::compile::five_tuple::{
    FiveTuple, FiveTupleRule, FiveTupleSet, NO_MATCH, PartReport, Prefix, Strategy as How, first_match,
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
