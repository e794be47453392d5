//! Replay as plainly as it can be written, for tests to compare with: one packet after the other, one map of fat entries,
//! connections in a list, counts made at the end from what was judged. It shares the step and the state machines
//! with the real one, and nothing of shards, records, batches and threads.

mod counts;
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::compile::Matcher;
use crate::packet::{Carries, Content, IcmpRole, IpPacket, Layer, Service, Timestamp, Transport};
use crate::policy::{InterfaceId, Policy};

use super::context::{At, Carrier, Context, Ends, Nesting, Outer, piece, was_opened_by_receiver};
use super::fragments::{Added, Datagram, Part};
use super::key::Key;
use super::state::{Side, Tracked};
use super::step::{Place, Step};
use super::{
    Connection, ConnectionId, Count, Judged, Judgement, Reason, StepAt, Steps, Verdict, Volume, bare, index,
    route,
};

#[derive(Debug, Clone, Copy)]
struct Entry {
    connection: ConnectionId,
    /// Told by side: a host that talks to itself has the same endpoint on both.
    initiator: Side,
    conversation: Tracked,
    places: [Option<Place>; 2],
}

pub(super) struct Plain<'p, M> {
    context: Context<'p, M>,
    clock: Timestamp,
    sequence: u64,
    frame: u64,
    /// What carries the next packet, should it be one from inside.
    carrier: Carrier,
    table: HashMap<Key, Entry>,
    /// All there ever were.
    pub(super) connections: Vec<Connection>,
    /// Those that are kept.
    pub(super) kept: BTreeSet<ConnectionId>,
    /// What those between hosts outside come to that are not kept, and how many pairs are not even told of.
    pub(super) outside: BTreeMap<(IpAddr, IpAddr), Count>,
    pub(super) pairs_let_go: u64,
    /// How many these may be, and after how many packets that is looked at.
    pub(super) limit: (usize, u64),
    /// The sequence of the last frame before this packet.
    frame_began: u64,
    /// By part of the hosts only because that is what the bound on waiting fragments is for.
    fragments: Vec<Part>,
    pub(super) judged: Vec<Judged>,
}

impl<'p, M: Matcher> Plain<'p, M> {
    pub(super) fn new(policy: &'p Policy, matcher: &'p M, limit: (usize, u64)) -> Self {
        Self {
            context: Context::new(policy, matcher),
            clock: Timestamp(i64::MIN),
            sequence: 0,
            frame: 0,
            carrier: Carrier::default(),
            table: HashMap::new(),
            connections: vec![],
            kept: BTreeSet::new(),
            outside: BTreeMap::new(),
            pairs_let_go: 0,
            limit,
            frame_began: 0,
            fragments: std::iter::repeat_with(Part::default).take(route::PARTS).collect(),
            judged: vec![],
        }
    }

    pub(super) fn push(&mut self, layer: &Layer) {
        self.take(layer);
        self.sequence += 1;
    }

    fn take(&mut self, layer: &Layer) {
        let Layer { packet, within, carries } = *layer;
        if !layer.is_inner() {
            let stretch = |sequence| sequence / self.limit.1;
            if stretch(self.sequence) > stretch(self.frame_began) {
                self.let_go();
            }
            self.frame_began = self.sequence;
        }
        self.frame += u64::from(!layer.is_inner());
        let carrier = if layer.is_inner() { self.carrier } else { Carrier::default() };
        let nesting = Nesting { within, carries: carries == Carries::Packet, carrier };
        let at = At { sequence: self.sequence, frame: self.frame, nesting };
        self.context.start.get_or_insert(packet.time);
        self.clock = self.clock.max(packet.time);
        self.give_up(self.clock);
        let Content::Ip(ip) = packet.content else {
            let judged = bare(at, packet);
            self.judged.extend(judged.map(|judged| Judged { outer: carrier.outer(), ..judged }));
            return;
        };
        let ends = self.context.ends(&ip);
        if let (Some(fragment), Ok(_)) = (ip.fragment, ends) {
            let part = route::layer(within) * route::PARTS + route::part_of(ip.addresses, ip.domain);
            let needed = part + 1 - self.fragments.len().min(part + 1);
            self.fragments.extend(std::iter::repeat_with(Part::default).take(needed));
            match self.fragments[part].add(&ip, fragment, piece(at, packet)) {
                Added::Waiting => {}
                Added::Complete(datagram) => self.reassembled(&datagram),
                Added::Dead(datagram) => self.orphaned(&datagram),
            }
            if let Some(datagram) = self.fragments[part].give_up_over_limit() {
                self.orphaned(&datagram);
            }
            return;
        }
        let volume = Volume { packets: 1, bytes: u64::from(packet.length) };
        let (judgement, opening) = self.judge(&ip, ends, packet.time, volume, carrier);
        // There is one shard here, and connections have their numbers at once.
        self.carrier = Carrier::of(&judgement, 0);
        let At { sequence, frame, .. } = at;
        self.judged.push(Judged {
            sequence,
            settled: sequence,
            frame,
            within,
            outer: carrier.outer(),
            packet,
            header: Some(ip),
            judgement,
            opening,
        });
    }

