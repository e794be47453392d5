//! Several captures as one timeline.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::{CaptureError, CaptureReader, Frame, LinkCounts, Print, Repeats, TunnelPorts};
use crate::packet::{Layer, Timestamp};

/// A frame of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineFrame {
    /// Its number, from 1 as Wireshark counts, over the captures in the order they were given: the second
    /// capture's first frame follows the last of the first, whatever their times.
    pub number: u64,
    /// Which capture it is from, by the order they were given, from 0.
    pub source: usize,
    /// The frame.
    pub frame: Frame,
    /// Its packet, and what tunnels in it carry; empty unless that was asked for.
    pub opened: Vec<Layer>,
}

impl TimelineFrame {
    /// Its packets, outermost first: the frame's own, and what was opened of it.
    pub fn layers(&self) -> impl Iterator<Item = Layer> {
        let alone = self.opened.is_empty().then(|| Layer::outer(self.frame.packet));
        self.opened.iter().copied().chain(alone)
    }
}

/// Merges captures by time.
///
/// Inside a capture the order is the file's, even where time goes backwards there; of frames with one time the
/// earlier capture's comes first. A capture that fails gives what it had, and the others go on: ask
/// [`errors`](Self::errors) when the frames are used up.
///
/// A capture is open from its first frame to its last: of files that were rotated, one at a time.
#[derive(Debug, Default)]
pub struct Timeline {
    captures: Vec<Capture>,
    /// Captures by the time of their next frame.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The capture whose next frame has yet to be read. Only when the one after is asked for, so that a live capture
    /// is never waited for with a frame in hand.
    behind: Option<usize>,
    errors: Vec<CaptureError>,
    counts: LinkCounts,
    repeats: Repeats,
    repetition: Repetition,
    /// Whether packets that were shown before are left out.
    once: bool,
    /// Where tunnels are opened.
    tunnels: Option<TunnelPorts>,
}

/// How often a timeline shows packets that it has shown before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repetition {
    /// IP frames that were looked at: the first few thousand, or all where each packet is wanted once.
    pub looked: u64,
    /// Those of them that show a packet again.
    pub repeated: u64,
}

impl Repetition {
    /// Whether packets are repeated so often that it is no chance: one in a hundred.
    pub const fn is_noticed(self) -> bool {
        self.repeated > 0 && self.repeated >= self.looked / 100
    }
}

/// IP frames in which repetitions are looked for when nobody asked.
const SAMPLE: u64 = 5_000;

#[derive(Debug)]
struct Capture {
    path: PathBuf,
    stage: Stage,
    /// Frames given so far.
    given: u64,
    /// Frames of all captures before this one; `None` until its first frame is given.
    before: Option<u64>,
    /// Frames it has, once they were counted or all were given.
    frames: Option<u64>,
}

#[derive(Debug)]
enum Stage {
    /// Its first frame is known by its time only.
    Waiting,
    /// It is being read; the next frame, unless that has yet to be read.
    Open(Box<CaptureReader>, Option<Head>),
    /// It has no more frames.
    Done,
}

/// The next frame of a capture.
#[derive(Debug)]
struct Head {
    frame: Frame,
    print: Option<Print>,
    opened: Vec<Layer>,
}

