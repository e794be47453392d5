//! Interfaces, and which of them an address belongs to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::packet::Family;

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
    own: BTreeMap<IpAddr, InterfaceId>,
    /// By family, then longest prefix first, so that the first hit is the longest; each level is one map.
    behind: [Vec<(u8, BTreeMap<IpAddr, InterfaceId>)>; 2],
}

const fn family_index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

impl Owners {
    /// Makes the table of these interfaces; all overlaps are told, and of each the first interface keeps what
    /// both claim.
    pub fn new(interfaces: &[Interface]) -> (Self, Vec<OverlapError>) {
        let mut owners = Self::default();
        let mut overlaps = Vec::new();
        for (index, interface) in (0..).zip(interfaces) {
            let id = InterfaceId(index);
            let mut claim = |taken: Option<&InterfaceId>, what: String| match taken {
                Some(&first) => {
                    if first != id {
                        overlaps.push(OverlapError { what, first, second: id });
                    }
                    false
                }
                None => true,
            };
            for &address in &interface.addresses {
                if claim(owners.own.get(&address), address.to_string()) {
                    owners.own.insert(address, id);
                }
            }
            for net in &interface.behind {
                let levels = &mut owners.behind[family_index(Family::of(net.addr()))];
                let at = levels.partition_point(|(length, _)| *length > net.prefix_len());
                if levels.get(at).is_none_or(|(length, _)| *length != net.prefix_len()) {
                    levels.insert(at, (net.prefix_len(), BTreeMap::new()));
                }
                let level = &mut levels[at].1;
                if claim(level.get(&net.network()), net.to_string()) {
                    level.insert(net.network(), id);
                }
            }
        }
        (owners, overlaps)
    }

    /// The interface that the address belongs to; `None` is outside.
    pub fn of(&self, address: IpAddr) -> Option<InterfaceId> {
        if let Some(&id) = self.own.get(&address) {
            return Some(id);
        }
        self.behind[family_index(Family::of(address))].iter().find_map(|(length, level)| {
            let network = IpNet::new(address, *length).ok()?.network();
            level.get(&network).copied()
        })
    }
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
            origin: Origin { file: "test".into(), line: 1, span: 0..0 },
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
