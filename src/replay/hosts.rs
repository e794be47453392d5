//! Which IPv4 hosts are judged alike.

use std::net::Ipv4Addr;

use crate::compile::Matcher;
use crate::policy::{InterfaceId, Owners};

/// Intervals of the IPv4 addresses within which neither the interface nor any rule's answer differs.
#[derive(Debug)]
pub(super) struct Hosts {
    /// First addresses, ascending from 0.
    edges: Vec<u32>,
    /// By the first eight bits of an address: how many edges lie before all such addresses.
    before: Box<[u32; 257]>,
    /// By interval.
    owners: Vec<Option<InterfaceId>>,
}

impl Hosts {
    /// The intervals of these interfaces and rules; `None` when the matcher does not tell its own.
    pub(super) fn new(owners: &Owners, matcher: &impl Matcher) -> Option<Self> {
        let mut edges: Vec<u32> = owners.edges_v4().chain(matcher.edges_v4()?.iter().copied()).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut before = Box::new([0; 257]);
        for (first, count) in (0_u64..).zip(before.iter_mut()) {
            let less = edges.partition_point(|&edge| u64::from(edge) < first << 24);
            *count = u32::try_from(less).ok()?;
        }
        let owner = |&edge: &u32| owners.of(Ipv4Addr::from_bits(edge).into());
        let owners = edges.iter().map(owner).collect();
        Some(Self { edges, before, owners })
    }

    /// The interface that an address belongs to.
    pub(super) fn owner(&self, address: Ipv4Addr) -> Option<InterfaceId> {
        // Classes count the edges up to an address: without any interface there may be none.
        let edge = self.class(address.to_bits()).checked_sub(1)?;
        *self.owners.get(edge as usize)?
    }

    /// The interval that an address lies in.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // All of them are counted in 32 bits.
    pub(super) fn class(&self, address: u32) -> u32 {
        let high = (address >> 24) as usize;
        let (first, behind) = (self.before[high], self.before[high + 1]);
        // Few edges have the same first bits: most often none or one.
        let here = &self.edges[first as usize..behind as usize];
        first + here.partition_point(|&edge| edge <= address) as u32
    }
}
