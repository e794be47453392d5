//! Packets to verdicts: steps, connection tracking, fragments.
//!
//! One evaluator serves replay, explain and every other command; a trace is an [`Observer`] of it. This room reads no
//! files and prints nothing.
//!
//! State is split into a fixed number of shards (`route.rs`), each of which is judged in the order of the timeline:
//! one frame at a time by [`Replay::push`], or batch by batch, all shards beside each other, by
//! [`Replay::push_batches`]. Both give the same results, whatever the batches and the threads.

mod batch;
mod connection;
mod connections;
mod context;
mod first;
mod fragments;
mod key;
mod numbers;
mod order;
mod parallel;
#[cfg(test)]
mod plain;
mod route;
mod shard;
mod state;
mod step;
mod tally;
mod verdict;

pub use batch::Batch;
pub use connection::{Connection, ConnectionId, ConnectionVerdict, Volume};
pub use connections::{Connections, Iter};
pub use context::control_traffic;
pub use first::FirstPackets;
pub use key::Endpoint;
pub use order::InOrder;
pub use parallel::Out;
pub use state::{Phase, Side, Tracked};
pub use step::{Observer, StepAt};
pub use tally::{ControlTraffic, Count, GroupTally, PairTally, RuleHits, Tally};
pub use verdict::{Judgement, Reason, StepVerdict, Steps, Verdict};

use crate::compile::Matcher;
use crate::packet::{Content, IpPacket, Packet, Timestamp};
use crate::policy::Policy;

use connections::Place;
use context::{At, Context};
use shard::{Forward, Shard, What};
use tally::Frames;

/// A frame with its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Its place in the timeline, from 0.
    pub sequence: u64,
    /// The place of the frame whose coming settled it: its own, or for a fragment that of the one which completed its datagram or
    /// ended the wait.
    pub settled: u64,
    /// Its number in the captures, from 1, as Wireshark counts.
    pub frame: u64,
    /// What was found in it.
    pub packet: Packet,
    /// The header it was judged by: its own, or for a fragment that of the whole datagram; `None` when it has none.
    pub header: Option<IpPacket>,
    /// The outcome.
    pub judgement: Judgement,
    /// Whether it opened its connection (all fragments of the datagram that did).
    pub opening: bool,
}

/// Judges packets one after the other, or many beside each other.
#[derive(Debug)]
pub struct Replay<'p, M> {
    context: Context<'p, M>,
    sequence: u64,
    /// The latest time seen: time that runs backwards ends no wait.
    clock: Timestamp,
    shards: Vec<Shard>,
    /// Connections by number.
    order: Vec<Place>,
    frames: Frames,
    /// Whether fragments may be waiting.
    fragments: bool,
}

