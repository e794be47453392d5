//! Any captures, read and decoded by one thread, judged by the others.

use std::sync::mpsc;
use std::thread;

use crate::capture::Timeline;
use crate::compile::Matcher;
use crate::replay::{Batch, Out, Replay};

use super::{Outcome, Read};

/// Packets in a batch.
const PACKETS: u32 = 16 << 10;
/// Batches that wait to be judged.
const WAITING: usize = 4;

/// Fills a batch with the next frames; an empty one is the end.
fn fill(timeline: &mut Timeline, reads: &mut [Read], batch: &mut Batch) {
    batch.clear();
    while batch.len() < PACKETS {
        let Some(next) = timeline.next() else { break };
        let packet = next.frame.packet;
        if let Some(read) = reads.get_mut(next.source) {
            read.frames += 1;
            read.first = Some(read.first.map_or(packet.time, |first| first.min(packet.time)));
            read.last = Some(read.last.map_or(packet.time, |last| last.max(packet.time)));
            if !next.frame.link.is_supported() {
                match read.unsupported.iter_mut().find(|(link, _)| *link == next.frame.link) {
                    Some((_, frames)) => *frames += 1,
                    None => read.unsupported.push((next.frame.link, 1)),
                }
            }
        }
        batch.push_numbered(next.number, packet);
    }
}

pub(super) fn judge<M: Matcher>(
    mut timeline: Timeline,
    count: usize,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
) -> Outcome {
    let mut reads: Vec<Read> = std::iter::repeat_with(Read::default).take(count).collect();
    if rayon::current_num_threads() == 1 {
        let mut batch = Batch::default();
        loop {
            fill(&mut timeline, &mut reads, &mut batch);
            if batch.is_empty() {
                return (reads, timeline.into_errors());
            }
            replay.push_batches(std::slice::from_ref(&batch), out.as_deref_mut());
        }
    }
    let (full, ready) = mpsc::sync_channel::<Batch>(WAITING);
    let (empty, free) = mpsc::channel::<Batch>();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            loop {
                let mut batch = free.try_recv().unwrap_or_default();
                fill(&mut timeline, &mut reads, &mut batch);
                // Whoever judges goes on until nothing comes any more.
                if batch.is_empty() || full.send(batch).is_err() {
                    return (reads, timeline.into_errors());
                }
            }
        });
        while let Ok(batch) = ready.recv() {
            replay.push_batches(std::slice::from_ref(&batch), out.as_deref_mut());
            // The reader may be done already.
            let _ = empty.send(batch);
        }
        match reader.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
