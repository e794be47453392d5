//! Rules as the groups of a cluster's interface have them, and headers over every boundary of them: what the benches of
//! the repository measure, and `sgsim synth rules --shape cluster` prints.
#![allow(clippy::cast_possible_truncation, reason = "drawn numbers are kept small, or cut on purpose")]

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use crate::compile::Probe;
use crate::packet::{AddressRange, Family, Header, PortRange, Protocol, Service};
use crate::policy::{
    Action, Dialect, Direction, Group, GroupId, Interface, Midstream, Origin, Owners, Policy, Priority, Rule,
    RuleId, ServiceMatch, StateProfile,
};

/// One rule as numbers: remote, prefix length, ports, protocol (`None` is any).
#[derive(Debug, Clone, Copy)]
pub struct ClusterRule {
    /// The lowest address of the remote.
    pub remote: u32,
    /// The length of its prefix.
    pub length: u8,
    /// Destination ports, first and last.
    pub ports: (u16, u16),
    /// `None` is any.
    pub protocol: Option<u8>,
}

/// A made-up interface's rules in evaluation order.
#[derive(Debug, Clone)]
pub struct ClusterRules {
    /// The rules; the first in the list is asked first.
    pub rules: Vec<ClusterRule>,
    state: u64,
}

/// Ports of services that clusters have.
const SERVICES: [u16; 16] =
    [22, 25, 53, 80, 123, 443, 2379, 3306, 4789, 5443, 5432, 6379, 8080, 8445, 9443, 10250];

/// Headers of a trace.
const HEADERS: usize = 100_000;

