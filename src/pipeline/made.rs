//! Packets that are made as they are judged: one thread makes them, the others judge.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use crate::compile::Matcher;
use crate::replay::{Batch, Out, Replay, Split};

use super::Read;

/// Packets in a batch.
const PACKETS: u32 = 32 << 10;
/// Batches that wait to be judged.
const WAITING: usize = 2;

/// Judges packets as they are made, in the threads of the current rayon pool, for which it splits the state of a new replay; the
/// maker runs beside them.
///
/// `next` adds the next packet to a batch, and says whether there was one. What comes out does not depend on the threads. `out` and `progress` are as for
/// [`Captures::judge`](super::Captures::judge).
pub fn judge_made<M: Matcher>(
    next: impl FnMut(&mut Batch) -> bool + Send,
    replay: &mut Replay<'_, M>,
    mut out: Option<&mut Out<'_>>,
    progress: &AtomicU64,
) -> Read {
    let mut read = Read::default();
    let split = replay.split_for(rayon::current_num_threads());
    thread::scope(|scope| {
        let (full, batches) = sync_channel(WAITING);
        let (empty, used) = channel();
        scope.spawn(move || make(next, split, &full, &used));
        for batch in batches {
            read.add(&batch);
            let more = replay.push_batches(std::slice::from_ref(&batch), out.as_deref_mut());
            progress.fetch_add(u64::from(batch.len()), Ordering::Relaxed);
            if more.is_break() {
                // The maker stops when nobody takes its batches.
                break;
            }
            // Nobody makes more: fine.
            let _ = empty.send(batch);
        }
    });
    let mut more = true;
    replay.finish(&mut |judged| {
        if let (Some(out), true) = (&mut out, more) {
            more = out(judged).is_continue();
        }
    });
    read
}

fn make(
    mut next: impl FnMut(&mut Batch) -> bool,
    split: Split,
    full: &SyncSender<Batch>,
    used: &Receiver<Batch>,
) {
    loop {
        let mut batch = used.try_recv().unwrap_or_else(|_| Batch::new(split));
        batch.clear();
        while batch.len() < PACKETS && next(&mut batch) {}
        if batch.is_empty() || full.send(batch).is_err() {
            return;
        }
    }
}
