//! The connections of a replay as reports read them: unpacked one by one, never all at once.

use rayon::prelude::*;

use super::shard::{Local, Shard};
use super::{Connection, ConnectionId, ConnectionVerdict};

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

    const fn shard(self) -> usize {
        (self.0 >> 32 & 0xffff) as usize
    }

    const fn local(self) -> Local {
        Local::from_bits((self.0 & 0xffff_ffff) as u32)
    }
}

/// The connections of a replay, in the order of their first packets; [`ConnectionId`] is the index.
#[derive(Clone, Copy)]
pub struct Connections<'a> {
    pub(super) shards: &'a [Shard],
    pub(super) order: &'a [Place],
}

impl<'a> Connections<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The connection of this id, if there is one.
    pub fn get(&self, id: ConnectionId) -> Option<Connection> {
        self.order.get(id.index()).map(|&place| self.at(place))
    }

    fn at(&self, place: Place) -> Connection {
        let shard = &self.shards[place.shard()];
        let outer = shard.outer(place.local());
        let outer = outer.map(|(shard, local)| ConnectionId::new(self.shards[shard].number(local) as usize));
        Connection { outer, ..shard.connection(place.local()) }
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'a> {
        Iter { connections: *self, places: self.order.iter() }
    }

    /// Those of one verdict, unpacked by all threads of the current pool.
    pub fn par_of(&self, verdict: ConnectionVerdict) -> impl ParallelIterator<Item = Connection> + use<'a> {
        let connections = *self;
        let places = self.order.par_iter().filter(move |place| place.verdict() == verdict);
        places.map(move |&place| connections.at(place))
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