impl ClusterRules {
    /// This many rules; the same number, the same rules.
    ///
    /// The mixture is that of a cluster's groups: subnets of one VPC, single hosts, office and partner ranges, any;
    /// single ports, the NodePort range, a few wide ranges, all ports; mostly TCP, some UDP, ICMP and any.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let mut groups = Self { rules: vec![], state: count as u64 };
        for _ in 0..count {
            let rule = groups.rule();
            groups.rules.push(rule);
        }
        groups
    }

    fn next(&mut self, below: u32) -> u32 {
        // Knuth's MMIX generator: the same everywhere.
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) % u64::from(below)) as u32
    }

    fn rule(&mut self) -> ClusterRule {
        let (remote, length) = match self.next(20) {
            0..6 => (0xc0a8_0000 | self.next(64) << 8, 24),
            6..11 => (0xc0a8_0000 | self.next(1 << 14), 32),
            11..13 => (0x0a00_0000 | self.next(32) << 16, 16),
            13..15 => (0x6440_0000 | self.next(256) << 12, 20),
            15..18 => (self.next(u32::MAX), 22 + self.next(11) as u8),
            _ => (0, 0),
        };
        let length: u8 = length;
        let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
        let single = SERVICES[self.next(16) as usize];
        let ports = match self.next(10) {
            0..5 => (single, single),
            5..7 => (30000, 32767),
            7 => (1024, 65535),
            8 => {
                let first = 1024 + self.next(50_000) as u16;
                (first, first + self.next(500) as u16)
            }
            _ => (0, 65535),
        };
        let protocol = match self.next(10) {
            0..6 => Some(6),
            6..8 => Some(17),
            8 => Some(1),
            _ => None,
        };
        // What asks for ICMP or any protocol asks for no ports.
        let ports = if matches!(protocol, Some(6 | 17)) { ports } else { (0, 65535) };
        ClusterRule { remote: remote & mask, length, ports, protocol }
    }

    /// The rules as a ClassBench filter set; the remote is the source.
    pub fn filters(&self) -> String {
        let mut text = String::new();
        for rule in &self.rules {
            let (first, last) = rule.ports;
            let protocol =
                rule.protocol.map_or_else(|| "0x00/0x00".to_owned(), |p| format!("0x{p:02x}/0xFF"));
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "@{}/{} 0.0.0.0/0 0 : 65535 {first} : {last} {protocol}",
                Ipv4Addr::from_bits(rule.remote),
                rule.length
            );
        }
        text
    }

    /// Headers (remote, port, protocol): each takes its fields from the edges of rules, one beside them, or inside.
    pub fn headers(&self) -> Vec<(u32, u16, u8)> {
        let mut random = self.clone();
        (0..HEADERS)
            .map(|_| {
                let pick = |random: &mut Self| {
                    let at = random.next(random.rules.len() as u32);
                    random.rules[at as usize]
                };
                let one = pick(&mut random);
                let other = if random.next(2) == 0 { one } else { pick(&mut random) };
                let span = one.last() - one.remote;
                let remote = match random.next(5) {
                    0 => one.remote,
                    1 => one.remote.wrapping_sub(1),
                    2 => one.remote | span,
                    3 => (one.remote | span).wrapping_add(1),
                    _ => one.remote | random.next(u32::MAX) & span,
                };
                let (first, last) = other.ports;
                let port = match random.next(5) {
                    0 => first,
                    1 => first.wrapping_sub(1),
                    2 => last,
                    3 => last.wrapping_add(1),
                    _ => first + random.next(u32::from(last - first) + 1) as u16,
                };
                let protocol = other.protocol.unwrap_or([6, 17, 1, 47][random.next(4) as usize]);
                (remote, port, protocol)
            })
            .collect()
    }

    /// The rules as a scenario: one interface, three groups.
    pub fn scenario(&self) -> String {
        let mut text =
            format!("# {} rules of shape `cluster`, by `sgsim synth rules`.\ngroups:\n", self.rules.len());
        let third = self.rules.len().div_ceil(3).max(1);
        for group in 0..3 {
            let _ = writeln!(text, "  group-{group}:\n    ingress:");
            for (at, rule) in self.rules.iter().enumerate().skip(group * third).take(third) {
                let service = match (rule.protocol, rule.ports) {
                    (None, _) => "all".to_owned(),
                    (Some(p), (0, 65535)) => Protocol(p).to_string(),
                    (Some(p), (first, last)) if first == last => format!("{} {first}", Protocol(p)),
                    (Some(p), (first, last)) => format!("{} {first}-{last}", Protocol(p)),
                };
                let (remote, length) = (Ipv4Addr::from_bits(rule.remote), rule.length);
                let _ = writeln!(text, "      - allow {service} from {remote}/{length} id rule-{at}");
            }
        }
        text.push_str(
            "interfaces:\n  eth0: { addresses: 192.168.1.1, groups: [group-0, group-1, group-2] }\n",
        );
        text
    }

    /// The headers as a ClassBench trace.
    pub fn trace(&self) -> String {
        let mut text = String::new();
        for (remote, port, protocol) in self.headers() {
            let _ = writeln!(text, "{remote}\t3232235777\t40000\t{port}\t{protocol}");
        }
        text
    }

    /// The rules as the ingress of one interface with three groups; rule numbers are those of the filter set.
    pub fn policy(&self) -> Policy {
        let origin = || Origin { file: "bench".into(), line: 0, span: 0..0, place: None };
        let third = self.rules.len().div_ceil(3);
        let rule = |(at, shape): (usize, &ClusterRule)| Rule {
            name: format!("rule-{at}"),
            group: GroupId((at / third) as u32),
            direction: Direction::Ingress,
            action: Action::Allow,
            priority: Priority::FIRST,
            family: None,
            service: match shape.protocol {
                None => ServiceMatch::Any,
                Some(p) if shape.ports == (0, 65535) => ServiceMatch::Protocol(Protocol(p)),
                Some(p) => {
                    let range = PortRange::new(shape.ports.0, shape.ports.1);
                    ServiceMatch::Ports(Protocol(p), range.into_iter().collect())
                }
            },
            remote: [AddressRange::V4(Ipv4Addr::from_bits(shape.remote), Ipv4Addr::from_bits(shape.last()))]
                .into_iter()
                .collect(),
            remote_text: String::new(),
            enabled: true,
            doubt: None,
            description: String::new(),
            origin: origin(),
        };
        let rules: Vec<_> = self.rules.iter().enumerate().map(rule).collect();
        let ids = || (0..rules.len() as u32).map(RuleId);
        let group = |at: u32| Group {
            name: format!("group-{at}"),
            ingress: ids().filter(|id| rules[id.0 as usize].group == GroupId(at)).collect(),
            egress: vec![],
        };
        let interfaces = vec![Interface {
            name: "eth0".into(),
            addresses: vec![IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1))],
            behind: vec![],
            groups: (0..3).map(GroupId).collect(),
            origin: origin(),
        }];
        Policy {
            dialect: Dialect::Ordered,
            state: StateProfile::default(),
            midstream: Midstream::default(),
            groups: (0..3).map(group).collect(),
            owners: Owners::new(&interfaces).0,
            rules,
            interfaces,
        }
    }

    /// The headers as a compiled policy is asked them. ICMP has no port to look at: its type and code are zero.
    pub fn probes(&self) -> Vec<Probe> {
        let probe = |(remote, port, protocol): (u32, u16, u8)| {
            let service = match protocol {
                1 => Service::Icmp { family: Family::V4, kind: 0, code: 0 },
                6 | 17 => Service::Port(Protocol(protocol), port),
                _ => Service::Other(Protocol(protocol)),
            };
            Probe::new(&Header { remote: IpAddr::V4(Ipv4Addr::from_bits(remote)), service })
        };
        self.headers().into_iter().filter_map(probe).collect()
    }
}

impl ClusterRule {
    /// The highest address of the remote.
    pub const fn last(&self) -> u32 {
        if self.length == 0 { u32::MAX } else { self.remote | !(u32::MAX << (32 - self.length)) }
    }
}
