//! Any captures, read and decoded by one thread, judged by the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::capture::{Timeline, TimelineFrame};
use crate::compile::Matcher;
use crate::replay::{Batch, Out, Replay, Split};

use super::{Outcome, Read};

/// The most packets in a batch.
const PACKETS: u32 = 32 << 10;

/// What was read, but not yet judged. Whoever judges takes all there is, so that a live capture is never waited for
/// with a frame in hand, and a fast one is judged in large batches.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    batch: Batch,
    /// Whoever judges has nothing to do.
    idle: bool,
    /// Nothing more is read.
    done: bool,
    /// Nothing more is wanted.
    stopped: bool,
}

impl Shared {
    /// Nothing read yet, for a replay whose state is split like this.
    fn new(split: Split) -> Self {
        let state = State { batch: Batch::new(split), idle: false, done: false, stopped: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        while_: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, while_).unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a frame over; tells whether more are wanted.
    fn hand_over(&self, frame: &TimelineFrame) -> bool {
        let mut state = self.lock();
        if state.batch.len() >= PACKETS {
            state = self.wait(state, |state| state.batch.len() >= PACKETS && !state.stopped);
        }
        push(&mut state.batch, frame);
        if state.idle {
            self.changed.notify_all();
        }
        !state.stopped
    }
}

fn push(batch: &mut Batch, frame: &TimelineFrame) {
    if frame.opened.is_empty() {
        batch.push_numbered(frame.number, frame.frame.packet);
    } else {
        batch.push_layers_numbered(frame.number, &frame.opened);
    }
}

/// Reads everything.
fn read(mut timeline: Timeline, mut reads: Vec<Read>, shared: &Shared) -> Outcome {
    for frame in timeline.by_ref() {
        if let Some(read) = reads.get_mut(frame.source) {
            read.add_frame(&frame);
        }
        if !shared.hand_over(&frame) {
            break;
        }
    }
    shared.lock().done = true;
    shared.changed.notify_all();
    outcome(reads, timeline)
}

fn outcome(reads: Vec<Read>, timeline: Timeline) -> Outcome {
    let repetition = timeline.repetition();
    Outcome { reads, errors: timeline.into_errors(), repetition }
}

/// Reads and judges in turns, on one thread.
fn take_turns<M: Matcher>(
    mut timeline: Timeline,
    mut reads: Vec<Read>,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
    progress: &AtomicU64,
) -> Outcome {
    let mut batch = Batch::new(replay.split());
    loop {
        batch.clear();
        for frame in timeline.by_ref().take(PACKETS as usize) {
            if let Some(read) = reads.get_mut(frame.source) {
                read.add_frame(&frame);
            }
            push(&mut batch, &frame);
        }
        let more = replay.push_batches(std::slice::from_ref(&batch), out.as_deref_mut());
        progress.fetch_add(u64::from(batch.frames()), Ordering::Relaxed);
        if batch.is_empty() || more.is_break() {
            return outcome(reads, timeline);
        }
    }
}

pub(super) fn judge<M: Matcher>(
    timeline: Timeline,
    count: usize,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
    progress: &AtomicU64,
) -> Outcome {
    let reads: Vec<Read> = std::iter::repeat_with(Read::default).take(count).collect();
    let split = replay.split_for(rayon::current_num_threads());
    if rayon::current_num_threads() == 1 {
        return take_turns(timeline, reads, replay, out, progress);
    }
    let shared = Shared::new(split);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(timeline, reads, &shared));
        let mut batch = Batch::new(split);
        loop {
            let mut state = shared.lock();
            state.idle = true;
            state = shared.wait(state, |state| state.batch.is_empty() && !state.done);
            state.idle = false;
            std::mem::swap(&mut batch, &mut state.batch);
            drop(state);
            shared.changed.notify_all();
            if batch.is_empty() {
                break;
            }
            if replay.push_batches(std::slice::from_ref(&batch), out.as_deref_mut()).is_break() {
                shared.lock().stopped = true;
                shared.changed.notify_all();
                break;
            }
            progress.fetch_add(u64::from(batch.frames()), Ordering::Relaxed);
            batch.clear();
        }
        match reader.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

impl Read {
    fn add_frame(&mut self, frame: &TimelineFrame) {
        let time = frame.frame.packet.time;
        self.frames += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        let link = frame.frame.link;
        if link.is_supported() {
            return;
        }
        match self.unsupported.iter_mut().find(|(known, _)| *known == link) {
            Some((_, frames)) => *frames += 1,
            None => self.unsupported.push((link, 1)),
        }
    }
}