impl<'p, M: Matcher> Replay<'p, M> {
    /// A replay with empty state tables.
    pub fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        Self {
            context: Context::new(policy, matcher),
            sequence: 0,
            clock: Timestamp(i64::MIN),
            shards: (0..=route::MESSAGES).map(Shard::new).collect(),
            order: vec![],
            frames: Frames::default(),
            fragments: false,
        }
    }

    /// Rules out that anything was open before the first packet: written flows open their connections, and none of them
    /// is allowed on the assumption that it was there already.
    #[must_use]
    pub const fn without_past(mut self) -> Self {
        self.context.start = Some(Timestamp(i64::MIN));
        self
    }

    /// The connections so far, in the order they were first judged.
    pub fn connections(&self) -> Connections<'_> {
        Connections { shards: &self.shards, order: &self.order }
    }

    /// Judges the next packet of the timeline.
    ///
    /// `out` gets it back with its verdict, unless it is a fragment that has to wait for the rest of its datagram; and
    /// before it, fragments whose wait is over. [`InOrder`] puts them in order again.
    pub fn push(
        &mut self,
        frame: u64,
        packet: Packet,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        if !self.fragments {
            return self.push_next(frame, packet, observer, out);
        }
        let mut settled = vec![];
        self.push_next(frame, packet, observer, &mut |judged| settled.push(judged));
        settled.sort_by_key(|judged| judged.sequence);
        settled.into_iter().for_each(out);
    }

    fn push_next(
        &mut self,
        frame: u64,
        packet: Packet,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        self.context.wanted = true;
        let sequence = self.sequence;
        self.sequence += 1;
        self.context.start.get_or_insert(packet.time);
        self.clock = self.clock.max(packet.time);
        self.frames.add(packet.time, packet.length);
        self.end_waits(sequence, out);
        let Content::Ip(ip) = packet.content else {
            if let Some(judged) = bare(sequence, frame, packet) {
                self.frames.bare(judged.judgement.reason, packet.length);
                out(judged);
            }
            return;
        };
        let shard = route::of_packet(&ip);
        self.shards[shard].packet(&self.context, At { sequence, frame }, packet, observer);
        self.fragments |= ip.fragment.is_some();
        self.settle(shard, observer, out);
    }

    /// Gives up the datagrams whose wait is over, over all shards in the order of their deadlines.
    fn end_waits(&mut self, sequence: u64, out: &mut impl FnMut(Judged)) {
        while self.fragments {
            let deadlines = self.shards.iter_mut().zip(0..);
            let next = deadlines.filter_map(|(shard, at)| Some((shard.fragments.next_deadline()?, at))).min();
            let Some((deadline, shard)) = next else {
                self.fragments = false;
                return;
            };
            if deadline.0 > self.clock {
                return;
            }
            self.shards[shard].give_up(&self.context, sequence);
            self.settle(shard, &mut (), out);
        }
    }

    /// Hands out what a shard has judged, after what it could not judge was judged elsewhere.
    fn settle(&mut self, shard: usize, observer: &mut impl Observer, out: &mut impl FnMut(Judged)) {
        self.number(shard, out);
        for forward in std::mem::take(&mut self.shards[shard].forwards) {
            self.forward(&forward, observer, out);
        }
    }

    fn forward(&mut self, forward: &Forward, observer: &mut impl Observer, out: &mut impl FnMut(Judged)) {
        if forward.what == What::FindQuoted
            && let crate::packet::Transport::Icmp(icmp) = forward.ip.transport
            && let Some(shard) = route::quoted(forward.ip.domain, &icmp)
        {
            self.shards[shard].forwarded(&self.context, forward, observer);
            self.number(shard, out);
            // Not known there: it comes back as a message to be judged.
            for forward in std::mem::take(&mut self.shards[shard].forwards) {
                self.shards[route::MESSAGES].forwarded(&self.context, &forward, observer);
            }
        } else {
            self.shards[route::MESSAGES].forwarded(&self.context, forward, observer);
        }
        self.number(route::MESSAGES, out);
    }

    /// Numbers the new connections of a shard, and hands out what it has judged.
    fn number(&mut self, at: usize, out: &mut impl FnMut(Judged)) {
        let shard = &mut self.shards[at];
        for opened in std::mem::take(&mut shard.opened) {
            let number = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
            shard.set_number(opened.local, number);
            self.order.push(Place::new(shard.verdict(opened.local), at, opened.local));
        }
        shard.number_judged();
        shard.judged.drain(..).for_each(out);
    }

    /// Ends the replay: fragments that still wait are given up.
    pub fn finish(&mut self, out: &mut impl FnMut(Judged)) {
        self.clock = Timestamp(i64::MAX);
        self.fragments = true;
        self.end_waits(self.sequence, out);
    }
}

/// The verdict of a frame without IP.
fn bare(sequence: u64, frame: u64, packet: Packet) -> Option<Judged> {
    let judgement = Judgement::bare(batch::bare_reason(packet.content)?);
    Some(Judged { sequence, settled: sequence, frame, packet, header: None, judgement, opening: false })
}

const fn index(side: Side) -> usize {
    match side {
        Side::Low => 0,
        Side::High => 1,
    }
}
