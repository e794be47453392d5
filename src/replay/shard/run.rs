//! One shard's part of a batch, in order.

use crate::compile::Matcher;
use crate::packet::{Carries, Compact, Content, Domain, Timestamp};
use crate::policy::Direction;
use crate::replay::batch::{Batch, Bucket};
use crate::replay::context::{At, Carrier, Context, Nesting, piece};
use crate::replay::{Judged, Judgement, Reason, StepVerdict, Steps, index, route};

use super::judge::Known;
use super::limits::Kind;
use super::record::{BLOCKED, Narrow};
use super::{Forward, Local, Moment, Shard, What};

/// Packets whose connections are looked for at once.
const WAVE: usize = 16;

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

impl Placed<'_> {
    /// ICMP messages that neither ask nor answer and quote nothing: no shard but the one of messages sees them.
    pub(in crate::replay) fn messages<M>(
        &self,
        context: &Context<'_, M>,
        layer: usize,
    ) -> impl Iterator<Item = Forward> {
        let bucket = self.batch.buckets.get(layer * route::LAYER + route::MESSAGES);
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
        let at = |place: u32| placed.plain_at(place);
        let (mut compact, mut others) = (&bucket.compact[..], &bucket.others[..]);
        // The place from which on a frame may end the wait of a datagram.
        let mut from = 0;
        loop {
            let other = others.first().map_or(u32::MAX, |other| other.place);
            let ends_wait = self.ends_wait(placed, from).unwrap_or(u32::MAX);
            let until = other.min(ends_wait);
            let before = if until == u32::MAX {
                compact.len()
            } else {
                compact.partition_point(|packet| packet.place < until)
            };
            let (now, later) = compact.split_at(before);
            for wave in now.chunks(WAVE) {
                self.wave(context, wave, at);
            }
            compact = later;
            if ends_wait <= other && ends_wait < u32::MAX {
                self.give_up(context, at(ends_wait).sequence);
            } else if let Some((other, rest)) = others.split_first() {
                self.packet(context, placed.at(context, other.place), other.packet, &mut ());
                (others, from) = (rest, other.place + 1);
            } else {
                return;
            }
        }
    }

    /// The place, not before `from`, of the frame that ends the wait of the next datagram.
    fn ends_wait(&mut self, placed: &Placed<'_>, from: u32) -> Option<u32> {
        let (deadline, _) = self.fragments.next_deadline()?;
        let place = placed.batch.first_at(deadline, placed.clock).max(from);
        (place < placed.batch.count).then_some(place)
    }

    /// Judges packets, after looking for their connections all at once: so the memory that holds them comes while others are
    /// looked for.
    fn wave<M: Matcher>(&mut self, context: &Context<'_, M>, wave: &[Compact], at: impl Fn(u32) -> At) {
        let mut found = [None; WAVE];
        for (found, packet) in found.iter_mut().zip(wave) {
            *found = self.narrow.find(&Narrow::of(packet));
        }
        let replaced = self.narrow.replaced();
        for (&found, packet) in found.iter().zip(wave) {
            // The packets before it may have opened its connection, or one in the place of what was found.
            let found = if found.is_none() || self.narrow.replaced() != replaced {
                self.narrow.find(&Narrow::of(packet))
            } else {
                found
            };
            self.compact(context, packet, found, &at);
        }
    }

    #[inline]
    fn compact<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        packet: &Compact,
        found: Option<u32>,
        at: impl Fn(u32) -> At,
    ) {
        if let Some(local) = found {
            let side = Narrow::sender(packet);
            let kind = Kind::of(packet.protocol, packet.detail);
            let record = self.narrow.get_mut(local);
            if record.go_on(&context.limits, kind, side, packet.time, packet.length) {
                let (path, blocked) = (record.path, record.flags & BLOCKED != 0);
                self.paths.counted(path).add(packet.time, packet.length);
                if blocked || context.wanted {
                    let path = *self.paths.value(path);
                    let reason = path.outside.unwrap_or(Reason::Established);
                    if blocked {
                        self.counts.add_after_blocked(reason.verdict(), packet.length);
                    }
                    if context.wanted {
                        let step = |end: usize, direction| {
                            let interface = path.interfaces[end]?;
                            let opened_by = path.rules[end];
                            Some(StepVerdict { interface, direction, reason, rule: None, opened_by })
                        };
                        let steps = Steps {
                            egress: step(index(side), Direction::Egress),
                            tunnel: None,
                            ingress: step(index(side.other()), Direction::Ingress),
                        };
                        let connection = Some(Local(local).id());
                        let At { sequence, frame, .. } = at(packet.place);
                        self.judged.push(Judged {
                            within: Domain::NONE,
                            outer: None,
                            sequence,
                            settled: sequence,
                            frame,
                            packet: packet.packet(),
                            header: Some(packet.ip()),
                            judgement: Judgement { reason, steps, connection },
                            opening: false,
                        });
                    }
                }
                return;
            }
        }
        self.found(context, at(packet.place), packet.packet(), Known::Asked(found.map(Local)), &mut ());
    }
}
