//! Rule-driven traffic: packets on and around every boundary of every rule, and whether they reach every rule.
//!
//! For each list of groups that interfaces have, each rule is tried at the first and last address of its remote, one
//! outside, and one inside, with the first and last port, one outside and one inside; and where two rules of one
//! step overlap, at the boundaries of the one with the services of the other.

use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::compile::Matcher;
use crate::packet::{
    AddressPair, AddressRange, AddressSet, Content, Family, IcmpKind, Protocol, Service, TcpFlags, Timestamp,
};
use crate::policy::{Direction, Policy, Rule, RuleId, ServiceMatch};
use crate::replay::FirstPackets;
use crate::space::{Never, Reach, reach_of};

use super::headers::{StepAt, distinct_steps, rules_at};
use super::payload::Payload;
use super::segment::{Body, Segment};

/// 2026-01-05T08:00:00Z.
const START: i64 = 1_767_600_000_000_000_000;
/// Between two packets: nothing that one opens is still open for the next.
const GAP: i64 = 1_000_000_000;

/// Packets on and around the boundaries of a policy's rules.
#[derive(Debug)]
pub struct Edges<'p> {
    policy: &'p Policy,
    steps: Vec<StepAt>,
    made: u64,
}

/// Whether rule-driven traffic reached every rule.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Rules that decided a packet.
    pub reached: Vec<RuleId>,
    /// Of these, the rules that only a packet found by search reaches.
    pub searched: Vec<RuleId>,
    /// Rules that no packet reaches, and why.
    pub never: Vec<(RuleId, Never)>,
    /// Packets that were tried.
    pub packets: u64,
    /// Whether the limit was met before all boundaries were tried.
    pub stopped: bool,
}

impl<'p> Edges<'p> {
    /// The boundaries of this policy.
    pub fn new(policy: &'p Policy) -> Self {
        Self { policy, steps: distinct_steps(policy), made: 0 }
    }

