//! Which headers of a batch go on: lists of places, made and thinned out without a branch.

use super::BATCH;
use crate::compile::simd::{Kernel, LANES};

/// Some places of a batch, ascending.
pub(super) struct Picked {
    /// With room to write a whole group behind the last.
    places: [u8; BATCH + LANES],
    pub(super) count: usize,
}

impl Picked {
    /// None.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self { places: [0; BATCH + LANES], count: 0 }
    }

    /// The places.
    #[inline(always)]
    pub(super) fn places(&self) -> &[u8] {
        &self.places[..self.count.min(BATCH)]
    }

    /// Picks the places of those of the first `among` numbers that are above the bound.
    #[inline(always)]
    pub(super) fn pick<K: Kernel>(&mut self, kernel: K, numbers: &[u32; BATCH], among: usize, bound: u32) {
        self.count = 0;
        for (group, numbers) in numbers.as_chunks::<LANES>().0.iter().enumerate().take(among.div_ceil(LANES))
        {
            let room = &mut self.places[self.count.min(BATCH)..];
            let Some(room) = room.first_chunk_mut::<LANES>() else { break };
            self.count += kernel.above(numbers, bound, (group * LANES) as u8, room);
        }
        // The last group may hold numbers of no header: they are at the end.
        while self.count > 0 && usize::from(self.places[(self.count - 1) & (BATCH - 1)]) >= among {
            self.count -= 1;
        }
    }

    /// The place with this number, which must be below the count.
    #[inline(always)]
    pub(super) const fn place(&self, number: usize) -> usize {
        self.places[number & (BATCH - 1)] as usize
    }

    /// Puts a place at this number, at most that of the place last read, and gives the next number: one higher if
    /// it is kept (1), the same if not (0).
    #[inline(always)]
    pub(super) const fn keep(&mut self, number: usize, place: usize, kept: u32) -> usize {
        self.places[number & (BATCH - 1)] = place as u8;
        number + kept as usize
    }
}
