//! One conversation: what it sends next, and when.
//!
//! A conversation is a small state machine (`step.rs`) that tells one packet at a time, so that a transfer of gigabytes
//! takes no more memory than a ping. Packets that come later than those after them (fragments, retransmissions) wait
//! in a list of their own.

mod step;

use std::net::IpAddr;

use crate::packet::{AddressPair, Family, Protocol, TcpFlags, Timestamp};

use super::distribution::Share;
use super::frame::mss;
use super::payload::{Filler, Payload, is_dissected};
use super::plan::{Flow, Plan};
use super::random::Random;
use super::segment::{Body, Cut, Outer, Segment, VXLAN, ip_header};
use super::workload::Asked;

use step::Step;

/// Who a conversation is between, so that no two at the same time are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tuple {
    pub(super) addresses: AddressPair,
    pub(super) protocol: Protocol,
    /// Client and service port; of ICMP the identifier, twice.
    pub(super) ports: (u16, u16),
}

/// What was sent one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// The state of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    pub(super) flow: u32,
    pub(super) tuple: Tuple,
    pub(super) outer: Option<Outer>,
    /// When it began, and when its latest packet went; nanoseconds after the beginning of the workload.
    pub(super) began: u64,
    pub(super) latest: u64,
    /// By initiator and responder.
    pub(super) sent: [Sent; 2],
    random: Random,
    /// When the next step is taken.
    time: u64,
    step: Step,
    /// Time from question to answer, and between exchanges.
    rtt: u64,
    gap: u64,
    exchanges: u64,
    /// Messages so far.
    message: u32,
    /// Bytes of the reply to the request that is being sent.
    reply: u64,
    /// Sequence numbers of initiator and responder.
    seq: [u32; 2],
    filler: Filler,
    identity: u16,
    id: u16,
    ending: Ending,
    /// Packets that come later than the step that made them, by time.
    waiting: Vec<(u64, Segment, Side)>,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Initiator,
    Responder,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// How a conversation goes, drawn when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Close,
    Reset,
    /// An ICMP error in place of an answer.
    Refused,
    /// Nothing comes back.
    Unanswered,
}

/// Probes of a scan.
const PROBES: u8 = 20;
/// The largest UDP payload (RFC 768, RFC 791).
const MOST_UDP: u64 = 65_507;

impl Conversation {
    /// Draws the `number`-th conversation of a flow: everything but its client port, which depends on who else talks.
    pub(super) fn new(plan: &Plan, index: u32, kind: u64, number: u64, time: u64) -> Self {
        let flow = &plan.flows[index as usize];
        let mut random = Random::new(plan.seed, kind, number);
        let (addresses, outer) = ends(plan, flow, &mut random);
        let anomalies = &flow.course.anomalies;
        let is_tcp = matches!(flow.course.service, Asked::Ports(Protocol::TCP, _));
        let mut draw = |share: Share, possible: bool| possible && share.draw(&mut random);
        let spoofed = draw(anomalies.spoofed, true);
        let scan = draw(anomalies.scan, true);
        let half_open = draw(anomalies.half_open, is_tcp);
        let mid_stream = draw(anomalies.mid_stream, is_tcp);
        let refused = draw(anomalies.icmp_error, true);
        let reset = draw(anomalies.reset, is_tcp);
        let addresses = if spoofed {
            AddressPair::new(flow.forged.draw(&mut random), addresses.destination()).unwrap_or(addresses)
        } else {
            addresses
        };
        let (protocol, port) = service(flow, &mut random);
        let protocol = if scan { Protocol::TCP } else { protocol };
        let exchanges = flow.course.exchanges.draw(&mut random).max(1);
        let lasts = flow.course.lasts.draw(&mut random);
        let ending = match (spoofed || half_open, refused, reset) {
            (true, ..) => Ending::Unanswered,
            (_, true, _) => Ending::Refused,
            (_, _, true) => Ending::Reset,
            _ => Ending::Close,
        };
        let mut conversation = Self {
            flow: index,
            tuple: Tuple { addresses, protocol, ports: (0, port) },
            outer,
            began: time,
            latest: time,
            sent: [Sent::default(); 2],
            rtt: flow.course.rtt.draw(&mut random).max(1),
            gap: lasts / exchanges,
            exchanges,
            message: 0,
            reply: 0,
            seq: [low32(random.bits()), low32(random.bits())],
            filler: Filler::of(protocol == Protocol::TCP, port),
            identity: low16(random.bits()),
            id: low16(random.bits()),
            ending,
            waiting: vec![],
            time,
            step: Step::Done,
            random,
        };
        conversation.step = match protocol {
            _ if scan => Step::Probe { left: PROBES },
            Protocol::TCP if spoofed => Step::Syn { tries: 1 },
            Protocol::TCP if mid_stream && !half_open => conversation.next_request(flow),
            Protocol::TCP => Step::Syn { tries: if half_open { 4 } else { 1 } },
            _ => Step::Ask,
        };
        conversation
    }

