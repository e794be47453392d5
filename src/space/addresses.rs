//! Sets of addresses of one family as lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::packet::{AddressRange, AddressSet, Family};

use super::line::Line;

/// The addresses of this family.
pub(super) fn line(set: &AddressSet, family: Family) -> Line {
    set.ranges().iter().filter(|range| range.family() == family).map(|&range| interval(range)).collect()
}

/// The first and the last number of a range.
pub(super) fn interval(range: AddressRange) -> (u128, u128) {
    (number(range.first()), number(range.last()))
}

pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

pub(crate) fn at(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
    }
}

/// The same set in the form that the rest of the program uses.
pub(super) fn set(family: Family, line: &Line) -> AddressSet {
    let range = |&(first, last): &(u128, u128)| match (at(family, first), at(family, last)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => AddressRange::V4(first, last),
        (IpAddr::V6(first), IpAddr::V6(last)) => AddressRange::V6(first, last),
        _ => unreachable!("both ends are of one family"),
    };
    line.intervals().iter().map(range).collect()
}

/// What is left of a set without some addresses.
pub fn without(all: &AddressSet, taken: &AddressSet) -> AddressSet {
    let left = |family| set(family, &line(all, family).difference(&line(taken, family)));
    let (v4, v6) = (left(Family::V4), left(Family::V6));
    v4.ranges().iter().chain(v6.ranges()).copied().collect()
}

/// Addresses that anyone takes for an outsider's: of the networks for documentation (RFC 5737, RFC 3849).
const OUTSIDE: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)),
];

/// An address of the set that reads well: an outsider's where one is in it, else the first that is not the number of a
/// network.
pub(super) fn usual(family: Family, line: &Line) -> Option<IpAddr> {
    let known = |address: &&IpAddr| Family::of(**address) == family && line.contains(number(**address));
    if let Some(&address) = OUTSIDE.iter().find(known) {
        return Some(address);
    }
    let &(first, last) = line.intervals().first()?;
    let is_network = first.is_multiple_of(256) && first < last;
    Some(at(family, if is_network { first + 1 } else { first }))
}
