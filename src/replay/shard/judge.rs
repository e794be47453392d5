//! Packets to verdicts: the one evaluator.

use crate::compile::Matcher;
use crate::packet::{Compact, Content, Header, IcmpRole, IpPacket, Packet, Service, Timestamp, Transport};
use crate::policy::InterfaceId;
use crate::replay::context::{At, Carrier, Context, Ends, control_traffic, piece, was_opened_by_receiver};
use crate::replay::fragments::{Added, Datagram, Piece};
use crate::replay::key::Key;
use crate::replay::state::{Side, Tracked};
use crate::replay::step::{Observer, Place, Step};
use crate::replay::{
    ConnectionVerdict, Judged, Judgement, Reason, StepVerdict, Steps, Verdict, Volume, index, route,
};

use super::interned::{Opening, Path};
use super::limits::{Code, Kind};
use super::record::{BLOCKED, Entry, Extra, INITIATOR_FIRST, INITIATOR_HIGH, Narrow, Record, Stored, Wide};
use super::run::Whole;
use super::table::Table;
use super::{Forward, Local, Moment, Opened, QuotedEntry, Shard, WIDE, What, with_table, with_table_ref};

/// A datagram that is judged as one.
struct Datum<'a> {
    moment: Moment,
    ip: &'a IpPacket,
    now: Timestamp,
    pieces: &'a [Piece],
    /// Which connection has its key, where that was looked up already.
    known: Known,
}

impl Datum<'_> {
    fn volume(&self) -> Volume {
        let bytes = self.pieces.iter().map(|piece| u64::from(piece.packet.length)).sum();
        Volume { packets: self.pieces.len() as u64, bytes }
    }

    /// Where a packet that carries a part of it was dropped.
    fn stopped(&self) -> Option<StepVerdict> {
        self.pieces.iter().find_map(|piece| piece.nesting.carrier.stopped)
    }
}

/// Which connection has the key of a datagram.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// It was not looked up.
    Unasked,
    /// This one, or none.
    Asked(Option<Local>),
}

/// Whose datagram it is.
struct Whose {
    key: Key,
    sender: Side,
    ends: Ends,
    /// The connection of this key.
    known: Option<Local>,
    /// The same, unless the datagram begins a new one.
    live: Option<Local>,
}

/// The verdict of a datagram, with a [`Local`] connection, and whether it opened that.
pub(super) struct Told {
    pub judgement: Judgement,
    pub opening: bool,
}

/// What became of a datagram.
enum Outcome {
    /// It has its verdict; with the connection it belongs to, and whether it opened that.
    Judged(Judgement, bool),
    /// The shard of messages has to judge it.
    Elsewhere,
}

