//! Packets to verdicts: steps, connection tracking, fragments.
//!
//! One evaluator serves replay, explain and every other command; a trace is an [`Observer`] of it. This room reads no
//! files and prints nothing.

mod connection;
mod fragments;
mod key;
mod order;
mod state;
mod step;
mod tally;
mod verdict;

pub use connection::{Connection, ConnectionId, ConnectionVerdict, Volume};
pub use key::Endpoint;
pub use order::InOrder;
pub use state::{Phase, Side, Tracked};
pub use step::{Observer, StepAt};
pub use tally::{ControlTraffic, Count, GroupTally, PairTally, RuleHits, Tally};
pub use verdict::{Judgement, Reason, StepVerdict, Steps, Verdict};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::compile::Matcher;
use crate::packet::{Content, Icmp, IcmpRole, IpPacket, Packet, Protocol, Service, Timestamp, Transport};
use crate::policy::{InterfaceId, Policy, StateProfile, Timeouts};

use fragments::{Added, Datagram, Fragments};
use key::Key;
use step::{Place, Step};

/// A frame with its verdict.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Its place in the timeline, from 0.
    pub sequence: u64,
    /// Its number in the captures, from 1, as Wireshark counts.
    pub frame: u64,
    /// What was found in it.
    pub packet: Packet,
    /// The header it was judged by: its own, or for a fragment that of the whole datagram; `None` when it has none.
    pub header: Option<IpPacket>,
    /// The outcome.
    pub judgement: Judgement,
    /// Whether it opened its connection (all fragments of the datagram that did).
    pub opening: bool,
}

/// What is known of a connection key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    connection: ConnectionId,
    /// Where the conversation on the wire stands, whatever the verdicts: tells when a new connection begins.
    conversation: Tracked,
    /// The state at the interface of the lower and of the higher endpoint.
    places: [Option<Place>; 2],
}

/// Judges packets one after the other.
#[derive(Debug)]
pub struct Replay<'p, M> {
    policy: &'p Policy,
    matcher: &'p M,
    /// Time of the first packet.
    start: Option<Timestamp>,
    sequence: u64,
    table: HashMap<Key, Entry, FixedState>,
    connections: Vec<Connection>,
    fragments: Fragments,
}

impl<'p, M: Matcher> Replay<'p, M> {
    /// A replay with empty state tables.
    pub fn new(policy: &'p Policy, matcher: &'p M) -> Self {
        Self {
            policy,
            matcher,
            start: None,
            sequence: 0,
            table: HashMap::default(),
            connections: Vec::new(),
            fragments: Fragments::default(),
        }
    }

    /// Rules out that anything was open before the first packet: written flows open their connections, and none of them
    /// is allowed on the assumption that it was there already.
    #[must_use]
    pub const fn without_past(mut self) -> Self {
        self.start = Some(Timestamp(i64::MIN));
        self
    }

    /// The connections so far, in the order they were first judged; [`ConnectionId`] is the index.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Judges the next packet of the timeline.
    ///
    /// `out` gets it back with its verdict, unless it is a fragment that has to wait for the rest of its datagram; and
    /// before it, fragments whose wait is over. [`InOrder`] puts them in order again.
    pub fn push(
        &mut self,
        frame: u64,
        packet: Packet,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.start.get_or_insert(packet.time);
        for datagram in self.fragments.expired(packet.time) {
            self.orphaned(&datagram, out);
        }
        let bare = |reason| Judged {
            sequence,
            frame,
            packet,
            header: None,
            judgement: Judgement::bare(reason),
            opening: false,
        };
        let ip = match packet.content {
            Content::Ip(ip) => ip,
            Content::Arp => return out(bare(Reason::LinkLocalControl)),
            Content::NotIp => return out(bare(Reason::NotIp)),
            Content::Truncated => return out(bare(Reason::Truncated)),
            Content::Malformed => return out(bare(Reason::Malformed)),
        };
        let owners = self.owners(&ip);
        if let (Some(fragment), Ok(_)) = (ip.fragment, owners) {
            let frame = fragments::Piece { sequence, frame, packet };
            match self.fragments.add(&ip, fragment, frame) {
                Added::Waiting => {}
                Added::Complete(datagram) => self.reassembled(&datagram, observer, out),
                Added::Dead(datagram) => self.orphaned(&datagram, out),
            }
            return;
        }
        let volume = Volume { packets: 1, bytes: u64::from(packet.length) };
        let (judgement, opening) = self.judge(&ip, owners, packet.time, volume, observer);
        out(Judged { sequence, frame, packet, header: Some(ip), judgement, opening });
    }

    /// Ends the replay: fragments that still wait are given up.
    pub fn finish(&mut self, out: &mut impl FnMut(Judged)) {
        for datagram in self.fragments.all() {
            self.orphaned(&datagram, out);
        }
    }

