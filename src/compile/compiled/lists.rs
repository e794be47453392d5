//! The rules of one group as a five-tuple list: for groups whose table would be too large.
//!
//! The remote is the source, the detail of the service (port, or ICMP type above code) the destination port, and the
//! kind of service the source port; nothing is asked of the destination. So a list of any length becomes a matrix or a
//! forest, bounded in time and memory as those are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::services::numbers;
use super::{NO_RULE, Probe};
use crate::compile::Path;
use crate::compile::five_tuple::{
    DualHeader, DualReport, DualRule, DualSet, FiveTuple, FiveTuple6, FiveTupleRule, FiveTupleRule6, Prefix,
    Prefix6,
};
use crate::packet::{AddressRange, Family, Header, PortRange, Protocol};
use crate::policy::{Direction, GroupId, Policy, Rule, ServiceMatch};

/// Most entries of a list: a rule has one for each prefix of its remote and each range of its ports.
const MOST_ENTRIES: usize = 1 << 20;

/// A compiled group.
#[derive(Debug, Clone)]
pub(super) struct List {
    set: DualSet,
    /// By entry of the set: the rule.
    rules: Vec<u32>,
}

impl List {
    /// The rules of a group in one direction; `None` when they have too many entries.
    pub(super) fn new(policy: &Policy, group: GroupId, direction: Direction) -> Option<Self> {
        let (mut entries, mut rules) = (vec![], vec![]);
        for (_, id) in super::table::in_order(policy, &[group], direction) {
            entry(policy.rule(id), &mut entries);
            if entries.len() > MOST_ENTRIES {
                return None;
            }
            rules.resize(entries.len(), id.0);
        }
        Some(Self { set: DualSet::new(&entries).ok()?, rules })
    }

    /// The same list, looked up with these instructions.
    pub(super) fn with_path(mut self, path: Path) -> Self {
        self.set = self.set.with_path(path);
        self
    }

    /// The first rule that matches, or [`NO_RULE`].
    pub(super) fn first_match(&self, header: &Header) -> u32 {
        let found = match (Probe::new(header), header.remote) {
            (Some(probe), _) => self.set.lookup(&DualHeader::V4(probe.five_tuple())),
            (None, IpAddr::V4(_)) => NO_RULE,
            (None, IpAddr::V6(source)) => {
                let (kind, protocol, destination_port) = numbers(header.service);
                self.set.lookup(&DualHeader::V6(FiveTuple6 {
                    source,
                    destination: Ipv6Addr::UNSPECIFIED,
                    source_port: kind.into(),
                    destination_port,
                    protocol: protocol_of(kind, protocol),
                }))
            }
        };
        self.rule(found)
    }

    /// The first rules that match many probes, or [`NO_RULE`].
    pub(super) fn first_matches(&self, headers: &[FiveTuple], out: &mut [u32]) {
        self.set.lookup_v4(headers, out);
        for answer in out {
            *answer = self.rule(*answer);
        }
    }

    fn rule(&self, entry: u32) -> u32 {
        self.rules.get(entry as usize).copied().unwrap_or(NO_RULE)
    }

    /// What the entries were compiled into.
    pub(super) fn report(&self) -> DualReport {
        self.set.report()
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.set.report().bytes + size_of_val(&*self.rules)
    }
}

/// The protocol of a kind of service: ICMP messages are told apart by kind, and have none in their numbers.
pub(super) const fn protocol_of(kind: u8, protocol: u8) -> Protocol {
    match kind {
        2 => Protocol::ICMP,
        3 => Protocol::ICMPV6,
        _ => Protocol(protocol),
    }
}

/// Appends what a rule asks for.
fn entry(rule: &Rule, entries: &mut Vec<DualRule>) {
    let services: Vec<(PortRange, PortRange, Option<Protocol>)> = match &rule.service {
        ServiceMatch::Any => vec![(PortRange::ALL, PortRange::ALL, None)],
        ServiceMatch::Protocol(protocol) => vec![(PortRange::ALL, PortRange::ALL, Some(*protocol))],
        ServiceMatch::Ports(protocol, ports) => {
            ports.ranges().iter().map(|&ports| (PortRange::single(0), ports, Some(*protocol))).collect()
        }
        ServiceMatch::Icmp(family, kinds) => {
            let (number, protocol) = match family {
                Family::V4 => (2, Protocol::ICMP),
                Family::V6 => (3, Protocol::ICMPV6),
            };
            kinds
                .iter()
                .map(|&icmp| (PortRange::single(number), super::services::detail(icmp), Some(protocol)))
                .collect()
        }
    };
    let wanted = |range: &&AddressRange| rule.family.is_none_or(|family| range.family() == family);
    for range in rule.remote.ranges().iter().filter(wanted) {
        for (first, length) in prefixes(*range) {
            for &(source_ports, destination_ports, protocol) in &services {
                entries.extend(match range {
                    AddressRange::V4(..) => {
                        let source = Prefix::new(Ipv4Addr::from_bits(first as u32), length);
                        let destination = Prefix::ANY;
                        source.map(|source| {
                            DualRule::V4(FiveTupleRule {
                                source,
                                destination,
                                source_ports,
                                destination_ports,
                                protocol,
                            })
                        })
                    }
                    AddressRange::V6(..) => {
                        let source = Prefix6::new(Ipv6Addr::from_bits(first), length);
                        let destination = Prefix6::ANY;
                        source.map(|source| {
                            DualRule::V6(FiveTupleRule6 {
                                source,
                                destination,
                                source_ports,
                                destination_ports,
                                protocol,
                            })
                        })
                    }
                });
            }
        }
    }
}

/// The fewest prefixes that make up a range, each its first address and length.
fn prefixes(range: AddressRange) -> Vec<(u128, u8)> {
    let (mut first, last, width) = match range {
        AddressRange::V4(first, last) => (first.to_bits().into(), last.to_bits().into(), 32),
        AddressRange::V6(first, last) => (first.to_bits(), last.to_bits(), 128),
    };
    let mut prefixes = vec![];
    loop {
        // As many free bits as the first address has zeros at its end, but not beyond the last.
        let mut free = first.trailing_zeros().min(width);
        let end = |free: u32| if free == 128 { u128::MAX } else { first | ((1 << free) - 1) };
        while end(free) > last {
            free -= 1;
        }
        prefixes.push((first, (width - free) as u8));
        match end(free).checked_add(1) {
            Some(next) if next <= last => first = next,
            _ => return prefixes,
        }
    }
}
