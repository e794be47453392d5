//! Words for people: counts, sizes, services, and names that must not break a line.

pub(super) use crate::diag::escape;
use crate::packet::{IcmpKind, Service};
use crate::policy::Direction;

/// `1 packet`, `2 packets`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `540 B`, `1.2 kB`, `3.4 GB`, in powers of ten.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let (mut whole, mut unit) = (u128::from(count), 0);
    // Tenths of the unit; rounded last, so that 999 950 is 1.0 MB and not 1000.0 kB.
    let tenths = |whole: u128, unit: usize| (whole * 10 + scale(unit) / 2) / scale(unit);
    while unit + 1 < UNITS.len() && tenths(whole, unit) >= 10_000 {
        unit += 1;
    }
    whole = tenths(whole, unit);
    format!("{}.{} {}", whole / 10, whole % 10, UNITS[unit])
}

/// Bytes in a unit.
const fn scale(unit: usize) -> u128 {
    let mut scale = 1000;
    let mut i = 0;
    while i < unit {
        scale *= 1000;
        i += 1;
    }
    scale
}

/// `tcp 10250 kubelet`, `icmp echo-request`, `icmp 8/5`, `gre`.
pub(super) fn service(service: Service) -> String {
    if let Service::Icmp { family, kind, code } = service {
        let name = |code| IcmpKind { kind, code }.name(family);
        // The name of a type alone says nothing of its code, unless that is zero.
        let name = name(Some(code)).or_else(|| name(None).filter(|_| code == 0));
        return name.map_or_else(|| service.to_string(), |name| format!("{} {name}", service.protocol()));
    }
    let name = service.name().map(|name| format!(" {name}"));
    format!("{service}{}", name.unwrap_or_default())
}

/// `node-1 ingress`.
pub(super) fn step(interface: &str, direction: Direction) -> String {
    format!("{interface} {direction}")
}

/// Tunnels, outermost first: `vxlan 7, gre`.
pub(super) struct Tunnels(pub crate::packet::Domain);

impl std::fmt::Display for Tunnels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, tunnel) in self.0.tunnels().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{tunnel}")?;
        }
        Ok(())
    }
}

/// VLAN identifiers, outermost first: `100 5`.
pub(super) struct Vlans(pub crate::packet::Domain);

impl std::fmt::Display for Vlans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, vlan) in self.0.vlans().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{vlan}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_into_their_unit() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_249, "1.2 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn services_keep_what_their_name_does_not_tell() {
        use crate::packet::{Family, Protocol};
        let icmp = |kind, code| service(Service::Icmp { family: Family::V4, kind, code });
        assert_eq!(icmp(8, 0), "icmp echo-request");
        assert_eq!(icmp(8, 5), "icmp 8/5");
        assert_eq!(icmp(3, 4), "icmp fragmentation-needed");
        assert_eq!(service(Service::Port(Protocol::TCP, 10250)), "tcp 10250 kubelet");
        assert_eq!(service(Service::Port(Protocol::TCP, 1)), "tcp 1");
    }
}
