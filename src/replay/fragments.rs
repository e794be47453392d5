//! Fragments waiting for the rest of their datagram.
//!
//! Only positions are kept, never payload. As Linux and RFC 5722 have it, a datagram whose fragments overlap is given up
//! as a whole; one that only repeats what came in one run is ignored.
//!
//! A datagram's wait is over when the timeline has come to its deadline, whichever packet brings it there. How many
//! fragments may wait is counted in each part of the hosts: a bound over all of them would depend on who runs first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::packet::{Domain, Family, Fragment, IpPacket, Packet, Protocol, Timestamp, Transport};

use super::StepVerdict;
use super::context::Nesting;
use super::route;

/// How long Linux waits for the rest of an IPv4 datagram (`ipfrag_time`).
const WAIT_V4: i64 = 30_000_000_000;
/// The same for IPv6 (`ip6frag_time`).
const WAIT_V6: i64 = 60_000_000_000;
/// The most fragments, and the most datagrams, that wait in a part; over it those nearest their deadline are given up.
const MOST_WAITING: usize = 65_536 / route::PARTS;
/// The largest payload of a datagram.
const LARGEST: u32 = 65_535;

/// A frame that holds a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub sequence: u64,
    pub frame: u64,
    pub packet: Packet,
    pub nesting: Nesting,
}

/// When a datagram is given up, and which frame began it: no two have the same.
pub(super) type Deadline = (Timestamp, u64);

/// Fragments of one datagram.
#[derive(Debug)]
pub(super) struct Datagram {
    pub deadline: Deadline,
    /// The frames, in the order seen.
    pub pieces: Vec<Piece>,
    /// The fragment with the transport header.
    pub first: Option<IpPacket>,
    /// Where its payload ends, once the last fragment was seen.
    end: Option<u32>,
    /// The parts seen, ascending. What came in order, each at the end of all before it, is one run, as in Linux: what repeats
    /// bytes of two runs is no duplicate but an overlap.
    seen: Vec<(u32, u32)>,
    /// Its fragments contradict each other.
    dead: bool,
}

impl Datagram {
    const fn new(deadline: Deadline) -> Self {
        Self { deadline, pieces: vec![], first: None, end: None, seen: vec![], dead: false }
    }

    /// The time of its newest fragment.
    pub(super) fn last_time(&self) -> Timestamp {
        self.pieces.last().map_or(self.deadline.0, |piece| piece.packet.time)
    }

    /// Where a packet that carries a part of it was dropped: then the whole never arrives.
    pub(super) fn stopped(&self) -> Option<StepVerdict> {
        self.pieces.iter().find_map(|piece| piece.nesting.carrier.stopped)
    }

    fn is_complete(&self) -> bool {
        let mut reached = 0;
        let gapless = self.seen.iter().all(|run| std::mem::replace(&mut reached, run.1) == run.0);
        gapless && self.end == Some(reached)
    }

    /// Takes note of a fragment's place.
    fn take(&mut self, ip: &IpPacket, fragment: Fragment) {
        let (from, mut to) = (fragment.offset, fragment.offset.saturating_add(fragment.length));
        // Only the last may end anywhere. Of others Linux drops the odd bytes in IPv4, and the datagram in IPv6.
        if fragment.more && ip.addresses.family() == Family::V4 {
            to &= !7;
        }
        let uneven = (fragment.more && !to.is_multiple_of(8)) || to == from;
        let end = if fragment.more { None } else { Some(to) };
        let other_end = matches!((self.end, end), (Some(a), Some(b)) if a != b);
        let behind_end =
            |end: Option<u32>| end.is_some_and(|end| self.seen.last().is_some_and(|last| last.1 > end));
        if uneven || to > LARGEST || other_end || self.end.is_some_and(|end| to > end) || behind_end(end) {
            self.dead = true;
            return;
        }
        if from == 0 && self.first.is_none() {
            self.first = Some(*ip);
        }
        self.end = self.end.or(end);
        let at = self.seen.partition_point(|run| run.1 <= from);
        match self.seen.get(at) {
            // Wholly inside what came in one run: a duplicate.
            Some(run) if run.0 <= from && to <= run.1 => {}
            Some(run) if run.0 < to => self.dead = true,
            Some(_) => self.seen.insert(at, (from, to)),
            None => match self.seen.last_mut().filter(|run| run.1 == from) {
                Some(run) => run.1 = to,
                None => self.seen.push((from, to)),
            },
        }
    }
}

