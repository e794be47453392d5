//! Counts: what a report shows before it lists anything.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::packet::{Carries, Header, Layer, Service, Timestamp};
use crate::policy::{Action, Direction, GroupId, Policy, RuleId};

use super::{Connection, ConnectionVerdict, Reason, StepVerdict, Verdict, Volume};

/// Traffic that is assumed to pass every group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlTraffic {
    /// ARP.
    Arp,
    /// IPv6 neighbour discovery.
    NeighbourDiscovery,
    /// DHCP between clients and servers.
    Dhcp,
}

impl ControlTraffic {
    /// All kinds.
    pub(super) const ALL: [Self; 3] = [Self::Arp, Self::NeighbourDiscovery, Self::Dhcp];
}

/// What a rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleHits {
    /// Connections whose opening packet it decided at a step, and those that pass on the assumption that it let the far side
    /// open them. What a rule in doubt leaves undecided it has not decided.
    pub connections: u64,
    /// Packets that it decided, or whose connection it let open.
    pub volume: Volume,
    /// When it first did; `None`: never.
    pub first: Option<Timestamp>,
    /// When it last did.
    pub last: Option<Timestamp>,
}

impl RuleHits {
    fn merge(&mut self, other: &Self) {
        self.connections += other.connections;
        self.volume += other.volume;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
    }
}

/// Connections and all their packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Connections.
    pub connections: u64,
    /// Their packets.
    pub volume: Volume,
}

impl Count {
    pub(super) fn add(&mut self, volume: Volume) {
        self.connections += 1;
        self.volume += volume;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.connections += other.connections;
        self.volume += other.volume;
    }
}

/// What one group alone would have said at the steps of one direction where it was asked, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupTally {
    /// The group.
    pub group: GroupId,
    /// The direction.
    pub direction: Direction,
    /// Connections it alone would allow.
    pub allows: Count,
    /// Connections it alone would drop.
    pub drops: Count,
    /// Connections found in the middle that pass by assumption; the group was not the judge of them.
    pub assumed: Count,
    /// Connections of which a rule in doubt leaves open what it alone would do.
    pub undecided: Count,
    /// Connections that were let open at the step, by whichever of the bound groups.
    pub passed: Count,
    /// Connections that were dropped at the step.
    pub blocked: Count,
}

impl GroupTally {
    /// Where a connection at a step is counted, by what the group alone says: the rule that decides or is in doubt.
    pub(super) fn say(&mut self, policy: &Policy, step: &StepVerdict, rule: Option<RuleId>) -> &mut Count {
        // Whether the far side may have opened it hangs on a rule of the other direction; no group says that alone.
        let reversed = step.reason.is_doubt()
            && step.rule.is_some_and(|rule| policy.rule(rule).direction != step.direction);
        match rule.map(|rule| policy.rule(rule)) {
            _ if step.reason == Reason::AssumedEstablished => &mut self.assumed,
            _ if reversed => &mut self.undecided,
            Some(rule) if rule.doubt.is_some() => &mut self.undecided,
            Some(rule) if rule.action == Action::Allow => &mut self.allows,
            _ => &mut self.drops,
        }
    }

    /// Where it is counted by what came of it; nowhere, when that is open.
    pub(super) const fn outcome(&mut self, reason: Reason) -> Option<&mut Count> {
        match reason {
            Reason::Rule => Some(&mut self.passed),
            Reason::DenyRule | Reason::NoRule | Reason::Invalid => Some(&mut self.blocked),
            _ => None,
        }
    }
}

/// Traffic between two addresses that belong to no interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairTally {
    /// One address, the lower.
    pub low: IpAddr,
    /// The other.
    pub high: IpAddr,
    /// What went between them.
    pub count: Count,
}

/// What was found in tunnels, where that was asked for. It is part of all other counts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunnelTally {
    /// The connections and packets inside.
    pub inside: Count,
    /// Datagrams of tunnels that came in fragments, by their first: the inside cannot be told.
    pub fragments: u64,
    /// Packets of tunnels inside more tunnels than are opened.
    pub too_deep: u64,
}

impl TunnelTally {
    fn add(&mut self, layer: &Layer) {
        if layer.is_inner() {
            self.inside.volume += Volume::of(layer.packet.length);
        }
        self.fragments += u64::from(layer.carries == Carries::Fragments);
        self.too_deep += u64::from(layer.carries == Carries::TooDeep);
    }

