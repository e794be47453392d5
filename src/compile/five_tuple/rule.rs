//! Headers and rules of five-tuple lists, and the reference that tries the rules one by one.

use std::net::Ipv4Addr;

use crate::packet::{PortRange, Protocol};

/// What a lookup says when no rule matches; every other answer is the index of a rule.
pub const NO_MATCH: u32 = u32::MAX;

/// Most rules that a list may have: indexes are packed into 23 bits of a leaf.
pub const MAX_RULES: usize = (1 << 23) - 1;

/// The five fields of an IPv4 header that a rule compares, packed into 16 bytes as the lookups want them.
///
/// Words: source, destination, destination port above source port, protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C, align(16))]
pub struct FiveTuple(pub(in crate::compile) [u32; 4]);

impl FiveTuple {
    /// The header of these fields.
    pub const fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        source_port: u16,
        destination_port: u16,
        protocol: Protocol,
    ) -> Self {
        let ports = source_port as u32 | (destination_port as u32) << 16;
        Self([source.to_bits(), destination.to_bits(), ports, protocol.0 as u32])
    }

    /// The source address.
    pub const fn source(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0[0])
    }

    /// The destination address.
    pub const fn destination(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0[1])
    }

    /// The source port.
    pub const fn source_port(self) -> u16 {
        self.0[2] as u16
    }

    /// The destination port.
    pub const fn destination_port(self) -> u16 {
        (self.0[2] >> 16) as u16
    }

    /// The IP protocol.
    pub const fn protocol(self) -> Protocol {
        Protocol(self.0[3] as u8)
    }
}

/// An IPv4 prefix; bits behind its length are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    first: u32,
    length: u8,
}

impl Prefix {
    /// Every address.
    pub const ANY: Self = Self { first: 0, length: 0 };

    /// The prefix of this length that holds the address; `None` over 32.
    pub const fn new(address: Ipv4Addr, length: u8) -> Option<Self> {
        if length > 32 {
            return None;
        }
        let prefix = Self { first: 0, length };
        Some(Self { first: address.to_bits() & prefix.mask(), length })
    }

    /// The lowest address.
    pub const fn first(self) -> u32 {
        self.first
    }

    /// The highest address.
    pub const fn last(self) -> u32 {
        self.first | !self.mask()
    }

    /// Bits that all its addresses share.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Ones where its addresses agree.
    pub const fn mask(self) -> u32 {
        if self.length == 0 { 0 } else { u32::MAX << (32 - self.length) }
    }

    /// Whether the address lies inside.
    pub const fn contains(self, address: u32) -> bool {
        address & self.mask() == self.first
    }
}

/// One rule of a five-tuple list; its place in the list is its priority, first match wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FiveTupleRule {
    /// Where it must come from.
    pub source: Prefix,
    /// Where it must go.
    pub destination: Prefix,
    /// Source ports.
    pub source_ports: PortRange,
    /// Destination ports.
    pub destination_ports: PortRange,
    /// Protocol; `None` is any.
    pub protocol: Option<Protocol>,
}

impl FiveTupleRule {
    /// Whether a header matches.
    pub fn matches(&self, header: FiveTuple) -> bool {
        self.source.contains(header.0[0])
            && self.destination.contains(header.0[1])
            && self.source_ports.contains(header.source_port())
            && self.destination_ports.contains(header.destination_port())
            && self.protocol.is_none_or(|protocol| protocol == header.protocol())
    }
}

/// The reference: the index of the first rule that matches, or [`NO_MATCH`].
pub fn first_match(rules: &[FiveTupleRule], header: FiveTuple) -> u32 {
    (0..).zip(rules).find(|(_, rule)| rule.matches(header)).map_or(NO_MATCH, |(index, _)| index)
}
