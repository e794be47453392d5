//! Captures through a replay, with all processors at work.
//!
//! A regular pcap file is read by blocks: while the shards judge one stretch of it, the next is read and decoded, block by
//! block beside each other. Where a block's records start is guessed, and checked before anything is made of it. All
//! other input (streams, pcapng, several captures in order of time) is read and decoded by one thread of its own.
//! What comes out does not depend on the threads, the size of the blocks or on how the work happened to be split.

mod by_block;
mod in_order;
mod made;
mod verify;

pub use made::judge_made;
pub use verify::{Difference, Verifier};

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use crate::capture::{Blocks, CaptureError, CaptureReader, LinkType, Repetition, Timeline, TunnelPorts};
use crate::compile::Matcher;
use crate::packet::Timestamp;
use crate::replay::{Out, Replay};

/// The size of a block, unless asked for another: what is decoded of two stretches should stay in the cache.
pub const BLOCK_SIZE: usize = 512 << 10;

/// What was read of one capture.
#[derive(Debug, Default)]
pub struct Read {
    /// Frames that were read.
    pub frames: u64,
    /// Earliest time.
    pub first: Option<Timestamp>,
    /// Latest time.
    pub last: Option<Timestamp>,
    /// Link types that cannot be decoded, in the order met, with their frames.
    pub unsupported: Vec<(LinkType, u64)>,
}

/// What came of reading captures.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was read of each, in the order given.
    pub reads: Vec<Read>,
    /// What went wrong, in the order met.
    pub errors: Vec<CaptureError>,
    /// How often they showed a packet again.
    pub repetition: Repetition,
}

/// Captures that can be read.
#[derive(Debug)]
pub struct Captures(Input);

#[derive(Debug)]
enum Input {
    Blocks(Blocks, Repetition),
    Timeline(Box<Timeline>, usize),
}

impl Captures {
    /// Opens captures, to be merged into one timeline. Those that cannot be opened are told at the end.
    ///
    /// A single regular pcap file is read by blocks of `block_size` bytes. With `once`, frames that show a packet again
    /// are left out; with `tunnels`, what these carry is judged too.
    pub fn open(paths: &[PathBuf], block_size: usize, once: bool, tunnels: Option<TunnelPorts>) -> Self {
        if let ([path], false) = (paths, once)
            && let Some(blocks) = Blocks::open(path, block_size)
        {
            // Blocks are decoded out of order; whether packets are repeated shows at the file's beginning.
            return Self(Input::Blocks(blocks.opening(tunnels), Timeline::open(paths).sample()));
        }
        let timeline = Timeline::open_with(paths, tunnels);
        let timeline = if once { timeline.once() } else { timeline };
        Self(Input::Timeline(Box::new(timeline), paths.len()))
    }

    /// A capture that is already open, such as a stream.
    pub fn of(reader: CaptureReader) -> Self {
        Self(Input::Timeline(Box::new(Timeline::of(reader)), 1))
    }

    /// Judges all packets, in the threads of the current rayon pool, for which it splits the state of a new replay.
    ///
    /// `out` gets the judged frames, in order but for fragments that wait for the rest of their datagram; without it
    /// they are only counted. When it wants no more of them, the rest is not read.
    /// `progress` counts the packets judged so far, for whoever watches.
    pub fn judge<M: Matcher>(
        self,
        replay: &mut Replay<'_, M>,
        mut out: Option<&mut Out<'_>>,
        progress: &AtomicU64,
    ) -> Outcome {
        let outcome = match self.0 {
            Input::Blocks(blocks, repetition) => {
                let outcome = by_block::judge(&blocks, replay, out.as_deref_mut(), progress);
                Outcome { repetition, ..outcome }
            }
            Input::Timeline(timeline, count) => {
                in_order::judge(*timeline, count, replay, out.as_deref_mut(), progress)
            }
        };
        let mut more = true;
        replay.finish(&mut |judged| {
            if let (Some(out), true) = (&mut out, more) {
                more = out(judged).is_continue();
            }
        });
        outcome
    }
}