    fn merge(&mut self, other: &Self) {
        self.inside.merge(other.inside);
        self.fragments += other.fragments;
        self.too_deep += other.too_deep;
    }
}

/// How many connections are kept, and what was let go to keep no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeptTally {
    /// The most connections that are kept, as [`Replay::keeping`](super::Replay::keeping) has it.
    pub most: u64,
    /// Connections that were let go; they are part of all other counts.
    pub let_go: u64,
    /// Pairs of hosts of such connections that are missing from [`Tally::outside`], those with the fewest packets: no more of
    /// these are kept either.
    pub pairs_let_go: u64,
}

/// The counts of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// All frames, and all packets inside of tunnels where these are opened.
    pub frames: Volume,
    /// What was found in tunnels.
    pub tunnels: TunnelTally,
    /// Earliest time.
    pub first: Option<Timestamp>,
    /// Latest time.
    pub last: Option<Timestamp>,
    /// Frames by reason, in the order of [`Reason::ALL`].
    pub(super) reasons: Vec<Volume>,
    /// Frames that are assumed to pass every group, by kind.
    pub control: BTreeMap<ControlTraffic, u64>,
    /// Frames that followed a blocked opening, by verdict.
    pub after_blocked: BTreeMap<Verdict, Volume>,
    /// What each rule decided; the index is the [`RuleId`].
    pub rules: Vec<RuleHits>,
    /// Connections by verdict, in the order of [`ConnectionVerdict::ALL`].
    pub(super) verdicts: Vec<Count>,
    /// What each group would say, in the order written, ingress first; groups that were never asked included.
    pub groups: Vec<GroupTally>,
    /// Traffic that met no group, by address pair, most packets first.
    pub outside: Vec<PairTally>,
    /// Packets that were dropped inside connections that had been let open, and how many such connections there are.
    pub later_drops: (u64, u64),
    /// Connections that were allowed, by service.
    pub allowed: BTreeMap<Service, u64>,
    /// Connections that were let go.
    pub kept: KeptTally,
}

impl Tally {
    /// Nothing counted.
    pub(super) fn new(policy: &Policy) -> Self {
        let groups = (0..).map(GroupId).take(policy.groups.len());
        let empty = |group, direction| GroupTally {
            group,
            direction,
            allows: Count::default(),
            drops: Count::default(),
            assumed: Count::default(),
            undecided: Count::default(),
            passed: Count::default(),
            blocked: Count::default(),
        };
        Self {
            frames: Volume::default(),
            tunnels: TunnelTally::default(),
            first: None,
            last: None,
            reasons: vec![Volume::default(); Reason::ALL.len()],
            control: BTreeMap::new(),
            after_blocked: BTreeMap::new(),
            rules: vec![RuleHits::default(); policy.rules.len()],
            verdicts: vec![Count::default(); ConnectionVerdict::ALL.len()],
            groups: groups.flat_map(|group| Direction::BOTH.map(|d| empty(group, d))).collect(),
            outside: vec![],
            later_drops: (0, 0),
            allowed: BTreeMap::new(),
            kept: KeptTally::default(),
        }
    }

    /// The counts of one group in one direction.
    pub(super) fn group_mut(&mut self, group: GroupId, direction: Direction) -> &mut GroupTally {
        &mut self.groups[group.0 as usize * 2 + usize::from(direction == Direction::Egress)]
    }

    /// Adds the counts of a part, but for address pairs.
    pub(super) fn merge(&mut self, part: &Self) {
        for (total, volume) in self.reasons.iter_mut().zip(&part.reasons) {
            *total += *volume;
        }
        for (&kind, &count) in &part.control {
            *self.control.entry(kind).or_default() += count;
        }
        for (&verdict, &volume) in &part.after_blocked {
            *self.after_blocked.entry(verdict).or_default() += volume;
        }
        for (total, hits) in self.rules.iter_mut().zip(&part.rules) {
            total.merge(hits);
        }
        for (total, count) in self.verdicts.iter_mut().zip(&part.verdicts) {
            total.merge(*count);
        }
        for (total, group) in self.groups.iter_mut().zip(&part.groups) {
            total.allows.merge(group.allows);
            total.drops.merge(group.drops);
            total.assumed.merge(group.assumed);
            total.undecided.merge(group.undecided);
            total.passed.merge(group.passed);
            total.blocked.merge(group.blocked);
        }
        self.later_drops.0 += part.later_drops.0;
        self.later_drops.1 += part.later_drops.1;
        for (&service, &count) in &part.allowed {
            *self.allowed.entry(service).or_default() += count;
        }
    }