    /// When the next packet goes; `None` at the end.
    pub(super) fn due(&self) -> Option<u64> {
        let waiting = self.waiting.first().map(|(time, ..)| *time);
        match (waiting, self.step) {
            (waiting, Step::Done) => waiting,
            (waiting, _) => Some(waiting.map_or(self.time, |time| time.min(self.time))),
        }
    }

    /// The next packet, at the time that [`Self::due`] says.
    pub(super) fn next(&mut self, start: i64, flow: &Flow) -> Option<Segment> {
        let due = self.due()?;
        let is_waiting = self.waiting.first().is_some_and(|(time, ..)| *time == due);
        let (mut segment, side) = if is_waiting {
            let (_, segment, side) = self.waiting.remove(0);
            (segment, side)
        } else {
            self.take_step(flow)?
        };
        segment.time = Timestamp(start.saturating_add_unsigned(due));
        self.latest = due;
        let sent = &mut self.sent[side as usize];
        sent.packets += 1;
        sent.bytes += u64::from(segment.length());
        Some(segment)
    }

    /// Puts a packet aside until its time.
    fn wait(&mut self, time: u64, segment: Segment, side: Side) {
        let at = self.waiting.partition_point(|(known, ..)| *known <= time);
        self.waiting.insert(at, (time, segment, side));
    }

    /// A packet of this body from one side.
    fn segment(&mut self, side: Side, body: Body, payload: Payload) -> Segment {
        self.id = self.id.wrapping_add(1);
        let (addresses, outer) = match side {
            Side::Initiator => (self.tuple.addresses, self.outer),
            Side::Responder => {
                let outer = self.outer.map(|outer| Outer { addresses: outer.addresses.reversed(), ..outer });
                (self.tuple.addresses.reversed(), outer)
            }
        };
        let id = self.id;
        Segment { time: Timestamp(0), flow: self.flow, addresses, outer, body, payload, id, fragment: None }
    }

    /// Cuts a datagram that is too large for the wire, or that is to come in fragments; the first of them goes now.
    fn in_fragments(&mut self, segment: Segment, side: Side, flow: &Flow) -> Segment {
        let family = segment.family();
        let room = 1500 - ip_header(family) - if segment.outer.is_some() { VXLAN } else { 0 };
        let datagram = segment.datagram();
        let forced = segment.payload.length >= 16 && flow.course.anomalies.fragment.draw(&mut self.random);
        if datagram <= room && !forced {
            return segment;
        }
        let extension = if family == Family::V6 { 8 } else { 0 };
        // Offsets count eights; a header is never cut.
        let size = ((if forced { room.min(datagram / 2) } else { room }) - extension) & !7;
        let size = size.max(32);
        let mut cuts = (0..datagram).step_by(size as usize).map(|offset| {
            let length = size.min(datagram - offset);
            Segment { fragment: Some(Cut { offset, length, more: offset + length < datagram }), ..segment }
        });
        let first = cuts.next().unwrap_or(segment);
        let later: Vec<_> = cuts.collect();
        for (segment, after) in later.into_iter().zip(1..) {
            self.wait(self.time + after * 1_000, segment, side);
        }
        first
    }

