//! What is the same for all packets of a replay.

use std::net::IpAddr;

use crate::compile::Matcher;
use crate::packet::{Domain, Icmp, IcmpRole, IpPacket, Packet, Protocol, TcpFlags, Timestamp, Transport};
use crate::policy::{InterfaceId, Policy, StateProfile, Timeouts};

use super::hosts::Hosts;
use super::shard::{Limits, Local};
use super::{ConnectionId, ControlTraffic, Judgement, Reason, StepVerdict};

/// The interfaces of source and destination, or why no group is asked.
pub(super) type Ends = Result<(Option<InterfaceId>, Option<InterfaceId>), Reason>;

/// What is the same for all packets of a replay.
#[derive(Debug)]
pub(super) struct Context<'p, M> {
    pub policy: &'p Policy,
    pub matcher: &'p M,
    /// Time of the first packet.
    pub start: Option<Timestamp>,
    /// The timeouts that tell when a five-tuple begins a new conversation.
    pub timeouts: Timeouts,
    pub limits: Limits,
    /// Hosts that are judged alike, where the matcher knows.
    pub hosts: Option<Hosts>,
    /// Whether judged frames are wanted, and not only what came of them.
    pub wanted: bool,
    /// The packets that carry those that are being judged, by sequence, ascending.
    pub carriers: Vec<(u64, Carrier)>,
}

/// A connection that carries others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outer {
    /// In the shard of this number.
    In(u32, Local),
    /// One that has its number.
    Numbered(ConnectionId),
}

/// A packet of a tunnel that was judged, as it matters to what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Carrier {
    /// Its connection.
    pub connection: Option<Outer>,
    /// The step that dropped it, as [`StepVerdict::of_tunnel`] has it.
    pub stopped: Option<StepVerdict>,
}

impl Carrier {
    /// The carrier that a judged packet is.
    pub(super) fn of(judgement: &Judgement, shard: u32) -> Self {
        let dropped = judgement.verdict() == super::Verdict::Drop;
        let stopped = judgement.steps.stopped().filter(|_| dropped).map(|step| step.of_tunnel());
        Self { connection: judgement.connection.map(|id| Outer::In(shard, Local::of(id))), stopped }
    }
}

/// How a packet of a frame hangs together with the others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nesting {
    /// The tunnels that it was found in.
    pub within: Domain,
    /// Whether the next packet is what it carries.
    pub carries: bool,
    /// What carries it.
    pub carrier: Carrier,
}

impl Nesting {
    /// Whether it has nothing to do with tunnels.
    pub(super) fn is_plain(&self) -> bool {
        self.within == Domain::NONE && !self.carries && self.carrier == Carrier::default()
    }
}

/// A frame on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// Its place in the timeline, from 0.
    pub sequence: u64,
    /// Its number in the captures, from 1.
    pub frame: u64,
    pub nesting: Nesting,
}

impl<'p, M: Matcher> Context<'p, M> {
    pub(super) fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        let timeouts = conversation_timeouts(policy);
        let limits = Limits::new(&timeouts);
        let hosts = Hosts::new(&policy.owners, matcher);
        Self { policy, matcher, start: None, timeouts, limits, hosts, wanted: false, carriers: vec![] }
    }
}

impl<M> Context<'_, M> {
    /// What carries the packet of this sequence: the one before it.
    pub(super) fn carrier(&self, sequence: u64) -> Carrier {
        let before = sequence.wrapping_sub(1);
        let at = self.carriers.binary_search_by_key(&before, |(sequence, _)| *sequence);
        at.map_or_else(|_| Carrier::default(), |at| self.carriers[at].1)
    }

    /// The interfaces of both ends, or why no group is asked.
    pub(super) fn ends(&self, ip: &IpPacket) -> Ends {
        let of = |address| match (&self.hosts, address) {
            (Some(hosts), IpAddr::V4(address)) => hosts.owner(address),
            _ => self.policy.owners.of(address),
        };
        match control_traffic(ip) {
            // A DHCP server behind an interface is no client: its groups decide.
            Some(ControlTraffic::Dhcp) if of(dhcp_server(ip)).is_some() => {}
            Some(_) => return Err(Reason::LinkLocalControl),
            None => {}
        }
        match (of(ip.source()), of(ip.destination())) {
            (None, None) => Err(Reason::NoGroup),
            (Some(from), Some(to)) if from == to => Err(Reason::SameInterface),
            ends => Ok(ends),
        }
    }
}

/// Without state those of the default profile.
fn conversation_timeouts(policy: &Policy) -> Timeouts {
    const DEFAULT: Option<Timeouts> = StateProfile::HUAWEI.timeouts;
    match (&policy.state.timeouts, DEFAULT) {
        (Some(timeouts), _) => timeouts.clone(),
        (None, Some(timeouts)) => timeouts,
        (None, None) => unreachable!("the default profile keeps state"),
    }
}

/// Whether the first packet seen of a connection is an answer, so that its receiver is the initiator: a SYN-ACK, an
/// ICMP reply, or one that was let through on that assumption.
pub(super) fn was_opened_by_receiver(ip: &IpPacket, judgement: &Judgement) -> bool {
    let answers = match ip.transport {
        Transport::Tcp { flags, .. } => flags.has(TcpFlags::SYN_ACK) && !flags.has(TcpFlags::RST),
        Transport::Icmp(icmp) => matches!(icmp.role(ip.addresses.family()), IcmpRole::Reply { .. }),
        _ => false,
    };
    answers || judgement.steps.iter().any(|step| step.reason == Reason::AssumedEstablished)
}

/// Neighbour discovery and DHCP, which clouds let pass whatever the rules where the interface is the client (NEUTRON:
/// `openvswitch_firewall`): 68 to 67 and back, 546 to 547 and back. ARP is told apart before.
pub fn control_traffic(ip: &IpPacket) -> Option<ControlTraffic> {
    match (ip.protocol, ip.transport) {
        (_, Transport::Icmp(icmp)) => is_discovery(ip, &icmp).then_some(ControlTraffic::NeighbourDiscovery),
        (Protocol::UDP, Transport::Ports { source, destination }) => {
            is_dhcp([source, destination]).then_some(ControlTraffic::Dhcp)
        }
        _ => None,
    }
}

/// Whether UDP between these ports is DHCP.
#[inline]
pub(super) const fn is_dhcp(ports: [u16; 2]) -> bool {
    matches!(ports, [67, 68] | [68, 67] | [546, 547] | [547, 546])
}

/// The side of a DHCP packet that has the server's port.
fn dhcp_server(ip: &IpPacket) -> std::net::IpAddr {
    match ip.ports() {
        Some((67 | 547, _)) => ip.source(),
        _ => ip.destination(),
    }
}

fn is_discovery(ip: &IpPacket, icmp: &Icmp) -> bool {
    icmp.role(ip.addresses.family()) == IcmpRole::NeighbourDiscovery
}

/// A whole packet, as a datagram of one frame.
pub(super) const fn piece(at: At, packet: Packet) -> super::fragments::Piece {
    super::fragments::Piece { sequence: at.sequence, frame: at.frame, packet, nesting: at.nesting }
}
