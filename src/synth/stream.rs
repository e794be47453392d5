//! All conversations of a plan as one stream of packets, in order of time.
//!
//! Only those that run are held: memory follows how many conversations there are at a time, not how many there are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use hashbrown::HashSet;

use crate::packet::{AddressPair, Protocol, Timestamp};

use super::arrivals::Times;
use super::conversation::{Conversation, Tuple};
use super::payload::is_dissected;
use super::plan::{Plan, REST};
use super::random::Random;
use super::segment::Segment;

/// What cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "flow `{flow}` needs more ports than there are: all of them are in use between {source_address} and {destination}; \
     give it more `ports` or clients, or fewer conversations"
)]
pub struct OutOfPorts {
    flow: String,
    source_address: std::net::IpAddr,
    destination: std::net::IpAddr,
}

/// What became of a conversation, for flow records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The index of its flow in the plan.
    pub flow: u32,
    /// Who began, and who answered; of a tunnel those inside.
    pub addresses: AddressPair,
    /// Those who wrapped it.
    pub outer: Option<AddressPair>,
    /// The protocol.
    pub protocol: Protocol,
    /// Client and service port; zero where there are none.
    pub ports: (u16, u16),
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Packets of initiator and responder.
    pub packets: [u64; 2],
    /// Bytes of their frames.
    pub bytes: [u64; 2],
}

/// Something that happens: at a time, in an order among equals.
type Event = Reverse<(u64, u64, Happens)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// A conversation of this flow begins.
    Begin(u32),
    /// The conversation in this place sends its next packet.
    Send(u32),
}

/// Packets in order of time. Ends early when ports run out; [`Self::error`] says so.
#[derive(Debug)]
pub struct Stream<'p> {
    plan: &'p Plan,
    /// By flow: when its conversations begin, how many did, and what its random numbers start from.
    flows: Vec<(Times, u64, u64)>,
    events: BinaryHeap<Event>,
    /// Conversations that run, by place; and places that are free.
    running: Vec<Option<Box<Conversation>>>,
    free: Vec<u32>,
    /// Conversations so far: who began first sends first.
    begun: u64,
    taken: HashSet<Tuple, foldhash::fast::FixedState>,
    /// When tuples may be taken again, in order.
    resting: VecDeque<(u64, Tuple)>,
    error: Option<Box<OutOfPorts>>,
    /// Those that ended, when they are wanted.
    ended: Option<VecDeque<Record>>,
}