    /// Adds what a rule decided.
    pub(super) fn add_hits(&mut self, rule: RuleId, hits: &Hits) {
        let total = &mut self.rules[rule.0 as usize];
        total.volume += hits.volume;
        if let Some((first, last)) = hits.span() {
            total.first = Some(total.first.map_or(first, |known| known.min(first)));
            total.last = Some(total.last.map_or(last, |known| known.max(last)));
        }
    }

    /// Adds the counts of frames that no shard has seen, and the totals of all.
    pub(super) fn add_frames(&mut self, frames: &Frames) {
        self.frames = frames.all.volume;
        self.tunnels.merge(&frames.tunnels);
        (self.first, self.last) = frames.all.span().unzip();
        for (total, volume) in self.reasons.iter_mut().zip(&frames.reasons) {
            *total += *volume;
        }
        self.add_control(frames.control);
    }

    /// Adds frames that are assumed to pass.
    pub(super) fn add_control(&mut self, control: [u64; 3]) {
        for (kind, count) in ControlTraffic::ALL.into_iter().zip(control) {
            if count > 0 {
                *self.control.entry(kind).or_default() += count;
            }
        }
    }

    /// Frames with this reason.
    pub fn reason(&self, reason: Reason) -> Volume {
        self.reasons[reason as usize]
    }

    /// Frames with this verdict.
    pub fn verdict(&self, verdict: Verdict) -> Volume {
        let of = |&reason: &Reason| (reason.verdict() == verdict).then(|| self.reason(reason));
        Reason::ALL.iter().filter_map(of).fold(Volume::default(), std::ops::Add::add)
    }

    /// Connections with this verdict, and all their frames.
    pub fn connections(&self, verdict: ConnectionVerdict) -> Count {
        self.verdicts[verdict as usize]
    }
}

/// Frames, and when the first and the last of them were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hits {
    pub volume: Volume,
    first: Timestamp,
    pub last: Timestamp,
}

impl Default for Hits {
    fn default() -> Self {
        Self { volume: Volume::default(), first: Timestamp(i64::MAX), last: Timestamp(i64::MIN) }
    }
}

impl Hits {
    /// Counts a frame.
    #[inline]
    pub(super) fn add(&mut self, time: Timestamp, length: u32) {
        self.volume.packets += 1;
        self.volume.bytes += u64::from(length);
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.volume += other.volume;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// The first and the last time; `None` when there was nothing.
    pub(super) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        (self.volume.packets > 0).then_some((self.first, self.last))
    }
}

/// What can be counted of frames before they are judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// All frames.
    pub all: Hits,
    pub tunnels: TunnelTally,
    /// Frames without IP, by reason.
    reasons: [Volume; Reason::ALL.len()],
    control: [u64; 3],
}

impl Frames {
    /// Counts a frame.
    #[inline]
    pub(super) fn add(&mut self, time: Timestamp, length: u32) {
        self.all.add(time, length);
    }

    /// Counts a packet of a frame that holds several, or may.
    pub(super) fn add_layer(&mut self, layer: &Layer) {
        self.add(layer.packet.time, layer.packet.length);
        self.tunnels.add(layer);
    }

    /// Counts a frame without IP, beyond [`Self::add`].
    pub(super) fn bare(&mut self, reason: Reason, length: u32) {
        self.reasons[reason as usize] += Volume::of(length);
        if reason == Reason::LinkLocalControl {
            self.control[ControlTraffic::Arp as usize] += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.tunnels.merge(&other.tunnels);
        for (total, volume) in self.reasons.iter_mut().zip(&other.reasons) {
            *total += *volume;
        }
        for (total, count) in self.control.iter_mut().zip(other.control) {
            *total += count;
        }
    }
}

impl Connection {
    /// What the rules were asked at a step of the opening packet.
    pub fn header_at(&self, step: &StepVerdict) -> Header {
        let (source, destination) = if self.initiator_first {
            (self.initiator.address, self.responder.address)
        } else {
            (self.responder.address, self.initiator.address)
        };
        let remote = match step.direction {
            Direction::Ingress => source,
            Direction::Egress => destination,
        };
        Header { remote, service: self.first_service }
    }
}
