//! Batches to verdicts: all shards beside each other, and the little that has to be done one after the other.

use std::ops::ControlFlow;

use rayon::prelude::*;

use crate::compile::Matcher;
use crate::packet::{Layer, Timestamp};

use super::batch::Batch;
use super::connections::Place;
use super::context::Outer;
use super::kept::merge_pairs;
use super::numbers::Numbers;
use super::shard::{Forward, Placed, Shard};
use super::tally::KeptTally;
use super::tally::PairTally;
use super::{Judged, Replay, Tally, bare, route};

/// Takes judged frames, for as long as it wants more of them.
pub type Out<'a> = dyn FnMut(Judged) -> ControlFlow<()> + Send + 'a;

/// A packet without IP from the inside of a tunnel, and the connection that carried it.
type Bare = (Judged, Option<Outer>);

impl<M: Matcher> Replay<'_, M> {
    /// Judges the next batches of the timeline, in the threads of the current rayon pool: as many as the state [was split
    /// for](Self::split_for).
    ///
    /// `out` gets the judged frames, in order but for fragments that wait for the rest of their datagram; without it
    /// they are only counted. Batches that are not sorted [as this replay](Self::split) needs them are sorted anew.
    pub fn push_batches(&mut self, batches: &[Batch], mut out: Option<&mut Out<'_>>) -> ControlFlow<()> {
        if batches.iter().any(|batch| batch.split != self.split) {
            let batches: Vec<_> = batches.iter().map(|batch| batch.sorted_for(self.split)).collect();
            return self.push_batches(&batches, out);
        }
        let looks = self.looks(batches);
        if looks.iter().all(Vec::is_empty) || !self.may_exceed(batches) {
            if out.is_none() {
                return self.push_stretch(batches, None);
            }
            // A judged frame takes far more room than its packet: only those of one batch at a time.
            let mut one = |batch| self.push_stretch(std::slice::from_ref(batch), out.as_deref_mut());
            return batches.iter().try_for_each(&mut one);
        }
        for (batch, places) in batches.iter().zip(looks) {
            if places.is_empty() {
                self.push_stretch(std::slice::from_ref(batch), out.as_deref_mut())?;
                continue;
            }
            for (at, part) in batch.cut(&places, self.split).into_iter().enumerate() {
                if at > 0 {
                    self.look();
                }
                self.push_stretch(&[part], out.as_deref_mut())?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Judges batches within which no connection is let go.
    fn push_stretch(&mut self, batches: &[Batch], out: Option<&mut Out<'_>>) -> ControlFlow<()> {
        if batches.iter().any(|batch| batch.error_in_fragments) || self.hold_errors() {
            return self.push_one_by_one(batches, out);
        }
        let start = batches.iter().find_map(Batch::first_time);
        self.context.start = self.context.start.or(start);
        self.context.wanted = out.is_some();
        let placed = self.place(batches);
        let depth = batches.iter().map(Batch::depth).max().unwrap_or(1);
        self.grow(depth * self.split.layer());
        let mut bare = vec![];
        for layer in 0..self.shards.len() / self.split.layer() {
            if layer > 0 {
                self.take_carriers(layer - 1);
            }
            self.judge_bare_inside(layer, &placed, &mut bare);
            self.judge_layer(layer, &placed);
        }
        self.context.carriers.clear();
        self.number_all(&placed);
        for batch in batches {
            self.frames.merge(&batch.frames);
        }
        self.fragments = true;
        match out {
            Some(out) => {
                let outer = |outer: Option<_>| outer.map(|outer| self.number_of(outer));
                let numbered = |(judged, carrier)| Judged { outer: outer(carrier), ..judged };
                let bare = bare.into_iter().map(numbered).collect();
                self.hand_out(&placed, bare, out)
            }
            None => ControlFlow::Continue(()),
        }
    }

    /// Judges the packets of a layer: those as captured, or those inside of so many tunnels.
    fn judge_layer(&mut self, layer: usize, placed: &[Placed<'_>]) {
        let first = layer * self.split.layer();
        let context = &self.context;
        let shards = &mut self.shards[first..first + self.split.layer()];
        let (shards, messages) = shards.split_at_mut(self.split.shards());
        shards.par_iter_mut().enumerate().for_each(|(number, shard)| {
            for placed in placed {
                shard.batch(context, first + number, placed);
            }
        });
        // Messages about no known connection: from all shards into one.
        let mut forwards: Vec<Forward> =
            shards.iter_mut().flat_map(|shard| std::mem::take(&mut shard.forwards)).collect();
        forwards.extend(placed.iter().flat_map(|placed| placed.messages(context, layer)));
        forwards.sort_by_key(|forward| forward.moment);
        for messages in messages {
            for forward in &forwards {
                messages.forwarded(context, forward, &mut ());
            }
        }
    }

    /// Collects what a layer's packets of tunnels have come to, for what is inside.
    fn take_carriers(&mut self, layer: usize) {
        let first = layer * self.split.layer();
        let shards = &mut self.shards[first..first + self.split.layer()];
        self.context.carriers = shards.iter_mut().flat_map(|shard| shard.carriers.drain(..)).collect();
        self.context.carriers.par_sort_unstable_by_key(|(sequence, _)| *sequence);
    }

    /// Judges what a layer holds that is no IP.
    fn judge_bare_inside(&mut self, layer: usize, placed: &[Placed<'_>], judged: &mut Vec<Bare>) {
        for placed in placed {
            for frame in &placed.batch.bare_inside {
                let at = placed.at(&self.context, frame.place);
                if route::layer(at.nesting.within) != layer {
                    continue;
                }
                if let Some(found) = bare(at, frame.packet) {
                    self.frames.bare(found.judgement.reason, frame.packet.length);
                    judged.extend(self.context.wanted.then_some((found, at.nesting.carrier.connection)));
                }
            }
        }
    }

    /// Where each batch stands in the timeline; moves the timeline on.
    fn place<'a>(&mut self, batches: &'a [Batch]) -> Vec<Placed<'a>> {
        let mut placed = Vec::with_capacity(batches.len());
        for batch in batches {
            let (sequence, clock, frame) = (self.sequence, self.clock, self.frame + 1);
            placed.push(Placed { batch, sequence, clock, frame });
            self.frame += u64::from(batch.frames());
            self.sequence += u64::from(batch.count);
            self.clock = self.clock.max(batch.frames.all.last);
        }
        placed
    }

    fn hold_errors(&self) -> bool {
        self.fragments && self.shards.iter().any(|shard| shard.fragments.hold_error())
    }

    /// For the rare case that an ICMP error comes in fragments: which connection it is about shows only when it is whole,
    /// and then the state of another shard as it is at that frame is needed.
    fn push_one_by_one(&mut self, batches: &[Batch], mut out: Option<&mut Out<'_>>) -> ControlFlow<()> {
        for batch in batches {
            let first = self.frame + 1;
            for placed in batch.in_order() {
                let number = batch.number(first, placed.place);
                let nested = batch.nested(placed.place);
                let layer = Layer { packet: placed.packet, within: nested.within, carries: nested.carries };
                let mut more = ControlFlow::Continue(());
                self.push_layer(number, &layer, &mut (), &mut |judged| {
                    if let (Some(out), true) = (&mut out, more.is_continue()) {
                        more = out(judged);
                    }
                });
                more?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Numbers the new connections of all shards.
    fn number_all(&mut self, placed: &[Placed<'_>]) {
        let sequence = placed.first().map_or(self.sequence, |placed| placed.sequence);
        let mut numbers = Numbers::new(self.order.len(), sequence, self.sequence - sequence);
        for shard in &self.shards {
            shard.opened.iter().for_each(|opened| numbers.add(opened.moment));
        }
        let count = numbers.count();
        let known = self.order.len();
        self.order.resize(known + count, Place::default());
        let order = &mut self.order;
        for (at, shard) in self.shards.iter_mut().enumerate() {
            for opened in shard.opened.drain(..) {
                order[numbers.of(opened.moment) as usize] = Place::new(opened.verdict, at, opened.local);
            }
        }
        if self.context.wanted {
            self.tell_numbers();
            self.shards.par_iter_mut().for_each(Shard::number_judged);
        } else if self.shards.len() > self.split.layer() {
            // Connections in tunnels are reported with the number of the one that carried them.
            self.tell_numbers();
        }
    }

    /// Tells connections their numbers that do not know them yet.
    pub(super) fn tell_numbers(&mut self) {
        let known = self.numbered;
        for (at, place) in self.order[known..].iter().enumerate() {
            let number = u32::try_from(self.let_go.connections + known + at).unwrap_or(u32::MAX);
            self.shards[place.shard()].set_number(place.local(), number);
        }
        self.numbered = self.order.len();
    }

    /// Hands out what was judged, as it was settled: one frame after the other would come in the same order.
    fn hand_out(
        &mut self,
        placed: &[Placed<'_>],
        mut judged: Vec<Judged>,
        out: &mut Out<'_>,
    ) -> ControlFlow<()> {
        for shard in 0..self.shards.len() {
            self.number_outers(shard);
            // Their memory goes too: frames of few hosts come in bursts, each in another shard.
            judged.extend(std::mem::take(&mut self.shards[shard].judged));
        }
        let context = &self.context;
        for placed in placed {
            let bare = placed
                .batch
                .bare
                .iter()
                .filter_map(|frame| bare(placed.at(context, frame.place), frame.packet));
            judged.extend(bare);
        }
        let order = judged.iter().zip(0..).map(|(judged, at)| (judged.settled, judged.sequence, at));
        let mut order: Vec<(u64, u64, u32)> = order.collect();
        order.par_sort_unstable();
        order.into_iter().try_for_each(|(_, _, at)| out(judged[at as usize]))
    }

    /// The counts so far, of all that was judged.
    pub fn tally(&self) -> Tally {
        let policy = self.context.policy;
        let mut tally = Tally::new(policy);
        tally.add_frames(&self.frames);
        let none = || (Tally::new(policy), vec![]);
        let parts = self.shards.par_iter().fold(none, |(mut tally, mut outside), shard| {
            outside.extend(shard.add_to(&mut tally, policy));
            (tally, outside)
        });
        // Sums do not depend on the order, and pairs are sorted below.
        let (part, mut outside) = parts.reduce(none, |(mut tally, mut outside), (part, pairs)| {
            tally.merge(&part);
            outside.extend(pairs);
            (tally, outside)
        });
        tally.merge(&part);
        tally.merge(&self.let_go.tally);
        let inside = self.shards.iter().skip(self.split.layer());
        tally.tunnels.inside.connections += inside.map(|shard| shard.len() as u64).sum::<u64>();
        tally.tunnels.inside.connections += self.let_go.tally.tunnels.inside.connections;
        tally.kept = KeptTally {
            most: self.kept.most as u64,
            let_go: self.let_go.connections as u64,
            pairs_let_go: self.let_go.pairs,
        };
        // One pair of hosts may be in several shards: once in each VLAN.
        outside.reserve_exact(self.let_go.outside.len());
        outside.extend(&self.let_go.outside);
        merge_pairs(&mut outside);
        let pairs = outside.into_iter().map(|((low, high), count)| PairTally { low, high, count });
        tally.outside = pairs.collect();
        tally.outside.sort_by_key(|pair| std::cmp::Reverse(pair.count.volume.packets));
        tally
    }
}

impl Batch {
    /// The time of the first frame.
    fn first_time(&self) -> Option<Timestamp> {
        if self.count == 0 {
            return None;
        }
        let compact = self.buckets.iter().filter_map(|bucket| bucket.compact.first());
        let others = self.buckets.iter().filter_map(|bucket| bucket.others.first());
        let others = others.chain(self.bare.first()).chain(self.bare_inside.first());
        let compact = compact.map(|packet| (packet.place, packet.time));
        let first = compact.chain(others.map(|other| (other.place, other.packet.time))).min();
        first.map(|(_, time)| time)
    }
}