/// A name as a number (FNV-1a), so that a flow's traffic does not depend on the flows beside it.
fn kind(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl<'p> Stream<'p> {
    /// The traffic of a plan.
    pub fn new(plan: &'p Plan) -> Self {
        let mut stream = Self {
            plan,
            flows: vec![],
            events: BinaryHeap::new(),
            running: vec![],
            free: vec![],
            begun: 0,
            taken: HashSet::with_hasher(foldhash::fast::FixedState::default()),
            resting: VecDeque::new(),
            error: None,
            ended: None,
        };
        for (flow, index) in plan.flows.iter().zip(0..) {
            let kind = kind(&flow.name);
            let random = Random::new(plan.seed, kind, u64::MAX);
            let start = plan.start.0.saturating_add_unsigned(flow.course.after);
            let times = Times::new(
                random,
                flow.course.arrivals,
                flow.course.amount,
                plan.duration - flow.course.after,
                start,
            );
            stream.flows.push((times, 0, kind));
            stream.await_flow(index);
        }
        stream
    }

    /// The same, keeping records of conversations that ended for [`Self::next_record`].
    #[must_use]
    pub fn with_records(mut self) -> Self {
        self.ended = Some(VecDeque::new());
        self
    }

    /// Why it ended early.
    pub fn error(&self) -> Option<&OutOfPorts> {
        self.error.as_deref()
    }

    /// Conversations that began.
    pub const fn conversations(&self) -> u64 {
        self.begun
    }

    /// A conversation that ended, in the order they did.
    pub fn next_record(&mut self) -> Option<Record> {
        self.ended.as_mut()?.pop_front()
    }

    fn await_flow(&mut self, index: u32) {
        if let Some(time) = self.flows[index as usize].0.next() {
            let time = time + self.plan.flows[index as usize].course.after;
            self.events.push(Reverse((time, u64::from(index), Happens::Begin(index))));
        }
    }

    /// Begins a conversation of a flow; false when it finds no port.
    fn begin(&mut self, index: u32, time: u64) -> bool {
        while let Some(&(until, tuple)) = self.resting.front()
            && until <= time
        {
            self.taken.remove(&tuple);
            self.resting.pop_front();
        }
        let (_, count, kind) = &mut self.flows[index as usize];
        let number = *count;
        *count += 1;
        let mut conversation = Box::new(Conversation::new(self.plan, index, *kind, number, time));
        if !self.take_port(&mut conversation, number) {
            let flow = self.plan.flows[index as usize].name.clone();
            let (source_address, destination) =
                (conversation.tuple.addresses.source(), conversation.tuple.addresses.destination());
            self.error = Some(Box::new(OutOfPorts { flow, source_address, destination }));
            return false;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.running.push(None);
            u32::try_from(self.running.len() - 1).unwrap_or(u32::MAX)
        });
        // Flows take the numbers before.
        let order = self.flows.len() as u64 + self.begun;
        self.begun += 1;
        if let Some(due) = conversation.due() {
            self.events.push(Reverse((due, order, Happens::Send(place))));
        }
        self.running[place as usize] = Some(conversation);
        true
    }

    /// Gives a conversation the next port of its flow that is free between its ends.
    ///
    /// Ports follow each other in steps that reach all of them, as those of a client do that does not want to be
    /// guessed.
    fn take_port(&mut self, conversation: &mut Conversation, number: u64) -> bool {
        let tuple = &mut conversation.tuple;
        if !matches!(tuple.protocol, Protocol::TCP | Protocol::UDP | Protocol::ICMP | Protocol::ICMPV6) {
            return true;
        }
        let ports = self.plan.flows[conversation.flow as usize].course.ports;
        let size = u64::from(ports.last() - ports.first()) + 1;
        let step = (1..size.max(2))
            .map(|add| (size * 618 / 1000 + add) | 1)
            .find(|&step| coprime(step, size))
            .unwrap_or(1);
        for try_ in 0..size {
            let at = (u128::from(number) + u128::from(try_)) * u128::from(step) % u128::from(size);
            tuple.ports.0 = ports.first() + u16::try_from(at).unwrap_or(0);
            if !is_dissected(tuple.ports.0, size) && self.taken.insert(*tuple) {
                return true;
            }
        }
        false
    }

    /// Ends a conversation.
    fn end(&mut self, place: u32) {
        let Some(conversation) = self.running[place as usize].take() else { return };
        self.free.push(place);
        self.resting.push_back((conversation.latest + REST, conversation.tuple));
        let record = self.record(&conversation);
        if let Some(ended) = &mut self.ended {
            ended.push_back(record);
        }
    }

    fn record(&self, conversation: &Conversation) -> Record {
        let time = |after| Timestamp(self.plan.start.0.saturating_add_unsigned(after));
        let [sent, received] = conversation.sent;
        Record {
            flow: conversation.flow,
            addresses: conversation.tuple.addresses,
            outer: conversation.outer.map(|outer| outer.addresses),
            protocol: conversation.tuple.protocol,
            ports: conversation.tuple.ports,
            first: time(conversation.began),
            last: time(conversation.latest),
            packets: [sent.packets, received.packets],
            bytes: [sent.bytes, received.bytes],
        }
    }

    /// Records of the conversations that still run, as far as they have come.
    pub fn unfinished(&self) -> impl Iterator<Item = Record> {
        let running = self.running.iter().flatten().filter(|conversation| conversation.sent[0].packets > 0);
        running.map(|conversation| self.record(conversation))
    }
}

const fn coprime(mut a: u64, mut b: u64) -> bool {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

impl Iterator for Stream<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        while let Some(Reverse((time, order, happens))) = self.events.pop() {
            match happens {
                Happens::Begin(index) => {
                    if !self.begin(index, time) {
                        self.events.clear();
                        return None;
                    }
                    self.await_flow(index);
                }
                Happens::Send(place) => {
                    let Some(conversation) = &mut self.running[place as usize] else { continue };
                    let flow = &self.plan.flows[conversation.flow as usize];
                    let segment = conversation.next(self.plan.start.0, flow);
                    match conversation.due() {
                        Some(due) => self.events.push(Reverse((due, order, Happens::Send(place)))),
                        None => self.end(place),
                    }
                    if segment.is_some() {
                        return segment;
                    }
                }
            }
        }
        None
    }
}
