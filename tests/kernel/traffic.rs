//! Random traffic: conversations that mostly make sense, told from the middle, out of order and with mistakes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::packet::{ACK, Body, COOKIE_ACK, COOKIE_ECHO, DATA, Extra, FIN, INIT, INIT_ACK, Packet, RST, SYN};
use super::plan::{OUTSIDE, STATIONS, owner};
use super::random::Random;
use super::scenario::{ICMP, ICMP6, OTHERS, PORTS};

/// What makes packets belong together: protocol, query (request, code, whether the lower end asks), and both ends, the
/// lower first.
pub(crate) type Key = (u8, Option<(u8, u8, bool)>, End, End);
/// Address and port or identifier.
pub(crate) type End = (IpAddr, u16);

/// One packet that is to be sent: which, and what became of its conversation's number.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Who speaks first, and to whom.
    ends: [(IpAddr, u16); 2],
    talk: Talk,
    step: usize,
    /// The last packets, for errors to quote.
    said: Vec<Packet>,
}

#[derive(Debug)]
enum Talk {
    /// Steps of a script: whether the first end speaks, and the flags.
    Tcp(&'static [(bool, u8)]),
    Datagrams(u8),
    Sctp,
    /// Type of the request, of the reply; code.
    Query(u8, u8, u8),
    Other(u8),
}

const S: u8 = SYN;
const SA: u8 = SYN | ACK;
const A: u8 = ACK;
const PA: u8 = ACK | 8;
const FA: u8 = FIN | ACK;
const RA: u8 = RST | ACK;
const I: bool = true;
const O: bool = false;

/// Lives of TCP connections.
const SCRIPTS: &[&[(bool, u8)]] = &[
    // Closed by the one, the other; by both at once; used again.
    &[(I, S), (O, SA), (I, A), (I, PA), (O, PA), (I, FA), (O, A), (O, FA), (I, A), (I, S), (O, SA), (I, A)],
    &[(I, S), (O, SA), (I, A), (O, PA), (O, FA), (I, FA), (O, A), (O, S), (I, SA)],
    &[(I, S), (O, SA), (I, A), (I, FA), (O, FA), (I, A), (O, A), (I, S)],
    // Refused; reset by either; a reset that is lost and a new attempt.
    &[(I, S), (O, RA), (I, S), (O, RA), (I, A)],
    &[(I, S), (O, SA), (I, A), (O, RA), (O, PA), (O, S), (I, S)],
    &[(I, S), (O, SA), (I, A), (I, PA), (I, RST), (I, S), (O, SA), (I, A), (O, A)],
    // Both at once.
    &[(I, S), (O, S), (O, SA), (I, SA), (I, A), (O, A), (I, FA), (O, A)],
    // Retransmissions.
    &[(I, S), (I, S), (I, S), (O, SA), (O, SA), (I, A), (I, A)],
    // From the middle, from the end.
    &[(I, A), (O, A), (I, PA), (O, PA), (I, FA), (O, FA), (I, A), (I, S)],
    &[(I, PA), (I, PA), (I, PA), (O, RST), (I, PA)],
    &[(I, FA), (O, FA), (I, A)],
    &[(I, SA), (O, A), (I, A)],
];

/// What the generator may not speak of again: the two sides came apart there, for a reason that is listed.
pub(crate) type Retired = BTreeSet<Key>;

/// Makes what is said, between these ports.
type Say = Box<dyn Fn((u16, u16)) -> Body>;

/// Traffic of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    conversations: Vec<Conversation>,
}

/// The key of a packet.
pub(crate) fn key_of(packet: &Packet) -> Key {
    let mut query = None;
    let ports = match &packet.body {
        Body::Tcp { ports, .. } | Body::Datagram { ports, .. } | Body::Sctp { ports, .. } => *ports,
        Body::Icmp { kind, code, identifier, .. } => match query_of(packet.v6(), *kind) {
            Some(request) => {
                query = Some((request, *code, (request == *kind) == (packet.from < packet.to)));
                (*identifier, *identifier)
            }
            None => (0, 0),
        },
        Body::Other(_) => (0, 0),
    };
    let (from, to) = ((packet.from, ports.0), (packet.to, ports.1));
    (packet.protocol(), query, from.min(to), from.max(to))
}

