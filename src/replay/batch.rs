//! Packets of a stretch of the timeline, sorted by shard.

use std::sync::OnceLock;

use crate::capture::Sink;
use crate::packet::{Compact, Content, Packet, Timestamp};

use super::Reason;
use super::route::{self, SHARDS};
use super::tally::Frames;

/// A packet that has no compact form, and its place in the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub place: u32,
    pub packet: Packet,
}

/// What one shard gets of a batch, in order.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub compact: Vec<Compact>,
    pub others: Vec<Placed>,
}

/// Packets of a stretch of the timeline, sorted by shard. Made anywhere, judged in the order of the timeline.
#[derive(Debug)]
pub struct Batch {
    pub(super) buckets: Vec<Bucket>,
    /// What no shard needs to see: frames without IP.
    pub(super) bare: Vec<Placed>,
    /// How many packets there are.
    pub(super) count: u32,
    /// Counts of all of them.
    pub(super) frames: Frames,
    /// Numbers of the frames, where they do not simply go on.
    pub(super) numbers: Vec<u64>,
    /// Whether there is a fragment with an ICMP error in it.
    pub(super) error_in_fragments: bool,
    /// By place: the latest time up to there.
    latest: OnceLock<Vec<Timestamp>>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            buckets: std::iter::repeat_with(Bucket::default).take(SHARDS + 1).collect(),
            bare: vec![],
            count: 0,
            frames: Frames::default(),
            numbers: vec![],
            error_in_fragments: false,
            latest: OnceLock::new(),
        }
    }
}

/// Why a frame without IP gets its verdict.
pub(super) const fn bare_reason(content: Content) -> Option<Reason> {
    match content {
        Content::Ip(_) => None,
        Content::Arp => Some(Reason::LinkLocalControl),
        Content::NotIp => Some(Reason::NotIp),
        Content::Truncated => Some(Reason::Truncated),
        Content::Malformed => Some(Reason::Malformed),
    }
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        for bucket in &mut self.buckets {
            bucket.compact.clear();
            bucket.others.clear();
        }
        self.bare.clear();
        self.count = 0;
        self.frames = Frames::default();
        self.numbers.clear();
        self.error_in_fragments = false;
        self.latest.take();
    }

    /// How many packets there are.
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The earliest and the latest time; `None` when it is empty.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.frames.all.span()
    }

    /// Adds a packet with the number of its frame; all packets of a batch have one, or none has.
    pub fn push_numbered(&mut self, number: u64, packet: Packet) {
        self.numbers.push(number);
        match Compact::of(&packet) {
            Some(compact) => self.compact(compact),
            None => self.packet(packet),
        }
    }

    /// The number of the frame at this place; `first` is that of the batch's first frame, where they go on.
    pub(super) fn number(&self, first: u64, place: u32) -> u64 {
        self.numbers.get(place as usize).copied().unwrap_or(first + u64::from(place))
    }

    /// All packets in order: for what cannot be judged shard by shard.
    pub(super) fn in_order(&self) -> Vec<Placed> {
        let mut all: Vec<_> = self.bare.clone();
        for bucket in &self.buckets {
            all.extend(&bucket.others);
            all.extend(bucket.compact.iter().map(|c| Placed { place: c.place, packet: c.packet() }));
        }
        all.sort_unstable_by_key(|placed| placed.place);
        all
    }

    /// The first place at which the clock of the timeline is `time` or later, given that it is `before` at the start.
    pub(super) fn first_at(&self, time: Timestamp, before: Timestamp) -> u32 {
        if before >= time {
            return 0;
        }
        if self.frames.all.last < time {
            return self.count;
        }
        let latest = self.latest.get_or_init(|| {
            let mut times = vec![Timestamp(i64::MIN); self.count as usize];
            for bucket in &self.buckets {
                bucket.compact.iter().for_each(|c| times[c.place as usize] = c.time);
                bucket.others.iter().for_each(|p| times[p.place as usize] = p.packet.time);
            }
            self.bare.iter().for_each(|p| times[p.place as usize] = p.packet.time);
            let mut latest = Timestamp(i64::MIN);
            for time in &mut times {
                latest = latest.max(*time);
                *time = latest;
            }
            times
        });
        u32::try_from(latest.partition_point(|&at| at < time)).unwrap_or(self.count)
    }
}

impl Sink for Batch {
    #[inline]
    fn compact(&mut self, mut packet: Compact) {
        packet.place = self.count;
        self.count += 1;
        self.frames.add(packet.time, packet.length);
        self.buckets[route::of_compact(&packet)].compact.push(packet);
    }

    fn packet(&mut self, packet: Packet) {
        let placed = Placed { place: self.count, packet };
        self.count += 1;
        self.frames.add(packet.time, packet.length);
        match packet.content {
            Content::Ip(ip) => {
                self.error_in_fragments |= ip.fragment.is_some() && route::is_quoting_error(&ip);
                let bucket = &mut self.buckets[route::of_packet(&ip)];
                match Compact::of(&packet) {
                    Some(compact) => bucket.compact.push(Compact { place: placed.place, ..compact }),
                    None => bucket.others.push(placed),
                }
            }
            content => {
                if let Some(reason) = bare_reason(content) {
                    self.frames.bare(reason, packet.length);
                }
                self.bare.push(placed);
            }
        }
    }
}
