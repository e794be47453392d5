//! Connections by key: an index, and records that never move.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use prefetch_index::prefetch_index;

use super::index::{Index, NONE, Tag, seed};
use super::record::{Age, Extra, HAS_EXTRA, Record, Stored};

/// Records in one piece of memory. It is large enough to be mapped on its own, and touched only as it is filled.
const CHUNK: usize = 4096;

/// Connections by key. One that was followed by another of the same key stays, but is found no more.
#[derive(Debug)]
pub(super) struct Table<K: Stored> {
    index: Index,
    seed: u64,
    chunks: Vec<Vec<Record<K>>>,
    len: usize,
    extras: HashMap<u32, Extra, FixedState>,
    replaced: u64,
}

impl<K: Stored> Default for Table<K> {
    fn default() -> Self {
        let (index, seed) = (Index::default(), seed());
        Self { index, seed, chunks: vec![], len: 0, extras: HashMap::default(), replaced: 0 }
    }
}

impl<K: Stored> Table<K> {
    /// How many there are, those that are found no more included.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How often a connection took the place of another.
    pub(super) const fn replaced(&self) -> u64 {
        self.replaced
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> &Record<K> {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Record<K> {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    #[inline]
    fn tag(&self, key: &K) -> Tag {
        Tag::of(key.hash(self.seed))
    }

    /// The newest connection of this key.
    #[inline]
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        self.index.find(self.tag(key), |at| self.get(at).key == *key)
    }

    /// Asks for the memory of the index where a key is looked for; returns its tag.
    #[inline]
    pub(super) fn ask_for_index(&self, key: &K) -> Tag {
        let tag = self.tag(key);
        self.index.ask_for(tag);
        tag
    }

    /// A record that may have this tag, [`NONE`] where none has; its memory is asked for.
    #[inline]
    pub(super) fn guess(&self, tag: Tag) -> u32 {
        let guess = self.index.guess(tag);
        if guess != NONE {
            self.ask_for(guess);
        }
        guess
    }

    /// Asks for the memory of a record.
    #[inline]
    pub(super) fn ask_for(&self, at: u32) {
        if let Some(chunk) = self.chunks.get(at as usize / CHUNK) {
            prefetch_index(chunk, at as usize % CHUNK);
        }
    }

    /// Adds a connection, in the place of an older one of its key if there is one.
    pub(super) fn add(&mut self, record: Record<K>, older: Option<u32>) -> u32 {
        let at = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let tag = self.tag(&record.key);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => {
                chunk.push(record);
                // Where the next will be written: nothing has to be there for that.
                prefetch_index(&*chunk, chunk.len() + 1);
            }
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(record);
                self.chunks.push(chunk);
            }
        }
        self.len += 1;
        if older.is_some_and(|older| self.index.replace(tag, older, at)) {
            self.replaced += 1;
        } else {
            self.index.add(tag, at);
        }
        at
    }

    /// Lets go of all connections but those that stay; returns where each is now, [`NONE`] for those that are gone.
    ///
    /// In place: there may be no room for a second table.
    pub(super) fn retain(&mut self, stays: impl Fn(Age) -> bool) -> Vec<u32> {
        let (index, mut extras) = (std::mem::take(&mut self.index), std::mem::take(&mut self.extras));
        let (mut places, mut left) = (Vec::with_capacity(self.len), 0);
        for at in (0..).take(self.len) {
            let record = *self.get(at);
            let extra = extras.remove(&at);
            if !stays(record.age(&extra.unwrap_or_default())) {
                places.push(NONE);
                continue;
            }
            *self.get_mut(left) = record;
            if let Some(extra) = extra {
                self.extras.insert(left, extra);
            }
            let tag = self.tag(&record.key);
            if index.find(tag, |known| known == at).is_some() {
                self.index.add(tag, left);
            }
            places.push(left);
            left += 1;
        }
        self.len = left as usize;
        self.chunks.truncate(self.len.div_ceil(CHUNK));
        if let (Some(chunk), 1..) = (self.chunks.last_mut(), self.len % CHUNK) {
            chunk.truncate(self.len % CHUNK);
        }
        places
    }

    #[inline]
    pub(super) fn extra(&self, at: u32) -> Extra {
        if self.get(at).flags & HAS_EXTRA == 0 {
            return Extra::default();
        }
        self.rare_extra(at)
    }

    #[cold]
    fn rare_extra(&self, at: u32) -> Extra {
        self.extras.get(&at).copied().unwrap_or_default()
    }

    pub(super) fn set_extra(&mut self, at: u32, extra: Extra) {
        let had = self.get(at).flags & HAS_EXTRA != 0;
        if extra != Extra::default() {
            self.extras.insert(at, extra);
            self.get_mut(at).flags |= HAS_EXTRA;
        } else if had {
            self.extras.remove(&at);
            self.get_mut(at).flags &= !HAS_EXTRA;
        }
    }

    /// All connections, with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Record<K>)> {
        (0..).zip(self.chunks.iter().flat_map(|chunk| chunk.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Narrow;
    use super::*;
    use crate::packet::{Compact, Flow, Timestamp};

    /// One host that asks many others. The first ports made all connections fall into one bucket while the hash had a fixed key: they
    /// were its bits.
    #[test]
    fn connections_of_neighbours_spread_over_the_index() {
        for ports in [(0x1319, 0x8a2e), (4889, 53), (40_000, 53)] {
            let mut table = Table::<Narrow>::default();
            for host in 0..5000 {
                let text =
                    format!("udp 1.1.1.1:{} > 10.0.{}.{}:{}", ports.0, host / 256, host % 256, ports.1);
                let packet = text.parse::<Flow>().unwrap().packet(Timestamp(0));
                let (key, _) = Narrow::of(&Compact::of(&packet).unwrap());
                table.add(Record::new(key, Timestamp(0), 0, 0), None);
            }
            assert!(table.index.longest_run() < 100, "{}", table.index.longest_run());
        }
    }
}