impl Shard {
    /// Judges a packet.
    pub(in crate::replay) fn packet<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        at: At,
        packet: &Packet,
        observer: &mut impl Observer,
    ) {
        let Content::Ip(ip) = &packet.content else { return };
        let ends = context.ends(ip);
        let piece = piece(at, *packet);
        let moment = Moment::at(at.sequence);
        if let (Some(fragment), Ok(_)) = (ip.fragment, ends) {
            match self.fragments.add(ip, fragment, piece) {
                Added::Waiting => {}
                Added::Complete(datagram) => self.reassembled(context, at, &datagram, observer),
                Added::Dead(datagram) => self.orphaned(context, moment, &datagram),
            }
            if let Some(datagram) = self.fragments.give_up_over_limit(ip) {
                let moment = Moment::given_up(at.sequence, datagram.deadline);
                self.orphaned(context, moment, &datagram);
            }
            return;
        }
        let datum = Datum { moment, ip, now: packet.time, pieces: &[piece], known: Known::Unasked };
        self.datum(context, &datum, ends, observer);
    }

    fn reassembled<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        at: At,
        datagram: &Datagram,
        observer: &mut impl Observer,
    ) {
        let moment = Moment::at(at.sequence);
        let Some(mut ip) = datagram.first else { return self.orphaned(context, moment, datagram) };
        ip.fragment = None;
        let (now, pieces) = (datagram.last_time(), &datagram.pieces);
        if route::is_quoting_error(&ip) {
            let pieces = pieces.clone();
            self.forwards.push(Forward { moment, ip, now, pieces, what: What::FindQuoted });
            return;
        }
        let in_tunnels = pieces.iter().any(|piece| !piece.nesting.is_plain());
        let length = pieces.iter().try_fold(0_u32, |sum, piece| sum.checked_add(piece.packet.length));
        if let (false, Some(length)) = (in_tunnels || observer.watches(), length)
            && let Some(packet) = Compact::of(&Packet { time: now, length, content: Content::Ip(ip) })
        {
            return self.defragmented(context, &Whole { packet: &packet, at, pieces });
        }
        let ends = context.ends(&ip);
        self.datum(context, &Datum { moment, ip: &ip, now, pieces, known: Known::Unasked }, ends, observer);
    }

    /// Judges a packet in compact form of which no answer is known; `found` is the connection of its key.
    pub(super) fn whole<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        whole: &Whole<'_>,
        found: Option<u32>,
    ) -> Option<Told> {
        let Packet { time: now, content, .. } = whole.packet.packet();
        let Content::Ip(ip) = content else { return None };
        let own = [piece(whole.at, whole.packet.packet())];
        let pieces = if whole.pieces.is_empty() { &own } else { whole.pieces };
        let (moment, known) = (Moment::at(whole.at.sequence), Known::Asked(found.map(Local)));
        self.datum(context, &Datum { moment, ip: &ip, now, pieces, known }, context.ends(&ip), &mut ())
    }

    /// Judges what another shard could not.
    pub(in crate::replay) fn forwarded<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        forward: &Forward,
        observer: &mut impl Observer,
    ) {
        let Forward { moment, ref ip, now, ref pieces, what } = *forward;
        let datum = Datum { moment, ip, now, pieces, known: Known::Unasked };
        match what {
            What::Orphan => self.note_orphan(context, &datum),
            What::Judge | What::FindQuoted => {
                self.datum(context, &datum, context.ends(ip), observer);
            }
        }
    }

    fn datum<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        datum: &Datum<'_>,
        ends: Ends,
        observer: &mut impl Observer,
    ) -> Option<Told> {
        match self.judge(context, datum, ends, observer) {
            Outcome::Judged(judgement, opening) => {
                self.tell(context, datum, judgement, opening);
                Some(Told { judgement, opening })
            }
            Outcome::Elsewhere => {
                self.forwards.push(Forward {
                    moment: datum.moment,
                    ip: *datum.ip,
                    now: datum.now,
                    pieces: datum.pieces.to_vec(),
                    what: What::Judge,
                });
                None
            }
        }
    }

    /// Gives up the datagram that is nearest its deadline; `sequence` is the frame that ended its wait.
    pub(in crate::replay) fn give_up<M: Matcher>(&mut self, context: &Context<'_, M>, sequence: u64) {
        if let Some(datagram) = self.fragments.give_up() {
            let moment = Moment::given_up(sequence, datagram.deadline);
            self.orphaned(context, moment, &datagram);
        }
    }

    fn orphaned<M: Matcher>(&mut self, context: &Context<'_, M>, moment: Moment, datagram: &Datagram) {
        let now = datagram.last_time();
        if let Some(ip) = datagram.first.filter(|ip| Service::of(ip).is_some()) {
            let datum = Datum { moment, ip: &ip, now, pieces: &datagram.pieces, known: Known::Unasked };
            return self.note_orphan(context, &datum);
        }
        let judgement = Judgement::bare_within(datagram.stopped(), Reason::OrphanFragment);
        for piece in &datagram.pieces {
            let Content::Ip(own) = piece.packet.content else { continue };
            let pieces = std::slice::from_ref(piece);
            self.tell(
                context,
                &Datum { moment, ip: &own, now, pieces, known: Known::Unasked },
                judgement,
                false,
            );
        }
    }

    /// Takes note of a datagram that never became complete, of which the transport header is known.
    fn note_orphan<M: Matcher>(&mut self, context: &Context<'_, M>, datum: &Datum<'_>) {
        let (key, side) = Key::of(datum.ip);
        if key.is_of_messages() && !self.messages {
            self.forwards.push(Forward {
                moment: datum.moment,
                ip: *datum.ip,
                now: datum.now,
                pieces: datum.pieces.to_vec(),
                what: What::Orphan,
            });
            return;
        }
        let known = self.find(&key);
        let live = known.filter(|&local| self.goes_on(context, local, datum));
        let judgement = Judgement::bare_within(datum.stopped(), Reason::OrphanFragment);
        let whose = Whose { key, sender: side, ends: context.ends(datum.ip), known, live };
        // It met no step: the state of its connection stays as it is.
        let places = self.places(known);
        let (judgement, opening) = self.note(context, datum, &whose, judgement, places);
        self.tell(context, datum, judgement, opening);
    }

    /// Judges a whole datagram.
    fn judge<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        datum: &Datum<'_>,
        ends: Ends,
        observer: &mut impl Observer,
    ) -> Outcome {
        let (ip, now) = (datum.ip, datum.now);
        let tunnel = datum.stopped();
        let Some(service) = Service::of(ip) else {
            let unreadable = match ip.transport {
                Transport::Truncated => Reason::Truncated,
                _ => Reason::Malformed,
            };
            let reason = ends.err().unwrap_or(unreadable);
            return Outcome::Judged(Judgement::bare_within(tunnel, reason), false);
        };
        if ends == Err(Reason::LinkLocalControl) {
            return Outcome::Judged(Judgement::bare_within(tunnel, Reason::LinkLocalControl), false);
        }
        let (key, side) = Key::of(ip);
        let quoted = self.quoted_entry(context, ip, now).filter(|_| ends.is_ok());
        if key.is_of_messages() && !self.messages && quoted.is_none() {
            return Outcome::Elsewhere;
        }
        let known = match datum.known {
            Known::Asked(known) => known,
            Known::Unasked => self.find(&key),
        };
        if let (Some(local), None, false) = (known, tunnel, key.is_of_messages() || observer.watches())
            && let Some(judgement) = self.go_on(context, local, datum, side)
        {
            return Outcome::Judged(judgement, false);
        }
        let live = known.filter(|&local| self.goes_on(context, local, datum));
        let mut places = self.places(known);
        let whose = Whose { key, sender: side, ends, known, live };
        let ends = match ends {
            Ok(ends) => ends,
            Err(reason) => {
                let judgement = Judgement::bare_within(tunnel, reason);
                let (judgement, opening) = self.note(context, datum, &whose, judgement, places);
                return Outcome::Judged(judgement, opening);
            }
        };
        let step = Step {
            policy: context.policy,
            matcher: context.matcher,
            ip,
            service,
            side,
            now,
            start: context.start.unwrap_or(now),
            quoted: quoted.map(|(_, interfaces)| interfaces),
            tunnel,
        };
        let steps = step.take(ends, &mut places, observer);
        let reason = steps.reason().unwrap_or(Reason::NoGroup);
        let judgement = Judgement { reason, steps, connection: None };
        if let Some((local, _)) = quoted {
            // An ICMP error belongs to the connection it is about.
            self.attach(local, ip, now, datum.volume(), reason);
            return Outcome::Judged(Judgement { connection: Some(local.id()), ..judgement }, false);
        }
        let (judgement, opening) = self.note(context, datum, &whose, judgement, places);
        Outcome::Judged(judgement, opening)
    }

    /// Judges a datagram of a known connection by its record alone, if that tells all.
    fn go_on<M>(
        &mut self,
        context: &Context<'_, M>,
        local: Local,
        datum: &Datum<'_>,
        sender: Side,
    ) -> Option<Judgement> {
        let flags = match datum.ip.transport {
            Transport::Tcp { flags, .. } => flags.0,
            _ => 0,
        };
        let kind = Kind::of(datum.ip.protocol, flags);
        let Volume { packets, bytes } = datum.volume();
        let volume = (u32::try_from(packets).ok()?, u32::try_from(bytes).ok()?);
        let path = with_table!(self, local, table, at => {
            let record = table.get_mut(at);
            record.go_on(&context.limits, kind, sender, datum.now, volume).then_some(record.path)
        });
        let (reason, steps) = self.paths.value(path?).went_on(sender);
        Some(Judgement { reason, steps, connection: Some(local.id()) })
    }

    /// Whether a datagram goes on with the conversation of its key instead of beginning a new one.
    fn goes_on<M>(&self, context: &Context<'_, M>, local: Local, datum: &Datum<'_>) -> bool {
        let Entry { conversation, .. } = self.entry(local);
        !conversation.is_expired(datum.ip.protocol, &context.timeouts, datum.now)
            && !conversation.is_reopened_by(datum.ip.transport)
    }

    fn places(&self, known: Option<Local>) -> [Option<Place>; 2] {
        known.map_or([None; 2], |local| self.entry(local).places)
    }

    fn entry(&self, local: Local) -> Entry {
        with_table_ref!(self, local, table, at => {
            let record = table.get(at);
            record.entry(self.paths.value(record.path).rules, &table.extra(at))
        })
    }

    /// The connection that an ICMP error quotes, and the interfaces where it is tracked.
    fn quoted_entry<M>(
        &self,
        context: &Context<'_, M>,
        ip: &IpPacket,
        now: Timestamp,
    ) -> Option<QuotedEntry> {
        let Transport::Icmp(icmp) = ip.transport else { return None };
        if icmp.role(ip.addresses.family()) != IcmpRole::Error {
            return None;
        }
        let key = Key::quoted(ip.domain, &icmp)?;
        let local = self.find(&key)?;
        let Some(timeouts) = &context.policy.state.timeouts else { return Some((local, [None; 2])) };
        let places = self.entry(local).places;
        let at = |side: Side| {
            let place = places[index(side)]?;
            let alive = !place.tracked.is_expired(key.protocol, timeouts, now);
            alive.then(|| context.policy.owners.of(key.endpoint(side).address))?
        };
        Some((local, [at(Side::Low), at(Side::High)]))
    }

    /// Counts an ICMP error with the connection it is about.
    fn attach(&mut self, local: Local, ip: &IpPacket, now: Timestamp, volume: Volume, reason: Reason) {
        with_table!(self, local, table, at => {
            let mut extra = table.extra(at);
            let record = table.get_mut(at);
            let initiator = record.initiator();
            // Whoever is not told of the error is taken to have sent it.
            let to_initiator = record.key.key().endpoint(initiator).address == ip.destination();
            let sender = if to_initiator { initiator.other() } else { initiator };
            record.count(sender, volume, &mut extra);
            count_later(record, reason, volume, &mut extra);
            record.error_at(now, &mut extra);
            table.set_extra(at, extra);
        });
    }

    /// Writes the datagram into its connection's record, a new one when none is live, and the state into the table.
    fn note<M: Matcher>(
        &mut self,
        context: &Context<'_, M>,
        datum: &Datum<'_>,
        whose: &Whose,
        mut judgement: Judgement,
        places: [Option<Place>; 2],
    ) -> (Judgement, bool) {
        let &Whose { key, sender, ends, known, live } = whose;
        let (ip, now) = (datum.ip, datum.now);
        let path = path(ends, sender, &places);
        let absent = match path.outside {
            Some(Reason::SameInterface) => [Code::SAME; 2],
            _ => path.interfaces.map(|end| if end.is_some() { Code::EMPTY } else { Code::OUTSIDE }),
        };
        let path = self.paths.number(&path);
        let opening = live.is_none();
        let local = if let Some(local) = live {
            let mut conversation = self.entry(local).conversation;
            conversation.advance(ip.transport, sender, now);
            with_table!(self, local, table, at => {
                let mut extra = table.extra(at);
                let record = table.get_mut(at);
                record.count(sender, datum.volume(), &mut extra);
                count_later(record, judgement.reason, datum.volume(), &mut extra);
                record.path = path;
                record.store(&Entry { conversation, places }, absent, &mut extra);
                table.set_extra(at, extra);
            });
            local
        } else {
            let by_receiver = was_opened_by_receiver(ip, &judgement);
            let initiator = if by_receiver { sender.other() } else { sender };
            let high = if initiator == Side::High { INITIATOR_HIGH } else { 0 };
            let first = if by_receiver { 0 } else { INITIATOR_FIRST };
            let blocked = if judgement.verdict() == Verdict::Drop { BLOCKED } else { 0 };
            let icmp = match ip.transport {
                Transport::Icmp(icmp) => Some((icmp.kind, icmp.code)),
                _ => None,
            };
            let how = &mut self.opening;
            (how.reason, how.steps, how.icmp) = (judgement.reason, judgement.steps, icmp);
            fill_said(context, how, ip);
            let number = self.openings.number(how);
            let conversation = Tracked::open(ip.transport, initiator, sender, now);
            let entry = Entry { conversation, places };
            let fill =
                Fill { number, path, flags: high | first | blocked, absent, now, volume: datum.volume() };
            let local = match Narrow::new(&key) {
                Some(narrow) => Local(fill.add(&mut self.narrow, narrow, sender, &entry, known)),
                None => Local(fill.add(&mut self.wide, Wide::new(&key), sender, &entry, known) | WIDE),
            };
            let verdict = ConnectionVerdict::of(judgement.reason);
            self.opened.push(Opened { moment: datum.moment, local, verdict });
            if let Some(outer) = datum.pieces.first().and_then(|piece| piece.nesting.carrier.connection) {
                self.outer.insert(local, outer);
            }
            local
        };
        judgement.connection = Some(local.id());
        (judgement, opening)
    }

    /// Counts the frames of a datagram with their verdict, and hands them out.
    fn tell<M>(&mut self, context: &Context<'_, M>, datum: &Datum<'_>, judgement: Judgement, opening: bool) {
        let blocked = judgement.connection.is_some_and(
            |id| with_table_ref!(self, Local::of(id), table, at => table.get(at).flags & BLOCKED != 0),
        );
        for piece in datum.pieces {
            self.counts.add(&piece.packet, &judgement);
            if blocked && !opening {
                self.counts.add_after_blocked(judgement.verdict(), Volume::of(piece.packet.length));
            }
            if judgement.reason == Reason::LinkLocalControl
                && let Some(kind) = control_traffic(datum.ip)
            {
                self.counts.control[kind as usize] += 1;
            }
            if piece.nesting.carries {
                self.carriers.push((piece.sequence, Carrier::of(&judgement, self.number)));
            }
            if context.wanted {
                let outer = piece.nesting.carrier.connection;
                self.outers.extend(outer.map(|outer| (self.judged.len(), outer)));
                self.judged.push(Judged {
                    within: piece.nesting.within,
                    outer: None,
                    sequence: piece.sequence,
                    settled: datum.moment.sequence,
                    frame: piece.frame,
                    packet: piece.packet,
                    header: Some(*datum.ip),
                    judgement,
                    opening,
                });
            }
        }
    }
}