/// What became of a fragment.
pub(super) enum Added {
    /// It waits.
    Waiting,
    /// It completed its datagram.
    Complete(Datagram),
    /// Its datagram was given up.
    Dead(Datagram),
}

/// Identifies a datagram (RFC 791, RFC 8200 section 4.5).
type Key = (Domain, crate::packet::AddressPair, Protocol, u32);

/// The datagrams of one shard that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// By the last bits of the part's number: a shard holds neighbours.
    parts: Vec<Part>,
    /// Of each part a deadline before which no wait ends there.
    next: Vec<Option<Deadline>>,
    /// The first of them, and its part.
    first: Option<(Deadline, usize)>,
}

/// The datagrams of one part of the hosts that wait.
#[derive(Debug, Default)]
pub(super) struct Part {
    waiting: HashMap<Key, Datagram, FixedState>,
    /// By deadline; an entry whose datagram is no longer waiting is stale.
    deadlines: BinaryHeap<Reverse<(Deadline, Stale)>>,
    pieces: usize,
}

/// The key of a datagram that may be gone. Deadlines differ, so that it never comes to comparing keys.
#[derive(Debug, Clone, Copy)]
struct Stale(Key);

impl PartialEq for Stale {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Stale {}

impl PartialOrd for Stale {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stale {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Fragments {
    /// None yet, for one of so many shards.
    pub(super) fn for_one_of(shards: usize) -> Self {
        let parts = route::PARTS / shards;
        let all = std::iter::repeat_with(Part::default).take(parts).collect();
        Self { parts: all, next: vec![None; parts], first: None }
    }

    /// Where the datagrams between two hosts wait.
    fn part(&self, ip: &IpPacket) -> usize {
        route::part_of(ip.addresses, ip.domain) % self.parts.len()
    }

    /// Takes a fragment; after it, [`Self::give_up_over_limit`] has to be asked about its datagram's hosts.
    pub(super) fn add(&mut self, ip: &IpPacket, fragment: Fragment, piece: Piece) -> Added {
        let part = self.part(ip);
        let added = self.parts[part].add(ip, fragment, piece);
        self.look_at(part);
        added
    }

    /// Finds out what comes first, after a part has changed.
    fn look_at(&mut self, part: usize) {
        let own = self.parts[part].earliest_deadline();
        if std::mem::replace(&mut self.next[part], own) == own {
            return;
        }
        self.first = match (own, self.first) {
            (Some(own), first) if first.is_none_or(|(deadline, _)| own < deadline) => Some((own, part)),
            (_, Some((_, first))) if first == part => {
                self.next.iter().zip(0..).filter_map(|(next, at)| Some(((*next)?, at))).min()
            }
            (_, first) => first,
        };
    }

    /// How many datagrams wait.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.waiting.len()).sum()
    }

    /// The fragments that wait, in any order.
    pub(super) fn pieces_mut(&mut self) -> impl Iterator<Item = &mut Piece> {
        let waiting = self.parts.iter_mut().flat_map(|part| part.waiting.values_mut());
        waiting.flat_map(|datagram| &mut datagram.pieces)
    }

    /// A time before which no wait ends; quickly told.
    #[inline]
    pub(super) fn earliest_deadline(&self) -> Option<Timestamp> {
        self.first.map(|((time, _), _)| time)
    }

    /// The next deadline of a datagram that waits.
    pub(super) fn next_deadline(&mut self) -> Option<Deadline> {
        loop {
            let (deadline, part) = self.first?;
            if self.parts[part].next_deadline() == Some(deadline) {
                return Some(deadline);
            }
            self.look_at(part);
        }
    }

    /// Gives up the datagram that is nearest its deadline.
    pub(super) fn give_up(&mut self) -> Option<Datagram> {
        self.next_deadline()?;
        let (_, part) = self.first?;
        let datagram = self.parts[part].give_up();
        self.look_at(part);
        datagram
    }

    /// Gives up the datagram between hosts of the same part that is nearest its deadline, if too many wait.
    pub(super) fn give_up_over_limit(&mut self, ip: &IpPacket) -> Option<Datagram> {
        let part = self.part(ip);
        let datagram = self.parts[part].give_up_over_limit()?;
        self.look_at(part);
        Some(datagram)
    }

