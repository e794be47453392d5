//! Finds records by the hash of their key: buckets of one cache line, which say of seven records what their number is.
//!
//! A bucket starts with a mark of seven bits for each of its records, all of which are compared at once. It holds half
//! of the hash too, whose first bits give the bucket: so an index that grows is copied from front to back, and no record
//! has to be looked at for its hash. A bucket that is full goes on in the next.

#![allow(clippy::cast_possible_truncation)] // Hashes are cut in pieces.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use prefetch_index::prefetch_index;

/// Records in a bucket.
const WIDTH: usize = 7;
/// No record.
pub(super) const NONE: u32 = u32::MAX;
/// Buckets of a new index.
const FIRST: usize = 2;

/// Seven bytes of 1, and their highest bits.
const ONES: u64 = 0x0001_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// What hashes depend on beside their keys: another in every process, so that no capture can be written, or meet by chance, whose
/// connections all fall into one bucket. Nothing that is seen depends on it.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()));

/// The seed of all hashes.
pub(super) fn seed() -> u64 {
    *SEED
}

/// The part of a hash that an index looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) const fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }

    /// Never zero. The last bits are not those that give the bucket.
    const fn mark(self) -> u64 {
        self.0 as u64 & 0x7f | 0x80
    }
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    /// A byte for each record: its mark. Zero is free; what is free stands last.
    marks: u64,
    tags: [u32; WIDTH],
    numbers: [u32; WIDTH],
}

impl Bucket {
    /// The highest bit of each byte that may hold this mark; the lowest of them does. Without a branch: which record it is
    /// cannot be foretold.
    #[inline]
    const fn with(&self, tag: Tag) -> u64 {
        let differ = self.marks ^ (ONES * tag.mark());
        differ.wrapping_sub(ONES) & !differ & HIGHS
    }

    #[inline]
    const fn is_full(&self) -> bool {
        self.marks >> (8 * (WIDTH - 1)) != 0
    }

    /// How many records there are.
    const fn len(&self) -> usize {
        (u64::BITS - self.marks.leading_zeros()) as usize / 8
    }
}

/// Numbers of records by tag. Several may have one tag.
#[derive(Debug)]
pub(super) struct Index {
    buckets: Vec<Bucket>,
    /// How far a tag is shifted to give its bucket.
    shift: u32,
    used: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { buckets: vec![Bucket::default(); FIRST], shift: u32::BITS - FIRST.ilog2(), used: 0 }
    }
}

impl Index {
    #[inline]
    const fn bucket(&self, Tag(tag): Tag) -> usize {
        // Never shifted by the whole width: there are at least two buckets.
        (tag >> self.shift) as usize
    }

    /// Asks for the memory of the bucket of a tag, ahead of [`Self::guess`].
    #[inline]
    pub(super) fn ask_for(&self, tag: Tag) {
        prefetch_index(&self.buckets, self.bucket(tag));
    }

    /// A record that may be the one with this tag; [`NONE`] where there is none.
    #[inline]
    pub(super) fn guess(&self, tag: Tag) -> u32 {
        let bucket = &self.buckets[self.bucket(tag)];
        let bits = bucket.with(tag);
        if bits == 0 {
            return if bucket.is_full() { self.find(tag, |_| true).unwrap_or(NONE) } else { NONE };
        }
        bucket.numbers[place(bits)]
    }

    /// A record with this tag that `is_it`.
    pub(super) fn find(&self, tag: Tag, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (bucket, slot) = self.place(tag, is_it)?;
        Some(self.buckets[bucket].numbers[slot])
    }

    fn place(&self, tag: Tag, is_it: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        let mut at = self.bucket(tag);
        loop {
            let bucket = &self.buckets[at];
            let mut bits = bucket.with(tag);
            while bits != 0 {
                let slot = place(bits);
                if bucket.tags[slot] == tag.0 && is_it(bucket.numbers[slot]) {
                    return Some((at, slot));
                }
                bits &= bits - 1;
            }
            if !bucket.is_full() {
                return None;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// Puts a record in the place of another with the same tag; tells whether that was there.
    pub(super) fn replace(&mut self, tag: Tag, old: u32, new: u32) -> bool {
        let found = self.place(tag, |known| known == old);
        if let Some((bucket, slot)) = found {
            self.buckets[bucket].numbers[slot] = new;
        }
        found.is_some()
    }

    /// Adds a record.
    pub(super) fn add(&mut self, tag: Tag, number: u32) {
        // Five of eight places at most: then few buckets are full.
        if self.used * 8 >= self.buckets.len() * WIDTH * 5 {
            self.grow();
        }
        self.used += 1;
        self.put(tag, number);
    }

    #[inline]
    fn put(&mut self, tag: Tag, number: u32) {
        let mut at = self.bucket(tag);
        while self.buckets[at].is_full() {
            at = (at + 1) & (self.buckets.len() - 1);
        }
        let bucket = &mut self.buckets[at];
        let slot = bucket.len() % WIDTH;
        bucket.marks |= tag.mark() << (8 * slot);
        (bucket.tags[slot], bucket.numbers[slot]) = (tag.0, number);
    }

    /// The most full buckets in a row: all that a lookup may have to go through.
    #[cfg(test)]
    pub(super) fn longest_run(&self) -> usize {
        self.buckets
            .chunk_by(|a, b| a.is_full() == b.is_full())
            .filter(|run| run[0].is_full())
            .map(<[_]>::len)
            .max()
            .unwrap_or(0)
    }

    #[cold]
    fn grow(&mut self) {
        let more = vec![Bucket::default(); self.buckets.len() * 2];
        self.shift -= 1;
        for bucket in std::mem::replace(&mut self.buckets, more) {
            for slot in 0..bucket.len() {
                self.put(Tag(bucket.tags[slot]), bucket.numbers[slot]);
            }
        }
    }
}

/// The first of the records whose bits are set.
#[inline]
const fn place(bits: u64) -> usize {
    bits.trailing_zeros() as usize / 8 % WIDTH
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Beside a map of the standard library: tags that meet, at the end of the table too, and replaced records.
    #[test]
    fn finds_what_was_added_last() {
        let (mut index, mut known) = (Index::default(), HashMap::new());
        let hash = |key: u32| match key % 3 {
            0 => u64::MAX,
            1 => u64::from(key % 50) << 60,
            _ => u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        let key_of = |number: u32| number % 700;
        for number in 0..1000 {
            let key = key_of(number);
            let tag = Tag::of(hash(key));
            assert_eq!(index.find(tag, |at| key_of(at) == key), known.get(&key).copied());
            match known.insert(key, number) {
                Some(old) => assert!(index.replace(tag, old, number)),
                None => index.add(tag, number),
            }
        }
        #[allow(clippy::iter_over_hash_type)] // Each is looked for on its own.
        for (&key, &number) in &known {
            assert_eq!(index.find(Tag::of(hash(key)), |at| key_of(at) == key), Some(number));
        }
        assert_eq!(index.find(Tag::of(hash(702)), |at| key_of(at) == 702), None);
    }
}
