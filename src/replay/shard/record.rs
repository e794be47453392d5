//! One connection in 64 bytes (IPv4) or 104: its key, its state at both interfaces, its counts.
//!
//! What seldom needs room lies in [`Extra`]s beside the table; [`Entry`] is the same, unpacked.

#![allow(clippy::cast_possible_truncation)] // Fields are packed into words, and cut out of them again.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::packet::{Compact, Domain, Family, Protocol, Timestamp};
use crate::policy::RuleId;
use crate::replay::key::{Endpoint, Key, query};
use crate::replay::state::{Side, Tracked};
use crate::replay::step::Place;
use crate::replay::{Reason, Verdict, Volume, index, route};

use super::known::Change;
use super::limits::{Code, Kind, Limits};

/// A key in the form that is stored.
pub(super) trait Stored: Copy + Eq {
    /// What records of this key are aligned to.
    type Align: Copy + Default + std::fmt::Debug;

    /// A hash that nobody can foretell who does not know the seed.
    fn hash(&self, seed: u64) -> u64;

    /// The same for all keys of two hosts in either form, and seldom for others; in the order of parts, where domains are not
    /// used.
    fn hosts(&self) -> u64;

    fn key(&self) -> Key;
}

/// A whole cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Line;

/// The key of a connection over IPv4 in at most one VLAN, in two words that compare and hash fast: the hosts, lower
/// endpoint first; then their ports, domain, protocol and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Narrow {
    hosts: u64,
    rest: u64,
}

/// The key of any other connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wide {
    hosts: [[u64; 2]; 2],
    /// In two halves, so that it takes no padding.
    domain: [u64; 2],
    ports: [u16; 2],
    family: Family,
    protocol: u8,
    kind: u8,
    code: u8,
}

impl Narrow {
    #[inline]
    fn pack([low, high]: [u64; 2], domain: u16, protocol: Protocol, kind: u8) -> Self {
        Self {
            hosts: low >> 16 << 32 | high >> 16,
            rest: (low & 0xffff) << 48
                | (high & 0xffff) << 32
                | u64::from(domain) << 16
                | u64::from(protocol.0) << 8
                | u64::from(kind),
        }
    }

    /// The key of a packet in compact form, and the side that sent it.
    #[inline]
    pub(super) fn of(packet: &Compact) -> (Self, Side) {
        // An endpoint is 48 bits: address, port.
        let end = |i: usize| u64::from(packet.addresses[i]) << 16 | u64::from(packet.ports[i]);
        let [source, destination] = [end(0), end(1)];
        let kind = match packet.protocol {
            // The code of a compact query is 0.
            Protocol::ICMP => query(Family::V4, packet.detail, source <= destination),
            _ => 0,
        };
        let ends = [source.min(destination), source.max(destination)];
        let sender = if source <= destination { Side::Low } else { Side::High };
        (Self::pack(ends, packet.domain, packet.protocol, kind), sender)
    }

    /// The stored form of a key, where this is it.
    pub(super) fn new(key: &Key) -> Option<Self> {
        let end = |end: Endpoint| match end.address {
            std::net::IpAddr::V4(address) => Some(u64::from(address.to_bits()) << 16 | u64::from(end.port)),
            std::net::IpAddr::V6(_) => None,
        };
        let ends = [end(key.low)?, end(key.high)?];
        if key.code != 0 {
            return None;
        }
        Some(Self::pack(ends, u16::try_from(key.domain.0).ok()?, key.protocol, key.kind))
    }
}

impl Stored for Narrow {
    type Align = Line;

    #[inline]
    fn hash(&self, seed: u64) -> u64 {
        // The step that foldhash is made of.
        let product = u128::from(self.hosts ^ seed) * u128::from(self.rest ^ seed.rotate_left(32));
        product as u64 ^ (product >> 64) as u64
    }

    fn hosts(&self) -> u64 {
        hosts_v4(self.hosts)
    }

    fn key(&self) -> Key {
        let end = |address: u64, port: u64| Endpoint {
            address: std::net::Ipv4Addr::from_bits(address as u32).into(),
            port: port as u16,
        };
        Key {
            domain: Domain(u128::from(self.rest >> 16 & 0xffff)),
            protocol: Protocol((self.rest >> 8) as u8),
            kind: self.rest as u8,
            code: 0,
            low: end(self.hosts >> 32, self.rest >> 48),
            high: end(self.hosts, self.rest >> 32),
        }
    }
}

/// [`Stored::hosts`] of two IPv4 hosts in one word.
fn hosts_v4(hosts: u64) -> u64 {
    let product = hosts.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = route::part_of_hosts((hosts >> 32) as u32, hosts as u32);
    (product ^ product >> 32) >> route::BITS | (part as u64) << (64 - route::BITS)
}

