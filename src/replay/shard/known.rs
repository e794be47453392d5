//! Outcomes that are known: what the evaluator has judged once is not judged again.
//!
//! Hosts and services come in classes that no rule and no interface tells apart, and of the state only a few bytes and
//! whether it has ended matter. A [`Question`] holds all that; the evaluator gives the [`Answer`] the first time it is
//! asked, and packets with the same question share it. What has no question goes to the evaluator each time.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::compile::Matcher;
use crate::packet::{Compact, Family, Protocol, Service, TcpFlags, request_of};
use crate::replay::context::{Context, is_dhcp};
use crate::replay::state::Side;
use crate::replay::step::may_be_older;
use crate::replay::tally::Hits;
use crate::replay::{Reason, Steps};

use super::index::{Index, Tag, seed};
use super::limits::{Code, Kind};
use super::record::{Narrow, Record};

/// The most answers that the shards of a layer remember: some 20 MiB.
const MOST: usize = 0x2_0000;

/// All that the outcome of a packet depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// Classes of source and destination.
    hosts: u64,
    /// Classes of the service, and of that which the far side would have asked for; what the state machines look at.
    service: u64,
    /// The state of the connection; all bits where there is none.
    state: u64,
}

/// What becomes of a connection's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub opening: u32,
    pub path: u32,
    pub places: [Code; 2],
    pub conversation: Code,
    /// How a new record is marked.
    pub flags: u8,
    /// Whether the packet is dropped.
    pub drops: bool,
}

/// The outcome of a packet.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    question: Question,
    pub reason: Reason,
    pub change: Change,
    /// The packets that had it, but for the first.
    pub hits: Hits,
}

/// Answers by question.
#[derive(Debug, Default)]
pub(super) struct Answers {
    most: usize,
    hash: FixedState,
    index: Index,
    known: Vec<Answer>,
    /// The steps of each, apart: they are handed out only.
    steps: Vec<Steps>,
}

impl Answers {
    /// None yet, for one of so many shards.
    pub(super) fn for_one_of(shards: usize) -> Self {
        Self { most: MOST / shards, hash: FixedState::with_seed(seed()), ..Self::default() }
    }

    /// The answer to a question, and its number.
    pub(super) fn get_mut(&mut self, question: &Question) -> Option<(u32, &mut Answer)> {
        let is_it = |number: u32| self.known[number as usize].question == *question;
        let number = self.index.find(self.tag(question), is_it)?;
        Some((number, &mut self.known[number as usize]))
    }

    fn tag(&self, question: &Question) -> Tag {
        Tag::of(self.hash.hash_one(question))
    }

    /// The steps of an answer.
    pub(super) fn steps(&self, number: u32) -> Steps {
        self.steps[number as usize]
    }

    /// Remembers the answer to a question that had none, if there is room.
    pub(super) fn remember(&mut self, question: Question, reason: Reason, change: Change, steps: Steps) {
        if self.known.len() < self.most && self.get_mut(&question).is_none() {
            let tag = self.tag(&question);
            self.index.add(tag, u32::try_from(self.known.len()).unwrap_or(u32::MAX));
            self.known.push(Answer { question, reason, change, hits: Hits::default() });
            self.steps.push(steps);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Answer, &Steps)> {
        self.known.iter().zip(&self.steps)
    }
}

impl Question {
    /// The question that a packet asks about the connection it belongs to, if there is one. `None`: the evaluator has to be
    /// asked each time.
    pub(super) fn new<M: Matcher>(
        context: &Context<'_, M>,
        packet: &Compact,
        sender: Side,
        record: Option<&Record<Narrow>>,
    ) -> Option<Self> {
        let hosts = context.hosts.as_ref()?;
        let kind = Kind::of(packet.protocol, packet.detail);
        if packet.protocol == Protocol::UDP && is_dhcp(packet.ports) {
            return None;
        }
        let state = match record {
            None => u64::MAX,
            Some(record) => record.state(&context.limits, kind, sender, packet.time)?,
        };
        let [source, destination] = packet.addresses;
        let class = |service| context.matcher.service_class(service);
        let [from, to] = packet.ports;
        let is_icmp = packet.protocol == Protocol::ICMP;
        let icmp = |kind| Service::Icmp { family: Family::V4, kind, code: 0 };
        let port = |port| Service::Port(packet.protocol, port);
        let service = class(if is_icmp { icmp(packet.detail) } else { port(to) })?;
        // What the far side would have asked for matters to packets that can be its answers only.
        let start = context.start.unwrap_or(packet.time);
        let may_be_older = !(packet.protocol == Protocol::TCP && TcpFlags(packet.detail).is_lone_syn())
            && may_be_older(packet.protocol, &context.timeouts, start, packet.time);
        let reversed = match may_be_older {
            false => 0,
            true if is_icmp => {
                request_of(Family::V4, packet.detail).map_or(Some(0), |kind| class(icmp(kind)))?
            }
            true => class(port(from))?,
        };
        let detail = if packet.protocol == Protocol::TCP { kind.control() } else { packet.detail };
        Some(Self {
            hosts: u64::from(hosts.class(source)) << 32 | u64::from(hosts.class(destination)),
            service: u64::from(service) << 48
                | u64::from(reversed) << 32
                | u64::from(packet.protocol.0) << 16
                | u64::from(detail) << 8
                | u64::from(may_be_older) << 1
                | u64::from(sender == Side::High),
            state,
        })
    }

    /// Whether it is about a packet that belongs to no known connection.
    pub(super) const fn opens(&self) -> bool {
        self.state == u64::MAX
    }
}