    /// The interfaces of both ends, or why no group is asked.
    fn owners(&self, ip: &IpPacket) -> Result<(Option<InterfaceId>, Option<InterfaceId>), Reason> {
        if control_traffic(ip).is_some() {
            return Err(Reason::LinkLocalControl);
        }
        let of = |address| self.policy.owners.of(address);
        match (of(ip.source()), of(ip.destination())) {
            (None, None) => Err(Reason::NoGroup),
            (Some(from), Some(to)) if from == to => Err(Reason::SameInterface),
            owners => Ok(owners),
        }
    }

    fn reassembled(
        &mut self,
        datagram: &Datagram,
        observer: &mut impl Observer,
        out: &mut impl FnMut(Judged),
    ) {
        let Some(mut ip) = datagram.first else { return self.orphaned(datagram, out) };
        ip.fragment = None;
        let owners = self.owners(&ip);
        let (judgement, opening) = self.judge(&ip, owners, datagram.last_time(), datagram.volume(), observer);
        for piece in &datagram.pieces {
            out(Judged {
                sequence: piece.sequence,
                frame: piece.frame,
                packet: piece.packet,
                header: Some(ip),
                judgement,
                opening,
            });
        }
    }

    fn orphaned(&mut self, datagram: &Datagram, out: &mut impl FnMut(Judged)) {
        let mut judgement = Judgement::bare(Reason::OrphanFragment);
        let mut opening = false;
        let readable = datagram.first.filter(|ip| Service::of(ip).is_some());
        if let Some(ip) = readable {
            let (key, side) = Key::of(&ip);
            let entry = self.live_entry(&key, ip.transport, datagram.last_time());
            // It met no step: the state of its connection stays as it is.
            let places = self.table.get(&key).map_or([None; 2], |entry| entry.places);
            let judged = (Judgement::bare(Reason::OrphanFragment), side);
            (judgement, opening) =
                self.note(key, &ip, judged, entry, places, datagram.last_time(), datagram.volume());
        }
        for piece in &datagram.pieces {
            let Content::Ip(own) = piece.packet.content else { continue };
            out(Judged {
                sequence: piece.sequence,
                frame: piece.frame,
                packet: piece.packet,
                header: Some(readable.unwrap_or(own)),
                judgement,
                opening,
            });
        }
    }

    /// Judges a whole datagram. Tells also whether it opened its connection.
    fn judge(
        &mut self,
        ip: &IpPacket,
        owners: Result<(Option<InterfaceId>, Option<InterfaceId>), Reason>,
        now: Timestamp,
        volume: Volume,
        observer: &mut impl Observer,
    ) -> (Judgement, bool) {
        let Some(service) = Service::of(ip) else {
            let unreadable = match ip.transport {
                Transport::Truncated => Reason::Truncated,
                _ => Reason::Malformed,
            };
            return (Judgement::bare(owners.err().unwrap_or(unreadable)), false);
        };
        let (key, side) = Key::of(ip);
        let quoted = self.quoted_entry(ip, now);
        let entry = self.live_entry(&key, ip.transport, now);
        let mut places = self.table.get(&key).map_or([None; 2], |entry| entry.places);
        let (from, to) = match owners {
            Ok(owners) => owners,
            Err(Reason::LinkLocalControl) => return (Judgement::bare(Reason::LinkLocalControl), false),
            Err(reason) => {
                return self.note(key, ip, (Judgement::bare(reason), side), entry, places, now, volume);
            }
        };
        let step = Step {
            policy: self.policy,
            matcher: self.matcher,
            ip,
            service,
            side,
            now,
            start: self.start.unwrap_or(now),
            quoted: quoted.map(|(_, interfaces)| interfaces),
        };
        let mut steps = Steps::default();
        if let Some(interface) = from {
            let place = &mut places[index(side)];
            steps.egress = Some(step.judge(StepAt::egress(interface, ip), place, observer));
        }
        if let (Some(interface), None) = (to, steps.stopped()) {
            let place = &mut places[index(side.other())];
            steps.ingress = Some(step.judge(StepAt::ingress(interface, ip), place, observer));
        }
        let reason = steps.reason().unwrap_or(Reason::NoGroup);
        let judgement = Judgement { reason, steps, connection: None };
        if let Some((connection, _)) = quoted {
            // An ICMP error belongs to the connection it is about.
            let judgement = Judgement { connection: Some(connection), ..judgement };
            let record = &mut self.connections[connection.index()];
            record.add(record.initiator.address != ip.destination(), now, volume, reason);
            return (judgement, false);
        }
        self.note(key, ip, (judgement, side), entry, places, now, volume)
    }

    /// The entry of a key, if the packet goes on with its conversation instead of beginning a new one.
    fn live_entry(&self, key: &Key, transport: Transport, now: Timestamp) -> Option<Entry> {
        let timeouts = conversation_timeouts(self.policy);
        let entry = self.table.get(key)?;
        let over = entry.conversation.is_expired(key.protocol, timeouts, now)
            || entry.conversation.is_reopened_by(transport);
        (!over).then_some(*entry)
    }

