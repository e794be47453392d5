//! One shard's part of a batch, in order.

use prefetch_index::prefetch_index;

use crate::compile::Matcher;
use crate::packet::{Carries, Compact, Content, Domain, Timestamp};
use crate::replay::batch::{self, Batch, Bucket};
use crate::replay::context::{At, Carrier, Context, Nesting, piece};
use crate::replay::fragments::Piece;
use crate::replay::state::Side;
use crate::replay::tally::Hits;
use crate::replay::{ConnectionVerdict, Judged, Judgement, Reason, Steps, Volume};

use super::index::NONE;
use super::judge::Told;
use super::known::{Answer, Question};
use super::limits::Kind;
use super::record::{BLOCKED, Narrow, Record};
use super::waves::{Wave, Waves};
use super::{Forward, Local, Moment, Opened, Shard, WIDE, What};

/// A batch, and where the timeline is when it begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::replay) struct Placed<'a> {
    pub batch: &'a Batch,
    /// The sequence of its first frame.
    pub sequence: u64,
    /// The latest time of the frames before it.
    pub clock: Timestamp,
    /// The number of its first frame, where they have none of their own.
    pub frame: u64,
}

/// A packet in compact form with its place in the timeline, and the frames where it came in fragments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub packet: &'a Compact,
    /// Of the frame that completed it.
    pub at: At,
    /// Its fragments; none of a packet that came as one.
    pub pieces: &'a [Piece],
}

/// What is left of a batch beside the packets in compact form, and what of it comes next.
struct Events<'a> {
    others: &'a [batch::Placed],
    /// The place from which on a frame may end the wait of a datagram.
    from: u32,
    /// The place of the next event; `u32::MAX` when there is none.
    place: u32,
    /// Whether it is the end of a datagram's wait, which comes before the frame there.
    ends_wait: bool,
}

impl Whole<'_> {
    /// How many frames it came in.
    #[allow(clippy::cast_possible_truncation)] // No more than a datagram has bytes.
    fn frames(&self) -> u32 {
        self.pieces.len().max(1) as u32
    }

    fn volume(&self) -> Volume {
        Volume { packets: self.frames().into(), bytes: self.packet.length.into() }
    }

    /// Counts its frames.
    fn count(&self, hits: &mut Hits) {
        if self.pieces.is_empty() {
            hits.add(self.packet.time, self.packet.length);
        }
        for Piece { packet, .. } in self.pieces {
            hits.add(packet.time, packet.length);
        }
    }
}

impl Placed<'_> {
    /// ICMP messages that neither ask nor answer and quote nothing: no shard but the one of messages sees them.
    pub(in crate::replay) fn messages<M>(
        &self,
        context: &Context<'_, M>,
        layer: usize,
    ) -> impl Iterator<Item = Forward> {
        let split = self.batch.split;
        let bucket = self.batch.buckets.get(layer * split.layer() + split.messages());
        bucket.into_iter().flat_map(|bucket| &bucket.others).filter_map(|other| {
            let Content::Ip(ip) = other.packet.content else { return None };
            let at = self.at(context, other.place);
            let pieces = vec![piece(at, other.packet)];
            Some(Forward {
                moment: Moment::at(at.sequence),
                ip,
                now: other.packet.time,
                pieces,
                what: What::Judge,
            })
        })
    }

    /// A packet of the batch, with what carries it.
    pub(in crate::replay) fn at<M>(&self, context: &Context<'_, M>, place: u32) -> At {
        let At { sequence, frame, .. } = self.plain_at(place);
        let nested = self.batch.nested(place);
        let carrier = if nested.is_inner() { context.carrier(sequence) } else { Carrier::default() };
        let nesting = Nesting { within: nested.within, carries: nested.carries == Carries::Packet, carrier };
        At { sequence, frame, nesting }
    }

    /// A packet of the batch that has nothing to do with tunnels.
    #[inline]
    fn plain_at(&self, place: u32) -> At {
        let sequence = self.sequence + u64::from(place);
        At { sequence, frame: self.batch.number(self.frame, place), nesting: Nesting::default() }
    }
}

