//! The header fields that a rule or the state table may look at, and nothing else.
//!
//! A [`Packet`] is a small `Copy` value made by the decoder (or from a written [`Flow`]); it keeps no
//! reference to the capture. This room knows nothing of groups, captures or state.

mod address;
mod compact;
mod domain;
mod flow;
mod icmp;
mod layer;
mod ports;
mod protocol;
mod service;

pub use address::{AddressPair, AddressRange, AddressSet, Family, ParseAddressError};
pub use compact::Compact;
pub use domain::{Domain, Tunnel, TunnelKind};
pub use flow::{Flow, ParseFlowError};
pub use icmp::{Icmp, IcmpKind, IcmpRole, Quoted, request_of};
pub use layer::{Carries, Layer};
pub use ports::{ParsePortsError, PortRange, PortSet};
pub use protocol::{ParseProtocolError, Protocol};
pub use service::{Header, Service, service_name};

use std::net::IpAddr;

/// A moment of a capture: nanoseconds since 1970-01-01T00:00:00Z, negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// One frame of a capture, reduced to what a verdict can depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// When it was captured.
    pub time: Timestamp,
    /// Bytes it had on the wire, as the capture states it (the frame, not the part that was kept).
    pub length: u32,
    /// What was found in it.
    pub content: Content,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// An IPv4 or IPv6 packet whose addresses could be read.
    Ip(IpPacket),
    /// ARP: no group ever sees it.
    Arp,
    /// Any other frame that carries no IP (spanning tree, LLDP, an unsupported link type, ...).
    NotIp,
    /// The capture kept too few bytes to tell the addresses.
    Truncated,
    /// The bytes contradict the protocol they claim to be, before the addresses could be read.
    Malformed,
}

/// An IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPacket {
    /// Where it was found.
    pub domain: Domain,
    /// Source and destination address.
    pub addresses: AddressPair,
    /// The protocol after all IPv6 extension headers.
    pub protocol: Protocol,
    /// What the packet says behind the IP headers.
    pub transport: Transport,
    /// Set when this is a fragment of a larger datagram (an atomic IPv6 fragment is none).
    pub fragment: Option<Fragment>,
}

/// The transport header, as far as rules and state need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// Control bits.
        flags: TcpFlags,
    },
    /// UDP, UDP-Lite, SCTP or DCCP: what has ports in its first four bytes.
    Ports {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP or `ICMPv6`, by the packet's family.
    Icmp(Icmp),
    /// A protocol that rules know by its number alone.
    Other,
    /// A fragment that does not start its datagram: it has no transport header.
    LaterFragment,
    /// The capture cut the header.
    Truncated,
    /// The packet itself ends inside the header, or the header contradicts itself.
    Malformed,
}

/// TCP control bits, the low eight (CWR ECE URG ACK PSH RST SYN FIN; RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// ACK.
    pub const ACK: Self = Self(0x10);
    /// SYN and ACK.
    pub const SYN_ACK: Self = Self(0x12);

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The four bits that open, close and carry a connection.
    const fn control(self) -> u8 {
        self.0 & 0x17
    }

    /// SYN without ACK, FIN or RST: the packet that opens a connection.
    pub const fn is_lone_syn(self) -> bool {
        self.control() == Self::SYN.0
    }

    /// ACK without SYN, FIN or RST: what a running connection is made of.
    pub const fn is_plain_ack(self) -> bool {
        self.control() == Self::ACK.0
    }
}

impl std::fmt::Display for TcpFlags {
    /// Writes the set bits as tcpdump does: `S.` is SYN and ACK.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = [
            (0x02, 'S'),
            (0x01, 'F'),
            (0x04, 'R'),
            (0x08, 'P'),
            (0x10, '.'),
            (0x20, 'U'),
            (0x40, 'E'),
            (0x80, 'W'),
        ];
        for (_, letter) in letters.iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{letter}")?;
        }
        if self.0 == 0 { f.write_str("none") } else { Ok(()) }
    }
}

/// Where a fragment belongs in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// First byte of this fragment in the datagram's payload.
    pub offset: u32,
    /// Payload bytes in this fragment.
    pub length: u32,
    /// Whether more fragments follow it.
    pub more: bool,
}

impl IpPacket {
    /// The source address.
    pub fn source(&self) -> IpAddr {
        self.addresses.source()
    }

    /// The destination address.
    pub fn destination(&self) -> IpAddr {
        self.addresses.destination()
    }

    /// Source and destination port, for protocols that have them.
    pub const fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            Transport::Tcp { source, destination, .. } | Transport::Ports { source, destination } => {
                Some((source, destination))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_like_tcpdump() {
        assert_eq!(TcpFlags::SYN_ACK.to_string(), "S.");
        assert_eq!(TcpFlags(0).to_string(), "none");
        assert!(TcpFlags(0xc2).is_lone_syn(), "ECN set-up SYN opens a connection too");
        assert!(!TcpFlags::SYN_ACK.is_lone_syn());
    }
}
