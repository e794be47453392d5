//! Packets of a stretch of the timeline, sorted by shard.

use std::sync::OnceLock;

use crate::capture::Sink;
use crate::packet::{Carries, Compact, Content, Domain, Layer, Packet, Timestamp};

use super::Reason;
use super::route::{self, Split};
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

impl Bucket {
    /// What it has room for.
    const fn bytes(&self) -> usize {
        self.compact.capacity() * size_of::<Compact>() + self.others.capacity() * size_of::<Placed>()
    }
}

/// The most bytes that an empty batch keeps: some times what traffic of many hosts needs. The traffic of few hosts fills one bucket at
/// a time, and in the end would have grown all of them.
const MOST_KEPT: usize = 2 << 20;

/// A packet that carries another, or is carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nested {
    place: u32,
    /// How many packets up to here are carried: all others are frames.
    inner: u32,
    pub within: Domain,
    pub carries: Carries,
}

impl Nested {
    /// Whether it is carried.
    pub(super) fn is_inner(&self) -> bool {
        self.within != Domain::NONE
    }
}

/// Packets of a stretch of the timeline, sorted by shard. Made anywhere, judged in the order of the timeline. The default is sorted for one
/// thread.
#[derive(Debug)]
pub struct Batch {
    pub(super) split: Split,
    pub(super) buckets: Vec<Bucket>,
    /// What no shard needs to see: frames without IP.
    pub(super) bare: Vec<Placed>,
    /// The same from the inside of tunnels.
    pub(super) bare_inside: Vec<Placed>,
    /// Packets of tunnels, and those inside them, in order.
    nested: Vec<Nested>,
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
        Self::new(Split::default())
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
    /// An empty one, for a replay whose state is split like this.
    pub fn new(split: Split) -> Self {
        Self {
            split,
            buckets: std::iter::repeat_with(Bucket::default).take(split.layer()).collect(),
            bare: vec![],
            bare_inside: vec![],
            nested: vec![],
            count: 0,
            frames: Frames::default(),
            numbers: vec![],
            error_in_fragments: false,
            latest: OnceLock::new(),
        }
    }

    /// Empties it, keeping its memory, unless that has become too much.
    pub fn clear(&mut self) {
        if self.buckets.iter().map(Bucket::bytes).sum::<usize>() > MOST_KEPT {
            self.buckets.iter_mut().for_each(|bucket| *bucket = Bucket::default());
        }
        for bucket in &mut self.buckets {
            bucket.compact.clear();
            bucket.others.clear();
        }
        self.bare.clear();
        self.bare_inside.clear();
        self.nested.clear();
        self.count = 0;
        self.frames = Frames::default();
        self.numbers.clear();
        self.error_in_fragments = false;
        self.latest.take();
    }

    /// How many packets there are, those inside of tunnels included.
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

    /// How many frames there are.
    pub fn frames(&self) -> u32 {
        self.count - self.nested.last().map_or(0, |last| last.inner)
    }

    /// Adds a packet with the number of its frame; all packets of a batch have one, or none has.
    pub fn push_numbered(&mut self, number: u64, packet: Packet) {
        self.numbers.push(number);
        match Compact::of(&packet) {
            Some(compact) => self.compact(compact),
            None => self.packet(packet),
        }
    }

    /// The same with all that tunnels carry in the frame.
    pub fn push_layers_numbered(&mut self, number: u64, layers: &[Layer]) {
        self.numbers.extend(layers.iter().map(|_| number));
        self.layers(layers);
    }

    /// The number of the frame at this place; `first` is that of the batch's first frame, where they go on.
    #[inline]
    pub(super) fn number(&self, first: u64, place: u32) -> u64 {
        let number = self.numbers.get(place as usize).copied();
        number.unwrap_or_else(|| first + u64::from(place) - u64::from(self.inner_up_to(place)))
    }

    /// How many packets up to this place come from the inside of tunnels.
    #[inline]
    fn inner_up_to(&self, place: u32) -> u32 {
        if self.nested.is_empty() {
            return 0;
        }
        let after = self.nested.partition_point(|nested| nested.place <= place);
        self.nested[..after].last().map_or(0, |nested| nested.inner)
    }

    /// What the packet at this place has to do with tunnels.
    pub(super) fn nested(&self, place: u32) -> Nested {
        let found = self.nested.binary_search_by_key(&place, |nested| nested.place);
        let nothing = Nested { place, inner: 0, within: Domain::NONE, carries: Carries::Nothing };
        found.map_or(nothing, |at| self.nested[at])
    }

