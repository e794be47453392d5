//! A pcap file by blocks: read and decoded beside each other, checked and judged in order.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::capture::{Block, Blocks, CaptureError};
use crate::compile::Matcher;
use crate::replay::{Batch, Out, Replay, Split};

use super::{Outcome, Read};

/// Blocks that several threads judge at once, for each of them, and at most: enough to balance, few enough to stay in the cache.
const BLOCKS_PER_THREAD: usize = 8;
const MOST_BLOCKS: usize = 32;

/// A stretch of the file: consecutive blocks, decoded.
#[derive(Debug, Default)]
struct Epoch {
    first: u64,
    batches: Vec<Batch>,
    blocks: Vec<io::Result<Block>>,
}

/// Scratch buffers that are not in use.
#[derive(Debug, Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = free().pop().unwrap_or_default();
        let result = work(&mut buffer);
        free().push(buffer);
        result
    }
}

/// Where the exact chain of records has come to.
struct Chain<'a> {
    file: &'a Blocks,
    next: u64,
    error: Option<CaptureError>,
    buffers: Buffers,
}

impl Epoch {
    /// Reads and decodes the blocks from `first` on, of which the first record starts at `start`.
    fn read(
        &mut self,
        file: &Blocks,
        (first, start): (u64, u64),
        most: usize,
        split: Split,
        buffers: &Buffers,
    ) {
        self.first = first;
        let left = usize::try_from(file.count().saturating_sub(first)).unwrap_or(usize::MAX);
        let count = left.min(most);
        self.batches.resize_with(count, || Batch::new(split));
        let read = |(index, batch): (usize, &mut Batch)| {
            batch.clear();
            let start = (index == 0).then_some(start);
            buffers.with(|buffer| file.parse(first + index as u64, start, buffer, batch))
        };
        self.batches.par_iter_mut().enumerate().map(read).collect_into_vec(&mut self.blocks);
    }
}

impl Chain<'_> {
    /// Checks that each block starts where the one before it ended, and reads those again that do not.
    fn check(&mut self, epoch: &mut Epoch) {
        for (index, (batch, block)) in (epoch.first..).zip(epoch.batches.iter_mut().zip(&mut epoch.blocks)) {
            if self.error.is_some() || self.next >= self.file.end(index) {
                // Behind an error, or inside a record that began in a block before.
                batch.clear();
                continue;
            }
            if !matches!(block, Ok(block) if block.start == Some(self.next)) && !block.is_err() {
                batch.clear();
                *block = self.buffers.with(|buffer| self.file.parse(index, Some(self.next), buffer, batch));
            }
            match std::mem::replace(block, Ok(Block { start: None, end: 0, stopped: false })) {
                Ok(block) => {
                    self.next = block.end;
                    if block.stopped {
                        self.error = Some(self.file.error_at(block.end));
                    }
                }
                Err(error) => {
                    batch.clear();
                    self.error = Some(self.file.read_error(self.next, error));
                }
            }
        }
    }
}

pub(super) fn judge<M: Matcher>(
    file: &Blocks,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
    progress: &AtomicU64,
) -> Outcome {
    let threads = rayon::current_num_threads();
    let split = replay.split_for(threads);
    let alone = threads == 1;
    let most = if alone { 1 } else { threads.saturating_mul(BLOCKS_PER_THREAD).min(MOST_BLOCKS) };
    let mut chain = Chain { file, next: file.first_record(), error: None, buffers: Buffers::default() };
    let (mut current, mut next) = (Epoch::default(), Epoch::default());
    let mut read = Read::default();
    current.read(file, (0, chain.next), most, split, &chain.buffers);
    while !current.batches.is_empty() {
        chain.check(&mut current);
        current.batches.iter().for_each(|batch| read.add(batch));
        let (batches, out) = (&current.batches, out.as_deref_mut());
        let first = if chain.error.is_some() { file.count() } else { current.first + batches.len() as u64 };
        let (from, buffers) = ((first, chain.next), &chain.buffers);
        let more = if alone {
            // One stretch at a time: it stays in the cache.
            let more = replay.push_batches(batches, out);
            current.read(file, from, most, split, buffers);
            more
        } else {
            let read = || next.read(file, from, most, split, buffers);
            // Judging has an end that cannot be shared: it begins first.
            let (more, ()) = rayon::join(|| replay.push_batches(batches, out), read);
            std::mem::swap(&mut current, &mut next);
            more
        };
        progress.store(read.frames, Ordering::Relaxed);
        if more.is_break() {
            break;
        }
    }
    if !file.link().is_supported() && read.frames > 0 {
        read.unsupported.push((file.link(), read.frames));
        chain.error.get_or_insert_with(|| file.unsupported(read.frames));
    }
    Outcome { reads: vec![read], errors: chain.error.into_iter().collect(), ..Outcome::default() }
}

impl Read {
    pub(super) fn add(&mut self, batch: &Batch) {
        self.frames += u64::from(batch.frames());
        if let Some((first, last)) = batch.span() {
            self.first = Some(self.first.map_or(first, |known| known.min(first)));
            self.last = Some(self.last.map_or(last, |known| known.max(last)));
        }
    }
}
