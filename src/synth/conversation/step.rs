//! The steps of a conversation: handshake, requests and replies, close; and what can go wrong on the way.

use crate::packet::{Family, IcmpKind, IcmpRole, Protocol, TcpFlags};

use super::super::payload::Payload;
use super::super::plan::Flow;
use super::super::segment::{Body, Quote, Segment};
use super::super::workload::Asked;
use super::{Conversation, Ending, MOST_UDP, PROBES, Side, low16};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// TCP: the opening, so many more times.
    Syn {
        tries: u8,
    },
    SynAck,
    Established,
    /// TCP: a packet of a message.
    Data {
        side: Side,
        left: u64,
        total: u64,
        unanswered: u8,
        flight: u8,
    },
    /// TCP: an acknowledgement, and then on with the message or to the next exchange.
    Ack {
        side: Side,
        left: u64,
        total: u64,
        flight: u8,
    },
    Fin,
    FinAck,
    LastAck,
    /// Everything else: a question, an answer.
    Ask,
    Answer,
    /// An ICMP error about the packet before.
    Refuse {
        quoted: Quote,
    },
    /// A scan: a probe, and what comes back.
    Probe {
        left: u8,
    },
    Probed {
        left: u8,
        port: u16,
    },
    Done,
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const PUSH_ACK: TcpFlags = TcpFlags(0x18);
const FIN_ACK: TcpFlags = TcpFlags(0x11);
const RESET_ACK: TcpFlags = TcpFlags(0x14);
/// Packets that are sent before the sender waits for a round trip.
const FLIGHT: u8 = 10;

impl Conversation {
    /// Takes a step: the packet it sends and who does.
    pub(super) fn take_step(&mut self, flow: &Flow) -> Option<(Segment, Side)> {
        use Side::{Initiator, Responder};
        let step = self.step;
        let made = match step {
            Step::Syn { tries } => {
                // The same packet again, so the same sequence number.
                let seq = self.seq[0];
                let syn = self.tcp(Initiator, TcpFlags::SYN, Payload::NONE);
                self.step = match self.ending {
                    Ending::Unanswered if tries <= 1 => Step::Done,
                    Ending::Unanswered => {
                        self.seq[0] = seq;
                        // RFC 6298 section 5.5: the wait doubles.
                        self.time += (1000 * MILLISECOND) << (4 - tries.min(4));
                        Step::Syn { tries: tries - 1 }
                    }
                    Ending::Refused => self.refuse(&syn),
                    _ => {
                        self.time += self.rtt;
                        Step::SynAck
                    }
                };
                (syn, Initiator)
            }
            Step::SynAck => {
                self.time += 20 * MICROSECOND;
                self.step = Step::Established;
                (self.tcp(Responder, TcpFlags::SYN_ACK, Payload::NONE), Responder)
            }
            Step::Established => {
                let ack = self.tcp(Initiator, TcpFlags::ACK, Payload::NONE);
                self.time += 50 * MICROSECOND;
                self.step = self.next_request(flow);
                (ack, Initiator)
            }
            Step::Data { side, left, total, unanswered, flight } => {
                (self.data(flow, side, [left, total], unanswered, flight), side)
            }
            Step::Ack { side, left, total, flight } => {
                let ack = self.tcp(side, TcpFlags::ACK, Payload::NONE);
                if left > 0 {
                    let (wait, flight) =
                        if flight >= FLIGHT { (self.rtt, 0) } else { (20 * MICROSECOND, flight) };
                    self.time += wait;
                    self.step = Step::Data { side: side.other(), left, total, unanswered: 0, flight };
                } else {
                    self.time += 20 * MICROSECOND;
                    self.step = self.next_exchange(flow);
                }
                (ack, side)
            }
            Step::Fin => self.fin(),
            Step::FinAck => {
                self.time += 20 * MICROSECOND;
                self.step = Step::LastAck;
                (self.tcp(Responder, FIN_ACK, Payload::NONE), Responder)
            }
            Step::LastAck => {
                self.step = Step::Done;
                (self.tcp(Initiator, TcpFlags::ACK, Payload::NONE), Initiator)
            }
            Step::Ask => (self.ask(flow), Initiator),
            Step::Answer => (self.answer(flow), Responder),
            Step::Refuse { quoted } => {
                self.step = Step::Done;
                (self.segment(Responder, refusal(&quoted), Payload::NONE), Responder)
            }
            Step::Probe { left } => {
                let port = low16(1 + self.random.below(65_535));
                self.tuple.ports.1 = port;
                let probe = self.tcp(Initiator, TcpFlags::SYN, Payload::NONE);
                self.time += self.rtt;
                self.step = match self.ending {
                    Ending::Unanswered if left <= 1 => Step::Done,
                    Ending::Unanswered => Step::Probe { left: left - 1 },
                    _ => Step::Probed { left, port },
                };
                (probe, Initiator)
            }
            Step::Probed { left, port } => {
                self.tuple.ports.1 = port;
                self.seq[1] = 0;
                let reset = self.tcp(Responder, RESET_ACK, Payload::NONE);
                self.time += 5 * MILLISECOND;
                // Each probe has a sequence number of its own.
                self.seq[0] = self.seq[0].wrapping_add(1 << 16);
                self.step = if left <= 1 { Step::Done } else { Step::Probe { left: left - 1 } };
                (reset, Responder)
            }
            Step::Done => return None,
        };
        debug_assert!(!matches!(step, Step::Probe { left } if left > PROBES));
        Some(made)
    }