    /// The first place from this one on at which there is a frame, and not what another carries.
    pub(super) fn frame_from(&self, place: u32) -> Option<u32> {
        (place..self.count).find(|&place| !self.nested(place).is_inner())
    }

    /// The same packets, for state that is split like this.
    #[must_use]
    pub fn sorted_for(&self, split: Split) -> Self {
        self.cut(&[], split).pop().unwrap_or_else(|| Self::new(split))
    }

    /// The parts between these places, which ascend, for state that is split like this.
    pub(super) fn cut(&self, places: &[u32], split: Split) -> Vec<Self> {
        let mut places = places.iter().peekable();
        let (mut parts, mut part) = (vec![], Self::new(split));
        for Placed { place, packet } in self.in_order() {
            if places.next_if(|&&at| at == place).is_some() {
                parts.push(std::mem::replace(&mut part, Self::new(split)));
            }
            part.numbers.extend(self.numbers.get(place as usize));
            match self.nested.binary_search_by_key(&place, |nested| nested.place) {
                Ok(at) => {
                    let Nested { within, carries, .. } = self.nested[at];
                    part.nest(&Layer { packet, within, carries });
                }
                Err(_) => part.packet(packet),
            }
        }
        parts.push(part);
        parts
    }

    /// How many layers there are.
    pub(super) fn depth(&self) -> usize {
        self.buckets.len() / self.split.layer()
    }

    /// Adds a packet of a tunnel, or from the inside of one: none of the shortcuts is for these.
    fn nest(&mut self, layer: &Layer) {
        let placed = Placed { place: self.count, packet: layer.packet };
        let inner = self.nested.last().map_or(0, |last| last.inner) + u32::from(layer.is_inner());
        self.nested.push(Nested { place: self.count, inner, within: layer.within, carries: layer.carries });
        self.count += 1;
        self.frames.add_layer(layer);
        let first = route::layer(layer.within) * self.split.layer();
        if self.buckets.len() < first + self.split.layer() {
            self.buckets.resize_with(first + self.split.layer(), Bucket::default);
        }
        let Content::Ip(ip) = layer.packet.content else {
            self.bare_inside.push(placed);
            return;
        };
        self.error_in_fragments |= ip.fragment.is_some() && route::is_quoting_error(&ip);
        self.buckets[first + self.split.of_packet(&ip)].others.push(placed);
    }

    /// All packets in order: for what cannot be judged shard by shard.
    pub(super) fn in_order(&self) -> Vec<Placed> {
        let mut all: Vec<_> = self.bare.iter().chain(&self.bare_inside).copied().collect();
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
            let bare = self.bare.iter().chain(&self.bare_inside);
            bare.for_each(|p| times[p.place as usize] = p.packet.time);
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
    fn layers(&mut self, layers: &[Layer]) {
        match layers {
            [alone] if alone.carries == Carries::Nothing => self.packet(alone.packet),
            several => several.iter().for_each(|layer| self.nest(layer)),
        }
    }

    #[inline]
    fn compact(&mut self, mut packet: Compact) {
        packet.place = self.count;
        self.count += 1;
        self.frames.add(packet.time, packet.length);
        self.buckets[self.split.of_compact(&packet)].compact.push(packet);
    }

    fn packet(&mut self, packet: Packet) {
        let place = self.count;
        self.count += 1;
        self.frames.add(packet.time, packet.length);
        match &packet.content {
            Content::Ip(ip) => {
                self.error_in_fragments |= ip.fragment.is_some() && route::is_quoting_error(ip);
                let bucket = &mut self.buckets[self.split.of_packet(ip)];
                match Compact::of(&packet) {
                    Some(compact) => bucket.compact.push(Compact { place, ..compact }),
                    None => bucket.others.push(Placed { place, packet }),
                }
            }
            &content => {
                if let Some(reason) = bare_reason(content) {
                    self.frames.bare(reason, packet.length);
                }
                self.bare.push(Placed { place, packet });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Flow;

    /// Bursts of many packets between two hosts, each time others: they do not grow every bucket.
    #[test]
    fn bursts_of_few_hosts_leave_little_memory_behind() {
        let mut batch = Batch::new(Split::for_threads(100));
        for burst in 0..100 {
            let flow: Flow = format!("gre 10.0.0.{burst} > 10.0.1.{burst}").parse().unwrap();
            for _ in 0..3000 {
                batch.packet(flow.packet(Timestamp(0)));
            }
            assert_eq!(batch.len(), 3000);
            batch.clear();
            let kept: usize = batch.buckets.iter().map(Bucket::bytes).sum();
            assert!(kept <= MOST_KEPT + 4096 * size_of::<Placed>(), "{kept} bytes after {burst} bursts");
        }
    }
}