    /// Hands out packets until `out` has enough: first each rule's own boundaries, then the overlaps.
    pub fn for_each(mut self, out: &mut impl FnMut(Segment) -> ControlFlow<()>) -> ControlFlow<()> {
        for overlaps in [false, true] {
            for step in self.steps.clone() {
                let rules: Vec<&Rule> = rules_at(self.policy, step).map(|id| self.policy.rule(id)).collect();
                for (at, rule) in rules.iter().enumerate() {
                    if !overlaps {
                        self.pairs(step, &remotes(rule), &services(rule), out)?;
                        continue;
                    }
                    for (other_at, other) in rules.iter().enumerate() {
                        if other_at != at && meet(rule, other) {
                            self.pairs(step, &within(other, rule), &services(rule), out)?;
                        }
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pairs(
        &mut self,
        step: StepAt,
        remotes: &[IpAddr],
        services: &[ServiceEdge],
        out: &mut impl FnMut(Segment) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for &remote in remotes {
            for service in services {
                if let Some(segment) = self.packet(step, remote, *service) {
                    out(segment)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// A packet between an interface and a remote; `None` where the interface has no address of that family, or is the
    /// remote itself.
    fn packet(
        &mut self,
        (interface, direction): StepAt,
        remote: IpAddr,
        service: ServiceEdge,
    ) -> Option<Segment> {
        let interface = self.policy.interface(interface);
        let own = interface.addresses.iter().copied();
        let own = own.chain(interface.behind.iter().map(ipnet::IpNet::network));
        let local =
            own.into_iter().find(|local| Family::of(*local) == Family::of(remote) && *local != remote)?;
        let addresses = match direction {
            Direction::Ingress => AddressPair::new(remote, local)?,
            Direction::Egress => AddressPair::new(local, remote)?,
        };
        Some(opening(addresses, service, &mut self.made))
    }
}

/// A service, but for the family of its ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ServiceEdge {
    Port(Protocol, u16),
    Icmp(u8, u8),
    Other(Protocol),
}

/// The opening packet of a service, the next of the timeline.
fn opening(addresses: AddressPair, service: ServiceEdge, made: &mut u64) -> Segment {
    *made += 1;
    let number = u16::try_from(*made % 60_000).unwrap_or(0);
    // A client port of its own for each: no two are one connection.
    let client = 1024 + number;
    let body = match service {
        ServiceEdge::Port(Protocol::TCP, port) => {
            Body::Tcp { ports: (client, port), seq: 1, ack: 0, flags: TcpFlags::SYN }
        }
        ServiceEdge::Port(Protocol::UDP, port) => Body::Udp { ports: (client, port) },
        ServiceEdge::Port(protocol, port) => Body::Ports { protocol, ports: (client, port) },
        ServiceEdge::Icmp(kind, code) => Body::Icmp { kind, code, identifier: client, sequence: 1 },
        ServiceEdge::Other(protocol) => Body::Other(protocol),
    };
    let after = i64::try_from(*made).unwrap_or(i64::MAX).saturating_mul(GAP);
    Segment {
        time: Timestamp(START.saturating_add(after)),
        flow: 0,
        addresses,
        outer: None,
        body,
        payload: Payload::NONE,
        id: number,
        fragment: None,
    }
}

/// The boundary addresses of a rule: first and last of each range, one outside, one inside.
fn remotes(rule: &Rule) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = rule.remote.ranges().iter().flat_map(|&range| around(range)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn around(range: AddressRange) -> Vec<IpAddr> {
    macro_rules! of_family {
        ($first:expr, $last:expr, $address:ident) => {{
            let (first, last) = ($first.to_bits(), $last.to_bits());
            let middle = first + (last - first) / 2;
            let all = [first.checked_sub(1), Some(first), Some(middle), Some(last), last.checked_add(1)];
            all.into_iter().flatten().map(|bits| IpAddr::$address(bits.into())).collect()
        }};
    }
    match range {
        AddressRange::V4(first, last) => of_family!(first, last, V4),
        AddressRange::V6(first, last) => of_family!(first, last, V6),
    }
}

/// The boundary addresses of one rule that lie inside another.
fn within(edges: &Rule, rule: &Rule) -> Vec<IpAddr> {
    remotes(edges).into_iter().filter(|&address| rule.remote.contains(address)).collect()
}

/// Whether some packet matches both, as far as remotes and protocols tell.
fn meet(a: &Rule, b: &Rule) -> bool {
    let protocols = match (a.service.protocol(), b.service.protocol()) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    protocols && overlap(&a.remote, &b.remote)
}

fn overlap(a: &AddressSet, b: &AddressSet) -> bool {
    let starts =
        |of: &AddressSet, other: &AddressSet| of.ranges().iter().any(|range| other.contains(range.first()));
    starts(a, b) || starts(b, a)
}

fn services(rule: &Rule) -> Vec<ServiceEdge> {
    let mut all = match &rule.service {
        ServiceMatch::Any => vec![
            ServiceEdge::Port(Protocol::TCP, 0),
            ServiceEdge::Port(Protocol::TCP, 65535),
            ServiceEdge::Port(Protocol::UDP, 1),
            ServiceEdge::Icmp(8, 0),
            ServiceEdge::Icmp(128, 0),
            ServiceEdge::Other(Protocol(47)),
        ],
        ServiceMatch::Protocol(Protocol::ICMP | Protocol::ICMPV6) => {
            vec![ServiceEdge::Icmp(8, 0), ServiceEdge::Icmp(128, 0), ServiceEdge::Icmp(0, 0)]
        }
        ServiceMatch::Protocol(protocol) if protocol.has_ports() => {
            vec![ServiceEdge::Port(*protocol, 0), ServiceEdge::Port(*protocol, 65535)]
        }
        ServiceMatch::Protocol(protocol) => vec![ServiceEdge::Other(*protocol)],
        ServiceMatch::Ports(protocol, ports) => {
            let around = ports.ranges().iter().flat_map(|range| {
                let (first, last) = (range.first(), range.last());
                let middle = first + (last - first) / 2;
                [first.checked_sub(1), Some(first), Some(middle), Some(last), last.checked_add(1)]
            });
            around.flatten().map(|port| ServiceEdge::Port(*protocol, port)).collect()
        }
        ServiceMatch::Icmp(_, kinds) => {
            let around = kinds.iter().flat_map(|&IcmpKind { kind, code }| {
                let codes = [code.unwrap_or(0), code.map_or(255, |code| code.wrapping_add(1))];
                codes.map(|code| ServiceEdge::Icmp(kind, code))
            });
            around.collect()
        }
    };
    all.sort_unstable();
    all.dedup();
    all
}

impl Coverage {
    /// Tries at most so many packets on the boundaries, then searches for each rule that none of them reached.
    /// `out` gets every packet, those found by search at the end.
    pub fn of<M: Matcher>(policy: &Policy, matcher: &M, most: u64, mut out: impl FnMut(&Segment)) -> Self {
        let judge = FirstPackets::new(policy, matcher);
        let mut hit = vec![false; policy.rules.len()];
        let mut coverage = Self::default();
        let mut try_one = |segment: &Segment, hit: &mut Vec<bool>| {
            out(segment);
            let Content::Ip(ip) = segment.packet().content else { return };
            let judgement = judge.judge(&ip, &mut ());
            judgement.steps.iter().filter_map(|step| step.rule).for_each(|id| hit[id.0 as usize] = true);
        };
        let edges = Edges::new(policy);
        let stopped = edges.for_each(&mut |segment| {
            if coverage.packets >= most {
                return ControlFlow::Break(());
            }
            coverage.packets += 1;
            try_one(&segment, &mut hit);
            ControlFlow::Continue(())
        });
        coverage.stopped = stopped.is_break();
        let mut made = coverage.packets;
        for id in (0..policy.rules.len()).filter_map(|index| u32::try_from(index).ok()).map(RuleId) {
            if hit[id.0 as usize] {
                coverage.reached.push(id);
                continue;
            }
            match reach_of(&judge, id) {
                Reach::Decides { witness, .. } => {
                    let ip = witness.ip();
                    let service = match Service::of(&ip) {
                        Some(Service::Port(protocol, port)) => ServiceEdge::Port(protocol, port),
                        Some(Service::Icmp { kind, code, .. }) => ServiceEdge::Icmp(kind, code),
                        _ => ServiceEdge::Other(ip.protocol),
                    };
                    coverage.packets += 1;
                    try_one(&opening(ip.addresses, service, &mut made), &mut hit);
                    // Said only of what a packet has shown.
                    if hit[id.0 as usize] {
                        coverage.reached.push(id);
                        coverage.searched.push(id);
                    }
                }
                Reach::Never(why) => coverage.never.push((id, why)),
            }
        }
        coverage
    }
}