    /// The connection that an ICMP error quotes, and the interfaces where it is tracked.
    fn quoted_entry(
        &self,
        ip: &IpPacket,
        now: Timestamp,
    ) -> Option<(ConnectionId, [Option<InterfaceId>; 2])> {
        let Transport::Icmp(icmp) = ip.transport else { return None };
        if icmp.role(ip.addresses.family()) != IcmpRole::Error {
            return None;
        }
        let key = Key::quoted(ip.domain, &icmp)?;
        let entry = self.table.get(&key)?;
        let Some(timeouts) = &self.policy.state.timeouts else { return Some((entry.connection, [None; 2])) };
        let at = |side: Side| {
            let place = entry.places[index(side)]?;
            let alive = !place.tracked.is_expired(key.protocol, timeouts, now);
            alive.then(|| self.policy.owners.of(key.endpoint(side).address))?
        };
        Some((entry.connection, [at(Side::Low), at(Side::High)]))
    }

    /// Writes the packet into its connection's record, a new one when `entry` is none, and the state into the table.
    #[allow(clippy::too_many_arguments)]
    fn note(
        &mut self,
        key: Key,
        ip: &IpPacket,
        (mut judgement, sender): (Judgement, Side),
        entry: Option<Entry>,
        places: [Option<Place>; 2],
        now: Timestamp,
        volume: Volume,
    ) -> (Judgement, bool) {
        let opening = entry.is_none();
        let entry = if let Some(mut entry) = entry {
            entry.conversation.advance(ip.transport, sender, now);
            let record = &mut self.connections[entry.connection.index()];
            record.add(record.initiator == key.endpoint(sender), now, volume, judgement.reason);
            Entry { places, ..entry }
        } else {
            let initiator = if was_opened_by_receiver(ip, &judgement) { sender.other() } else { sender };
            let connection = ConnectionId::new(self.connections.len());
            let (initiator_end, responder_end) = (key.endpoint(initiator), key.endpoint(initiator.other()));
            self.connections.push(Connection::open(
                ip,
                (initiator_end, responder_end),
                initiator == sender,
                judgement,
                now,
                volume,
            ));
            let conversation = Tracked::open(ip.transport, initiator, sender, now);
            Entry { connection, conversation, places }
        };
        judgement.connection = Some(entry.connection);
        self.table.insert(key, entry);
        (judgement, opening)
    }
}

const fn index(side: Side) -> usize {
    match side {
        Side::Low => 0,
        Side::High => 1,
    }
}

/// The timeouts that tell when a five-tuple begins a new conversation; without state those of the default profile.
fn conversation_timeouts(policy: &Policy) -> &Timeouts {
    const DEFAULT: Option<Timeouts> = StateProfile::HUAWEI.timeouts;
    static FALLBACK: std::sync::LazyLock<Timeouts> = std::sync::LazyLock::new(|| match DEFAULT {
        Some(timeouts) => timeouts,
        None => unreachable!("the default profile keeps state"),
    });
    policy.state.timeouts.as_ref().unwrap_or(&FALLBACK)
}

/// Whether the first packet seen of a connection is an answer, so that its receiver is the initiator: a SYN-ACK, an
/// ICMP reply, or one that was let through on that assumption.
fn was_opened_by_receiver(ip: &IpPacket, judgement: &Judgement) -> bool {
    let answers = match ip.transport {
        Transport::Tcp { flags, .. } => {
            flags.has(crate::packet::TcpFlags::SYN_ACK) && !flags.has(crate::packet::TcpFlags::RST)
        }
        Transport::Icmp(icmp) => matches!(icmp.role(ip.addresses.family()), IcmpRole::Reply { .. }),
        _ => false,
    };
    answers || judgement.steps.iter().any(|step| step.reason == Reason::AssumedEstablished)
}

/// Neighbour discovery and DHCP clients, which clouds let pass whatever the rules (NEUTRON: `openvswitch_firewall`):
/// 68 to 67 and back, 546 to 547 and back. ARP is told apart before.
pub fn control_traffic(ip: &IpPacket) -> Option<ControlTraffic> {
    match (ip.protocol, ip.transport) {
        (_, Transport::Icmp(icmp)) => is_discovery(ip, &icmp).then_some(ControlTraffic::NeighbourDiscovery),
        (Protocol::UDP, Transport::Ports { source, destination }) => {
            let ports = (source.min(destination), source.max(destination));
            matches!(ports, (67, 68) | (546, 547)).then_some(ControlTraffic::Dhcp)
        }
        _ => None,
    }
}

fn is_discovery(ip: &IpPacket, icmp: &Icmp) -> bool {
    icmp.role(ip.addresses.family()) == IcmpRole::NeighbourDiscovery
}
