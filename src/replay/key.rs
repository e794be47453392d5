//! The key of the state table: what makes two packets belong to one connection.

use std::net::IpAddr;

use crate::packet::{AddressPair, Domain, Icmp, IcmpRole, IpPacket, Protocol, Quoted, Transport};

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
    /// The request's type for ICMP queries, so that an echo and a timestamp of one identifier stay apart; 255 for
    /// ICMP messages that neither ask nor answer; else 0.
    kind: u8,
    pub low: Endpoint,
    pub high: Endpoint,
}

const NO_QUERY: u8 = 255;

impl Key {
    fn new(
        domain: Domain,
        protocol: Protocol,
        kind: u8,
        addresses: AddressPair,
        (from, to): (u16, u16),
    ) -> (Self, Side) {
        let source = Endpoint { address: addresses.source(), port: from };
        let destination = Endpoint { address: addresses.destination(), port: to };
        if source <= destination {
            (Self { domain, protocol, kind, low: source, high: destination }, Side::Low)
        } else {
            (Self { domain, protocol, kind, low: destination, high: source }, Side::High)
        }
    }

    /// The key of a packet, and the side that sent it.
    pub(super) fn of(packet: &IpPacket) -> (Self, Side) {
        let (kind, ports) = match packet.transport {
            Transport::Icmp(icmp) => match icmp.role(packet.addresses.family()) {
                IcmpRole::Request { .. } => (icmp.kind, (icmp.identifier, icmp.identifier)),
                IcmpRole::Reply { request } => (request, (icmp.identifier, icmp.identifier)),
                _ => (NO_QUERY, (0, 0)),
            },
            _ => (0, packet.ports().unwrap_or((0, 0))),
        };
        Self::new(packet.domain, packet.protocol, kind, packet.addresses, ports)
    }

    /// The key of the packet that an ICMP error quotes, seen where the error was seen.
    pub(super) fn quoted(domain: Domain, icmp: &Icmp) -> Option<Self> {
        let Quoted::Packet { addresses, protocol, ports } = icmp.quoted else { return None };
        // A quoted query is taken for an echo: the others are obsolete and never traced.
        let kind = match protocol {
            Protocol::ICMP => 8,
            Protocol::ICMPV6 => 128,
            _ => 0,
        };
        Some(Self::new(domain, protocol, kind, addresses, ports).0)
    }

    pub(super) const fn endpoint(&self, side: Side) -> Endpoint {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }
}
