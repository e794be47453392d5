//! A capture that is still being written: `tcpdump -w - | sgsim replay - -s ...`.
//!
//! Packets are judged as they come, a line a second on standard error says how it stands (on a terminal for files too, that
//! take so long), and Ctrl-C ends the capture, not the report.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::policy::Policy;
use crate::replay::{Connection, Connections, Judged, Verdict};

use super::output;

/// Bytes asked of standard input at once, and how many such pieces may wait to be judged.
const PIECE: usize = 64 << 10;
const WAITING: usize = 16;
/// How often the state is told.
const TELL: Duration = Duration::from_secs(1);
/// Blocked connections that are named between two lines.
const NAMED: usize = 5;
/// How long the writer of the capture has, after Ctrl-C, to write what it still holds: it got the signal too.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Nobody asks twice within this time: `timeout` and some shells send a signal to the program and to its group.
const TWICE: Duration = Duration::from_millis(300);

/// When Ctrl-C was pressed, or the program was told to terminate.
static INTERRUPTED: OnceLock<Instant> = OnceLock::new();

/// Whether the capture was ended by Ctrl-C, and so perhaps in the middle of a record.
pub(super) fn was_interrupted() -> bool {
    INTERRUPTED.get().is_some()
}

/// Makes Ctrl-C and SIGTERM end the work and not the report. A second one ends the program.
pub(super) fn catch_interrupt() {
    let asked = || {
        if INTERRUPTED.get_or_init(Instant::now).elapsed() > TWICE {
            #[allow(clippy::exit, reason = "asked twice; 130 is what shells expect of it")]
            std::process::exit(130);
        }
    };
    // Without a handler Ctrl-C ends the program without a report: worse, but no reason not to run.
    let _ = ctrlc::set_handler(asked);
}

/// Standard input, read by a thread of its own, so that Ctrl-C can end it while nothing comes.
pub(super) struct StandardInput {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
}

impl StandardInput {
    /// Starts to read, and takes Ctrl-C for the end of the input. A second one ends the program.
    pub(super) fn open() -> Self {
        catch_interrupt();
        let (sender, pieces) = sync_channel(WAITING);
        thread::spawn(move || send_pieces(&sender));
        Self { pieces, piece: Vec::new(), read: 0 }
    }

    /// The next piece; `None` at the end of the input or, after Ctrl-C, when no more comes.
    fn next_piece(&self) -> Option<io::Result<Vec<u8>>> {
        let mut silent_since = None;
        loop {
            match self.pieces.recv_timeout(Duration::from_millis(50)) {
                Ok(piece) => return Some(piece),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let since = *silent_since.get_or_insert_with(Instant::now);
                    if was_interrupted() && since.elapsed() >= LAST_WORDS {
                        return None;
                    }
                }
            }
        }
    }
}

fn send_pieces(sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut piece = vec![0; PIECE];
        let sent = match input.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                sender.send(Ok(piece))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => sender.send(Err(error)),
        };
        // Nobody listens any more.
        if sent.is_err() {
            return;
        }
    }
}

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() {
            match self.next_piece() {
                Some(piece) => (self.piece, self.read) = (piece?, 0),
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.read);
        buffer[..count].copy_from_slice(&self.piece[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Tells on standard error how a capture stands that takes its time: a line a second, when something came.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    connections: usize,
}

#[derive(Default)]
struct Shared {
    packets: AtomicU64,
    dropped: AtomicU64,
    connections: AtomicU64,
    blocked: AtomicU64,
    /// The blocked connections not told yet: the first few, in words.
    named: Mutex<Vec<String>>,
    done: AtomicBool,
}

impl Ticker {
    /// Starts to tell.
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let teller = Arc::clone(&shared);
        thread::spawn(move || tell(&teller));
        Self { shared, connections: 0 }
    }

    /// Takes note of a judged frame.
    pub(super) fn note(&mut self, frame: &Judged, connections: Connections<'_>, policy: &Policy) {
        let shared = &self.shared;
        shared.packets.fetch_add(1, Ordering::Relaxed);
        let dropped = frame.judgement.verdict() == Verdict::Drop;
        shared.dropped.fetch_add(u64::from(dropped), Ordering::Relaxed);
        // Of a fragmented opening every fragment says so; the connection counts once.
        if connections.ever() == self.connections {
            return;
        }
        self.connections = connections.ever();
        shared.connections.store(self.connections as u64, Ordering::Relaxed);
        let opened = frame.judgement.connection.and_then(|id| connections.get(id));
        if let (true, true, Some(connection)) = (dropped, frame.opening, opened) {
            shared.blocked.fetch_add(1, Ordering::Relaxed);
            let mut named = shared.named.lock().unwrap_or_else(PoisonError::into_inner);
            if named.len() < NAMED {
                named.push(told(frame, &connection, policy));
            }
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Relaxed);
    }
}

/// A blocked connection in a line.
fn told(frame: &Judged, connection: &Connection, policy: &Policy) -> String {
    let (from, to) = (connection.initiator, connection.responder);
    let mut text = format!("{} {}", connection.protocol, from.address);
    // Writing to a string does not fail.
    let _ = match connection.service() {
        crate::packet::Service::Port(..) => write!(text, ":{} > {}:{}", from.port, to.address, to.port),
        _ => write!(text, " > {}", to.address),
    };
    if let Some(step) = frame.judgement.steps.stopped() {
        let interface = &policy.interface(step.interface).name;
        let _ = write!(text, ", {interface} {}", step.direction);
    }
    let _ = write!(text, " ({})", frame.judgement.reason);
    text
}

fn tell(shared: &Shared) {
    let start = Instant::now();
    let (mut told, mut told_blocked) = (0, 0);
    while !shared.done.load(Ordering::Relaxed) {
        thread::sleep(TELL);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let packets = count(&shared.packets);
        if packets == told || shared.done.load(Ordering::Relaxed) {
            continue;
        }
        told = packets;
        let blocked = count(&shared.blocked);
        let named = std::mem::take(&mut *shared.named.lock().unwrap_or_else(PoisonError::into_inner));
        let more = (blocked - told_blocked).saturating_sub(named.len() as u64);
        told_blocked = blocked;
        for name in named {
            output::remark(&format_args!("  blocked: {name}"));
        }
        if more > 0 {
            output::remark(&format_args!("  blocked: ... and {more} more"));
        }
        let (connections, dropped) = (count(&shared.connections), count(&shared.dropped));
        let seconds = start.elapsed().as_secs();
        output::remark(&format_args!(
            "{seconds} s: {packets} packets, {dropped} dropped; {connections} connections, {blocked} blocked"
        ));
    }
}

/// Tells on standard error how far a replay of files has come: a line a second, where somebody watches.
pub(super) struct Progress {
    state: Arc<(AtomicU64, AtomicBool)>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let state = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
        if io::stderr().is_terminal() {
            let teller = Arc::clone(&state);
            thread::spawn(move || {
                for seconds in 1_u64.. {
                    thread::sleep(TELL);
                    if teller.1.load(Ordering::Relaxed) {
                        return;
                    }
                    let packets = teller.0.load(Ordering::Relaxed);
                    output::remark(&format_args!("{seconds} s: {packets} packets"));
                }
            });
        }
        Self { state }
    }

    /// Says how many packets there are so far.
    pub(super) fn set(&self, packets: u64) {
        self.state.0.store(packets, Ordering::Relaxed);
    }

    /// Where the packets judged so far are counted.
    pub(super) fn count(&self) -> &AtomicU64 {
        &self.state.0
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.state.1.store(true, Ordering::Relaxed);
    }
}