const fn halves(bits: u128) -> [u64; 2] {
    [(bits >> 64) as u64, bits as u64]
}

fn whole([upper, lower]: [u64; 2]) -> u128 {
    u128::from(upper) << 64 | u128::from(lower)
}

impl Wide {
    pub(super) fn new(key: &Key) -> Self {
        let bits = |address| {
            let bits = match address {
                std::net::IpAddr::V4(address) => u128::from(address.to_bits()),
                std::net::IpAddr::V6(address) => address.to_bits(),
            };
            halves(bits)
        };
        Self {
            hosts: [bits(key.low.address), bits(key.high.address)],
            domain: halves(key.domain.0),
            ports: [key.low.port, key.high.port],
            family: Family::of(key.low.address),
            protocol: key.protocol.0,
            kind: key.kind,
            code: key.code,
        }
    }
}

impl Stored for Wide {
    type Align = ();

    fn hash(&self, seed: u64) -> u64 {
        FixedState::with_seed(seed).hash_one(self)
    }

    fn hosts(&self) -> u64 {
        match (self.family, self.hosts) {
            (Family::V4, [[_, low], [_, high]]) => hosts_v4(low << 32 | high),
            (Family::V6, hosts) => FixedState::default().hash_one(hosts),
        }
    }

    fn key(&self) -> Key {
        let end = |i: usize| {
            let [upper, lower] = self.hosts[i];
            let address = match self.family {
                Family::V4 => std::net::Ipv4Addr::from_bits(lower as u32).into(),
                Family::V6 => std::net::Ipv6Addr::from_bits(whole([upper, lower])).into(),
            };
            Endpoint { address, port: self.ports[i] }
        };
        Key {
            domain: Domain(whole(self.domain)),
            protocol: Protocol(self.protocol),
            kind: self.kind,
            code: self.code,
            low: end(0),
            high: end(1),
        }
    }
}

/// The initiator is the higher endpoint.
pub(super) const INITIATOR_HIGH: u8 = 1;
/// The initiator sent the first packet seen.
pub(super) const INITIATOR_FIRST: u8 = 2;
/// Its opening packet was dropped.
pub(super) const BLOCKED: u8 = 4;
/// There is an [`Extra`] for it.
pub(super) const HAS_EXTRA: u8 = 8;
/// The upper half counts later drops as far as it can.
const DROP: u8 = 0x10;

/// A connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<K: Stored> {
    /// Holds nothing: it only tells how the record is aligned.
    _align: [K::Align; 0],
    pub key: K,
    pub first: Timestamp,
    /// When the conversation was last seen; the interfaces too, unless an extra says otherwise.
    pub last: Timestamp,
    /// By sender: the lower endpoint, the higher one.
    packets: [u32; 2],
    bytes: [u32; 2],
    /// Number of the [`Opening`](super::interned::Opening).
    pub opening: u32,
    /// Number of the [`Path`](super::interned::Path).
    pub path: u32,
    /// Number of the connection, once it has one.
    pub number: u32,
    /// At the interface of the lower and of the higher endpoint.
    pub places: [Code; 2],
    pub conversation: Code,
    pub flags: u8,
}

/// When a connection was last seen, and its number.
pub(in crate::replay) type Age = (Timestamp, u32);

/// What seldom needs room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// What the counts of the record overflowed, in units of 2^32: packets, bytes.
    packets: [u32; 2],
    bytes: [u32; 2],
    /// Beyond what the record counts.
    later_drops: u64,
    later_undecided: u64,
    /// Time of the last ICMP error about it, when later than the conversation.
    error: Option<Timestamp>,
    /// When the interfaces last saw it, when not at the same time as the conversation.
    places: [Option<Timestamp>; 2],
}

/// The state of a connection, unpacked.
#[derive(Debug, Clone, Copy)]
pub(in crate::replay) struct Entry {
    pub conversation: Tracked,
    pub places: [Option<Place>; 2],
}

impl<K: Stored> Record<K> {
    pub(super) fn new(key: K, first: Timestamp, opening: u32, flags: u8) -> Self {
        Self {
            _align: [],
            key,
            first,
            last: first,
            packets: [0; 2],
            bytes: [0; 2],
            opening,
            path: 0,
            number: u32::MAX,
            places: [Code::EMPTY; 2],
            conversation: Code::EMPTY,
            flags,
        }
    }

    pub(super) const fn initiator(&self) -> Side {
        if self.flags & INITIATOR_HIGH == 0 { Side::Low } else { Side::High }
    }