    /// Whether a datagram waits that starts an ICMP error.
    pub(super) fn hold_error(&self) -> bool {
        self.parts.iter().any(Part::hold_error)
    }
}

impl Part {
    pub(super) fn add(&mut self, ip: &IpPacket, fragment: Fragment, piece: Piece) -> Added {
        let family = ip.addresses.family();
        // RFC 8200 leaves the next header out: it may differ between the fragments of one datagram.
        let protocol = match family {
            Family::V4 => ip.protocol,
            Family::V6 => Protocol(0),
        };
        let key = (ip.domain, ip.addresses, protocol, fragment.id);
        let wait = match family {
            Family::V4 => WAIT_V4,
            Family::V6 => WAIT_V6,
        };
        let datagram = self.waiting.entry(key).or_insert_with(|| {
            let deadline = (Timestamp(piece.packet.time.0.saturating_add(wait)), piece.sequence);
            self.deadlines.push(Reverse((deadline, Stale(key))));
            Datagram::new(deadline)
        });
        datagram.pieces.push(piece);
        self.pieces += 1;
        if matches!(ip.transport, Transport::Malformed) && fragment.offset != 0 {
            datagram.dead = true;
        }
        if !datagram.dead {
            datagram.take(ip, fragment);
        }
        if datagram.dead {
            // It stays known, so that later fragments share its fate until the wait is over.
            let dead = Datagram {
                pieces: std::mem::take(&mut datagram.pieces),
                first: datagram.first.take(),
                ..Datagram::new(datagram.deadline)
            };
            self.pieces -= dead.pieces.len();
            return Added::Dead(dead);
        }
        if datagram.is_complete()
            && let Some(datagram) = self.remove(&key)
        {
            return Added::Complete(datagram);
        }
        Added::Waiting
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.waiting.remove(key)?;
        self.pieces -= datagram.pieces.len();
        // Most datagrams are complete long before their deadline: what is left of them must not pile up until then.
        if self.deadlines.len() > 2 * self.waiting.len() + 64 {
            let waiting = &self.waiting;
            self.deadlines.retain(|Reverse((deadline, Stale(key)))| {
                waiting.get(key).is_some_and(|datagram| datagram.deadline == *deadline)
            });
        }
        Some(datagram)
    }

    /// A deadline before which no wait ends.
    fn earliest_deadline(&self) -> Option<Deadline> {
        self.deadlines.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// The next deadline of a datagram that waits.
    pub(super) fn next_deadline(&mut self) -> Option<Deadline> {
        while let Some(&Reverse((deadline, Stale(key)))) = self.deadlines.peek() {
            if self.waiting.get(&key).is_some_and(|datagram| datagram.deadline == deadline) {
                return Some(deadline);
            }
            self.deadlines.pop();
        }
        None
    }

    /// Gives up the datagram that is nearest its deadline.
    pub(super) fn give_up(&mut self) -> Option<Datagram> {
        self.next_deadline()?;
        let Reverse((_, Stale(key))) = self.deadlines.pop()?;
        self.remove(&key)
    }

    /// Gives up the datagram that is nearest its deadline, if too many wait.
    pub(super) fn give_up_over_limit(&mut self) -> Option<Datagram> {
        let over = self.pieces > MOST_WAITING || self.waiting.len() > MOST_WAITING;
        over.then(|| self.give_up())?
    }

    fn hold_error(&self) -> bool {
        #[allow(clippy::iter_over_hash_type)] // Whether there is one: the order does not matter.
        for datagram in self.waiting.values() {
            if datagram.first.is_some_and(|ip| route::is_quoting_error(&ip)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Content, Flow};

    /// Datagrams that are complete at once, far more than may wait, and no time passes: nothing of them is kept.
    #[test]
    fn complete_datagrams_leave_nothing_behind() {
        let Content::Ip(ip) =
            "udp 10.0.0.1:1 > 10.0.0.2:2".parse::<Flow>().unwrap().packet(Timestamp(0)).content
        else {
            unreachable!()
        };
        let mut part = Part::default();
        for id in 0..10_000 {
            for (offset, more) in [(0, true), (8, false)] {
                let fragment = Fragment { id, offset, length: 8, more };
                let ip = IpPacket { fragment: Some(fragment), ..ip };
                let packet = Packet { time: Timestamp(0), length: 42, content: Content::Ip(ip) };
                let piece = Piece { sequence: id.into(), frame: 1, packet, nesting: Nesting::default() };
                assert_eq!(matches!(part.add(&ip, fragment, piece), Added::Complete(_)), !more);
            }
        }
        assert!(part.waiting.is_empty() && part.pieces == 0);
        assert!(part.deadlines.len() <= 65, "{}", part.deadlines.len());
    }
}
