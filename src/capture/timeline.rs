//! Several captures as one timeline.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use super::{CaptureError, CaptureReader, Frame, LinkCounts};
use crate::packet::Timestamp;

/// A frame of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineFrame {
    /// Its number, from 1 as Wireshark counts, over the captures in the order they were given: the second
    /// capture's first frame follows the last of the first, whatever their times.
    pub number: u64,
    /// Which capture it is from, by the order they were given, from 0.
    pub source: usize,
    /// The frame.
    pub frame: Frame,
}

/// Merges captures by time.
///
/// Inside a capture the order is the file's, even where time goes backwards there; of frames with one time the
/// earlier capture's comes first. A capture that fails gives what it had, and the others go on: ask
/// [`errors`](Self::errors) when the frames are used up.
#[derive(Debug, Default)]
pub struct Timeline {
    captures: Vec<Capture>,
    /// Captures by the time of their next frame.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Captures whose next frame has yet to be read. Only when the one after is asked for, so that a live capture
    /// is never waited for with a frame in hand.
    behind: Vec<usize>,
    errors: Vec<CaptureError>,
    counts: LinkCounts,
}

#[derive(Debug)]
struct Capture {
    index: usize,
    reader: CaptureReader,
    head: Option<Frame>,
    /// Number of the head.
    number: u64,
    /// The number no frame of this capture reaches, where frames of another come after.
    end: u64,
}

impl Timeline {
    /// Opens captures in this order. Those that cannot be opened are among the [`errors`](Self::errors).
    ///
    /// All but the last are read through once to count their frames, so that numbers are known before the merge: a pipe can
    /// only be the last.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Self {
        let mut timeline = Self::default();
        let mut next_number = 1;
        for (index, path) in paths.iter().enumerate() {
            let end =
                if index + 1 == paths.len() { u64::MAX } else { next_number + count_frames(path.as_ref()) };
            match CaptureReader::open(path) {
                Ok(reader) => {
                    timeline.captures.push(Capture { index, reader, head: None, number: next_number, end });
                }
                Err(error) => timeline.errors.push(error),
            }
            next_number = end;
        }
        timeline.behind = (0..timeline.captures.len()).rev().collect();
        timeline
    }

    /// A timeline of one capture that is already open, such as a stream.
    pub fn of(reader: CaptureReader) -> Self {
        let capture = Capture { index: 0, reader, head: None, number: 1, end: u64::MAX };
        Self { captures: vec![capture], behind: vec![0], ..Self::default() }
    }

    /// Reads the next head of a capture.
    fn advance(&mut self, slot: usize) {
        let Some(capture) = self.captures.get_mut(slot) else { return };
        capture.head = match capture.reader.next_frame() {
            // A file that grew since its frames were counted ends where it did then.
            Ok(frame) => frame.filter(|_| capture.number < capture.end),
            Err(error) => {
                self.errors.push(error);
                None
            }
        };
        if let Some(frame) = capture.head {
            self.heads.push(Reverse((frame.packet.time, slot)));
        }
    }

    /// What went wrong so far, in the order it was met.
    pub fn errors(&self) -> &[CaptureError] {
        &self.errors
    }

    /// The frames given so far, by link type.
    pub const fn counts(&self) -> &LinkCounts {
        &self.counts
    }
}

impl Iterator for Timeline {
    type Item = TimelineFrame;

    fn next(&mut self) -> Option<TimelineFrame> {
        while let Some(slot) = self.behind.pop() {
            self.advance(slot);
        }
        let Reverse((_, slot)) = self.heads.pop()?;
        let capture = self.captures.get_mut(slot)?;
        let frame = capture.head.take()?;
        let next = TimelineFrame { number: capture.number, source: capture.index, frame };
        capture.number += 1;
        self.counts.add(frame.link);
        self.behind.push(slot);
        Some(next)
    }
}

/// Frames in a capture, up to its end or its first error (which the merge will meet again and report).
fn count_frames(path: &Path) -> u64 {
    let Ok(mut reader) = CaptureReader::open(path) else { return 0 };
    let mut count = 0;
    while let Ok(Some(_)) = reader.next_record() {
        count += 1;
    }
    count
}