    /// Lets go of the connections seen longest ago, if there are too many.
    fn let_go(&mut self) {
        let (most, _) = self.limit;
        if self.kept.len() <= most {
            return;
        }
        let mut ages: Vec<_> = self.kept.iter().map(|&id| (self.connections[id.index()].last, id)).collect();
        ages.sort_unstable();
        while self.kept.len() > most - most / 4 {
            let (_, oldest) = ages.remove(0);
            self.kept.remove(&oldest);
            let connection = &self.connections[oldest.index()];
            if connection.reason == Reason::NoGroup {
                self.outside.entry(counts::hosts(connection)).or_default().add(connection.volume());
            }
        }
        if self.outside.len() > most {
            while self.outside.len() > most - most / 4 {
                let packets = |pair: &(IpAddr, IpAddr)| self.outside[pair].volume.packets;
                let least = self.outside.keys().copied().min_by_key(|pair| (packets(pair), Reverse(*pair)));
                self.outside.remove(&least.unwrap());
                self.pairs_let_go += 1;
            }
        }
        self.table.retain(|_, entry| self.kept.contains(&entry.connection));
    }

    pub(super) fn finish(&mut self) {
        self.give_up(Timestamp(i64::MAX));
        self.judged.sort_by_key(|judged| judged.sequence);
    }

    fn give_up(&mut self, clock: Timestamp) {
        loop {
            let next = self.fragments.iter_mut().enumerate();
            let next = next.filter_map(|(at, part)| Some((part.next_deadline()?, at))).min();
            match next {
                Some((deadline, at)) if deadline.0 <= clock => {
                    let datagram = self.fragments[at].give_up().unwrap();
                    self.orphaned(&datagram);
                }
                _ => return,
            }
        }
    }

    fn tell(&mut self, datagram: &Datagram, header: Option<IpPacket>, judgement: Judgement, opening: bool) {
        for piece in &datagram.pieces {
            let Content::Ip(own) = piece.packet.content else { continue };
            self.judged.push(Judged {
                sequence: piece.sequence,
                settled: self.sequence,
                frame: piece.frame,
                within: piece.nesting.within,
                outer: piece.nesting.carrier.outer(),
                packet: piece.packet,
                header: Some(header.unwrap_or(own)),
                judgement,
                opening,
            });
        }
    }

    /// The connection that carried the first part, and where any was dropped.
    fn carrier(datagram: &Datagram) -> Carrier {
        let first = datagram.pieces.first().map(|piece| piece.nesting.carrier);
        Carrier { stopped: datagram.stopped(), ..first.unwrap_or_default() }
    }

    fn volume(datagram: &Datagram) -> Volume {
        let bytes = datagram.pieces.iter().map(|piece| u64::from(piece.packet.length)).sum();
        Volume { packets: datagram.pieces.len() as u64, bytes }
    }

    fn reassembled(&mut self, datagram: &Datagram) {
        let Some(mut ip) = datagram.first else { return self.orphaned(datagram) };
        ip.fragment = None;
        let ends = self.context.ends(&ip);
        let carrier = Self::carrier(datagram);
        let (judgement, opening) =
            self.judge(&ip, ends, datagram.last_time(), Self::volume(datagram), carrier);
        self.tell(datagram, Some(ip), judgement, opening);
    }

    fn orphaned(&mut self, datagram: &Datagram) {
        let judgement = Judgement::bare_within(datagram.stopped(), Reason::OrphanFragment);
        let Some(ip) = datagram.first.filter(|ip| Service::of(ip).is_some()) else {
            return self.tell(datagram, None, judgement, false);
        };
        let now = datagram.last_time();
        let (key, side) = Key::of(&ip);
        let entry = self.live(&key, &ip, now);
        // It met no step: the state of its connection stays as it is.
        let places = self.table.get(&key).map_or([None; 2], |entry| entry.places);
        let (judgement, opening) = self.note(
            key,
            &ip,
            judgement,
            side,
            entry,
            places,
            now,
            Self::volume(datagram),
            Self::carrier(datagram),
        );
        self.tell(datagram, Some(ip), judgement, opening);
    }

    fn live(&self, key: &Key, ip: &IpPacket, now: Timestamp) -> Option<Entry> {
        let entry = self.table.get(key)?;
        let over = entry.conversation.is_expired(key.protocol, &self.context.timeouts, now)
            || entry.conversation.is_reopened_by(ip.transport);
        (!over).then_some(*entry)
    }

