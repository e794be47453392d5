//! Who has which address. Fixed, so that routes are laid once; scenarios differ in groups and rules.

use std::net::IpAddr;

/// An interface of every scenario.
#[derive(Debug)]
pub(crate) struct Station {
    /// Its name in the scenario.
    pub name: &'static str,
    /// Its own addresses.
    pub addresses: &'static [&'static str],
    /// Networks behind it.
    pub behind: &'static [&'static str],
    /// Addresses in those networks that belong to no other station, and its own: what its host sends from.
    pub speaks_as: &'static [&'static str],
}

/// The interfaces: one with a network inside that of another, and an own address inside one.
pub(crate) const STATIONS: [Station; 3] = [
    Station {
        name: "a",
        addresses: &["10.0.0.1", "10.0.0.2", "fd00::1"],
        behind: &["172.16.0.0/16", "10.9.0.0/24", "fd00:16::/32"],
        speaks_as: &["10.0.0.1", "10.0.0.2", "fd00::1", "172.16.1.9", "172.16.6.1", "10.9.0.8", "fd00:16::9"],
    },
    Station {
        name: "b",
        addresses: &["10.0.0.3", "10.9.0.7", "fd00::3"],
        behind: &["172.16.5.0/24", "fd00:16:5::/48"],
        speaks_as: &["10.0.0.3", "10.9.0.7", "fd00::3", "172.16.5.1", "172.16.5.200", "fd00:16:5::1"],
    },
    Station {
        name: "c",
        addresses: &["10.0.1.1", "fd00::4", "fd00::5"],
        behind: &["172.16.5.64/28"],
        speaks_as: &["10.0.1.1", "fd00::4", "fd00::5", "172.16.5.65", "172.16.5.79"],
    },
];

/// Addresses of nobody.
pub(crate) const OUTSIDE: &[&str] =
    &["203.0.113.1", "203.0.113.200", "198.51.100.7", "192.168.7.7", "2001:db8::1", "2001:db8:1::7"];

/// Remotes that rules name: around the addresses above.
pub(crate) const REMOTES: &[&str] = &[
    "10.0.0.0/24",
    "10.0.0.0/8",
    "10.0.0.2-10.0.0.3",
    "10.0.0.1",
    "10.0.1.1",
    "10.9.0.0/29",
    "172.16.0.0/16",
    "172.16.0.0/12",
    "172.16.5.0/24",
    "172.16.5.1-172.16.5.64",
    "172.16.5.65-172.16.6.1",
    "203.0.113.0/24",
    "203.0.113.200",
    "198.51.100.0-203.0.113.1",
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "::/0",
    "fd00::/64",
    "fd00::3-fd00::4",
    "fd00::/16",
    "fd00:16::/32",
    "fd00:16:5::/48",
    "2001:db8::/32",
    "2001:db8::1",
];

/// The first and the last address of a remote as [`REMOTES`] writes them. Not the product's reading.
pub(crate) fn bounds(text: &str) -> (IpAddr, IpAddr) {
    let parse = |text: &str| text.parse::<IpAddr>().unwrap_or_else(|_| panic!("{text} is no address"));
    if let Some((first, last)) = text.split_once('-') {
        return (parse(first), parse(last));
    }
    let Some((base, length)) = text.split_once('/') else { return (parse(text), parse(text)) };
    let length: u32 = length.parse().unwrap_or_else(|_| panic!("{text} has no prefix length"));
    match parse(base) {
        IpAddr::V4(base) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            (IpAddr::V4((base.to_bits() & !host).into()), IpAddr::V4((base.to_bits() | host).into()))
        }
        IpAddr::V6(base) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            (IpAddr::V6((base.to_bits() & !host).into()), IpAddr::V6((base.to_bits() | host).into()))
        }
    }
}

/// The station an address belongs to; `None` is outside. Own addresses first, then the longest network.
pub(crate) fn owner(address: IpAddr) -> Option<usize> {
    let own = |station: &Station| station.addresses.iter().any(|own| own.parse() == Ok(address));
    if let Some(at) = STATIONS.iter().position(own) {
        return Some(at);
    }
    let mut best: Option<(u32, usize)> = None;
    for (at, station) in STATIONS.iter().enumerate() {
        for net in station.behind {
            let (first, last) = bounds(net);
            let length = net.split_once('/').and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
            if first.is_ipv4() == address.is_ipv4()
                && first <= address
                && address <= last
                && best.is_none_or(|(longest, _)| length > longest)
            {
                best = Some((length, at));
            }
        }
    }
    best.map(|(_, at)| at)
}
