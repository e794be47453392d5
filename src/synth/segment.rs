//! One packet that was made: as a [`Packet`] for replay and, in `frame.rs`, as bytes for a capture.

use std::net::IpAddr;

use crate::packet::{
    AddressPair, Content, Domain, Family, Fragment, Icmp, IpPacket, Packet, Protocol, Quoted, TcpFlags,
    Timestamp, Transport,
};

use super::payload::Payload;

/// A packet that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// When.
    pub time: Timestamp,
    /// The index of its flow in the plan.
    pub flow: u32,
    pub(super) addresses: AddressPair,
    pub(super) outer: Option<Outer>,
    pub(super) body: Body,
    pub(super) payload: Payload,
    /// IP identification.
    pub(super) id: u16,
    pub(super) fragment: Option<Cut>,
}

/// The VXLAN around a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) addresses: AddressPair,
    pub(super) port: u16,
    pub(super) vni: u32,
}

/// A part of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) more: bool,
}

/// The transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Tcp {
        ports: (u16, u16),
        seq: u32,
        ack: u32,
        flags: TcpFlags,
    },
    Udp {
        ports: (u16, u16),
    },
    /// A query, or any message whose last four header bytes are two numbers.
    Icmp {
        kind: u8,
        code: u8,
        identifier: u16,
        sequence: u16,
    },
    Error {
        kind: u8,
        code: u8,
        quoted: Quote,
    },
    Other(Protocol),
    /// SCTP and others that begin with two ports.
    Ports {
        protocol: Protocol,
        ports: (u16, u16),
    },
}

/// The packet that an ICMP error is about: its addresses and first eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) addresses: AddressPair,
    pub(super) protocol: Protocol,
    /// Ports; of an ICMP query type and code, and identifier.
    pub(super) ports: (u16, u16),
    /// The second four bytes: sequence number of TCP, length of UDP.
    pub(super) rest: u32,
    /// Bytes behind its IP header.
    pub(super) length: u32,
    pub(super) id: u16,
}

pub(super) const ETHERNET: u32 = 14;
/// Outer Ethernet, IPv4, UDP and VXLAN headers.
pub(super) const VXLAN: u32 = ETHERNET + 20 + 8 + 8;
pub(super) const VXLAN_PORT: u16 = 4789;

impl Quote {
    /// Bytes it takes behind the ICMP header.
    pub(super) const fn size(&self) -> u32 {
        ip_header(self.addresses.family()) + 8
    }
}

pub(super) const fn ip_header(family: Family) -> u32 {
    match family {
        Family::V4 => 20,
        Family::V6 => 40,
    }
}

impl Segment {
    pub(super) const fn family(&self) -> Family {
        self.addresses.family()
    }

    pub(super) const fn protocol(&self) -> Protocol {
        match (self.body, self.family()) {
            (Body::Tcp { .. }, _) => Protocol::TCP,
            (Body::Udp { .. }, _) => Protocol::UDP,
            (Body::Icmp { .. } | Body::Error { .. }, Family::V4) => Protocol::ICMP,
            (Body::Icmp { .. } | Body::Error { .. }, Family::V6) => Protocol::ICMPV6,
            (Body::Other(protocol) | Body::Ports { protocol, .. }, _) => protocol,
        }
    }

    /// Bytes of the transport header and payload of the whole datagram.
    pub(super) const fn datagram(&self) -> u32 {
        let header = match self.body {
            Body::Tcp { flags, .. } if flags.has(TcpFlags::SYN) => 28,
            Body::Tcp { .. } => 20,
            Body::Udp { .. } | Body::Icmp { .. } => 8,
            Body::Error { quoted, .. } => 8 + quoted.size(),
            Body::Other(_) => 0,
            // The common header of SCTP, the shortest of DCCP; UDP-Lite takes the rest for payload.
            Body::Ports { .. } => 12,
        };
        header + self.payload.length
    }

    /// Bytes of the inner frame: from its Ethernet header on.
    pub(super) const fn inner_length(&self) -> u32 {
        let header = ETHERNET + ip_header(self.family());
        match (self.fragment, self.family()) {
            (None, _) => header + self.datagram(),
            (Some(cut), Family::V4) => header + cut.length,
            (Some(cut), Family::V6) => header + 8 + cut.length,
        }
    }

    /// Bytes of the frame.
    pub const fn length(&self) -> u32 {
        let outer = if self.outer.is_some() { VXLAN } else { 0 };
        outer + self.inner_length()
    }

    /// The packet as a group sees it: of a tunnel the outer headers.
    pub fn packet(&self) -> Packet {
        let ip = match self.outer {
            Some(outer) => IpPacket {
                domain: Domain::NONE,
                addresses: outer.addresses,
                protocol: Protocol::UDP,
                transport: Transport::Ports { source: outer.port, destination: VXLAN_PORT },
                fragment: None,
            },
            None => self.inner(),
        };
        Packet { time: self.time, length: self.length(), content: Content::Ip(ip) }
    }

    fn inner(&self) -> IpPacket {
        let fragment = self.fragment.map(|cut| Fragment {
            id: u32::from(self.id),
            offset: cut.offset,
            length: cut.length,
            more: cut.more,
        });
        let transport = match self.fragment {
            Some(cut) if cut.offset > 0 => Transport::LaterFragment,
            _ => self.transport(),
        };
        IpPacket {
            domain: Domain::NONE,
            addresses: self.addresses,
            protocol: self.protocol(),
            transport,
            fragment,
        }
    }

    const fn transport(&self) -> Transport {
        match self.body {
            Body::Tcp { ports, flags, .. } => Transport::Tcp { source: ports.0, destination: ports.1, flags },
            Body::Icmp { kind, code, identifier, .. } => {
                Transport::Icmp(Icmp { kind, code, identifier, quoted: Quoted::None })
            }
            Body::Error { kind, code, quoted } => {
                let is_icmp = matches!(quoted.protocol, Protocol::ICMP | Protocol::ICMPV6);
                let [kind_of, code_of] = quoted.ports.0.to_be_bytes();
                let quoted = Quoted::Packet {
                    addresses: quoted.addresses,
                    protocol: quoted.protocol,
                    ports: if is_icmp { (quoted.ports.1, quoted.ports.1) } else { quoted.ports },
                    message: if is_icmp { (kind_of, code_of) } else { (0, 0) },
                };
                Transport::Icmp(Icmp { kind, code, identifier: 0, quoted })
            }
            Body::Other(_) => Transport::Other,
            Body::Udp { ports } | Body::Ports { ports, .. } => {
                Transport::Ports { source: ports.0, destination: ports.1 }
            }
        }
    }

    /// Who sends it, as a group sees it.
    pub fn source(&self) -> IpAddr {
        self.outer.map_or(self.addresses, |outer| outer.addresses).source()
    }
}