impl Shard {
    /// Judges this shard's part of a batch.
    pub(in crate::replay) fn batch<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        number: usize,
        placed: &Placed<'_>,
    ) {
        let nothing = Bucket::default();
        let bucket = placed.batch.buckets.get(number).unwrap_or(&nothing);
        let mut events = Events { others: &bucket.others, from: 0, place: 0, ends_wait: false };
        self.next_event(placed, &mut events);
        let mut ring = self.ring.take().unwrap_or_default();
        let mut waves = Waves::of(&bucket.compact, &mut ring);
        while let Some((packets, wave)) = waves.next(&self.narrow) {
            self.wave(context, placed, packets, wave, &mut events);
        }
        self.ring = Some(ring);
        while events.place < u32::MAX {
            self.event(context, placed, &mut events);
        }
    }

    /// Finds out what comes next.
    fn next_event(&mut self, placed: &Placed<'_>, events: &mut Events<'_>) {
        let other = events.others.first().map_or(u32::MAX, |other| other.place);
        let ends_wait = self.ends_wait(placed, events.from).unwrap_or(u32::MAX);
        events.place = other.min(ends_wait);
        events.ends_wait = ends_wait <= other;
    }

    /// Gives up a datagram, or judges a packet that has no compact form.
    #[inline(never)]
    fn event<M: Matcher>(&mut self, context: &Context<'_, M>, placed: &Placed<'_>, events: &mut Events<'_>) {
        if events.ends_wait {
            self.give_up(context, placed.plain_at(events.place).sequence);
        } else if let Some((other, rest)) = events.others.split_first() {
            // It is longer than a cache line.
            (0..2).for_each(|next| prefetch_index(rest, next));
            self.packet(context, placed.at(context, other.place), &other.packet, &mut ());
            (events.others, events.from) = (rest, other.place + 1);
        }
        self.next_event(placed, events);
    }

    /// The place, not before `from`, of the frame that ends the wait of the next datagram.
    fn ends_wait(&mut self, placed: &Placed<'_>, from: u32) -> Option<u32> {
        let clock = placed.clock.max(placed.batch.frames.all.last);
        if self.fragments.earliest_deadline()? > clock {
            return None;
        }
        let (deadline, _) = self.fragments.next_deadline()?;
        let place = placed.batch.first_at(deadline, placed.clock).max(from);
        (place < placed.batch.count).then_some(place)
    }

    /// Judges packets whose connections were looked for, and what comes in between.
    fn wave<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        placed: &Placed<'_>,
        packets: &[Compact],
        wave: &Wave,
        events: &mut Events<'_>,
    ) {
        for (packet, (key, sender, guess)) in packets.iter().zip(wave.guesses()) {
            while packet.place >= events.place {
                self.event(context, placed, events);
            }
            let stale = wave.is_stale(*guess, &self.narrow);
            let guess = if stale { self.narrow.find(key).unwrap_or(NONE) } else { *guess };
            self.compact(context, placed, packet, (key, *sender), guess);
        }
    }

    /// Judges a packet; if any record is that of its key, it is the one that was guessed or another with the same mark.
    #[inline]
    fn compact<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        placed: &Placed<'_>,
        packet: &Compact,
        (key, sender): (&Narrow, Side),
        guess: u32,
    ) {
        let mut found = guess;
        if found != NONE && self.narrow.get(found).key != *key {
            found = self.narrow.find(key).unwrap_or(NONE);
        }
        if found != NONE {
            let kind = Kind::of(packet.protocol, packet.detail);
            let record = self.narrow.get_mut(found);
            if record.go_on(&context.limits, kind, sender, packet.time, (1, packet.length)) {
                let (path, blocked) = (record.path, record.flags & BLOCKED != 0);
                self.paths.counted(path).add(packet.time, packet.length);
                if blocked || context.wanted {
                    let (reason, steps) = self.paths.value(path).went_on(sender);
                    let whole = Whole { packet, at: placed.plain_at(packet.place), pieces: &[] };
                    if blocked {
                        self.counts.add_after_blocked(reason.verdict(), whole.volume());
                    }
                    if context.wanted {
                        self.hand_out(&whole, (reason, steps), found, false);
                    }
                }
                return;
            }
        }
        let whole = Whole { packet, at: placed.plain_at(packet.place), pieces: &[] };
        self.ask(context, &whole, *key, sender, (found != NONE).then_some(found));
    }

    /// Judges a datagram that came in fragments.
    pub(super) fn defragmented<M: Matcher>(&mut self, context: &Context<'_, M>, whole: &Whole<'_>) {
        let (key, sender) = Narrow::of(whole.packet);
        let found = self.narrow.find(&key);
        self.ask(context, whole, key, sender, found);
    }

    /// Judges a packet by what is known of others like it, else by the evaluator.
    #[inline(never)]
    fn ask<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        whole: &Whole<'_>,
        key: Narrow,
        sender: Side,
        found: Option<u32>,
    ) {
        let packet = whole.packet;
        let record = found.map(|local| self.narrow.get(local));
        let question = Question::new(context, packet, sender, record);
        let answer = question.as_ref().and_then(|question| self.answers.get_mut(question));
        if let Some((number, answer)) = answer {
            let Answer { reason, ref change, .. } = *answer;
            let (now, volume) = (packet.time, (whole.frames(), packet.length));
            let local = if let Some(local) = found {
                let record = self.narrow.get_mut(local);
                let applied = record.apply(change, sender, now, volume);
                if applied && record.flags & BLOCKED != 0 {
                    self.counts.add_after_blocked(reason.verdict(), whole.volume());
                }
                applied.then_some(local)
            } else {
                let local = self.narrow.add(Record::opened(key, change, sender, now, volume), None);
                let verdict = ConnectionVerdict::of(reason);
                let moment = Moment::at(whole.at.sequence);
                self.opened.push(Opened { moment, local: Local(local), verdict });
                Some(local)
            };
            if let Some(local) = local {
                whole.count(&mut answer.hits);
                if context.wanted {
                    let steps = self.answers.steps(number);
                    self.hand_out(whole, (reason, steps), local, found.is_none());
                }
                return;
            }
        }
        let told = self.whole(context, whole, found);
        if let (Some(question), Some(told)) = (question, told) {
            self.remember(question, &told);
        }
    }

    /// Remembers what the evaluator has made of a packet.
    fn remember(&mut self, question: Question, told: &Told) {
        let Judgement { reason, steps, connection: Some(id) } = told.judgement else { return };
        let Local(local) = Local::of(id);
        if local & WIDE != 0 || told.opening != question.opens() {
            return;
        }
        if let Some(change) = self.narrow.get(local).change(reason) {
            self.answers.remember(question, reason, change, steps);
        }
    }

    /// Hands out a packet that was judged without being unpacked.
    #[inline(never)]
    fn hand_out(&mut self, whole: &Whole<'_>, (reason, steps): (Reason, Steps), local: u32, opening: bool) {
        let At { sequence, frame, .. } = whole.at;
        let judged = Judged {
            within: Domain::NONE,
            outer: None,
            sequence,
            settled: sequence,
            frame,
            packet: whole.packet.packet(),
            header: Some(whole.packet.ip()),
            judgement: Judgement { reason, steps, connection: Some(Local(local).id()) },
            opening,
        };
        if whole.pieces.is_empty() {
            return self.judged.push(judged);
        }
        let own = |piece: &Piece| {
            let Piece { sequence, frame, packet, .. } = *piece;
            Judged { sequence, frame, packet, ..judged }
        };
        self.judged.extend(whole.pieces.iter().map(own));
    }
}
