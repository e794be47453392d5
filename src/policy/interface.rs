//! Interfaces, and which of them an address belongs to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::packet::AddressRange;

use super::{GroupId, Origin};

/// The index of an interface in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u32);

/// A network attachment point that groups are bound to: a NIC, an ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// Networks routed to it: pod ranges.
    pub behind: Vec<IpNet>,
    /// The groups bound to it, in order.
    pub groups: Vec<GroupId>,
    /// Where it was written.
    pub origin: Origin,
}

/// A network behind an interface.
pub type Behind = (IpNet, InterfaceId);

/// Two interfaces own the same address or the same network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} belongs to two interfaces")]
pub struct OverlapError {
    /// The address or network.
    pub what: String,
    /// The interface that had it first.
    pub first: InterfaceId,
    /// The other one.
    pub second: InterfaceId,
}

/// Tells which interface an address belongs to.
///
/// "An address belongs to the interface whose `addresses` hold it, else to the interface with the longest matching
/// `behind` network, else it is outside."
#[derive(Debug, Clone, Default)]
pub struct Owners {
    /// By family, the starts of intervals that belong to one interface or to none, ascending; the first is 0.
    v4: Vec<(u32, Option<InterfaceId>)>,
    v6: Vec<(u128, Option<InterfaceId>)>,
}

/// What an interface claims: the lengths of all prefixes of an address are its own, the longest.
type Claims = BTreeMap<IpNet, InterfaceId>;

impl Owners {
    /// Makes the table of these interfaces; all overlaps are told, and of each the first interface keeps what
    /// both claim.
    pub fn new(interfaces: &[Interface]) -> (Self, Vec<OverlapError>) {
        let (mut own, mut behind) = (Claims::new(), Claims::new());
        let mut overlaps = Vec::new();
        let mut claim = |claims: &mut Claims, net: IpNet, id, what: String| match claims.get(&net) {
            Some(&first) if first != id => overlaps.push(OverlapError { what, first, second: id }),
            Some(_) => {}
            None => {
                claims.insert(net, id);
            }
        };
        for (index, interface) in (0..).zip(interfaces) {
            let id = InterfaceId(index);
            for &address in &interface.addresses {
                claim(&mut own, IpNet::from(address), id, address.to_string());
            }
            for net in &interface.behind {
                claim(&mut behind, net.trunc(), id, net.to_string());
            }
        }
        // An own address wins over any network behind, one of full length too.
        behind.extend(own);
        (Self::of_claims(&behind), overlaps)
    }

    fn of_claims(claims: &Claims) -> Self {
        let mut owners = Self { v4: vec![(0, None)], v6: vec![(0, None)] };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, &id) in claims {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits(), id)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), id)),
            }
        }
        // Shorter prefixes first, so that longer ones cut into them.
        v4.sort_by_key(|&(first, last, _)| std::cmp::Reverse(last - first));
        v6.sort_by_key(|&(first, last, _)| std::cmp::Reverse(last - first));
        let mut starts4 = BTreeMap::from([(0_u32, None)]);
        for (first, last, id) in v4 {
            cut(&mut starts4, first, last.checked_add(1), id);
        }
        let mut starts6 = BTreeMap::from([(0_u128, None)]);
        for (first, last, id) in v6 {
            cut(&mut starts6, first, last.checked_add(1), id);
        }
        owners.v4 = starts4.into_iter().collect();
        owners.v6 = starts6.into_iter().collect();
        owners
    }

    /// The first addresses of the IPv4 intervals that belong to one interface or to none, ascending; the first is 0.
    pub fn edges_v4(&self) -> impl Iterator<Item = u32> {
        self.v4.iter().map(|&(start, _)| start)
    }

    /// Every address that belongs to an interface, as ranges with their interface, ascending; IPv4 before IPv6.
    pub fn ranges(&self) -> impl Iterator<Item = (AddressRange, InterfaceId)> {
        let v4 = self.v4.iter().enumerate().filter_map(|(at, &(first, id))| {
            let last = self.v4.get(at + 1).map_or(u32::MAX, |&(next, _)| next - 1);
            Some((AddressRange::V4(Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last)), id?))
        });
        let v6 = self.v6.iter().enumerate().filter_map(|(at, &(first, id))| {
            let last = self.v6.get(at + 1).map_or(u128::MAX, |&(next, _)| next - 1);
            Some((AddressRange::V6(Ipv6Addr::from_bits(first), Ipv6Addr::from_bits(last)), id?))
        });
        v4.chain(v6)
    }

    /// The interface that the address belongs to; `None` is outside.
    pub fn of(&self, address: IpAddr) -> Option<InterfaceId> {
        match address {
            IpAddr::V4(address) => at(&self.v4, address.to_bits()),
            IpAddr::V6(address) => at(&self.v6, address.to_bits()),
        }
    }
}

/// Gives an interval to an interface; CIDRs nest, so all that is cut away belonged to one other.
fn cut<T: Ord + Copy>(
    starts: &mut BTreeMap<T, Option<InterfaceId>>,
    first: T,
    behind: Option<T>,
    id: InterfaceId,
) {
    let before = starts.range(..=first).next_back().and_then(|(_, &id)| id);
    starts.insert(first, Some(id));
    if let Some(behind) = behind {
        starts.entry(behind).or_insert(before);
    }
}

fn at<T: Ord + Copy>(starts: &[(T, Option<InterfaceId>)], address: T) -> Option<InterfaceId> {
    let behind = starts.partition_point(|&(start, _)| start <= address);
    starts.get(behind.checked_sub(1)?)?.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, addresses: &[&str], behind: &[&str]) -> Interface {
        Interface {
            name: name.into(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            behind: behind.iter().map(|n| n.parse().unwrap()).collect(),
            groups: vec![],
            origin: Origin { file: "test".into(), line: 1, span: 0..0, place: None },
        }
    }

    #[test]
    fn own_address_first_then_longest_network_else_outside() {
        let (owners, overlaps) = Owners::new(&[
            interface("a", &["192.168.0.21"], &["10.0.0.0/16", "fd00::/64"]),
            interface("b", &["192.168.0.22", "10.0.1.7"], &["10.0.1.0/24"]),
        ]);
        assert_eq!(overlaps, []);
        let owner = |a: &str| owners.of(a.parse().unwrap()).map(|id| id.0);
        assert_eq!(owner("192.168.0.21"), Some(0));
        assert_eq!(owner("10.0.2.1"), Some(0));
        assert_eq!(owner("10.0.1.200"), Some(1), "the longest network wins");
        assert_eq!(owner("10.0.1.7"), Some(1));
        assert_eq!(owner("fd00::5"), Some(0));
        assert_eq!(owner("8.8.8.8"), None);
    }

    #[test]
    fn overlaps_between_interfaces_are_told() {
        let (_, overlaps) = Owners::new(&[
            interface("a", &["10.0.0.1", "10.0.0.1"], &["10.1.0.0/16"]),
            interface("b", &["10.0.0.1"], &["10.1.0.0/16"]),
        ]);
        assert_eq!(overlaps.iter().map(|o| o.what.as_str()).collect::<Vec<_>>(), ["10.0.0.1", "10.1.0.0/16"]);
    }
}
