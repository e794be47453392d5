//! Packets to verdicts: steps, connection tracking, fragments.
//!
//! One evaluator serves replay, explain and every other command; a trace is an [`Observer`] of it. This room reads no
//! files and prints nothing.
//!
//! State is split into shards (`route.rs`), as many as the threads call for, each of which is judged in the order of the timeline:
//! one frame at a time by [`Replay::push`], or batch by batch, all shards beside each other, by
//! [`Replay::push_batches`]. Both give the same results, whatever the batches and the threads.

mod batch;
mod connection;
mod connections;
mod context;
mod first;
mod fragments;
mod hosts;
mod kept;
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
pub use connections::{Connections, Group, Iter};
pub use context::control_traffic;
pub use first::FirstPackets;
pub use key::Endpoint;
pub use order::InOrder;
pub use parallel::Out;
pub use route::Split;
pub use state::{Phase, Side, Tracked};
pub use step::{Observer, StepAt};
pub use tally::{ControlTraffic, Count, GroupTally, KeptTally, PairTally, RuleHits, Tally, TunnelTally};
pub use verdict::{Judgement, Reason, StepVerdict, Steps, Verdict};

use crate::compile::Matcher;
use crate::packet::{Carries, Content, Domain, IpPacket, Layer, Packet, Timestamp};
use crate::policy::Policy;

use connections::Place;
use context::{At, Carrier, Context, Nesting, Outer};
use kept::{Kept, LetGo};
use shard::{Forward, Shard, What};
use tally::Frames;

/// A frame with its verdict; or, where tunnels are opened, a packet inside of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Its place in the timeline, from 0; packets inside of tunnels follow the one that carries them.
    pub sequence: u64,
    /// The place of the frame whose coming settled it: its own, or for a fragment that of the one which completed its datagram or
    /// ended the wait.
    pub settled: u64,
    /// Its number in the captures, from 1, as Wireshark counts.
    pub frame: u64,
    /// The tunnels it was found in; [`Domain::NONE`] for the frame as captured.
    pub within: Domain,
    /// The connection of the packet that carries it, where it was found in a tunnel.
    pub outer: Option<ConnectionId>,
    /// What was found in it.
    pub packet: Packet,
    /// The header it was judged by: its own, or for a fragment that of the whole datagram; `None` when it has none.
    pub header: Option<IpPacket>,
    /// The outcome.
    pub judgement: Judgement,
    /// Whether it opened its connection (all fragments of the datagram that did).
    pub opening: bool,
}

impl Judged {
    /// A packet on its own, as the first of nothing else.
    pub const fn alone(packet: Packet, judgement: Judgement, opening: bool) -> Self {
        let header = match packet.content {
            Content::Ip(ip) => Some(ip),
            _ => None,
        };
        let (within, outer) = (Domain::NONE, None);
        Self { sequence: 0, settled: 0, frame: 1, within, outer, packet, header, judgement, opening }
    }
}

/// Judges packets one after the other, or many beside each other.
#[derive(Debug)]
pub struct Replay<'p, M> {
    context: Context<'p, M>,
    sequence: u64,
    /// Frames so far: what is inside of tunnels has no number of its own.
    frame: u64,
    /// What carries the next packet, should it be one from inside.
    carrier: Carrier,
    /// The latest time seen: time that runs backwards ends no wait.
    clock: Timestamp,
    split: Split,
    shards: Vec<Shard>,
    /// The connections that are kept, by number.
    order: Vec<Place>,
    kept: Kept,
    let_go: LetGo,
    /// How many of them know their number: those that are only counted have no need to.
    numbered: usize,
    frames: Frames,
    /// Whether fragments may be waiting.
    fragments: bool,
}

