//! Addresses: pairs, ranges and sets of them, each of one family or sorted by it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// IPv4 or IPv6; a rule's ethertype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        })
    }
}

/// Source and destination of one packet: always of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressPair {
    /// IPv4.
    V4 {
        /// Source.
        source: Ipv4Addr,
        /// Destination.
        destination: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Source.
        source: Ipv6Addr,
        /// Destination.
        destination: Ipv6Addr,
    },
}

impl AddressPair {
    /// The pair of these addresses; `None` when their families differ.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4 { source, destination }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6 { source, destination }),
            _ => None,
        }
    }

    /// The source.
    pub const fn source(self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(source),
            Self::V6 { source, .. } => IpAddr::V6(source),
        }
    }

    /// The destination.
    pub const fn destination(self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(destination),
            Self::V6 { destination, .. } => IpAddr::V6(destination),
        }
    }

    /// The family of both.
    pub const fn family(self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// The same pair seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::V4 { source, destination } => Self::V4 { source: destination, destination: source },
            Self::V6 { source, destination } => Self::V6 { source: destination, destination: source },
        }
    }
}

/// An inclusive range of addresses of one family, never empty. A CIDR is a range too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressRange {
    /// IPv4.
    V4(Ipv4Addr, Ipv4Addr),
    /// IPv6.
    V6(Ipv6Addr, Ipv6Addr),
}

impl AddressRange {
    /// Every IPv4 address.
    pub const ANY_V4: Self = Self::V4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    /// Every IPv6 address.
    pub const ANY_V6: Self = Self::V6(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from_bits(u128::MAX));

    /// The range of this one address.
    pub const fn single(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(a) => Self::V4(a, a),
            IpAddr::V6(a) => Self::V6(a, a),
        }
    }

    /// The family.
    pub const fn family(self) -> Family {
        match self {
            Self::V4(..) => Family::V4,
            Self::V6(..) => Family::V6,
        }
    }

    /// The lowest address.
    pub const fn first(self) -> IpAddr {
        match self {
            Self::V4(first, _) => IpAddr::V4(first),
            Self::V6(first, _) => IpAddr::V6(first),
        }
    }

    /// The highest address.
    pub const fn last(self) -> IpAddr {
        match self {
            Self::V4(_, last) => IpAddr::V4(last),
            Self::V6(_, last) => IpAddr::V6(last),
        }
    }

    /// Whether the address lies inside.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4(first, last), IpAddr::V4(a)) => first <= a && a <= last,
            (Self::V6(first, last), IpAddr::V6(a)) => first <= a && a <= last,
            _ => false,
        }
    }

    /// Whether the address is of the same family.
    pub const fn contains_family(self, address: IpAddr) -> bool {
        matches!((self, address), (Self::V4(..), IpAddr::V4(_)) | (Self::V6(..), IpAddr::V6(_)))
    }

    /// Whether the text this range was read from had bits set behind its prefix: `198.19.128.0/16`.
    pub fn host_bits_set(text: &str) -> bool {
        text.trim().parse::<IpNet>().is_ok_and(|net| net.addr() != net.network())
    }

    /// The CIDR that is exactly this range, if there is one.
    pub fn as_cidr(self) -> Option<IpNet> {
        let (first, last, width) = match self {
            Self::V4(first, last) => (u128::from(u32::from(first)), u128::from(u32::from(last)), 32),
            Self::V6(first, last) => (u128::from(first), u128::from(last), 128),
        };
        let host = first ^ last;
        let bits = 128 - host.leading_zeros();
        let mask = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
        (host == mask && first & mask == 0)
            .then(|| IpNet::new(self.first(), u8::try_from(width - bits).ok()?).ok())
            .flatten()
    }
}

impl fmt::Display for AddressRange {
    /// Writes an address, a CIDR or `first-last`, whichever is shortest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first() == self.last() {
            return f.pad(&self.first().to_string());
        }
        match self.as_cidr() {
            Some(cidr) => f.pad(&cidr.to_string()),
            None => f.pad(&format!("{}-{}", self.first(), self.last())),
        }
    }
}

/// Why an address, CIDR or range could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// Not an address at all.
    #[error("'{0}' is not an IPv4 or IPv6 address, CIDR or range")]
    NotAnAddress(String),
    /// The part behind `/` is not a number.
    #[error("'{0}' is not a prefix length")]
    NotAPrefix(String),
    /// The prefix is longer than the family has bits.
    #[error("prefix length {prefix} is over {most} for {family}")]
    PrefixTooLong {
        /// What was written.
        prefix: String,
        /// What is possible: 32 or 128.
        most: u8,
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// Last before first.
    #[error("address range {0}-{1} is backwards")]
    Backwards(IpAddr, IpAddr),
    /// One end IPv4, the other IPv6.
    #[error("address range {0}-{1} mixes IPv4 and IPv6")]
    MixedFamilies(IpAddr, IpAddr),
}

fn address(text: &str) -> Result<IpAddr, ParseAddressError> {
    text.parse().map_err(|_| ParseAddressError::NotAnAddress(text.to_owned()))
}

