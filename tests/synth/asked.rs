//! What was asked for is what is made: sizes, gaps, shares, counts; and memory that does not follow the length.

use std::collections::BTreeMap;

use sgsim::packet::{Content, Transport};
use sgsim::synth::{Plan, Stream, Workload};

use crate::support::{plan, scenario, shipped};

fn made(text: &str) -> Plan {
    plan(Workload::parse("asked", text), &scenario(&shipped("cce-tunnel")), 1)
}

/// Bounds are some five standard errors of 20,000 draws.
#[test]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn sizes_and_gaps_follow_their_distributions() {
    let plan = made(
        "duration: 1000s\ntraffic: { u: { from: outside, to: group node, service: udp 20777, rate: 20/s, \
         request: log-normal 200 0.5 most 1400, reply: 0 } }",
    );
    let segments: Vec<_> = Stream::new(&plan).collect();
    assert!((19_300..20_700).contains(&segments.len()), "{}", segments.len());
    let mut sizes: Vec<u32> = segments.iter().map(|segment| segment.length() - 42).collect();
    sizes.sort_unstable();
    let at = |q: f64| f64::from(sizes[(q * sizes.len() as f64) as usize]);
    for (q, deviations) in [(0.158_655, -1.0), (0.5, 0.0), (0.841_345, 1.0), (0.977_25, 2.0)] {
        let wanted = 200.0 * (0.5_f64 * deviations).exp();
        assert!((at(q) / wanted - 1.0).abs() < 0.04, "quantile {q}: {} is not {wanted}", at(q));
    }
    let gaps: Vec<f64> =
        segments.windows(2).map(|pair| (pair[1].time.0 - pair[0].time.0) as f64 / 1e9).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((mean - 0.05).abs() < 0.002, "{mean}");
    // The exponential distribution: a share of e^-k of all gaps is longer than k means.
    for k in [0.5, 1.0, 2.0, 3.0] {
        let longer = gaps.iter().filter(|&&gap| gap > k * mean).count() as f64 / gaps.len() as f64;
        assert!((longer - (-k).exp()).abs() < 0.015, "{longer} of the gaps are longer than {k} means");
    }
}

/// Of 4,000 conversations, every share lies within five deviations of the binomial.
#[test]
#[allow(clippy::cast_precision_loss)]
fn shares_of_anomalies_are_what_was_asked() {
    let plan = made(
        "duration: 600s\ntraffic: { t: { from: outside, to: group node, service: tcp 5000, count: 4000, \
         anomalies: { half-open: 10%, reset: 20% } } }",
    );
    let (mut syns, mut answers, mut resets) = (0, 0, 0);
    for segment in Stream::new(&plan) {
        let Content::Ip(ip) = segment.packet().content else { unreachable!() };
        let Transport::Tcp { flags, .. } = ip.transport else { unreachable!() };
        syns += usize::from(flags.is_lone_syn());
        answers += usize::from(flags.0 == 0x12);
        resets += usize::from(flags.0 & 4 != 0);
    }
    let near = |found: usize, wanted: f64| {
        let deviation = (wanted * (1.0 - wanted / 4000.0)).sqrt();
        assert!((found as f64 - wanted).abs() < 5.0 * deviation, "{found} is not {wanted}");
    };
    near(4000 - answers, 400.0);
    assert_eq!(syns, answers + 4 * (4000 - answers), "an unanswered SYN is sent four times");
    near(resets, 3600.0 * 0.2);
}

/// Counts are exact, and no two conversations have the same ports at the same time.
#[test]
fn every_conversation_is_made_once() {
    let plan = made(
        "duration: 10s\ntraffic: { a: { from: 203.0.113.9, to: 192.168.0.21, service: tcp 80, count: 500, \
         ports: 40000-40511 }, b: { from: 203.0.113.9, to: 192.168.0.21, service: tcp 80, count: 12, ports: 40000-40511 } }",
    );
    let mut stream = Stream::new(&plan).with_records();
    while stream.next().is_some() {}
    assert!(stream.error().is_none());
    let mut ports = BTreeMap::new();
    while let Some(record) = stream.next_record() {
        *ports.entry(record.ports.0).or_insert(0) += 1;
    }
    assert_eq!(ports.len(), 512);
    assert!(ports.values().all(|&count| count == 1));
}

/// One conversation more than there are ports is an error, never a silent short count.
#[test]
fn more_conversations_than_ports_is_told() {
    let text = |count: u32| {
        format!(
            "duration: 10s\ntraffic: {{ a: {{ from: 203.0.113.9, to: 192.168.0.21, service: tcp 80, count: {count}, \
             ports: 40000-40255 }}, b: {{ from: 203.0.113.9, to: 192.168.0.21, service: tcp 80, ports: 40000-40255 }} }}"
        )
    };
    let plan = made(&text(256));
    let mut stream = Stream::new(&plan);
    while stream.next().is_some() {}
    let error = stream.error().unwrap().to_string();
    assert!(error.contains("needs more ports than there are"), "{error}");
    let scenario = scenario(&shipped("cce-tunnel"));
    let loaded = Workload::parse("asked", &text(257));
    let planned = Plan::make(loaded, &scenario.policy, &scenario.sets, None, 1);
    assert!(planned.plan.is_none());
    assert!(planned.loaded.render(sgsim::diag::Style::Plain).contains("error[too-many-flows]"));
}

#[test]
fn mistakes_are_told_where_they_are() {
    let scenario = scenario(&shipped("cce-tunnel"));
    let text = "
seed: many
traffic:
  zero: { from: outside, to: group node, service: tcp 80, rate: 0/s }
  none: { from: outside, to: group node, service: tcp 80, count: 0 }
  both: { from: outside, to: group node, service: tcp 80, count: 1, rate: 5/s }
  backwards: { from: outside, to: group node, service: tcp 90-80, ports: 60999-32768 }
  nobody: { from: group nodes, to: group node, service: tcp 80 }
  half: { from: outside, service: tcp 80 }
  words: { from: outside, to: group node, service: tcp, request: normal 5, lasts: long, anomalies: { reset: 5, rest: 1% } }
  sctp: { from: outside, to: group node, service: sctp 5 }
";
    let rendered = Workload::parse("w.yaml", text).render(sgsim::diag::Style::Plain);
    insta::assert_snapshot!(rendered);
    let text = "
traffic:
  nobody: { from: group nodes, to: group node, service: tcp 80 }
  idle: { from: outside, to: group idle, service: tcp 80 }
  self: { from: interface master-1, to: 192.168.0.10, service: tcp 80 }
  six: { from: vpc, to: group node, family: ipv6, service: tcp 80 }
  owned: { from: outside interface node-1, to: group node, service: tcp 80 }
  crowd: { from: 203.0.113.9, to: 192.168.0.21, service: tcp 80, rate: 1000/s }
  late: { from: outside, to: group node, service: tcp 80, after: 2m }
";
    let idle = shipped("cce-tunnel").replace("interfaces:", "groups: { idle: {} }\ninterfaces:");
    let idle = crate::support::scenario(&idle);
    let planned = Plan::make(Workload::parse("w.yaml", text), &idle.policy, &idle.sets, None, 1);
    assert!(planned.plan.is_none());
    insta::assert_snapshot!(planned.loaded.render(sgsim::diag::Style::Plain));
    let _ = scenario;
}
