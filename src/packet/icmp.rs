//! ICMP and `ICMPv6` messages: names, and which of them ask, answer or report an error.

use std::fmt;

use super::{AddressPair, Family, Protocol};

/// An ICMP or `ICMPv6` message, as far as rules and state need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of an echo (or timestamp, information, address mask) request or reply.
    pub identifier: u16,
    /// The packet that an error message quotes.
    pub quoted: Quoted,
}

/// The packet quoted by an ICMP error: enough to find its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoted {
    /// Not an error message, or one that quotes too little to tell (RFC 792 asks for eight bytes).
    None,
    /// The capture cut the quotation.
    Truncated,
    /// The quoted packet's addresses, protocol and ports (for ICMP echo: the identifier twice; zero for
    /// protocols without ports).
    Packet {
        /// Addresses of the quoted packet, in its own direction.
        addresses: AddressPair,
        /// Its protocol.
        protocol: Protocol,
        /// Its source and destination port.
        ports: (u16, u16),
        /// Type and code of a quoted ICMP or `ICMPv6` message, else zero.
        message: (u8, u8),
    },
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpRole {
    /// Asks; the reply carries the same identifier and this type.
    Request {
        /// Type of the reply.
        reply: u8,
    },
    /// Answers a request of this type.
    Reply {
        /// Type of the request.
        request: u8,
    },
    /// Reports an error about a packet that it quotes (redirects are not errors).
    Error,
    /// Neighbour discovery of IPv6 (RFC 4861, types 133 to 136): never leaves the link.
    NeighbourDiscovery,
    /// Everything else, redirects included.
    Other,
}

impl Icmp {
    /// What this message is for, in a packet of this family.
    pub const fn role(&self, family: Family) -> IcmpRole {
        role(family, self.kind)
    }
}

/// What messages of this type are for.
///
/// RFC 792 (echo, timestamp, information; errors 3, 4, 11, 12), RFC 950 (address mask), RFC 4443 (`ICMPv6` errors
/// 1 to 4, echo 128 and 129).
const fn role(family: Family, kind: u8) -> IcmpRole {
    match (family, kind) {
        (Family::V4, 8) => IcmpRole::Request { reply: 0 },
        (Family::V4, 0) => IcmpRole::Reply { request: 8 },
        (Family::V4, 13) => IcmpRole::Request { reply: 14 },
        (Family::V4, 14) => IcmpRole::Reply { request: 13 },
        (Family::V4, 15) => IcmpRole::Request { reply: 16 },
        (Family::V4, 16) => IcmpRole::Reply { request: 15 },
        (Family::V4, 17) => IcmpRole::Request { reply: 18 },
        (Family::V4, 18) => IcmpRole::Reply { request: 17 },
        (Family::V4, 3 | 4 | 11 | 12) | (Family::V6, 1..=4) => IcmpRole::Error,
        (Family::V6, 128) => IcmpRole::Request { reply: 129 },
        (Family::V6, 129) => IcmpRole::Reply { request: 128 },
        (Family::V6, 133..=136) => IcmpRole::NeighbourDiscovery,
        _ => IcmpRole::Other,
    }
}

/// The type of the request that a message of this type answers.
pub const fn request_of(family: Family, kind: u8) -> Option<u8> {
    match role(family, kind) {
        IcmpRole::Reply { request } => Some(request),
        _ => None,
    }
}

/// A type, and a code or any, as a rule names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcmpKind {
    /// Type.
    pub kind: u8,
    /// Code; `None` is any.
    pub code: Option<u8>,
}

/// Names of IPv4 messages; those with a code are the ones Huawei's console offers
/// (OTC appendix `icmp-port_range_relationship_table`), the others RFC 792's own.
const V4: &[(&str, u8, Option<u8>)] = &[
    ("echo-reply", 0, None),
    ("net-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-route-failed", 3, Some(5)),
    ("destination-unreachable", 3, None),
    ("source-quench", 4, None),
    ("net-redirect", 5, Some(0)),
    ("host-redirect", 5, Some(1)),
    ("net-tos-redirect", 5, Some(2)),
    ("host-tos-redirect", 5, Some(3)),
    ("redirect", 5, None),
    ("echo-request", 8, None),
    ("echo", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("ttl-exceeded", 11, Some(0)),
    ("reassembly-timeout", 11, Some(1)),
    ("time-exceeded", 11, None),
    ("parameter-problem", 12, None),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
    ("information-request", 15, None),
    ("information-reply", 16, None),
    ("address-mask-request", 17, None),
    ("address-mask-reply", 18, None),
];

/// Names of `ICMPv6` messages (RFC 4443, 2710, 3810, 4861).
const V6: &[(&str, u8, Option<u8>)] = &[
    ("no-route", 1, Some(0)),
    ("port-unreachable", 1, Some(4)),
    ("destination-unreachable", 1, None),
    ("packet-too-big", 2, None),
    ("ttl-exceeded", 3, Some(0)),
    ("time-exceeded", 3, None),
    ("parameter-problem", 4, None),
    ("echo-request", 128, None),
    ("echo", 128, None),
    ("echo-reply", 129, None),
    ("listener-query", 130, None),
    ("listener-report", 131, None),
    ("listener-done", 132, None),
    ("router-solicitation", 133, None),
    ("router-advertisement", 134, None),
    ("neighbour-solicitation", 135, None),
    ("neighbour-advertisement", 136, None),
    ("redirect", 137, None),
    ("listener-report-v2", 143, None),
];

const fn names(family: Family) -> &'static [(&'static str, u8, Option<u8>)] {
    match family {
        Family::V4 => V4,
        Family::V6 => V6,
    }
}

impl IcmpKind {
    /// The message of this name (`echo-request`, `fragmentation-needed`).
    pub fn from_name(family: Family, name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        names(family).iter().find(|(known, ..)| *known == lower).map(|&(_, kind, code)| Self { kind, code })
    }

    /// All names of a family, for messages and completion.
    pub fn known_names(family: Family) -> impl Iterator<Item = &'static str> {
        names(family).iter().map(|(name, ..)| *name)
    }

    /// Its name, where exactly this type and code have one.
    pub fn name(self, family: Family) -> Option<&'static str> {
        names(family)
            .iter()
            .find(|(_, kind, code)| (*kind, *code) == (self.kind, self.code))
            .map(|(name, ..)| *name)
    }

    /// Whether a message of this type and code is meant.
    pub fn contains(self, kind: u8, code: u8) -> bool {
        self.kind == kind && self.code.is_none_or(|wanted| wanted == code)
    }
}

impl fmt::Display for IcmpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{}/{code}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_console_have_their_numbers() {
        let named = |name| IcmpKind::from_name(Family::V4, name).map(|kind| kind.to_string());
        assert_eq!(named("echo-request").as_deref(), Some("8"));
        assert_eq!(named("Fragmentation-Needed").as_deref(), Some("3/4"));
        assert_eq!(named("host-tos-redirect").as_deref(), Some("5/3"));
        assert_eq!(named("nonsense"), None);
        assert_eq!(IcmpKind { kind: 129, code: None }.name(Family::V6), Some("echo-reply"));
    }

    #[test]
    fn a_reply_names_its_request_and_back() {
        for family in [Family::V4, Family::V6] {
            for kind in 0..=255 {
                if let IcmpRole::Request { reply } = role(family, kind) {
                    assert_eq!(role(family, reply), IcmpRole::Reply { request: kind });
                }
            }
        }
    }
}
