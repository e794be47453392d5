//! Counts: what a report shows before it lists anything.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::compile::Matcher;
use crate::packet::{Content, Header, Timestamp};
use crate::policy::{Action, Direction, GroupId, Policy};

use super::{Connection, ConnectionVerdict, Judged, Reason, StepVerdict, Verdict, Volume, control_traffic};

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

/// What a rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleHits {
    /// Connections whose opening packet it decided at a step, and those that pass on the assumption that it let the far side
    /// open them.
    pub connections: u64,
    /// Packets that it decided, or whose connection it let open.
    pub volume: Volume,
    /// When it first did; `None`: never.
    pub first: Option<Timestamp>,
    /// When it last did.
    pub last: Option<Timestamp>,
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
    fn add(&mut self, connection: &Connection) {
        self.connections += 1;
        self.volume += connection.volume();
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
    /// Connections that were let open at the step, by whichever of the bound groups.
    pub passed: Count,
    /// Connections that were dropped at the step.
    pub blocked: Count,
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

/// The counts of a replay.
#[derive(Debug, Clone)]
pub struct Tally {
    /// All frames.
    pub frames: Volume,
    /// Earliest time.
    pub first: Option<Timestamp>,
    /// Latest time.
    pub last: Option<Timestamp>,
    /// Frames by reason, in the order of [`Reason::ALL`].
    reasons: Vec<Volume>,
    /// Frames that are assumed to pass every group, by kind.
    pub control: BTreeMap<ControlTraffic, u64>,
    /// Frames that followed a blocked opening, by verdict.
    pub after_blocked: BTreeMap<Verdict, Volume>,
    /// What each rule decided; the index is the [`RuleId`](crate::policy::RuleId).
    pub rules: Vec<RuleHits>,
    /// Connections by verdict, in the order of [`ConnectionVerdict::ALL`]; filled by [`Tally::finish`].
    verdicts: Vec<Count>,
    /// What each group would say, in the order written, ingress first; groups that were never asked included;
    /// filled by [`Tally::finish`].
    pub groups: Vec<GroupTally>,
    /// Traffic that met no group, by address pair, most packets first; filled by [`Tally::finish`].
    pub outside: Vec<PairTally>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(policy: &Policy) -> Self {
        Self {
            frames: Volume::default(),
            first: None,
            last: None,
            reasons: vec![Volume::default(); Reason::ALL.len()],
            control: BTreeMap::new(),
            after_blocked: BTreeMap::new(),
            rules: vec![RuleHits::default(); policy.rules.len()],
            verdicts: vec![Count::default(); ConnectionVerdict::ALL.len()],
            groups: vec![],
            outside: vec![],
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

    /// Counts a frame; `connections` are those of the replay so far.
    pub fn add(&mut self, judged: &Judged, connections: &[Connection]) {
        let (time, judgement) = (judged.packet.time, &judged.judgement);
        let volume = Volume { packets: 1, bytes: u64::from(judged.packet.length) };
        self.frames += volume;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        self.reasons[judgement.reason as usize] += volume;
        if judgement.reason == Reason::LinkLocalControl {
            let kind = match judged.packet.content {
                Content::Ip(ip) => control_traffic(&ip).unwrap_or(ControlTraffic::Dhcp),
                _ => ControlTraffic::Arp,
            };
            *self.control.entry(kind).or_default() += 1;
        }
        let blocked = |connection: &Connection| connection.verdict() == ConnectionVerdict::Blocked;
        if !judged.opening && judgement.connection.is_some_and(|id| blocked(&connections[id.index()])) {
            *self.after_blocked.entry(judgement.verdict()).or_default() += volume;
        }
        for rule in judgement.steps.iter().filter_map(StepVerdict::credited) {
            let hits = &mut self.rules[rule.0 as usize];
            hits.volume += volume;
            hits.first = Some(hits.first.map_or(time, |first| first.min(time)));
            hits.last = Some(hits.last.map_or(time, |last| last.max(time)));
        }
    }

    /// Counts what can only be told at the end: whole connections.
    pub fn finish(&mut self, policy: &Policy, matcher: &impl Matcher, connections: &[Connection]) {
        let groups = (0..).map(GroupId).take(policy.groups.len());
        let empty = |group, direction| GroupTally {
            group,
            direction,
            allows: Count::default(),
            drops: Count::default(),
            assumed: Count::default(),
            passed: Count::default(),
            blocked: Count::default(),
        };
        self.groups = groups.flat_map(|group| Direction::BOTH.map(|d| empty(group, d))).collect();
        let mut outside: BTreeMap<(IpAddr, IpAddr), Count> = BTreeMap::new();
        for connection in connections {
            self.verdicts[connection.verdict() as usize].add(connection);
            if connection.reason == Reason::NoGroup {
                let (a, b) = (connection.initiator.address, connection.responder.address);
                outside.entry((a.min(b), a.max(b))).or_default().add(connection);
            }
            for step in connection.steps.iter() {
                if let Some(rule) = step.credited() {
                    self.rules[rule.0 as usize].connections += 1;
                }
                self.add_groups(policy, matcher, connection, step);
            }
        }
        self.outside =
            outside.into_iter().map(|((low, high), count)| PairTally { low, high, count }).collect();
        self.outside.sort_by_key(|pair| std::cmp::Reverse(pair.count.volume.packets));
    }

    fn add_groups(
        &mut self,
        policy: &Policy,
        matcher: &impl Matcher,
        connection: &Connection,
        step: &StepVerdict,
    ) {
        let header = connection.header_at(step);
        let said = matcher.each_group(step.interface, step.direction, &header);
        for (&group, rule) in policy.interface(step.interface).groups.iter().zip(said) {
            let at = group.0 as usize * 2 + usize::from(step.direction == Direction::Egress);
            let tally = &mut self.groups[at];
            match step.reason {
                Reason::AssumedEstablished => tally.assumed.add(connection),
                Reason::Rule | Reason::DenyRule | Reason::NoRule | Reason::Invalid => {
                    let allows = rule.is_some_and(|id| policy.rule(id).action == Action::Allow);
                    if allows {
                        tally.allows.add(connection);
                    } else {
                        tally.drops.add(connection);
                    }
                    let passed = step.reason == Reason::Rule;
                    if passed { tally.passed.add(connection) } else { tally.blocked.add(connection) }
                }
                _ => {}
            }
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
