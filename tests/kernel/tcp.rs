//! How Linux tracks a TCP connection, told from the outside: which packets it takes for part of the connection, and which it
//! calls invalid (`net/netfilter/nf_conntrack_proto_tcp.c`, in our words).
//!
//! This judges nothing. It only tells, where sgsim and the kernel differ, whether the reason is one of those listed in
//! `docs/kernel-differences.md`; and every run checks it against what the kernel says of every single packet.
//! Sequence numbers stand still in these tests, so windows and challenge acknowledgements by number are left out.

use super::packet::{ACK, FIN, RST, SYN};

/// The states of the kernel's tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// SYN seen.
    SynSent,
    /// SYN seen both ways.
    SynSentTwice,
    /// SYN-ACK seen.
    SynReceived,
    /// ACK seen.
    Established,
    /// FIN seen.
    FinWait,
    /// FIN acknowledged.
    CloseWait,
    /// Second FIN seen.
    LastAck,
    /// Second FIN acknowledged.
    TimeWait,
    /// Reset.
    Closed,
}

use State::{CloseWait, Closed, Established, FinWait, LastAck, SynReceived, SynSent, SynSentTwice, TimeWait};

/// The part of the flags that counts; a reset before a SYN before a FIN before an ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
}

/// The kind of a packet; `None`: flags that no packet has.
const fn kind(flags: u8) -> Option<Kind> {
    // PSH, ECE and CWR say nothing.
    Some(match flags & 0x37 {
        0x02 | 0x22 => Kind::Syn,
        0x12 => Kind::SynAck,
        0x04 | 0x14 => Kind::Rst,
        0x11 | 0x31 => Kind::Fin,
        0x10 | 0x30 => Kind::Ack,
        _ => return None,
    })
}

/// What becomes of a packet in the kernel's tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It begins a connection, if the rules let it.
    Opens,
    /// It belongs to the connection.
    Belongs,
    /// It does not fit.
    Invalid,
}

enum Next {
    To(State),
    /// Let pass, but not believed.
    Ignored,
    Unfit,
}

/// One connection at one interface.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "flags that the kernel keeps beside the state")]
pub(crate) struct Tracker {
    state: State,
    /// Something came back.
    answered: bool,
    /// A FIN was seen in order.
    closing: bool,
    last: (Kind, bool),
    /// A SYN came at the very end: the next acknowledgement is no proof of a close.
    doubted: bool,
    /// Both sides sent a SYN.
    simultaneous: bool,
    /// The kernel forgot it: it was reset before anything came back.
    pub forgotten: bool,
}

#[allow(clippy::match_same_arms, reason = "a table by kind of packet, then by state")]
const fn next(state: State, kind: Kind, forwards: bool) -> Next {
    match (kind, state, forwards) {
        (Kind::Syn, SynSent, true) => Next::To(SynSent),
        (Kind::Syn, TimeWait, _) | (Kind::Syn, Closed, true) => Next::To(SynSent),
        (Kind::Syn, SynSentTwice, _) | (Kind::Syn, SynSent, false) => Next::To(SynSentTwice),
        (Kind::Syn, _, true) => Next::Ignored,
        (Kind::Syn, _, false) => Next::Unfit,
        (Kind::SynAck, SynSentTwice, _)
        | (Kind::SynAck, SynReceived, true)
        | (Kind::SynAck, SynSent, false) => Next::To(SynReceived),
        (Kind::SynAck, _, true) => Next::Unfit,
        (Kind::SynAck, _, false) => Next::Ignored,
        (Kind::Fin, SynSent | SynSentTwice, _) => Next::Unfit,
        (Kind::Fin, SynReceived | Established, _) => Next::To(FinWait),
        (Kind::Fin, FinWait | CloseWait | LastAck, _) => Next::To(LastAck),
        (Kind::Ack, SynSent | SynSentTwice, true) => Next::Unfit,
        (Kind::Ack, SynSent | SynSentTwice, false) => Next::Ignored,
        (Kind::Ack, SynReceived, false) => Next::To(SynReceived),
        (Kind::Ack, SynReceived | Established, _) => Next::To(Established),
        (Kind::Ack, FinWait | CloseWait, _) => Next::To(CloseWait),
        (Kind::Ack, LastAck, _) | (Kind::Fin | Kind::Ack, TimeWait, _) => Next::To(TimeWait),
        (Kind::Fin | Kind::Ack, Closed, _) | (Kind::Rst, _, _) => Next::To(Closed),
    }
}

/// What becomes of a packet of which nothing is known.
pub(crate) const fn first(flags: u8, strict: bool) -> Taken {
    match kind(flags) {
        Some(Kind::Syn) => Taken::Opens,
        Some(Kind::Ack) if !strict => Taken::Opens,
        _ => Taken::Invalid,
    }
}

impl Tracker {
    /// The connection that a packet opened.
    pub(crate) const fn open(flags: u8) -> Self {
        let (state, last) = if flags & SYN == 0 { (Established, Kind::Ack) } else { (SynSent, Kind::Syn) };
        Self {
            state,
            answered: false,
            closing: false,
            last: (last, true),
            doubted: false,
            simultaneous: false,
            forgotten: false,
        }
    }

    /// Takes a packet of it. `forwards`: from the side that opened.
    pub(crate) fn take(&mut self, flags: u8, forwards: bool, strict: bool) -> Taken {
        if self.forgotten {
            return first(flags, strict);
        }
        let Some(kind) = kind(flags) else { return Taken::Invalid };
        let mut to = next(self.state, kind, forwards);
        if let (Kind::Syn, TimeWait | Closed, Next::To(_)) = (kind, self.state, &to) {
            if self.closing || self.last == (Kind::Rst, forwards) {
                return Taken::Opens;
            }
            to = Next::Ignored;
        }
        match to {
            Next::Unfit => return Taken::Invalid,
            Next::Ignored => {
                self.last = (kind, forwards);
                if kind == Kind::Syn && forwards {
                    self.doubted = self.state == LastAck;
                    self.simultaneous = false;
                }
            }
            Next::To(TimeWait)
                if self.state == LastAck
                    && kind == Kind::Ack
                    && self.last == (Kind::Syn, !forwards)
                    && self.doubted => {}
            Next::To(state) => {
                self.closing |= state == FinWait && self.state != FinWait;
                self.simultaneous |= state == SynSentTwice;
                let answers_both = self.simultaneous && kind == Kind::Ack && !forwards;
                self.state = if answers_both && state == SynReceived { Established } else { state };
                self.last = (kind, forwards);
                self.forgotten = kind == Kind::Rst && !self.answered;
            }
        }
        self.answered |= !forwards;
        Taken::Belongs
    }
}

/// Whether the flags are those of a packet that could open: what both sides agree on.
pub(crate) const fn is_lone_syn(flags: u8) -> bool {
    flags & (SYN | ACK | RST | FIN) == SYN
}