    /// Takes note of a datagram of so many packets and bytes, if every interface that is asked about it tracks its connection.
    ///
    /// This is what [`Step::judge`](crate::replay::step::Step) would find, without unpacking: a live entry at every
    /// step. Whatever is not so simple is left to it.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        limits: &Limits,
        kind: Kind,
        sender: Side,
        now: Timestamp,
        (packets, bytes): (u32, u32),
    ) -> bool {
        if self.flags & HAS_EXTRA != 0 {
            return false;
        }
        let Some(conversation) = limits.advance(self.conversation, kind, sender, self.last, now) else {
            return false;
        };
        let at = index(sender);
        let (Some(packets), Some(bytes)) =
            (self.packets[at].checked_add(packets), self.bytes[at].checked_add(bytes))
        else {
            return false;
        };
        if !Code::all_follow(self.places) && !self.advance_places(limits, kind, sender, now, conversation) {
            return false;
        }
        (self.packets[at], self.bytes[at]) = (packets, bytes);
        self.conversation = conversation;
        self.last = self.last.max(now);
        true
    }

    /// Takes the interfaces a packet further, if each tracks the connection.
    #[cold]
    fn advance_places(
        &mut self,
        limits: &Limits,
        kind: Kind,
        sender: Side,
        now: Timestamp,
        conversation: Code,
    ) -> bool {
        let next = |place| limits.advance_place(place, kind, sender, self.last, now);
        let [Some(low), Some(high)] = self.places.map(next) else { return false };
        self.places = [low, high].map(|place| place.beside(conversation));
        true
    }

    /// All that the step asks of the state, unless anything of it has ended or is not told by the record alone.
    pub(super) fn state(&self, limits: &Limits, kind: Kind, sender: Side, now: Timestamp) -> Option<u64> {
        // At one moment a step that is not taken could not be told from one that is.
        if self.flags & HAS_EXTRA != 0 || now <= self.last {
            return None;
        }
        limits.advance(self.conversation, kind, sender, self.last, now)?;
        for place in self.places {
            if place != Code::EMPTY {
                limits.advance_place(place, kind, sender, self.last, now)?;
            }
        }
        let [low, high] = self.places.map(Code::bits);
        let codes = u32::from_be_bytes([0, low, high, self.conversation.bits()]);
        Some(u64::from(self.path) << 32 | u64::from(codes))
    }

    /// What the evaluator has made of this record; `None` where the record does not tell all.
    pub(super) fn change(&self, reason: Reason) -> Option<Change> {
        let drops = match reason.verdict() {
            Verdict::Undecided => return None,
            verdict => verdict == Verdict::Drop,
        };
        (self.flags & HAS_EXTRA == 0).then_some(Change {
            opening: self.opening,
            path: self.path,
            places: self.places,
            conversation: self.conversation,
            flags: self.flags & (INITIATOR_HIGH | INITIATOR_FIRST | BLOCKED),
            drops,
        })
    }

    /// A new connection, as it was opened before.
    pub(super) fn opened(
        key: K,
        change: &Change,
        sender: Side,
        now: Timestamp,
        (packets, bytes): (u32, u32),
    ) -> Self {
        let mut record = Self::new(key, now, change.opening, change.flags);
        let at = index(sender);
        (record.packets[at], record.bytes[at]) = (packets, bytes);
        (record.path, record.places, record.conversation) = (change.path, change.places, change.conversation);
        record
    }

    /// Takes note of a packet whose outcome is known, unless there is no room to count it. The state must be that of the
    /// [`Question`](super::known::Question), [`Self::state`].
    pub(super) fn apply(
        &mut self,
        change: &Change,
        sender: Side,
        now: Timestamp,
        (packets, bytes): (u32, u32),
    ) -> bool {
        let at = index(sender);
        let room = u32::from(u8::MAX / DROP - self.flags / DROP);
        let drops = if change.drops { packets } else { 0 };
        let flags = (drops <= room).then(|| self.flags + drops as u8 * DROP);
        let (Some(packets), Some(bytes), Some(flags)) =
            (self.packets[at].checked_add(packets), self.bytes[at].checked_add(bytes), flags)
        else {
            return false;
        };
        (self.packets[at], self.bytes[at], self.flags) = (packets, bytes, flags);
        (self.path, self.places, self.conversation) = (change.path, change.places, change.conversation);
        self.last = now;
        true
    }

    /// Counts packets of one side.
    pub(super) fn count(&mut self, sender: Side, volume: Volume, extra: &mut Extra) {
        let add = |low: &mut u32, high: &mut u32, more: u64| {
            let sum = u64::from(*low) + (more & 0xffff_ffff);
            *low = sum as u32;
            *high = high.wrapping_add((sum >> 32) as u32).wrapping_add((more >> 32) as u32);
        };
        let at = index(sender);
        add(&mut self.packets[at], &mut extra.packets[at], volume.packets);
        add(&mut self.bytes[at], &mut extra.bytes[at], volume.bytes);
    }

    /// Counts packets after the opening that were dropped.
    pub(super) fn count_drops(&mut self, packets: u64, extra: &mut Extra) {
        let room = u64::from(u8::MAX / DROP - self.flags / DROP);
        let here = packets.min(room);
        self.flags += here as u8 * DROP;
        extra.later_drops += packets - here;
    }

    /// Counts packets after the opening that could not be judged.
    pub(super) const fn count_undecided(packets: u64, extra: &mut Extra) {
        extra.later_undecided += packets;
    }

    /// Takes note of the time of an ICMP error.
    pub(super) fn error_at(&self, now: Timestamp, extra: &mut Extra) {
        if now > self.last {
            extra.error = extra.error.max(Some(now));
        }
    }

    /// What one side sent.
    pub(super) fn volume(&self, side: Side, extra: &Extra) -> Volume {
        let at = index(side);
        let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        Volume {
            packets: whole(self.packets[at], extra.packets[at]),
            bytes: whole(self.bytes[at], extra.bytes[at]),
        }
    }

    /// Packets after the opening that were dropped, and that could not be judged.
    pub(super) fn later(&self, extra: &Extra) -> (u64, u64) {
        (u64::from(self.flags / DROP) + extra.later_drops, extra.later_undecided)
    }

    /// What tells who is let go first.
    pub(super) fn age(&self, extra: &Extra) -> Age {
        (self.last_seen(extra), self.number)
    }

    /// When anything of it was last seen.
    pub(super) fn last_seen(&self, extra: &Extra) -> Timestamp {
        extra.error.map_or(self.last, |error| error.max(self.last))
    }

    /// Its state; `rules` are those that let it open.
    pub(super) fn entry(&self, rules: [Option<RuleId>; 2], extra: &Extra) -> Entry {
        let place = |i: usize| {
            let code = if self.places[i] == Code::FOLLOWS { self.conversation } else { self.places[i] };
            let tracked = code.tracked(extra.places[i].unwrap_or(self.last))?;
            Some(Place { tracked, rule: rules[i] })
        };
        let unknown = Tracked { phase: crate::replay::Phase::OneWay, opener: Side::Low, last: self.last };
        Entry {
            conversation: self.conversation.tracked(self.last).unwrap_or(unknown),
            places: [place(0), place(1)],
        }
    }

    /// Stores its state; `absent` is what stands where nothing is tracked.
    pub(super) fn store(&mut self, entry: &Entry, absent: [Code; 2], extra: &mut Extra) {
        self.conversation = Code::of(&entry.conversation);
        self.last = entry.conversation.last;
        for (i, (place, absent)) in entry.places.iter().zip(absent).enumerate() {
            self.places[i] = place.map_or(absent, |place| Code::of(&place.tracked).beside(self.conversation));
            let last = place.map(|place| place.tracked.last);
            extra.places[i] = last.filter(|&last| last != self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::StateProfile;
    use crate::replay::Phase;

    #[test]
    fn records_have_the_size_they_are_meant_to_have() {
        assert_eq!((size_of::<Record<Narrow>>(), align_of::<Record<Narrow>>()), (64, 64));
        assert_eq!(size_of::<Record<Wide>>(), 104);
    }

    /// By hand, since few rules bring forth connections that differ in one place only: random tests seldom meet two.
    #[test]
    fn whatever_differs_in_the_state_makes_another_question() {
        let limits = Limits::new(&StateProfile::HUAWEI.timeouts.unwrap());
        let code = |phase| Code::of(&Tracked { phase, opener: Side::Low, last: Timestamp(0) });
        let (one_way, both_ways) = (code(Phase::OneWay), code(Phase::BothWays));
        let record = Record::new(Narrow::default(), Timestamp(0), 0, 0);
        let record = Record { places: [one_way; 2], conversation: one_way, ..record };
        let state = |record: &Record<_>, now| {
            record.state(&limits, Kind::of(Protocol::UDP, 0), Side::Low, Timestamp(now))
        };
        let others = [
            Record { path: 1, ..record },
            Record { places: [both_ways, one_way], ..record },
            Record { places: [Code::EMPTY, one_way], ..record },
            Record { places: [one_way, both_ways], ..record },
            Record { places: [one_way, Code::EMPTY], ..record },
            Record { conversation: both_ways, ..record },
        ];
        let mut states: Vec<_> =
            others.iter().chain([&record]).map(|record| state(record, 1).unwrap()).collect();
        states.sort_unstable();
        states.dedup();
        assert_eq!(states.len(), others.len() + 1);
        assert_eq!(state(&record, 0), None, "at the same moment");
        assert_eq!(state(&record, i64::MAX), None, "expired");
        assert_eq!(state(&Record { flags: HAS_EXTRA, ..record }, 1), None, "more beside the record");
    }
}