impl<'p, M: Matcher> Replay<'p, M> {
    /// A replay with empty state tables, for one thread unless [`Self::split_for`] says otherwise.
    pub fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        let split = Split::default();
        Self {
            context: Context::new(policy, matcher),
            sequence: 0,
            frame: 0,
            carrier: Carrier::default(),
            clock: Timestamp(i64::MIN),
            split,
            shards: (0..split.layer()).map(|number| Shard::new(split, number)).collect(),
            order: vec![],
            kept: Kept::new(Self::MOST_CONNECTIONS as usize),
            let_go: LetGo::new(policy),
            numbered: 0,
            frames: Frames::default(),
            fragments: false,
        }
    }

    /// Splits the state as it suits so many threads, unless there is some already; returns how it is split. What comes out is
    /// the same.
    pub fn split_for(&mut self, threads: usize) -> Split {
        if self.sequence == 0 {
            self.split = Split::for_threads(threads);
            self.shards.clear();
            self.grow(self.split.layer());
        }
        self.split
    }

    /// How the state is split, and [batches](Batch::new) are to be sorted.
    pub const fn split(&self) -> Split {
        self.split
    }

    /// Rules out that anything was open before the first packet: written flows open their connections, and none of them
    /// is allowed on the assumption that it was there already.
    #[must_use]
    pub const fn without_past(mut self) -> Self {
        self.context.start = Some(Timestamp(i64::MIN));
        self
    }

    /// The connections so far that are [kept](Self::keeping), in the order they were first judged.
    pub fn connections(&self) -> Connections<'_> {
        let (shards, order) = (&self.shards[..], &self.order[..]);
        Connections { shards, order, numbered: self.numbered, let_go: self.let_go.connections }
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
        self.push_layer(frame, &Layer::outer(packet), observer, out);
    }

    /// The same for a packet of a frame whose tunnels are opened: first the frame as captured, then what it carries, layer by
    /// layer, with nothing between.
    pub fn push_layer(
        &mut self,
        frame: u64,
        layer: &Layer,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        if !self.fragments {
            return self.push_next(frame, layer, observer, out);
        }
        let mut settled = vec![];
        self.push_next(frame, layer, observer, &mut |judged| settled.push(judged));
        settled.sort_by_key(|judged| judged.sequence);
        settled.into_iter().for_each(out);
    }

    fn push_next(
        &mut self,
        frame: u64,
        layer: &Layer,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        let Layer { packet, within, carries } = *layer;
        if !layer.is_inner() && self.kept.is_due(self.sequence) {
            self.look();
        }
        self.context.wanted = true;
        self.tell_numbers();
        let sequence = self.sequence;
        self.sequence += 1;
        self.frame += u64::from(!layer.is_inner());
        self.context.start.get_or_insert(packet.time);
        self.clock = self.clock.max(packet.time);
        self.frames.add_layer(layer);
        self.end_waits(sequence, out);
        let carrier = std::mem::take(&mut self.carrier);
        let carrier = if layer.is_inner() { carrier } else { Carrier::default() };
        let nesting = Nesting { within, carries: carries == Carries::Packet, carrier };
        let at = At { sequence, frame, nesting };
        let Content::Ip(ip) = packet.content else {
            if let Some(judged) = bare(at, packet) {
                self.frames.bare(judged.judgement.reason, packet.length);
                out(Judged { outer: carrier.connection.map(|outer| self.number_of(outer)), ..judged });
            }
            return;
        };
        let first = route::layer(within) * self.split.layer();
        self.grow(first + self.split.layer());
        let shard = first + self.split.of_packet(&ip);
        self.shards[shard].packet(&self.context, at, &packet, observer);
        self.fragments |= ip.fragment.is_some();
        // Whole, and no ICMP message: it has its verdict now.
        if let Some((_, carrier)) = self.shards[shard].carriers.pop() {
            self.carrier = carrier;
        }
        self.settle(shard, observer, out);
    }

    /// Makes sure that there are so many shards.
    fn grow(&mut self, shards: usize) {
        let split = self.split;
        self.shards.extend((self.shards.len()..shards).map(|number| Shard::new(split, number)));
    }

    /// Gives up the datagrams whose wait is over, over all shards in the order of their deadlines.
    fn end_waits(&mut self, sequence: u64, out: &mut impl FnMut(Judged)) {
        while self.fragments {
            // Most often none is near its end, which is quickly told.
            let earliest = self.shards.iter().filter_map(|shard| shard.fragments.earliest_deadline()).min();
            if earliest.is_some_and(|time| time > self.clock) {
                return;
            }
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
        let first = shard / self.split.layer() * self.split.layer();
        for forward in std::mem::take(&mut self.shards[shard].forwards) {
            self.forward(&forward, first, observer, out);
        }
    }

    /// `first` is the first shard of the layer.
    fn forward(
        &mut self,
        forward: &Forward,
        first: usize,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        let messages = first + self.split.messages();
        if forward.what == What::FindQuoted
            && let crate::packet::Transport::Icmp(icmp) = forward.ip.transport
            && let Some(shard) = self.split.quoted(forward.ip.domain, &icmp)
        {
            let shard = first + shard;
            self.shards[shard].forwarded(&self.context, forward, observer);
            self.number(shard, out);
            // Not known there: it comes back as a message to be judged.
            for forward in std::mem::take(&mut self.shards[shard].forwards) {
                self.shards[messages].forwarded(&self.context, &forward, observer);
            }
        } else {
            self.shards[messages].forwarded(&self.context, forward, observer);
        }
        self.number(messages, out);
    }

    /// Numbers the new connections of a shard, and hands out what it has judged.
    fn number(&mut self, at: usize, out: &mut impl FnMut(Judged)) {
        let shard = &mut self.shards[at];
        for opened in std::mem::take(&mut shard.opened) {
            let number = u32::try_from(self.let_go.connections + self.order.len()).unwrap_or(u32::MAX);
            shard.set_number(opened.local, number);
            self.order.push(Place::new(opened.verdict, at, opened.local));
        }
        self.numbered = self.order.len();
        shard.number_judged();
        self.number_outers(at);
        self.shards[at].judged.drain(..).for_each(out);
    }

    /// Tells what a shard has judged in tunnels which connections carried it, when all have their numbers.
    fn number_outers(&mut self, shard: usize) {
        for (at, outer) in std::mem::take(&mut self.shards[shard].outers) {
            self.shards[shard].judged[at].outer = Some(self.number_of(outer));
        }
    }

    /// The number of a connection that carried others.
    fn number_of(&self, outer: Outer) -> ConnectionId {
        match outer {
            Outer::In(shard, local) => ConnectionId::new(self.shards[shard as usize].number(local) as usize),
            Outer::Numbered(id) => id,
        }
    }

    /// Ends the replay: fragments that still wait are given up.
    pub fn finish(&mut self, out: &mut impl FnMut(Judged)) {
        self.clock = Timestamp(i64::MAX);
        self.fragments = true;
        self.tell_numbers();
        self.end_waits(self.sequence, out);
    }
}

/// The verdict of a frame without IP.
fn bare(at: At, packet: Packet) -> Option<Judged> {
    let At { sequence, frame, nesting } = at;
    let judgement = Judgement::bare_within(nesting.carrier.stopped, batch::bare_reason(packet.content)?);
    let within = nesting.within;
    let (header, opening) = (None, false);
    Some(Judged {
        sequence,
        settled: sequence,
        frame,
        within,
        outer: None,
        packet,
        header,
        judgement,
        opening,
    })
}

const fn index(side: Side) -> usize {
    match side {
        Side::Low => 0,
        Side::High => 1,
    }
}