    /// The size of the next message, and its number.
    fn next_message(&mut self, wanted: u64) -> u64 {
        let fitted = self.filler.fit(wanted, self.message);
        self.message = self.message.wrapping_add(1);
        fitted
    }

    /// Draws an exchange of TCP, and starts it.
    pub(super) fn next_request(&mut self, flow: &Flow) -> Step {
        while self.exchanges > 0 {
            let request = flow.course.request.draw(&mut self.random);
            let request = self.next_message(request);
            let reply = flow.course.reply.draw(&mut self.random);
            self.reply = self.next_message(reply);
            let (side, total) =
                if request > 0 { (Side::Initiator, request) } else { (Side::Responder, self.reply) };
            if total > 0 {
                return Step::Data { side, left: total, total, unanswered: 0, flight: 0 };
            }
            self.exchanges -= 1;
            self.time += self.gap;
        }
        Step::Fin
    }

    fn next_exchange(&mut self, flow: &Flow) -> Step {
        self.exchanges = self.exchanges.saturating_sub(1);
        self.time += self.gap;
        if self.exchanges == 0 { Step::Fin } else { self.next_request(flow) }
    }

    /// A packet with payload.
    fn data(
        &mut self,
        flow: &Flow,
        side: Side,
        [left, total]: [u64; 2],
        unanswered: u8,
        flight: u8,
    ) -> Segment {
        let length = left.min(self.mss());
        let left_after = left - length;
        let message = self.message.wrapping_sub(if side == Side::Initiator { 2 } else { 1 });
        let payload = Payload {
            filler: self.filler,
            message,
            identity: self.identity,
            total,
            at: total - left,
            // At most the largest segment.
            length: u32::try_from(length).unwrap_or(0),
        };
        let flags = if left_after == 0 { PUSH_ACK } else { TcpFlags::ACK };
        let segment = self.tcp(side, flags, payload);
        let segment = self.in_fragments(segment, side, flow);
        let now = self.time;
        if flow.course.anomalies.retransmission.draw(&mut self.random) {
            self.id = self.id.wrapping_add(1);
            self.wait(now + 200 * MILLISECOND, Segment { id: self.id, fragment: None, ..segment }, side);
        }
        let (unanswered, flight) = (unanswered + 1, flight + 1);
        if left_after > 0 && unanswered < 2 {
            self.time += 20 * MICROSECOND;
            let next = Step::Data { side, left: left_after, total, unanswered, flight };
            self.step = next;
            if segment.fragment.is_none() && flow.course.anomalies.out_of_order.draw(&mut self.random) {
                // The next goes first, and this one before both are acknowledged.
                self.wait(self.time + 5 * MICROSECOND, segment, side);
                let Step::Data { side, left, total, unanswered, flight } = next else { return segment };
                return self.overtaking(flow, side, [left, total], unanswered, flight);
            }
        } else if left_after > 0 {
            self.time += 10 * MICROSECOND;
            self.step = Step::Ack { side: side.other(), left: left_after, total, flight };
        } else if side == Side::Initiator && self.reply > 0 {
            // The reply acknowledges the request.
            self.time += self.rtt;
            let total = self.reply;
            self.step = Step::Data { side: Side::Responder, left: total, total, unanswered: 0, flight: 0 };
        } else {
            self.time += 40 * MICROSECOND;
            self.step = Step::Ack { side: side.other(), left: 0, total, flight };
        }
        segment
    }

    /// The packet that overtakes the one before: it takes that one's time.
    fn overtaking(
        &mut self,
        flow: &Flow,
        side: Side,
        sizes: [u64; 2],
        unanswered: u8,
        flight: u8,
    ) -> Segment {
        self.data(flow, side, sizes, unanswered, flight)
    }

    fn fin(&mut self) -> (Segment, Side) {
        if self.ending == Ending::Reset {
            self.step = Step::Done;
            let side = if self.random.below(2) == 0 { Side::Initiator } else { Side::Responder };
            return (self.tcp(side, RESET_ACK, Payload::NONE), side);
        }
        self.time += self.rtt;
        self.step = Step::FinAck;
        (self.tcp(Side::Initiator, FIN_ACK, Payload::NONE), Side::Initiator)
    }