impl Timeline {
    /// Opens captures in this order. Those that cannot be opened are among the [`errors`](Self::errors).
    ///
    /// Where captures overlap in time, the frames of all but the last of them are counted first, so that numbers are known
    /// before the merge: a pipe can only be the last.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Self {
        Self::open_with(paths, None)
    }

    /// The same with the tunnels in their frames opened.
    pub fn open_with<P: AsRef<Path>>(paths: &[P], tunnels: Option<TunnelPorts>) -> Self {
        let mut timeline = Self { tunnels, ..Self::default() };
        for (slot, path) in paths.iter().enumerate() {
            let path = path.as_ref();
            timeline.captures.push(Capture::new(path));
            let is_last = slot + 1 == paths.len();
            let opened = CaptureReader::open_in(path, is_last);
            match opened {
                // Nothing to compare its times with: read when its first frame is asked for, as a stream is.
                Ok(reader) if paths.len() == 1 => timeline.start(slot, reader),
                Ok(reader) => timeline.peek(slot, reader),
                Err(error) => timeline.fail(slot, error),
            }
        }
        timeline
    }

    /// A timeline of one capture that is already open, such as a stream.
    pub fn of(reader: CaptureReader) -> Self {
        Self::of_with(reader, None)
    }

    /// The same with the tunnels in its frames opened.
    pub fn of_with(reader: CaptureReader, tunnels: Option<TunnelPorts>) -> Self {
        let captures = vec![Capture::new(Path::new(reader.name()))];
        let mut timeline = Self { captures, tunnels, ..Self::default() };
        timeline.start(0, reader);
        timeline
    }

    fn start(&mut self, slot: usize, reader: CaptureReader) {
        self.captures[slot].stage = Stage::Open(Box::new(reader), None);
        self.behind = Some(slot);
    }

    /// Finds the place of a capture in the merge by its first frame, and closes it again where it can be opened twice.
    fn peek(&mut self, slot: usize, reader: CaptureReader) {
        self.start(slot, reader);
        self.behind = None;
        self.advance(slot);
        let capture = &mut self.captures[slot];
        if matches!(capture.stage, Stage::Open(..)) && capture.path.is_file() {
            capture.stage = Stage::Waiting;
        }
    }

    fn fail(&mut self, slot: usize, error: CaptureError) {
        self.errors.push(error);
        self.captures[slot].finish();
    }

    /// Reads the next head of a capture.
    fn advance(&mut self, slot: usize) {
        let capture = &mut self.captures[slot];
        let Stage::Open(reader, head) = &mut capture.stage else { return };
        let wanted = self.once || self.repetition.looked < SAMPLE;
        match reader.next_record() {
            // A file that grew since its frames were counted ends where it did then.
            Ok(Some(record)) if capture.frames.is_none_or(|frames| capture.given < frames) => {
                let frame = record.frame();
                let print = if wanted { Print::of(slot, &record, &frame) } else { None };
                let opened = self.tunnels.as_ref().map(|ports| record.layers(ports)).unwrap_or_default();
                *head = Some(Head { frame, print, opened });
                self.heads.push(Reverse((frame.packet.time, slot)));
            }
            Ok(_) => capture.finish(),
            Err(error) => self.fail(slot, error),
        }
    }

    /// Opens a capture whose turn has come, and reads its first frame.
    fn reopen(&mut self, slot: usize) {
        match CaptureReader::open(&self.captures[slot].path) {
            Ok(reader) => {
                self.captures[slot].stage = Stage::Open(Box::new(reader), None);
                self.advance(slot);
            }
            Err(error) => self.fail(slot, error),
        }
    }

    /// Frames of the captures before this one. Those that were not read to their end are counted now.
    fn frames_before(&mut self, slot: usize) -> u64 {
        let before = &mut self.captures[..slot];
        before
            .iter_mut()
            .map(|capture| *capture.frames.get_or_insert_with(|| count_frames(&capture.path)))
            .sum()
    }

    /// Leaves out frames that show a packet again, by the rule of [`Repeats`]. Their numbers stay theirs.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    fn read_behind(&mut self) {
        if let Some(slot) = self.behind.take() {
            self.advance(slot);
        }
    }

    fn shows_again(&mut self, time: Timestamp, print: Option<Print>) -> bool {
        let Some(print) = print else { return false };
        self.repetition.looked += 1;
        let again = self.repeats.is_repeat(time, print);
        self.repetition.repeated += u64::from(again);
        again
    }

    /// How often packets are shown again at the beginning, as far as that is looked at unasked.
    pub fn sample(mut self) -> Repetition {
        while self.repetition.looked < SAMPLE && self.next().is_some() {}
        self.repetition
    }

    /// How often packets were shown again so far.
    pub const fn repetition(&self) -> Repetition {
        self.repetition
    }

    /// What went wrong so far, in the order it was met.
    pub fn errors(&self) -> &[CaptureError] {
        &self.errors
    }

    /// The same, when the frames are used up.
    pub fn into_errors(self) -> Vec<CaptureError> {
        self.errors
    }

    /// The frames given so far, by link type.
    pub const fn counts(&self) -> &LinkCounts {
        &self.counts
    }
}

impl Capture {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), stage: Stage::Done, given: 0, before: None, frames: None }
    }

    fn finish(&mut self) {
        self.stage = Stage::Done;
        self.frames.get_or_insert(self.given);
    }
}

impl Iterator for Timeline {
    type Item = TimelineFrame;

    fn next(&mut self) -> Option<TimelineFrame> {
        self.read_behind();
        loop {
            let Reverse((_, slot)) = self.heads.pop()?;
            let frame = match &mut self.captures[slot].stage {
                Stage::Open(_, head) => head.take(),
                Stage::Waiting => {
                    self.reopen(slot);
                    continue;
                }
                Stage::Done => None,
            };
            let Some(Head { frame, print, opened }) = frame else { continue };
            let before = match self.captures[slot].before {
                Some(before) => before,
                None => self.frames_before(slot),
            };
            let capture = &mut self.captures[slot];
            capture.before = Some(before);
            capture.given += 1;
            self.counts.add(frame.link);
            let number = before + capture.given;
            self.behind = Some(slot);
            if self.shows_again(frame.packet.time, print) && self.once {
                self.read_behind();
                continue;
            }
            return Some(TimelineFrame { number, source: slot, frame, opened });
        }
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
