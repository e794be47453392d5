//! Finds records by the hash of their key: buckets of one cache line, eight tags and eight numbers each.
//!
//! A tag is the upper half of the hash, and gives the bucket too, by its first bits: so a table that grows is copied from
//! front to back, and no record has to be looked at for its hash. A bucket that is full goes on in the next.

#![allow(clippy::cast_possible_truncation)] // Hashes are cut in halves.

/// Slots of a bucket.
const WIDTH: usize = 8;
/// No record.
pub(super) const NONE: u32 = u32::MAX;
/// Buckets of a new index.
const FIRST: usize = 2;

/// The part of a hash that an index looks at; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    #[inline]
    pub(super) const fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32 | 1)
    }
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    /// Zero is free; what is free stands last.
    tags: [u32; WIDTH],
    /// Records.
    numbers: [u32; WIDTH],
}

impl Bucket {
    /// A byte for each slot, 1 where it has this tag. Without a branch: which slot it is cannot be foretold.
    #[inline]
    fn with(&self, tag: u32) -> u64 {
        u64::from_le_bytes(self.tags.map(|known| u8::from(known == tag)))
    }

    const fn is_full(&self) -> bool {
        self.tags[WIDTH - 1] != 0
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

    /// Something of the bucket of a tag: asked for ahead, the bucket is there when [`Self::guess`] needs it.
    #[inline]
    pub(super) fn touch(&self, tag: Tag) -> u32 {
        self.buckets[self.bucket(tag)].tags[0]
    }

    /// A record with this tag that `is_it`.
    #[inline]
    pub(super) fn find(&self, tag: Tag, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (bucket, slot) = self.place(tag, is_it)?;
        Some(self.buckets[bucket].numbers[slot])
    }

    /// The first record with this tag, which another may have too; [`NONE`] where there is none.
    #[inline]
    pub(super) fn guess(&self, tag: Tag) -> u32 {
        let bucket = &self.buckets[self.bucket(tag)];
        let bits = bucket.with(tag.0);
        if bits == 0 && bucket.is_full() {
            return self.find(tag, |_| true).unwrap_or(NONE);
        }
        let number = bucket.numbers[bits.trailing_zeros() as usize / 8 % WIDTH];
        if bits == 0 { NONE } else { number }
    }

    #[inline]
    fn place(&self, tag: Tag, is_it: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        let mut at = self.bucket(tag);
        loop {
            let bucket = &self.buckets[at];
            let mut bits = bucket.with(tag.0);
            while bits != 0 {
                let slot = bits.trailing_zeros() as usize / 8 % WIDTH;
                if is_it(bucket.numbers[slot]) {
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
        // Five of eight slots at most: then few buckets are full.
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
        let slot = bucket.tags.iter().map(|&tag| usize::from(tag != 0)).sum::<usize>() % WIDTH;
        bucket.tags[slot] = tag.0;
        bucket.numbers[slot] = number;
    }

    #[cold]
    fn grow(&mut self) {
        let more = vec![Bucket::default(); self.buckets.len() * 2];
        self.shift -= 1;
        for bucket in std::mem::replace(&mut self.buckets, more) {
            for (&tag, &number) in bucket.tags.iter().zip(&bucket.numbers) {
                if tag != 0 {
                    self.put(Tag(tag), number);
                }
            }
        }
    }
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
        for (&key, &number) in &known {
            assert_eq!(index.find(Tag::of(hash(key)), |at| key_of(at) == key), Some(number));
        }
        assert_eq!(index.find(Tag::of(hash(702)), |at| key_of(at) == 702), None);
    }
}
