//! State as one byte, and tables that advance it.
//!
//! The tables are filled by [`Tracked`] itself, so they cannot say anything else than it does.

use crate::packet::{Protocol, TcpFlags, Timestamp, Transport};
use crate::policy::Timeouts;
use crate::replay::state::{Phase, Side, Tracked};

/// The phase and the opener of a [`Tracked`], or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::replay) struct Code(u8);

impl Code {
    /// The interface tracks nothing.
    pub(in crate::replay) const EMPTY: Self = Self(0x20);
    /// The interface tracks what the conversation is.
    pub(in crate::replay) const FOLLOWS: Self = Self(0x80);
    /// That end belongs to no interface.
    pub(in crate::replay) const OUTSIDE: Self = Self(0xc0);
    /// Both ends belong to one interface.
    pub(in crate::replay) const SAME: Self = Self(0xc1);
    /// No code: the packet does not go on with the connection.
    const REOPENS: u8 = 0xff;

    pub(in crate::replay) const fn of(tracked: &Tracked) -> Self {
        Self(tracked.phase as u8 | if matches!(tracked.opener, Side::High) { 0x10 } else { 0 })
    }

    /// The state that this stands for.
    pub(in crate::replay) fn tracked(self, last: Timestamp) -> Option<Tracked> {
        let phase = *Phase::ALL.get(usize::from(self.0 & 0xf))?;
        let opener = if self.0 & 0x10 == 0 { Side::Low } else { Side::High };
        (self.0 < 0x20).then_some(Tracked { phase, opener, last })
    }

    /// The code itself, for keys.
    pub(in crate::replay) const fn bits(self) -> u8 {
        self.0
    }

    /// The code of a place in a conversation of this code: one code for one state.
    pub(in crate::replay) fn beside(self, conversation: Self) -> Self {
        if self == conversation { Self::FOLLOWS } else { self }
    }

    /// Whether nothing at these ends changes but with the conversation.
    #[inline]
    pub(in crate::replay) const fn all_follow([low, high]: [Self; 2]) -> bool {
        low.0 & high.0 & Self::FOLLOWS.0 != 0
    }

    const fn follows(self) -> bool {
        self.0 & Self::FOLLOWS.0 != 0
    }
}

/// What of a packet a state machine looks at: its protocol's timeouts, and for TCP the four control bits.
#[derive(Debug, Clone, Copy)]
pub(in crate::replay) struct Kind {
    timeouts: u8,
    control: u8,
}

impl Kind {
    const CONTROLS: usize = 17;
    const NOT_TCP: u8 = 16;

    #[inline]
    pub(in crate::replay) const fn of(protocol: Protocol, tcp_flags: u8) -> Self {
        // By a table, since protocols come mixed: which is next cannot be foretold.
        let timeouts = Self::TIMEOUTS[protocol.0 as usize];
        let control = tcp_flags & 7 | (tcp_flags & 0x10) >> 1;
        Self { timeouts, control: if timeouts == 0 { control } else { Self::NOT_TCP } }
    }

    /// Which timeouts a protocol has.
    const TIMEOUTS: [u8; 256] = {
        let mut table = [3; 256];
        table[Protocol::TCP.0 as usize] = 0;
        table[Protocol::UDP.0 as usize] = 1;
        (table[Protocol::ICMP.0 as usize], table[Protocol::ICMPV6.0 as usize]) = (2, 2);
        table
    };

    /// The control bits that a state machine looks at.
    pub(in crate::replay) const fn control(self) -> u8 {
        self.control
    }
}

/// The tables.
#[derive(Debug)]
pub(in crate::replay) struct Limits {
    /// In nanoseconds, by kind of protocol and phase.
    timeouts: [[u64; 16]; 4],
    /// By control bits, sender, code.
    next: Box<[u8; 2048]>,
}

impl Limits {
    pub(in crate::replay) fn new(timeouts: &Timeouts) -> Self {
        let mut table = [[0; 16]; 4];
        for (row, protocol) in
            table.iter_mut().zip([Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol(0)])
        {
            for (cell, &phase) in row.iter_mut().zip(Phase::ALL) {
                let tracked = Tracked { phase, opener: Side::Low, last: Timestamp(0) };
                *cell = u64::try_from(tracked.timeout(protocol, timeouts).as_nanos()).unwrap_or(u64::MAX);
            }
        }
        let mut next = Box::new([Code::REOPENS; 2048]);
        for (at, cell) in next.iter_mut().enumerate().take(Kind::CONTROLS * 64) {
            let byte = |bits: usize| u8::try_from(bits).unwrap_or(u8::MAX);
            let (control, sender, code) = (byte(at >> 6), at >> 5 & 1, byte(at & 0x1f));
            let sender = if sender == 0 { Side::Low } else { Side::High };
            let flags = TcpFlags(control & 7 | (control & 8) << 1);
            let transport = if control < Kind::NOT_TCP {
                Transport::Tcp { source: 0, destination: 0, flags }
            } else {
                Transport::Other
            };
            let Some(mut tracked) = Code(code).tracked(Timestamp(0)) else { continue };
            if !tracked.is_reopened_by(transport) {
                tracked.advance(transport, sender, Timestamp(0));
                *cell = Code::of(&tracked).0;
            }
        }
        Self { timeouts: table, next }
    }

    /// The state after a packet; `None` when it has expired, or when the packet opens a new connection.
    #[inline]
    pub(in crate::replay) fn advance(
        &self,
        code: Code,
        kind: Kind,
        sender: Side,
        last: Timestamp,
        now: Timestamp,
    ) -> Option<Code> {
        let timeout = self.timeouts[usize::from(kind.timeouts & 3)][usize::from(code.0 & 0xf)];
        if now >= last && now.0.wrapping_sub(last.0).cast_unsigned() >= timeout {
            return None;
        }
        let sender = usize::from(matches!(sender, Side::High));
        // Below 2048 whatever the bits: no check is needed.
        let next =
            self.next[usize::from(kind.control & 0x1f) << 6 | sender << 5 | usize::from(code.0 & 0x1f)];
        (next != Code::REOPENS).then_some(Code(next))
    }

    /// The same of an interface, at which nothing may be tracked: then it is asked what to do.
    pub(in crate::replay) fn advance_place(
        &self,
        place: Code,
        kind: Kind,
        sender: Side,
        last: Timestamp,
        now: Timestamp,
    ) -> Option<Code> {
        match place {
            Code::EMPTY => None,
            place if place.follows() => Some(place),
            place => self.advance(place, kind, sender, last, now),
        }
    }
}
