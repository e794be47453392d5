//! How many connections are kept: those seen longest ago are counted and let go when there are too many.
//!
//! Looked at only at certain places of the timeline, so that it depends on no batch and no thread.

use rayon::prelude::*;

use crate::compile::Matcher;
use crate::policy::Policy;

use super::batch::Batch;
use super::context::Outer;
use super::shard::{Pair, Shard};
use super::{Replay, Tally};

/// How many connections are kept, and when that is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// The most that stay.
    pub most: usize,
    /// Packets between two looks.
    pub interval: u64,
    /// The sequence from which on the next frame comes after a look.
    pub next: u64,
}

impl Kept {
    /// Looks more often where few are kept; but each look cuts batches, and so costs something.
    pub(super) const fn new(most: usize) -> Self {
        let interval = match most as u64 / 4 {
            ..256 => 256,
            quarter @ 256..0x10_0000 => quarter,
            _ => 0x10_0000,
        };
        Self { most, interval, next: interval }
    }

    /// Whether there is a look before the frame of this sequence; moves on to the next.
    pub(super) const fn is_due(&mut self, sequence: u64) -> bool {
        if sequence < self.next {
            return false;
        }
        self.next = (sequence / self.interval + 1) * self.interval;
        true
    }

    /// How many stay when there are too many: then it takes a while until there are again.
    pub(super) const fn remaining(&self) -> usize {
        self.most - self.most / 4
    }
}

/// Connections that were let go, in the only form in which they are still known.
#[derive(Debug)]
pub(super) struct LetGo {
    /// How many.
    pub connections: usize,
    pub tally: Tally,
    /// Ascending.
    pub outside: Vec<Pair>,
    /// Pairs of hosts that are no longer told of.
    pub pairs: u64,
}

impl LetGo {
    pub(super) fn new(policy: &Policy) -> Self {
        Self { connections: 0, tally: Tally::new(policy), outside: vec![], pairs: 0 }
    }

    /// Lets go of the pairs of hosts with the fewest packets, if there are too many.
    fn limit_pairs(&mut self, kept: Kept) {
        if self.outside.len() <= kept.most {
            return;
        }
        let remaining = kept.remaining();
        self.pairs += (self.outside.len() - remaining) as u64;
        let order = |(pair, count): &Pair| (std::cmp::Reverse(count.volume.packets), *pair);
        self.outside.select_nth_unstable_by_key(remaining, order);
        self.outside.truncate(remaining);
        self.outside.sort_unstable_by_key(|(pair, _)| *pair);
    }
}

impl<M: Matcher> Replay<'_, M> {
    /// The most connections that are kept unless told otherwise: less than a GiB of them.
    pub const MOST_CONNECTIONS: u32 = 1 << 22;

    /// Keeps so many connections at most, and those of some packets more: a quarter as many packets, but at least 256 and at most
    /// 1,048,576.
    ///
    /// Where there are more, those that were seen longest ago are let go until three quarters of it are left. They stay in
    /// all counts of the [`Tally`], but are told of no more, and a later packet of one is judged as if it were the first.
    #[must_use]
    pub const fn keeping(mut self, most: usize) -> Self {
        self.kept = Kept::new(if most == 0 { 1 } else { most });
        self
    }

    /// Keeps all connections, whatever memory they need; a shard has room for 2^31 of each address family.
    #[must_use]
    pub const fn keeping_all(self) -> Self {
        self.keeping(usize::MAX)
    }

    /// Keeps so many connections at most, and looks at it after so many packets.
    #[cfg(test)]
    pub(super) const fn keeping_within(mut self, (most, interval): (usize, u64)) -> Self {
        self.kept = Kept { most, interval, next: interval };
        self
    }

    /// The places in each batch before which it is looked at; moves on to the next look.
    pub(super) fn looks(&mut self, batches: &[Batch]) -> Vec<Vec<u32>> {
        let mut first = self.sequence;
        let looks = |batch: &Batch| {
            let mut places = vec![];
            let end = first + u64::from(batch.count);
            while self.kept.next < end {
                // Not between a frame and what it carries.
                let from = u32::try_from(self.kept.next.saturating_sub(first)).unwrap_or(u32::MAX);
                let Some(place) = batch.frame_from(from) else { break };
                self.kept.is_due(first + u64::from(place));
                places.push(place);
            }
            first = end;
            places
        };
        batches.iter().map(looks).collect()
    }

    /// Whether these batches may make more connections than are kept.
    pub(super) fn may_exceed(&self, batches: &[Batch]) -> bool {
        let packets: usize = batches.iter().map(|batch| batch.count as usize).sum();
        let waiting: usize = self.shards.iter().map(|shard| shard.fragments.len()).sum();
        self.order.len() + packets + waiting > self.kept.most
    }

    /// Lets go of the connections that were seen longest ago, if there are too many.
    pub(super) fn look(&mut self) {
        if self.order.len() <= self.kept.most {
            return;
        }
        self.tell_numbers();
        let mut ages: Vec<_> = self.shards.iter().flat_map(Shard::ages).collect();
        let leaving = ages.len() - self.kept.remaining();
        let (_, &mut oldest_left, _) = ages.select_nth_unstable(leaving);
        drop(ages);
        self.number_carriers();
        let policy = self.context.policy;
        let gone = self.shards.par_iter_mut().map(|shard| shard.let_go(oldest_left, policy));
        let gone: Vec<_> = gone.collect();
        self.order.retain_mut(|place| {
            let local = gone[place.shard()].moved(place.local());
            local.map(|local| *place = place.at(local)).is_some()
        });
        for part in gone {
            self.let_go.tally.merge(&part.tally);
            self.let_go.tally.tunnels.inside.connections += part.tally.tunnels.inside.connections;
            self.let_go.outside.extend(part.outside);
        }
        self.let_go.connections += self.numbered - self.order.len();
        self.numbered = self.order.len();
        merge_pairs(&mut self.let_go.outside);
        self.let_go.limit_pairs(self.kept);
    }

    /// Replaces what names the connections that carried others by their numbers, which stay when they are gone.
    fn number_carriers(&mut self) {
        for at in 0..self.shards.len() {
            let mut shard = std::mem::take(&mut self.shards[at]);
            for outer in shard.carriers_mut() {
                *outer = Outer::Numbered(self.number_of(*outer));
            }
            self.shards[at] = shard;
        }
    }
}

/// Adds up what stands there for the same pair of hosts, and sorts it by pair.
pub(super) fn merge_pairs(outside: &mut Vec<Pair>) {
    // In place: sums do not depend on the order.
    outside.sort_unstable_by_key(|(pair, _)| *pair);
    outside.dedup_by(|(pair, count), (known, total)| {
        let same = pair == known;
        if same {
            total.merge(*count);
        }
        same
    });
}