impl FromStr for AddressRange {
    type Err = ParseAddressError;

    /// Reads an address, a CIDR (host bits are masked away) or a range `a-b`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some((base, prefix)) = text.split_once('/') {
            let base = address(base)?;
            let (most, family) = if base.is_ipv4() { (32, "IPv4") } else { (128, "IPv6") };
            if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
                return Err(ParseAddressError::NotAPrefix(prefix.to_owned()));
            }
            let net = prefix.parse().ok().and_then(|length: u8| IpNet::new(base, length).ok());
            let net =
                net.ok_or(ParseAddressError::PrefixTooLong { prefix: prefix.to_owned(), most, family })?;
            return Ok(net.into());
        }
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self::single(address(text)?));
        };
        let (first, last) = (address(first.trim())?, address(last.trim())?);
        match (first, last) {
            _ if first.is_ipv4() != last.is_ipv4() => Err(ParseAddressError::MixedFamilies(first, last)),
            _ if last < first => Err(ParseAddressError::Backwards(first, last)),
            (IpAddr::V4(a), IpAddr::V4(b)) => Ok(Self::V4(a, b)),
            (IpAddr::V6(a), IpAddr::V6(b)) => Ok(Self::V6(a, b)),
            _ => Err(ParseAddressError::MixedFamilies(first, last)),
        }
    }
}

impl From<IpNet> for AddressRange {
    fn from(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => Self::V4(net.network(), net.broadcast()),
            IpNet::V6(net) => Self::V6(net.network(), net.broadcast()),
        }
    }
}

/// A set of addresses as sorted ranges that neither touch nor overlap; IPv4 before IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressSet(Vec<AddressRange>);

impl AddressSet {
    /// Every address of both families.
    pub fn any() -> Self {
        Self(vec![AddressRange::ANY_V4, AddressRange::ANY_V6])
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[AddressRange] {
        &self.0
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        let after = self.0.partition_point(|range| range.first() <= address);
        after > 0 && self.0[after - 1].contains(address)
    }
}

impl FromIterator<AddressRange> for AddressSet {
    fn from_iter<I: IntoIterator<Item = AddressRange>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<AddressRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match (merged.last_mut(), range) {
                (Some(AddressRange::V4(_, last)), AddressRange::V4(first, end))
                    if u64::from(first.to_bits()) <= u64::from(last.to_bits()) + 1 =>
                {
                    *last = end.max(*last);
                }
                (Some(AddressRange::V6(_, last)), AddressRange::V6(first, end))
                    if first <= *last || first.to_bits() - 1 == last.to_bits() =>
                {
                    *last = end.max(*last);
                }
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::any() {
            return f.write_str("any");
        }
        for (i, range) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn text_round_trips_in_its_shortest_form() {
        for text in [
            "10.0.0.1",
            "10.0.0.0/8",
            "10.0.0.1-10.0.0.6",
            "0.0.0.0/0",
            "::/0",
            "fd00::/64",
            "::1",
            "fd00::1-fd00::9",
        ] {
            assert_eq!(range(text).to_string(), text);
        }
        assert_eq!(range("10.0.0.0-10.0.0.255").to_string(), "10.0.0.0/24");
        assert_eq!(range("198.19.128.0/16").to_string(), "198.19.0.0/16");
        assert!(
            AddressRange::host_bits_set("198.19.128.0/16") && !AddressRange::host_bits_set("198.19.0.0/16")
        );
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        let message = |text: &str| text.parse::<AddressRange>().unwrap_err().to_string();
        assert_eq!(message("10.0.0.0/33"), "prefix length 33 is over 32 for IPv4");
        assert_eq!(message("fd00::/999"), "prefix length 999 is over 128 for IPv6");
        assert_eq!(message("10.0.0.0/a"), "'a' is not a prefix length");
        assert_eq!(message("10.0.0.9-10.0.0.1"), "address range 10.0.0.9-10.0.0.1 is backwards");
        assert_eq!(message("10.0.0.9-::1"), "address range 10.0.0.9-::1 mixes IPv4 and IPv6");
        assert_eq!(message("10.0.0"), "'10.0.0' is not an IPv4 or IPv6 address, CIDR or range");
    }

    #[test]
    fn sets_merge_what_touches() {
        let set: AddressSet =
            ["10.0.0.128/25", "::1", "10.0.0.0/25", "255.255.255.255", "::2-::5", "10.0.0.7"]
                .map(range)
                .into_iter()
                .collect();
        assert_eq!(set.to_string(), "10.0.0.0/24, 255.255.255.255, ::1-::5");
        assert!(set.contains("10.0.0.255".parse().unwrap()) && !set.contains("10.0.1.0".parse().unwrap()));
        assert!(!set.contains("::6".parse().unwrap()) && !set.contains("0.0.0.1".parse().unwrap()));
        assert_eq!(AddressSet::any().to_string(), "any");
        assert!(AddressSet::any().contains(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX))));
    }
}
