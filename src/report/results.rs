//! What a report is made from.

use std::net::IpAddr;

use crate::capture::Repetition;
use crate::compile::Matcher;
use crate::packet::Timestamp;
use crate::policy::{Direction, InterfaceId, Policy, RuleId};
use crate::replay::{Connections, GroupTally, RuleHits, Tally};

use super::made::JudgedWorkload;

/// A finished replay.
#[derive(Clone, Copy)]
pub struct Results<'a> {
    /// The scenario's name, as the user gave it.
    pub scenario: &'a str,
    /// What it says.
    pub policy: &'a Policy,
    /// What decided.
    pub matcher: &'a dyn Matcher,
    /// The counts, finished.
    pub tally: &'a Tally,
    /// All connections, in the order of their first packets.
    pub connections: Connections<'a>,
    /// The captures, in the order given; none when flows were written by hand.
    pub captures: &'a [CaptureSummary],
    /// Packets that the captures show more than once.
    pub repeats: Repeats,
    /// Whether tunnels were opened.
    pub opened_tunnels: bool,
    /// The workload that was made for it, if one was.
    pub workload: Option<&'a JudgedWorkload>,
}

/// Packets that captures show more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeats {
    /// How often that was.
    pub seen: Repetition,
    /// Whether each was judged once.
    pub left_out: bool,
}

/// What was read of one capture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureSummary {
    /// Its name, as the user gave it.
    pub name: String,
    /// Frames that were read.
    pub frames: u64,
    /// Earliest time.
    pub first: Option<Timestamp>,
    /// Latest time.
    pub last: Option<Timestamp>,
    /// Link types that cannot be decoded, in the order met; their frames count as `not-ip`.
    pub unsupported: Vec<UnsupportedLink>,
    /// Why reading ended early.
    pub error: Option<String>,
}

/// Frames of a link type that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedLink {
    /// Its number (`LINKTYPE_` of tcpdump.org).
    pub link_type: u32,
    /// Frames of it.
    pub frames: u64,
}

impl<'a> Results<'a> {
    /// The name of an interface.
    pub(super) fn interface(&self, id: InterfaceId) -> &'a str {
        &self.policy.interface(id).name
    }

    /// The name of the interface that an address belongs to; `None` is outside.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&'a str> {
        self.policy.owners.of(address).map(|id| self.interface(id))
    }

    /// The name of a rule.
    pub(super) fn rule(&self, id: RuleId) -> &'a str {
        &self.policy.rule(id).name
    }

    /// The rules that decided nothing, in the order written.
    pub(super) fn never_hit(&self) -> impl Iterator<Item = RuleId> {
        let never = |(index, hits): (u32, &RuleHits)| {
            (hits.connections == 0 && hits.volume.packets == 0).then_some(RuleId(index))
        };
        (0..).zip(&self.tally.rules).filter_map(never)
    }

    /// The rules that decided something, in the order written.
    pub(super) fn hit(&self) -> impl Iterator<Item = (RuleId, &'a RuleHits)> {
        let hit = |(index, hits): (u32, &'a RuleHits)| {
            (hits.connections > 0 || hits.volume.packets > 0).then_some((RuleId(index), hits))
        };
        (0..).zip(&self.tally.rules).filter_map(hit)
    }

    /// Whether any connection met the group in this direction.
    pub(super) fn was_asked(tally: &GroupTally) -> bool {
        [tally.allows, tally.drops, tally.assumed, tally.undecided].iter().any(|count| count.connections > 0)
    }

    /// Whether a rule in doubt left open what some group alone would do.
    pub(super) fn has_doubtful_groups(&self) -> bool {
        self.tally.groups.iter().any(|tally| tally.undecided.connections > 0)
    }

    /// The groups, and directions of groups, that no connection met: `eni`, `node egress`.
    pub(super) fn idle_groups(&self) -> Vec<String> {
        let mut idle = Vec::new();
        // Ingress and egress of a group stand beside each other.
        for tallies in self.tally.groups.chunks(Direction::BOTH.len()) {
            let name = |tally: &GroupTally| &self.policy.group(tally.group).name;
            if tallies.iter().any(Self::was_asked) {
                let rest = tallies.iter().filter(|tally| !Self::was_asked(tally));
                idle.extend(rest.map(|tally| format!("{} {}", name(tally), tally.direction)));
            } else {
                idle.extend(tallies.first().map(|tally| name(tally).clone()));
            }
        }
        idle
    }

    /// Packets dropped inside connections that were let open, and how many such connections there are.
    pub(super) const fn later_drops(&self) -> (u64, u64) {
        self.tally.later_drops
    }
}

impl std::fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results")
            .field("scenario", &self.scenario)
            .field("tally", &self.tally)
            .field("captures", &self.captures)
            .finish_non_exhaustive()
    }
}