/// The request that a message is, or answers.
pub(crate) const fn query_of(v6: bool, kind: u8) -> Option<u8> {
    match (v6, kind) {
        (false, 8 | 0) => Some(8),
        (false, 13 | 14) => Some(13),
        (false, 15 | 16) => Some(15),
        (false, 17 | 18) => Some(17),
        (true, 128 | 129) => Some(128),
        _ => None,
    }
}

impl Traffic {
    /// The next packet.
    pub(crate) fn next(&mut self, random: &mut Random, retired: &Retired) -> Packet {
        loop {
            if let Some(packet) = self.try_next(random)
                && owner(packet.from).is_none_or(|from| owner(packet.to) != Some(from))
                && !is_control(&packet)
                && !retired.contains(&key_of(&packet))
                && !quotes_any(&packet, retired)
            {
                return packet;
            }
        }
    }

    fn try_next(&mut self, random: &mut Random) -> Option<Packet> {
        let known = self.conversations.len();
        let mut packet = match random.below(100) {
            0..=24 => self.open(random)?,
            25..=35 if known > 0 => self.error(random)?,
            36..=40 => stray(random),
            _ if known > 0 => {
                // The newest ones most, so that they get somewhere.
                let newest = if random.percent(70) { 4 } else { 40 };
                let back = random.below(known.min(newest));
                self.conversations[known - 1 - back].speak(random)
            }
            _ => self.open(random)?,
        };
        packet.extra = match random.below(20) {
            0 => Extra::Options,
            1 => Extra::More,
            _ => Extra::None,
        };
        Some(packet)
    }

    fn open(&mut self, random: &mut Random) -> Option<Packet> {
        let (from, to) = pair(random)?;
        let v6 = from.is_ipv6();
        let port =
            |random: &mut Random| if random.percent(50) { *random.pick(PORTS) } else { random.bits16() };
        let (source, wanted) = (random.bits16(), port(random));
        let identifier = if random.percent(20) { 0 } else { random.bits16() };
        let (talk, ports) = match random.below(20) {
            0..=8 => (Talk::Tcp(random.pick::<&[_]>(SCRIPTS)), (source, wanted)),
            9..=11 => (Talk::Datagrams(17), (source, wanted)),
            12 => (Talk::Datagrams(136), (source, wanted)),
            13..=14 => (Talk::Sctp, (source, wanted)),
            15..=17 => {
                let (request, reply) =
                    if v6 { (128, 129) } else { *random.pick(&[(8, 0), (8, 0), (13, 14), (17, 18)]) };
                let code = u8::from(random.percent(10));
                (Talk::Query(request, reply, code), (identifier, identifier))
            }
            _ => (Talk::Other(*random.pick(OTHERS)), (0, 0)),
        };
        let ends = [(from, ports.0), (to, ports.1)];
        let mut conversation = Conversation { ends, talk, step: 0, said: Vec::new() };
        let packet = conversation.speak(random);
        self.conversations.push(conversation);
        Some(packet)
    }

    /// An ICMP error about a conversation, or about a packet that nobody sent.
    fn error(&self, random: &mut Random) -> Option<Packet> {
        let mut quoted = if random.percent(85) {
            let known = self.conversations.len();
            let conversation = &self.conversations[known - 1 - random.below(known.min(12))];
            random.pick(&conversation.said).clone()
        } else {
            stray(random)
        };
        quoted.extra = *random.pick(&[Extra::None, Extra::None, Extra::None, Extra::Options, Extra::More]);
        let v6 = quoted.v6();
        let (kind, code) = if v6 {
            *random.pick(&[(1, 0), (1, 4), (2, 0), (3, 0), (4, 0), (137, 0)])
        } else {
            *random.pick(&[(3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (12, 0), (4, 0), (5, 1)])
        };
        let from = if random.percent(50) { quoted.to } else { pair(random)?.0 };
        if from.is_ipv6() != v6 {
            return None;
        }
        let to = if random.percent(94) { quoted.from } else { quoted.to };
        let quoted_bytes = *random.pick(&[8, 8, 8, 20, 64, 4, 0]);
        let body = Body::Icmp { kind, code, identifier: 0, quoted: Some(Box::new(quoted)), quoted_bytes };
        (from != to).then(|| Packet::new(from, to, body))
    }
}

impl Conversation {
    fn speak(&mut self, random: &mut Random) -> Packet {
        let repeat = self.step > 0 && random.percent(8);
        let step = if repeat { self.step - 1 } else { self.step };
        self.step += usize::from(!repeat) + usize::from(random.percent(4));
        let (first, body) = self.body(step, random);
        let [one, other] = self.ends;
        let (from, to) = if first { (one, other) } else { (other, one) };
        let packet = Packet::new(from.0, to.0, body((from.1, to.1)));
        self.said.push(packet.clone());
        if self.said.len() > 4 {
            self.said.remove(0);
        }
        packet
    }

