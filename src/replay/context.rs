//! What is the same for all packets of a replay.

use crate::compile::Matcher;
use crate::packet::{Icmp, IcmpRole, IpPacket, Packet, Protocol, TcpFlags, Timestamp, Transport};
use crate::policy::{InterfaceId, Policy, StateProfile, Timeouts};

use super::hosts::Hosts;
use super::shard::Limits;
use super::{ControlTraffic, Judgement, Reason};

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
}

/// A frame on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// Its place in the timeline, from 0.
    pub sequence: u64,
    /// Its number in the captures, from 1.
    pub frame: u64,
}

impl<'p, M: Matcher> Context<'p, M> {
    pub(super) fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        let timeouts = conversation_timeouts(policy);
        let limits = Limits::new(&timeouts);
        let hosts = Hosts::new(&policy.owners, matcher);
        Self { policy, matcher, start: None, timeouts, limits, hosts, wanted: false }
    }
}

impl<M> Context<'_, M> {
    /// The interfaces of both ends, or why no group is asked.
    pub(super) fn ends(&self, ip: &IpPacket) -> Ends {
        let of = |address| self.policy.owners.of(address);
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
    super::fragments::Piece { sequence: at.sequence, frame: at.frame, packet }
}
