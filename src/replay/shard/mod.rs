//! The state of some of the pairs of hosts, and the one evaluator.
//!
//! A shard never looks into another: what concerns two of them is handed up as a [`Forward`].

mod counts;
mod index;
mod interned;
mod judge;
mod known;
mod let_go;
mod limits;
mod record;
mod run;
mod table;
mod view;
mod waves;

pub(super) use limits::Limits;
pub(super) use run::Placed;
pub(super) use view::Pair;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::packet::{IpPacket, Timestamp};
use crate::policy::InterfaceId;

use super::context::{Carrier, Outer};
use super::fragments::{Deadline, Fragments, Piece};
use super::key::Key;
use super::route::Split;
use super::{ConnectionId, ConnectionVerdict, Judged};

use counts::Counts;
use interned::{Opening, Openings, Paths};
use known::Answers;
use record::{Narrow, Wide};
use table::Table;
use waves::Ring;

/// The number of a connection in its shard: 31 bits, and which of the two tables it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Local(u32);

const WIDE: u32 = 1 << 31;

impl Local {
    /// As it stands in a judgement until it gets its number.
    fn id(self) -> ConnectionId {
        ConnectionId::new(self.0 as usize)
    }

    pub(super) fn of(id: ConnectionId) -> Self {
        Self(u32::try_from(id.index()).unwrap_or(u32::MAX))
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// When something happened: at a frame, or, before it, when the clock it brought ended a datagram's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub sequence: u64,
    /// `None` sorts first, so what is given up is told the other way round.
    own: bool,
    deadline: Deadline,
}

impl Moment {
    const fn at(sequence: u64) -> Self {
        Self { sequence, own: true, deadline: (Timestamp(0), 0) }
    }

    const fn given_up(sequence: u64, deadline: Deadline) -> Self {
        Self { sequence, own: false, deadline }
    }

    /// Whether it is the frame itself.
    pub(super) const fn is_own(&self) -> bool {
        self.own
    }
}

/// A connection that was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub moment: Moment,
    pub local: Local,
    pub verdict: ConnectionVerdict,
}

/// A datagram that another shard has to do with.
#[derive(Debug)]
pub(super) struct Forward {
    pub moment: Moment,
    pub ip: IpPacket,
    pub now: Timestamp,
    pub pieces: Vec<Piece>,
    pub what: What,
}

/// What is left to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An ICMP error that came in fragments: where its connection is was not known.
    FindQuoted,
    /// A message about no known connection.
    Judge,
    /// A message that never became complete.
    Orphan,
}

/// The connection that an ICMP error quotes, and the interfaces where it is tracked.
type QuotedEntry = (Local, [Option<InterfaceId>; 2]);

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    number: u32,
    /// Whether this is the shard of messages without state.
    messages: bool,
    /// Whether it is of packets from the inside of tunnels.
    inside: bool,
    narrow: Table<Narrow>,
    wide: Table<Wide>,
    openings: Openings,
    /// Scratch space.
    opening: Opening,
    paths: Paths,
    answers: Answers,
    /// Scratch space, made when it is needed.
    ring: Option<Box<Ring>>,
    pub fragments: Fragments,
    counts: Counts,
    /// Connections that have no number yet, in order.
    pub opened: Vec<Opened>,
    pub forwards: Vec<Forward>,
    /// Judged frames, where they are wanted, with [`Local`] connections.
    pub judged: Vec<Judged>,
    /// By their place in `judged`: what carried those from inside of tunnels.
    pub outers: Vec<(usize, Outer)>,
    /// Judged packets of tunnels, by sequence, until what they carry is judged.
    pub carriers: Vec<(u64, Carrier)>,
    /// For connections found in tunnels: the connection that carried the first packet.
    outer: HashMap<Local, Outer, FixedState>,
}

/// Calls `$call` with the table that `$local` is in, as `$table`, and its place there, as `$at`.
macro_rules! with_table {
    ($shard:expr, $local:expr, $table:ident, $at:ident => $call:expr) => {{
        let Local(bits) = $local;
        let $at = bits & !WIDE;
        if bits & WIDE == 0 {
            let $table = &mut $shard.narrow;
            $call
        } else {
            let $table = &mut $shard.wide;
            $call
        }
    }};
}

/// The same for a shard that is only read.
macro_rules! with_table_ref {
    ($shard:expr, $local:expr, $table:ident, $at:ident => $call:expr) => {{
        let Local(bits) = $local;
        let $at = bits & !WIDE;
        if bits & WIDE == 0 {
            let $table = &$shard.narrow;
            $call
        } else {
            let $table = &$shard.wide;
            $call
        }
    }};
}

use {with_table, with_table_ref};

impl Shard {
    /// The shard of this number.
    pub(super) fn new(split: Split, number: usize) -> Self {
        Self {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            messages: number % split.layer() == split.messages(),
            inside: number >= split.layer(),
            answers: Answers::for_one_of(split.shards()),
            fragments: Fragments::for_one_of(split.shards()),
            ..Self::default()
        }
    }

    fn find(&self, key: &Key) -> Option<Local> {
        match Narrow::new(key) {
            Some(narrow) => self.narrow.find(&narrow).map(Local),
            None => self.wide.find(&Wide::new(key)).map(|at| Local(at | WIDE)),
        }
    }

    /// Writes the number of a connection into its record.
    pub(super) fn set_number(&mut self, local: Local, number: u32) {
        with_table!(self, local, table, at => table.get_mut(at).number = number);
    }

    /// The number of a connection.
    pub(super) fn number(&self, local: Local) -> u32 {
        with_table_ref!(self, local, table, at => table.get(at).number)
    }

    /// Asks for the memory of a connection that will soon be unpacked.
    pub(super) fn ask_for(&self, local: Local) {
        with_table_ref!(self, local, table, at => table.ask_for(at));
    }

    /// The connection that carried the first packet of a connection; `None` outside of tunnels.
    pub(super) fn outer(&self, local: Local) -> Option<Outer> {
        self.outer.get(&local).copied()
    }

    /// How many connections there are.
    pub(super) const fn len(&self) -> usize {
        self.narrow.len() + self.wide.len()
    }

    /// Gives judged frames the numbers of their connections.
    pub(super) fn number_judged(&mut self) {
        let mut judged = std::mem::take(&mut self.judged);
        for frame in &mut judged {
            let connection = &mut frame.judgement.connection;
            *connection = connection.map(|id| ConnectionId::new(self.number(Local::of(id)) as usize));
        }
        self.judged = judged;
    }
}