/// The rest of a new record.
struct Fill {
    number: u32,
    path: u32,
    flags: u8,
    absent: [Code; 2],
    now: Timestamp,
    volume: Volume,
}

impl Fill {
    fn add<K: Stored>(
        &self,
        table: &mut Table<K>,
        key: K,
        sender: Side,
        entry: &Entry,
        older: Option<Local>,
    ) -> u32 {
        let mut extra = Extra::default();
        let mut record = Record::new(key, self.now, self.number, self.flags);
        record.path = self.path;
        record.count(sender, self.volume, &mut extra);
        record.store(entry, self.absent, &mut extra);
        let at = table.add(record, older.map(|Local(bits)| bits & !WIDE));
        table.set_extra(at, extra);
        at
    }
}

fn count_later<K: Stored>(record: &mut Record<K>, reason: Reason, volume: Volume, extra: &mut Extra) {
    match reason.verdict() {
        Verdict::Drop => record.count_drops(volume.packets, extra),
        Verdict::Undecided => Record::<K>::count_undecided(volume.packets, extra),
        Verdict::Allow | Verdict::NotSubject => {}
    }
}

/// Where the packets of a connection pass, by endpoint.
fn path(ends: Ends, sender: Side, places: &[Option<Place>; 2]) -> Path {
    let rules = places.map(|place| place.and_then(|place| place.rule));
    match ends {
        Ok((from, to)) => {
            let interfaces: [Option<InterfaceId>; 2] =
                if sender == Side::Low { [from, to] } else { [to, from] };
            Path { interfaces, rules, outside: None }
        }
        Err(reason) => Path { interfaces: [None; 2], rules, outside: Some(reason) },
    }
}

/// What each group would say alone at the steps where the rules decided.
fn fill_said<M: Matcher>(context: &Context<'_, M>, opening: &mut Opening, ip: &IpPacket) {
    let Steps { egress, ingress, .. } = &opening.steps;
    let steps = [(egress, ip.destination()), (ingress, ip.source())];
    for ((step, remote), said) in steps.into_iter().zip(&mut opening.said) {
        said.clear();
        if let (Some(step), Some(service)) = (step, Service::of(ip))
            && step.reason.is_of_rules()
        {
            let header = Header { remote, service };
            context.matcher.each_group_alone(context.policy, step.interface, step.direction, &header, said);
        }
    }
}
