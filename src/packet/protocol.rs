//! IP protocol numbers and the names users write for them.

use std::fmt;
use std::str::FromStr;

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// IPv4 in IP.
    pub const IP_IN_IP: Self = Self(4);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// DCCP.
    pub const DCCP: Self = Self(33);
    /// IPv6 in IP.
    pub const IPV6: Self = Self(41);
    /// GRE.
    pub const GRE: Self = Self(47);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDPLITE: Self = Self(136);

    /// Whether its header starts with a source and a destination port.
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::DCCP | Self::SCTP | Self::UDPLITE)
    }

    /// The name users know it by; `None` when only its number is.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, number)| *number == self.0).map(|(name, _)| *name)
    }
}

/// Names with their numbers; the first name of a number is the one that is printed.
///
/// The `OpenStack` names are `neutron_lib/constants.py`'s; `ipip` is 4 there (and here), although iptables
/// resolves it to 94.
const NAMES: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6-encap", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ospf", 89),
    ("vrrp", 112),
    ("pgm", 113),
    ("sctp", 132),
    ("udplite", 136),
    ("hopopt", 0),
];

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// Why a protocol could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown protocol '{0}', expected a name such as tcp, udp, icmp, icmpv6, sctp, gre or a number from 0 to 255"
)]
pub struct ParseProtocolError(String);

impl FromStr for Protocol {
    type Err = ParseProtocolError;

    /// Reads a name (in any case) or a number from 0 to 255.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == lower) {
            return Ok(Self(*number));
        }
        if !lower.is_empty()
            && lower.bytes().all(|b| b.is_ascii_digit())
            && let Ok(number) = lower.parse()
        {
            return Ok(Self(number));
        }
        Err(ParseProtocolError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!("TCP".parse(), Ok(Protocol::TCP));
        assert_eq!("ipv6-icmp".parse(), Ok(Protocol::ICMPV6));
        assert_eq!("47".parse(), Ok(Protocol::GRE));
        assert_eq!(Protocol(254).to_string(), "254");
        assert_eq!(Protocol::ICMPV6.to_string(), "icmpv6");
        for wrong in ["", "256", "-1", "+6", "tpc", "6 "] {
            assert!(wrong.parse::<Protocol>().is_err(), "{wrong}");
        }
    }
}
