//! Connections by key: an index of four bytes each, and records that never move.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};

use super::record::{Extra, HAS_EXTRA, Record, Stored};

/// Records in one piece of memory.
const CHUNK: usize = 256;

/// Connections by key. One that was followed by another of the same key stays, but is found no more.
#[derive(Debug)]
pub(super) struct Table<K: Stored> {
    index: HashTable<u32>,
    chunks: Vec<Box<[Record<K>; CHUNK]>>,
    len: usize,
    extras: HashMap<u32, Extra, FixedState>,
    replaced: u64,
}

impl<K: Stored> Default for Table<K> {
    fn default() -> Self {
        Self { index: HashTable::new(), chunks: vec![], len: 0, extras: HashMap::default(), replaced: 0 }
    }
}

impl<K: Stored> Table<K> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> &Record<K> {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Record<K> {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    /// The newest connection of this key.
    #[inline]
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        let chunks = &self.chunks;
        let same = |&at: &u32| chunks[at as usize / CHUNK][at as usize % CHUNK].key == *key;
        self.index.find(key.hash(), same).copied()
    }

    /// Adds a connection, in the place of an older one of its key if there is one.
    pub(super) fn add(&mut self, record: Record<K>, older: Option<u32>) -> u32 {
        let at = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let hash = record.key.hash();
        if self.len.is_multiple_of(CHUNK) {
            // Filled in place: a chunk is too much for the stack.
            let chunk: Result<Box<[_; CHUNK]>, _> = vec![record; CHUNK].into_boxed_slice().try_into();
            self.chunks.extend(chunk.ok());
        }
        self.len += 1;
        *self.get_mut(at) = record;
        let older = older.and_then(|older| self.index.find_mut(hash, |&known| known == older));
        if let Some(known) = older {
            self.replaced += 1;
            *known = at;
        } else {
            let chunks = &self.chunks;
            let hash_at = |&at: &u32| chunks[at as usize / CHUNK][at as usize % CHUNK].key.hash();
            self.index.insert_unique(hash, at, hash_at);
        }
        at
    }

    /// Changes whenever a connection takes the place of another.
    pub(super) const fn replaced(&self) -> u64 {
        self.replaced
    }

    pub(super) fn extra(&self, at: u32) -> Extra {
        if self.get(at).flags & HAS_EXTRA == 0 {
            return Extra::default();
        }
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
        (0..).zip(self.chunks.iter().flat_map(|chunk| chunk.iter())).take(self.len)
    }
}