    /// Whether the first end speaks, and what.
    fn body(&self, step: usize, random: &mut Random) -> (bool, Say) {
        let either = random.percent(50);
        match self.talk {
            Talk::Tcp(script) => {
                let (mut first, mut flags) = script[step % script.len()];
                match random.below(40) {
                    0 => flags = any_flags(random),
                    1 => first = !first,
                    2 => flags |= *random.pick(&[0x08, 0x20, 0x40, 0x80]),
                    _ => {}
                }
                (first, Box::new(move |ports| Body::Tcp { ports, flags }))
            }
            Talk::Datagrams(protocol) => {
                (step == 0 || either, Box::new(move |ports| Body::Datagram { protocol, ports }))
            }
            Talk::Sctp => {
                let script = [(I, INIT), (O, INIT_ACK), (I, COOKIE_ECHO), (O, COOKIE_ACK)];
                let (first, chunk) = script.get(step).copied().unwrap_or((either, DATA));
                let chunk = if step == 0 && random.percent(5) { DATA } else { chunk };
                (first, Box::new(move |ports| Body::Sctp { ports, chunk }))
            }
            Talk::Query(request, reply, code) => {
                let first = step == 0 || either;
                let kind = if first { request } else { reply };
                let backwards = random.percent(5);
                let code = if random.percent(3) { 1 - code } else { code };
                let message = move |(identifier, _)| Body::Icmp {
                    kind,
                    code,
                    identifier,
                    quoted: None,
                    quoted_bytes: 0,
                };
                (first != backwards, Box::new(message))
            }
            Talk::Other(protocol) => (step == 0 || either, Box::new(move |_| Body::Other(protocol))),
        }
    }
}

fn any_flags(random: &mut Random) -> u8 {
    if random.percent(50) {
        return *random.pick(&[S, SA, A, PA, FA, RST, RA, FIN, 0, SYN | FIN, SYN | RST]);
    }
    random.bits16().to_be_bytes()[0]
}

/// A packet of no conversation.
fn stray(random: &mut Random) -> Packet {
    loop {
        let Some((from, to)) = pair(random) else { continue };
        let ports = (random.bits16(), *random.pick(PORTS));
        let kind = *random.pick(if from.is_ipv6() { ICMP6 } else { ICMP });
        let code = *random.pick(&[0, 0, 1, 4]);
        let body = match random.below(3) {
            0 => Body::Tcp { ports, flags: any_flags(random) },
            1 => Body::Icmp { kind, code, identifier: random.bits16(), quoted: None, quoted_bytes: 0 },
            _ => Body::Datagram { protocol: 17, ports },
        };
        return Packet::new(from, to, body);
    }
}

/// Two addresses of one family.
fn pair(random: &mut Random) -> Option<(IpAddr, IpAddr)> {
    let one = |random: &mut Random| -> IpAddr {
        let place = random.below(STATIONS.len() + 1);
        let list = STATIONS.get(place).map_or(OUTSIDE, |station| station.speaks_as);
        random.pick(list).parse().unwrap_or_else(|_| panic!("an address of the plan"))
    };
    let (from, to) = (one(random), one(random));
    (from.is_ipv6() == to.is_ipv6() && from != to).then_some((from, to))
}

/// DHCP, which sgsim lets pass whatever the rules: never compared.
fn is_control(packet: &Packet) -> bool {
    let Body::Datagram { protocol: 17, ports } = packet.body else { return false };
    matches!((ports.0.min(ports.1), ports.0.max(ports.1)), (67, 68) | (546, 547))
}

fn quotes_any(packet: &Packet, retired: &Retired) -> bool {
    let Body::Icmp { quoted: Some(quoted), .. } = &packet.body else { return false };
    retired.contains(&key_of(quoted))
}
