//! Fragments waiting for the rest of their datagram.
//!
//! Only positions are kept, never payload. As Linux and RFC 5722 have it, a datagram whose fragments overlap is given up
//! as a whole; one that only repeats what came in one run is ignored.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::packet::{Domain, Family, Fragment, IpPacket, Packet, Protocol, Timestamp, Transport};

use super::Volume;

/// How long Linux waits for the rest of an IPv4 datagram (`ipfrag_time`).
const WAIT_V4: i64 = 30_000_000_000;
/// The same for IPv6 (`ip6frag_time`).
const WAIT_V6: i64 = 60_000_000_000;
/// The most fragments that wait at one time; over it the oldest datagrams are given up.
const MOST_WAITING: usize = 65_536;
/// The largest payload of a datagram.
const LARGEST: u32 = 65_535;

/// A frame that holds a fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub sequence: u64,
    pub frame: u64,
    pub packet: Packet,
}

/// Fragments of one datagram.
#[derive(Debug)]
pub(super) struct Datagram {
    serial: u64,
    began: Timestamp,
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
    /// The time of its newest fragment.
    pub(super) fn last_time(&self) -> Timestamp {
        self.pieces.last().map_or(self.began, |piece| piece.packet.time)
    }

    /// All its frames together.
    pub(super) fn volume(&self) -> Volume {
        let bytes = self.pieces.iter().map(|piece| u64::from(piece.packet.length)).sum();
        Volume { packets: self.pieces.len() as u64, bytes }
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

/// All datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: HashMap<Key, Datagram, FixedState>,
    /// By age; an entry whose serial is no longer waiting is stale.
    ages: VecDeque<(Timestamp, u64, Key)>,
    serial: u64,
    pieces: usize,
    /// The latest time seen: time that runs backwards gives nothing up.
    now: Option<Timestamp>,
}

impl Fragments {
    pub(super) fn add(&mut self, ip: &IpPacket, fragment: Fragment, piece: Piece) -> Added {
        // RFC 8200 leaves the next header out: it may differ between the fragments of one datagram.
        let protocol = match ip.addresses.family() {
            Family::V4 => ip.protocol,
            Family::V6 => Protocol(0),
        };
        let key = (ip.domain, ip.addresses, protocol, fragment.id);
        let time = piece.packet.time;
        let datagram = self.waiting.entry(key).or_insert_with(|| {
            self.serial += 1;
            self.ages.push_back((time, self.serial, key));
            let serial = self.serial;
            Datagram {
                serial,
                began: time,
                pieces: vec![],
                first: None,
                end: None,
                seen: vec![],
                dead: false,
            }
        });
        datagram.pieces.push(piece);
        self.pieces += 1;
        if matches!(ip.transport, Transport::Malformed) && fragment.offset != 0 {
            datagram.dead = true;
        }
        if datagram.dead {
            // Its other fragments were told already; this one shares their fate until the wait is over.
            let serial = datagram.serial;
            let pieces = std::mem::take(&mut datagram.pieces);
            self.pieces -= pieces.len();
            let (began, first) = (datagram.began, datagram.first.take());
            return Added::Dead(Datagram {
                serial,
                began,
                pieces,
                first,
                end: None,
                seen: vec![],
                dead: true,
            });
        }
        datagram.take(ip, fragment);
        if datagram.dead {
            return self.add_dead(&key);
        }
        if datagram.is_complete() {
            return match self.remove(&key) {
                Some(datagram) => Added::Complete(datagram),
                None => Added::Waiting,
            };
        }
        Added::Waiting
    }

    /// Gives a datagram up, but remembers that it is dead.
    fn add_dead(&mut self, key: &Key) -> Added {
        let Some(datagram) = self.waiting.get_mut(key) else { return Added::Waiting };
        let pieces = std::mem::take(&mut datagram.pieces);
        self.pieces -= pieces.len();
        let (serial, began, first) = (datagram.serial, datagram.began, datagram.first.take());
        Added::Dead(Datagram { serial, began, pieces, first, end: None, seen: vec![], dead: true })
    }

    fn remove(&mut self, key: &Key) -> Option<Datagram> {
        let datagram = self.waiting.remove(key)?;
        self.pieces -= datagram.pieces.len();
        Some(datagram)
    }

    /// The datagrams whose wait is over at this time, and the oldest when too many wait.
    pub(super) fn expired(&mut self, time: Timestamp) -> Vec<Datagram> {
        let now = self.now.map_or(time, |now| now.max(time));
        self.now = Some(now);
        let mut gone = Vec::new();
        while let Some(&(began, serial, key)) = self.ages.front() {
            let wait = match key.1.family() {
                Family::V4 => WAIT_V4,
                Family::V6 => WAIT_V6,
            };
            let stale = self.waiting.get(&key).is_none_or(|datagram| datagram.serial != serial);
            if !stale && now.0.saturating_sub(began.0) < wait && self.pieces <= MOST_WAITING {
                break;
            }
            self.ages.pop_front();
            if !stale {
                gone.extend(self.remove(&key));
            }
        }
        gone
    }

    /// Everything that still waits, oldest first.
    pub(super) fn all(&mut self) -> Vec<Datagram> {
        let ages = std::mem::take(&mut self.ages);
        let mut rest = Vec::new();
        for (_, serial, key) in ages {
            if self.waiting.get(&key).is_some_and(|datagram| datagram.serial == serial) {
                rest.extend(self.remove(&key));
            }
        }
        rest
    }
}