    /// A question that is one datagram.
    fn ask(&mut self, flow: &Flow) -> Segment {
        let wanted = flow.course.request.draw(&mut self.random);
        let total = self.next_message(wanted).min(MOST_UDP);
        let reply = flow.course.reply.draw(&mut self.random);
        self.reply = self.next_message(reply).min(MOST_UDP);
        let message = self.message.wrapping_sub(2);
        let (kind, answered) = self.question(flow);
        let payload = self.datagram(total, message);
        let segment = self.segment(Side::Initiator, kind, payload);
        let segment = self.in_fragments(segment, Side::Initiator, flow);
        self.step = match self.ending {
            Ending::Unanswered => Step::Done,
            Ending::Refused => self.refuse(&segment),
            _ if self.reply > 0 && answered => {
                self.time += self.rtt;
                Step::Answer
            }
            _ => self.after_datagrams(),
        };
        segment
    }

    fn answer(&mut self, flow: &Flow) -> Segment {
        let body = match self.tuple.protocol {
            Protocol::ICMP | Protocol::ICMPV6 => {
                let kind = match flow.course.service {
                    Asked::Icmp(family, IcmpKind { kind, .. }) => match role(family, kind) {
                        IcmpRole::Request { reply } => reply,
                        _ => kind,
                    },
                    _ => 0,
                };
                Body::Icmp { kind, code: 0, identifier: self.tuple.ports.0, sequence: self.sequence() }
            }
            Protocol::UDP => Body::Udp { ports: self.ports(Side::Responder) },
            protocol => Body::Other(protocol),
        };
        let payload = self.datagram(self.reply, self.message.wrapping_sub(1));
        let segment = self.segment(Side::Responder, body, payload);
        let segment = self.in_fragments(segment, Side::Responder, flow);
        self.step = self.after_datagrams();
        segment
    }

    fn sequence(&self) -> u16 {
        low16(u64::from(self.message / 2))
    }

    /// What is asked, and whether there can be an answer.
    fn question(&self, flow: &Flow) -> (Body, bool) {
        match (&flow.course.service, self.tuple.protocol) {
            (Asked::Icmp(family, kind), _) => {
                let code = kind.code.unwrap_or(0);
                if role(*family, kind.kind) == IcmpRole::Error {
                    // About a packet that nobody saw.
                    let quoted = Quote {
                        addresses: self.tuple.addresses.reversed(),
                        protocol: Protocol::UDP,
                        ports: (self.tuple.ports.0, 53),
                        rest: 48 << 16,
                        length: 48,
                        id: self.id,
                    };
                    return (Body::Error { kind: kind.kind, code, quoted }, false);
                }
                let body = Body::Icmp {
                    kind: kind.kind,
                    code,
                    identifier: self.tuple.ports.0,
                    sequence: self.sequence(),
                };
                (body, matches!(role(*family, kind.kind), IcmpRole::Request { .. }))
            }
            (_, Protocol::UDP) => (Body::Udp { ports: self.ports(Side::Initiator) }, true),
            (_, protocol) => (Body::Other(protocol), true),
        }
    }

    fn datagram(&self, total: u64, message: u32) -> Payload {
        let length = u32::try_from(total).unwrap_or(0);
        Payload { filler: self.filler, message, identity: self.identity, total, at: 0, length }
    }

    fn after_datagrams(&mut self) -> Step {
        self.exchanges = self.exchanges.saturating_sub(1);
        // Fragments that still wait go first.
        self.time = self.waiting.last().map_or(self.time, |(time, ..)| self.time.max(*time));
        self.time += self.gap.max(MICROSECOND);
        if self.exchanges == 0 { Step::Done } else { Step::Ask }
    }

    /// What an error about this packet quotes.
    fn refuse(&mut self, segment: &Segment) -> Step {
        self.time += self.rtt;
        let (protocol, length) = (segment.protocol(), segment.datagram());
        let (ports, rest) = match segment.body {
            Body::Tcp { ports, seq, .. } => (ports, seq),
            Body::Udp { ports } => (ports, length << 16),
            Body::Icmp { kind, code, identifier, sequence } => {
                ((u16::from_be_bytes([kind, code]), identifier), u32::from(sequence))
            }
            Body::Error { .. } | Body::Other(_) | Body::Ports { .. } => ((0, 0), 0),
        };
        let quoted = Quote { addresses: segment.addresses, protocol, ports, rest, length, id: segment.id };
        Step::Refuse { quoted }
    }
}

fn role(family: Family, kind: u8) -> IcmpRole {
    let quoted = crate::packet::Quoted::None;
    crate::packet::Icmp { kind, code: 0, identifier: 0, quoted }.role(family)
}

/// The error that refuses a packet: no such port for UDP, forbidden for the rest (RFC 792, RFC 1812, RFC 4443).
const fn refusal(quoted: &Quote) -> Body {
    let (kind, code) = match (quoted.addresses.family(), quoted.protocol) {
        (Family::V4, Protocol::UDP) => (3, 3),
        (Family::V4, _) => (3, 13),
        (Family::V6, Protocol::UDP) => (1, 4),
        (Family::V6, _) => (1, 1),
    };
    Body::Error { kind, code, quoted: *quoted }
}