    fn judge(
        &mut self,
        ip: &IpPacket,
        ends: Ends,
        now: Timestamp,
        volume: Volume,
        carrier: Carrier,
    ) -> (Judgement, bool) {
        let tunnel = carrier.stopped;
        let Some(service) = Service::of(ip) else {
            let unreadable = match ip.transport {
                Transport::Truncated => Reason::Truncated,
                _ => Reason::Malformed,
            };
            return (Judgement::bare_within(tunnel, ends.err().unwrap_or(unreadable)), false);
        };
        let (key, side) = Key::of(ip);
        let quoted = self.quoted(ip, now);
        let entry = self.live(&key, ip, now);
        let mut places = self.table.get(&key).map_or([None; 2], |entry| entry.places);
        let (from, to) = match ends {
            Ok(ends) => ends,
            Err(reason @ Reason::LinkLocalControl) => {
                return (Judgement::bare_within(tunnel, reason), false);
            }
            Err(reason) => {
                let judgement = Judgement::bare_within(tunnel, reason);
                return self.note(key, ip, judgement, side, entry, places, now, volume, carrier);
            }
        };
        let step = Step {
            policy: self.context.policy,
            matcher: self.context.matcher,
            ip,
            service,
            side,
            now,
            start: self.context.start.unwrap_or(now),
            quoted: quoted.map(|(_, interfaces)| interfaces),
            tunnel: None,
        };
        let mut steps = Steps::default();
        if let Some(interface) = from {
            let place = &mut places[index(side)];
            steps.egress = Some(step.judge(StepAt::egress(interface, ip), place, &mut ()));
        }
        if steps.stopped().is_none() {
            steps.tunnel = tunnel;
        }
        if let (Some(interface), None) = (to, steps.stopped()) {
            let place = &mut places[index(side.other())];
            steps.ingress = Some(step.judge(StepAt::ingress(interface, ip), place, &mut ()));
        }
        let reason = steps.reason().unwrap_or(Reason::NoGroup);
        let judgement = Judgement { reason, steps, connection: None };
        if let Some((connection, _)) = quoted {
            let record = &mut self.connections[connection.index()];
            add(record, record.initiator.address != ip.destination(), now, volume, reason);
            return (Judgement { connection: Some(connection), ..judgement }, false);
        }
        self.note(key, ip, judgement, side, entry, places, now, volume, carrier)
    }

    fn quoted(&self, ip: &IpPacket, now: Timestamp) -> Option<(ConnectionId, [Option<InterfaceId>; 2])> {
        let Transport::Icmp(icmp) = ip.transport else { return None };
        if icmp.role(ip.addresses.family()) != IcmpRole::Error {
            return None;
        }
        let key = Key::quoted(ip.domain, &icmp)?;
        let entry = self.table.get(&key)?;
        let policy = self.context.policy;
        let Some(timeouts) = &policy.state.timeouts else { return Some((entry.connection, [None; 2])) };
        let at = |side: Side| {
            let place = entry.places[index(side)]?;
            let alive = !place.tracked.is_expired(key.protocol, timeouts, now);
            alive.then(|| policy.owners.of(key.endpoint(side).address))?
        };
        Some((entry.connection, [at(Side::Low), at(Side::High)]))
    }

    #[allow(clippy::too_many_arguments)]
    fn note(
        &mut self,
        key: Key,
        ip: &IpPacket,
        mut judgement: Judgement,
        sender: Side,
        entry: Option<Entry>,
        places: [Option<Place>; 2],
        now: Timestamp,
        volume: Volume,
        carrier: Carrier,
    ) -> (Judgement, bool) {
        let opening = entry.is_none();
        let entry = if let Some(mut entry) = entry {
            entry.conversation.advance(ip.transport, sender, now);
            let record = &mut self.connections[entry.connection.index()];
            add(record, entry.initiator == sender, now, volume, judgement.reason);
            Entry { places, ..entry }
        } else {
            let by_receiver = was_opened_by_receiver(ip, &judgement);
            let initiator = if by_receiver { sender.other() } else { sender };
            let connection = ConnectionId::new(self.connections.len());
            let (sent, received) =
                if by_receiver { (Volume::default(), volume) } else { (volume, Volume::default()) };
            self.kept.insert(connection);
            self.connections.push(Connection {
                domain: ip.domain,
                outer: carrier.outer(),
                protocol: ip.protocol,
                initiator: key.endpoint(initiator),
                responder: key.endpoint(initiator.other()),
                first_service: Service::of(ip).unwrap(),
                initiator_first: !by_receiver,
                first: now,
                last: now,
                sent,
                received,
                later_drops: 0,
                later_undecided: 0,
                reason: judgement.reason,
                steps: judgement.steps,
            });
            let conversation = Tracked::open(ip.transport, initiator, sender, now);
            Entry { connection, initiator, conversation, places }
        };
        judgement.connection = Some(entry.connection);
        self.table.insert(key, entry);
        (judgement, opening)
    }
}

impl Carrier {
    /// The number of the connection, which it has at once here.
    fn outer(self) -> Option<ConnectionId> {
        self.connection.map(|outer| match outer {
            Outer::In(_, local) => ConnectionId::new(local.bits() as usize),
            Outer::Numbered(id) => id,
        })
    }
}

fn add(connection: &mut Connection, from_initiator: bool, now: Timestamp, volume: Volume, reason: Reason) {
    connection.last = connection.last.max(now);
    if from_initiator {
        connection.sent += volume;
    } else {
        connection.received += volume;
    }
    match reason.verdict() {
        Verdict::Drop => connection.later_drops += volume.packets,
        Verdict::Undecided => connection.later_undecided += volume.packets,
        Verdict::Allow | Verdict::NotSubject => {}
    }
}
