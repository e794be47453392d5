//! The key of the state table: what makes two packets belong to one connection.

use std::net::IpAddr;

use crate::packet::{AddressPair, Domain, Family, Icmp, IcmpRole, IpPacket, Protocol, Quoted, Transport};

use super::state::Side;

/// One end of a connection: its address, and its port where the protocol has ports (for ICMP queries the
/// identifier, else 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub address: IpAddr,
    /// Port or identifier.
    pub port: u16,
}

/// "Key: family, protocol, addresses, ports; ICMP echo and its like: the identifier; other protocols: address pair
/// and protocol number. VLAN and VNI are part of the key of what is inside them."
///
/// The same for both directions: the lower endpoint stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub domain: Domain,
    pub protocol: Protocol,
    /// What keeps the ICMP queries of two addresses apart, see [`query`]; [`NO_QUERY`] for ICMP messages that neither ask
    /// nor answer; 0 for other protocols.
    pub kind: u8,
    /// Code of an ICMP query, else 0.
    pub code: u8,
    pub low: Endpoint,
    pub high: Endpoint,
}

/// The kind of ICMP messages that neither ask nor answer.
const NO_QUERY: u8 = 255;

/// The kind of an ICMP message of this type that the lower endpoint has sent, or not: the type of the request, and a bit
/// that says whether the lower endpoint asks.
///
/// An answer carries the identifier of its request, and its code, so neither an echo and a timestamp of one identifier
/// belong together, nor the echoes of two hosts that ping each other (Windows gives all of them the identifier 1). Linux
/// has these in its tuples too.
#[inline]
pub(super) const fn query(family: Family, kind: u8, from_low: bool) -> u8 {
    // No request's type has this bit: 8, 13, 15, 17 and, of ICMPv6, 128.
    const LOW_ASKS: u8 = 0x40;
    let (request, low_asks) = match (Icmp { kind, code: 0, identifier: 0, quoted: Quoted::None }).role(family)
    {
        IcmpRole::Request { .. } => (kind, from_low),
        IcmpRole::Reply { request } => (request, !from_low),
        _ => return NO_QUERY,
    };
    if low_asks { request | LOW_ASKS } else { request }
}

impl Key {
    fn new(
        domain: Domain,
        protocol: Protocol,
        message: Option<(u8, u8)>,
        addresses: AddressPair,
        (from, to): (u16, u16),
    ) -> (Self, Side) {
        let source = Endpoint { address: addresses.source(), port: from };
        let destination = Endpoint { address: addresses.destination(), port: to };
        let from_low = source <= destination;
        let (low, high) = if from_low { (source, destination) } else { (destination, source) };
        let (kind, code) = match message {
            None => (0, 0),
            Some((kind, code)) => match query(addresses.family(), kind, from_low) {
                NO_QUERY => (NO_QUERY, 0),
                kind => (kind, code),
            },
        };
        let side = if from_low { Side::Low } else { Side::High };
        (Self { domain, protocol, kind, code, low, high }, side)
    }

    /// The key of a packet, and the side that sent it.
    pub(super) fn of(packet: &IpPacket) -> (Self, Side) {
        let (message, ports) = match packet.transport {
            Transport::Icmp(icmp) => {
                let ports = match icmp.role(packet.addresses.family()) {
                    IcmpRole::Request { .. } | IcmpRole::Reply { .. } => (icmp.identifier, icmp.identifier),
                    _ => (0, 0),
                };
                (Some((icmp.kind, icmp.code)), ports)
            }
            _ => (None, packet.ports().unwrap_or((0, 0))),
        };
        Self::new(packet.domain, packet.protocol, message, packet.addresses, ports)
    }

    /// The key of the packet that an ICMP error quotes, seen where the error was seen.
    pub(super) fn quoted(domain: Domain, icmp: &Icmp) -> Option<Self> {
        let Quoted::Packet { addresses, protocol, ports, message } = icmp.quoted else { return None };
        let is_icmp = matches!(
            (addresses.family(), protocol),
            (Family::V4, Protocol::ICMP) | (Family::V6, Protocol::ICMPV6)
        );
        Some(Self::new(domain, protocol, is_icmp.then_some(message), addresses, ports).0)
    }

    /// Whether this is of ICMP messages that neither ask nor answer.
    pub(super) fn is_of_messages(&self) -> bool {
        self.kind == NO_QUERY && matches!(self.protocol, Protocol::ICMP | Protocol::ICMPV6)
    }

    pub(super) const fn endpoint(&self, side: Side) -> Endpoint {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }
}
