//! The address classes of a policy: elementary intervals of all remotes, cut once for all tables.

use std::net::IpAddr;

use crate::compile::search::SearchTree;
use crate::packet::{AddressRange, AddressSet, Family};

/// Every address has a class: the piece between two neighbouring edges of remotes. IPv4 pieces come first.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// First addresses of the IPv4 pieces; the first is zero.
    v4: Vec<u32>,
    /// First addresses of the IPv6 pieces; the first is zero.
    v6: Vec<u128>,
    /// `v4` for many lookups at once.
    tree: SearchTree,
}

impl Addresses {
    /// The pieces that these sets cut both families into.
    pub(super) fn new<'s>(remotes: impl Iterator<Item = &'s AddressSet>) -> Self {
        let (mut v4, mut v6) = (vec![0u32], vec![0u128]);
        for range in remotes.flat_map(AddressSet::ranges) {
            match *range {
                AddressRange::V4(first, last) => {
                    v4.push(first.to_bits());
                    v4.extend(last.to_bits().checked_add(1));
                }
                AddressRange::V6(first, last) => {
                    v6.push(first.to_bits());
                    v6.extend(last.to_bits().checked_add(1));
                }
            }
        }
        v4.sort_unstable();
        v4.dedup();
        v6.sort_unstable();
        v6.dedup();
        let intervals: Vec<_> = v4.iter().copied().zip(0..).collect();
        Self { tree: SearchTree::new(&intervals), v4, v6 }
    }

    /// How many classes there are.
    pub(super) const fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// How many of them are IPv4.
    pub(super) const fn v4_len(&self) -> usize {
        self.v4.len()
    }

    /// First numbers of the pieces of a family, and the class of the first.
    pub(super) fn pieces(&self, family: Family) -> (Vec<u128>, usize) {
        match family {
            Family::V4 => (self.v4.iter().map(|&first| u128::from(first)).collect(), 0),
            Family::V6 => (self.v6.clone(), self.v4.len()),
        }
    }

    /// The class of an address.
    pub(super) fn class(&self, address: IpAddr) -> usize {
        match address {
            IpAddr::V4(a) => self.v4.partition_point(|&first| first <= a.to_bits()) - 1,
            IpAddr::V6(a) => self.v4.len() + self.v6.partition_point(|&first| first <= a.to_bits()) - 1,
        }
    }

    /// First addresses of the IPv4 pieces.
    pub(super) fn edges_v4(&self) -> &[u32] {
        &self.v4
    }

    /// IPv4 address to class.
    pub(super) const fn tree(&self) -> &SearchTree {
        &self.tree
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.v4) + size_of_val(&*self.v6) + self.tree.bytes()
    }
}
