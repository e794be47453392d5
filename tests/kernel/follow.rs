//! Follows what the kernel knows of each connection at each interface, from the outside, to tell why the two differ where they
//! do.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::Step;
use super::packet::{Body, COOKIE_ACK, COOKIE_ECHO, DATA, INIT, INIT_ACK, Packet};
use super::ruleset::State;
use super::tcp::{self, Taken, Tracker};
use super::traffic::{End, Key, key_of};

/// The connections of all stations.
#[derive(Debug)]
pub(crate) struct Follower {
    strict: bool,
    timed: bool,
    /// With the end that opened.
    trackers: BTreeMap<(usize, Key), (Tracker, End)>,
    /// The chunks of an association that the kernel took.
    chunks: BTreeMap<(usize, Key), BTreeSet<u8>>,
}

impl Follower {
    /// Of a scenario in this mid-stream mode; `timed` when state runs out in it.
    pub(crate) const fn new(strict: bool, timed: bool) -> Self {
        Self { strict, timed, trackers: BTreeMap::new(), chunks: BTreeMap::new() }
    }

    /// Follows the kernel's TCP, and checks that this view of it is right.
    pub(crate) fn tcp(&mut self, packet: &Packet, their: &Step) -> Result<Option<(Taken, bool)>, String> {
        let Body::Tcp { ports, flags } = packet.body else { return Ok(None) };
        if self.timed {
            // It knows nothing of time.
            return Ok(None);
        }
        let (key, sender) = ((their.station, key_of(packet)), (packet.from, ports.0));
        let strict = self.strict;
        let (taken, forgotten) = match self.trackers.get_mut(&key) {
            None => (tcp::first(flags, strict), false),
            Some((tracker, opener)) => {
                let forgotten = tracker.forgotten;
                (tracker.take(flags, *opener == sender, strict), forgotten)
            }
        };
        let state = their.mark.state;
        let fits = match taken {
            Taken::Opens => state == State::New && !their.mark.confirmed,
            Taken::Belongs => their.mark.confirmed && matches!(state, State::New | State::Established),
            Taken::Invalid => state == State::Invalid,
        };
        if taken == Taken::Opens {
            self.trackers.remove(&key);
            if their.passed() {
                self.trackers.insert(key, (Tracker::open(flags), sender));
            }
        }
        if fits {
            Ok(Some((taken, forgotten)))
        } else {
            Err(format!("the kernel's TCP is not as we think: {taken:?}"))
        }
    }

    /// Whether an ICMP error is about a connection that the kernel forgot at a station because it was refused.
    pub(crate) fn quotes_forgotten(&self, packet: &Packet, station: usize) -> bool {
        let Body::Icmp { quoted: Some(quoted), .. } = &packet.body else { return false };
        self.trackers.get(&(station, key_of(quoted))).is_some_and(|(tracker, _)| tracker.forgotten)
    }

    /// Follows the handshake of an SCTP association at one interface; tells whether this chunk comes before its turn.
    pub(crate) fn chunk(&mut self, packet: &Packet, their: &Step) -> bool {
        let Body::Sctp { chunk, .. } = packet.body else { return false };
        let seen = self.chunks.entry((their.station, key_of(packet))).or_default();
        let before = match chunk {
            INIT_ACK => Some(INIT),
            COOKIE_ECHO | DATA => Some(INIT_ACK),
            COOKIE_ACK => Some(COOKIE_ECHO),
            _ => None,
        };
        let early = before.is_some_and(|before| !seen.contains(&before));
        if their.passed() && their.mark.state != State::Invalid {
            seen.insert(chunk);
        }
        early
    }
}
