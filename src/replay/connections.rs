//! The connections of a replay as reports read them: unpacked one by one, never all at once.

use rayon::prelude::*;

use super::context::Outer;
use super::shard::{Local, Shard};
use super::{Connection, ConnectionId, ConnectionVerdict, route};

/// Connections whose memory is asked for at once, at least: it stays in the cache until they are unpacked.
const AHEAD: usize = 128;
/// Pairs of hosts whose numbers are the same but for these bits are folded by one thread: those of one part.
const STRETCH: u32 = u64::BITS - route::BITS;

/// Where a connection is: its verdict, its shard, its place there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(u64);

impl Place {
    pub(super) fn new(verdict: ConnectionVerdict, shard: usize, local: Local) -> Self {
        Self((verdict as u64) << 56 | (shard as u64) << 32 | u64::from(local.bits()))
    }

    const fn verdict(self) -> ConnectionVerdict {
        ConnectionVerdict::ALL[(self.0 >> 56) as usize]
    }

    pub(super) const fn shard(self) -> usize {
        (self.0 >> 32 & 0xffff) as usize
    }

    /// The same connection at another place of its shard.
    pub(super) fn at(self, local: Local) -> Self {
        Self(self.0 >> 32 << 32 | u64::from(local.bits()))
    }

    pub(super) const fn local(self) -> Local {
        Local::from_bits((self.0 & 0xffff_ffff) as u32)
    }
}

/// The connections that a replay has kept, in the order of their first packets.
#[derive(Clone, Copy)]
pub struct Connections<'a> {
    pub(super) shards: &'a [Shard],
    pub(super) order: &'a [Place],
    /// How many of them know their number.
    pub(super) numbered: usize,
    /// How many others were let go. Where none were, the number is the index.
    pub(super) let_go: usize,
}

impl<'a> Connections<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// How many there ever were, those included that were let go.
    pub const fn ever(&self) -> usize {
        self.let_go + self.order.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The connection of this id, if there is one.
    pub fn get(&self, id: ConnectionId) -> Option<Connection> {
        let at = match id.index().checked_sub(self.let_go) {
            // As many lie before it as there are of lower numbers.
            Some(at) if self.let_go == 0 || at >= self.numbered => at,
            _ => {
                let known = &self.order[..self.numbered];
                known.binary_search_by_key(&id, |&place| self.known_id(place)).ok()?
            }
        };
        self.order.get(at).map(|&place| self.at(place))
    }

    /// All of them, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (ConnectionId, Connection)> + use<'a> {
        let connections = *self;
        let id = move |(at, &place): (usize, &Place)| {
            let is_index = connections.let_go == 0 || at >= connections.numbered;
            let id = if is_index {
                ConnectionId::new(connections.let_go + at)
            } else {
                connections.known_id(place)
            };
            (id, connections.at(place))
        };
        self.order.iter().enumerate().map(id)
    }

    /// The number of a connection that knows it.
    fn known_id(&self, place: Place) -> ConnectionId {
        ConnectionId::new(self.shards[place.shard()].number(place.local()) as usize)
    }

    #[inline]
    fn at(&self, place: Place) -> Connection {
        let shard = &self.shards[place.shard()];
        let outer = shard.outer(place.local());
        let outer = outer.map(|outer| match outer {
            Outer::In(shard, local) => ConnectionId::new(self.shards[shard as usize].number(local) as usize),
            Outer::Numbered(id) => id,
        });
        shard.connection(place.local(), outer)
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'a> {
        Iter { connections: *self, places: self.order.iter() }
    }

    /// Those of one verdict, folded by all threads of the current pool; all connections of a pair of hosts are given to one
    /// call of `fold`, in no order that means anything, with those of other pairs perhaps.
    pub fn fold_by_hosts<T: Default + Send>(
        &self,
        verdict: ConnectionVerdict,
        fold: impl Fn(&mut T, Group<'_>) + Sync,
        join: impl Fn(T, T) -> T + Send + Sync,
    ) -> T {
        let stretches = self.order.par_chunks(AHEAD).flat_map_iter(|places| {
            let places = places.iter().filter(|place| place.verdict() == verdict);
            places.clone().for_each(|&place| self.ask_for(place));
            places.map(|&place| (self.shards[place.shard()].hosts(place.local()), place))
        });
        let mut places: Vec<(u64, Place)> = stretches.collect();
        places.par_sort_unstable_by_key(|&(hosts, _)| hosts);
        let stretches = places.par_chunk_by(|(a, _), (b, _)| a >> STRETCH == b >> STRETCH);
        let folded = stretches.fold(T::default, |mut folded, stretch| {
            let (mut at, mut asked) = (0, 0);
            for group in stretch.chunk_by(|(a, _), (b, _)| a == b) {
                let end = at + group.len();
                if end > asked {
                    asked = stretch.len().min(end.max(at + AHEAD));
                    stretch[at..asked].iter().for_each(|&(_, place)| self.ask_for(place));
                }
                at = end;
                fold(&mut folded, Group { connections: *self, places: group.iter() });
            }
            folded
        });
        folded.reduce_with(join).unwrap_or_default()
    }

    /// Asks for the memory of a connection. Of several it lies far apart: one by one, each would be waited for.
    fn ask_for(&self, place: Place) {
        self.shards[place.shard()].ask_for(place.local());
    }

    /// Those of one verdict; the others are not even looked at.
    pub fn of(&self, verdict: ConnectionVerdict) -> impl Iterator<Item = Connection> + use<'a> {
        let connections = *self;
        let places = self.order.iter().filter(move |place| place.verdict() == verdict);
        places.map(move |&place| connections.at(place))
    }
}

impl std::fmt::Debug for Connections<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Some connections of a replay, one after the other.
pub struct Group<'a> {
    connections: Connections<'a>,
    places: std::slice::Iter<'a, (u64, Place)>,
}

impl Iterator for Group<'_> {
    type Item = Connection;

    #[inline]
    fn next(&mut self) -> Option<Connection> {
        self.places.next().map(|&(_, place)| self.connections.at(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }

    /// Each connection is used where it was unpacked, and not moved about.
    #[inline]
    fn fold<B, F: FnMut(B, Connection) -> B>(self, start: B, mut fold: F) -> B {
        self.places.fold(start, |folded, &(_, place)| fold(folded, self.connections.at(place)))
    }
}

impl std::fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("left", &self.places.len()).finish_non_exhaustive()
    }
}

/// All connections of a replay, one after the other.
#[derive(Clone)]
pub struct Iter<'a> {
    connections: Connections<'a>,
    places: std::slice::Iter<'a, Place>,
}

impl Iterator for Iter<'_> {
    type Item = Connection;

    fn next(&mut self) -> Option<Connection> {
        self.places.next().map(|&place| self.connections.at(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl std::fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter").field("left", &self.places.len()).finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &Connections<'a> {
    type Item = Connection;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for Connections<'a> {
    type Item = Connection;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