    const fn mss(&self) -> u64 {
        mss(self.tuple.addresses.family(), self.outer.is_some()) as u64
    }

    fn ports(&self, side: Side) -> (u16, u16) {
        let (client, service) = self.tuple.ports;
        match side {
            Side::Initiator => (client, service),
            Side::Responder => (service, client),
        }
    }

    fn tcp(&mut self, side: Side, flags: TcpFlags, payload: Payload) -> Segment {
        let seq = self.seq[side as usize];
        let ack = if flags.has(TcpFlags::ACK) { self.seq[side.other() as usize] } else { 0 };
        let advance =
            u32::from(flags.has(TcpFlags::SYN)) + u32::from(flags.has(TcpFlags::FIN)) + payload.length;
        self.seq[side as usize] = seq.wrapping_add(advance);
        let ports = self.ports(side);
        self.segment(side, Body::Tcp { ports, seq, ack, flags }, payload)
    }
}

#[allow(clippy::cast_possible_truncation)] // Random bits are cut on purpose.
const fn low16(bits: u64) -> u16 {
    bits as u16
}

#[allow(clippy::cast_possible_truncation)]
const fn low32(bits: u64) -> u32 {
    bits as u32
}

/// Draws both ends, and of a tunnel those who wrap; never both at one interface.
fn ends(plan: &Plan, flow: &Flow, random: &mut Random) -> (AddressPair, Option<Outer>) {
    let apart = |random: &mut Random, from: &super::ends::Pool, to: &super::ends::Pool| {
        let mut pair = None;
        // The plan made sure that there are such ends; only chance can miss them, and not this often.
        for _ in 0..1000 {
            let (a, b) = (from.draw(random), to.draw(random));
            pair = AddressPair::new(a, b);
            if a != b && Flow::has_two_ends(plan.owners.of(a), plan.owners.of(b)) {
                break;
            }
        }
        pair
    };
    let none = AddressPair::V4 {
        source: std::net::Ipv4Addr::UNSPECIFIED,
        destination: std::net::Ipv4Addr::UNSPECIFIED,
    };
    let Some(tunnel) = &flow.tunnel else {
        return (apart(random, &flow.from, &flow.to).unwrap_or(none), None);
    };
    let outer = apart(random, &tunnel.from, &tunnel.to).unwrap_or(none);
    let part = |address: IpAddr| tunnel.carriers.iter().position(|known| *known == address).unwrap_or(0);
    let parts = tunnel.carriers.len();
    let source = flow.from.draw_part(random, part(outer.source()), parts);
    let destination = flow.to.draw_part(random, part(outer.destination()), parts);
    // Linux hashes the inner flow into its range of local ports.
    let port = low16(32_768 + random.below(28_232));
    let inner = AddressPair::new(source, destination).unwrap_or(none);
    (inner, Some(Outer { addresses: outer, port, vni: tunnel.vni }))
}

/// The protocol, and the port or the number that stands for it.
fn service(flow: &Flow, random: &mut Random) -> (Protocol, u16) {
    match &flow.course.service {
        Asked::Ports(protocol, ranges) => {
            // Each port is as likely, in whichever range it is.
            let size = |range: &crate::packet::PortRange| u64::from(range.last() - range.first()) + 1;
            let all = ranges.iter().map(size).sum();
            loop {
                let mut at = random.below(all);
                let range = ranges.iter().find(|range| {
                    let found = at < size(range);
                    at -= if found { 0 } else { size(range) };
                    found
                });
                let port = range.map_or(0, |range| range.first() + low16(at));
                if !is_dissected(port, all) {
                    return (*protocol, port);
                }
            }
        }
        Asked::Icmp(Family::V4, _) => (Protocol::ICMP, 0),
        Asked::Icmp(Family::V6, _) => (Protocol::ICMPV6, 0),
        Asked::Other(protocol) => (*protocol, 0),
    }
}
