//! A shard's connections as reports read them, and its part of the tally.

use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::packet::{Family, Protocol, Service};
use crate::policy::{Policy, RuleId};
use crate::replay::connection;
use crate::replay::key::Endpoint;
use crate::replay::tally::Count;
use crate::replay::{Connection, ConnectionId, ConnectionVerdict, Reason, StepVerdict, Steps, Tally};

use super::index::seed;
use super::interned::Opening;
use super::record::{Age, INITIATOR_FIRST, Stored};
use super::table::Table;
use super::{Local, Shard, WIDE, with_table_ref};

/// Traffic between two hosts that met no group: the lower address, the higher one, how much.
pub(in crate::replay) type Pair = ((IpAddr, IpAddr), Count);

type Outside = HashMap<(IpAddr, IpAddr), Count, FixedState>;
type Allowed = HashMap<Service, u64, FixedState>;

impl Shard {
    /// A connection; `outer` carried its first packet.
    #[inline]
    pub(in crate::replay) fn connection(&self, local: Local, outer: Option<ConnectionId>) -> Connection {
        with_table_ref!(self, local, table, at => {
            let (record, extra) = (table.get(at), table.extra(at));
            let key = record.key.key();
            let opening = self.openings.value(record.opening);
            let (initiator, responder) = (record.initiator(), record.initiator().other());
            let initiator_first = record.flags & INITIATOR_FIRST != 0;
            let asked = key.endpoint(if initiator_first { responder } else { initiator });
            let (later_drops, later_undecided) = record.later(&extra);
            Connection {
                domain: key.domain,
                outer,
                protocol: key.protocol,
                initiator: key.endpoint(initiator),
                responder: key.endpoint(responder),
                first_service: service(key.protocol, asked, opening),
                initiator_first,
                first: record.first,
                last: record.last_seen(&extra),
                sent: record.volume(initiator, &extra),
                received: record.volume(responder, &extra),
                later_drops,
                later_undecided,
                reason: opening.reason,
                steps: opening.steps,
            }
        })
    }

    /// A number that all connections of the same two hosts have. Those that are in a shard by it are near each other.
    pub(in crate::replay) fn hosts(&self, local: Local) -> u64 {
        with_table_ref!(self, local, table, at => table.get(at).key.hosts())
    }

    /// Adds this shard's counts to those of the replay; traffic that met no group is returned by pair of hosts.
    pub(in crate::replay) fn add_to(&self, tally: &mut Tally, policy: &Policy) -> Vec<Pair> {
        self.counts.add_to(tally);
        for (path, hits) in self.paths.iter() {
            tally.reasons[path.outside.unwrap_or(Reason::Established) as usize] += hits.volume;
            let rules = path.interfaces.iter().zip(path.rules).filter(|(end, _)| end.is_some());
            rules.filter_map(|(_, rule)| rule).for_each(|rule| tally.add_hits(rule, hits));
        }
        for (answer, steps) in self.answers.iter() {
            tally.reasons[answer.reason as usize] += answer.hits.volume;
            let credited = steps.iter().filter_map(StepVerdict::decided_by);
            credited.for_each(|rule| tally.add_hits(rule, &answer.hits));
        }
        self.add_connections(tally, policy, |_| true)
    }

    /// The same of connections alone, and only of some.
    pub(super) fn add_connections(
        &self,
        tally: &mut Tally,
        policy: &Policy,
        which: impl Fn(Age) -> bool,
    ) -> Vec<Pair> {
        let mut counts = vec![Count::default(); self.openings.len()];
        let seeded = FixedState::with_seed(seed());
        let (mut outside, mut allowed) = (HashMap::with_hasher(seeded), HashMap::default());
        self.count(&self.narrow, &which, &mut counts, (&mut outside, &mut allowed), tally);
        self.count(&self.wide, &which, &mut counts, (&mut outside, &mut allowed), tally);
        #[allow(clippy::iter_over_hash_type)] // Sums do not depend on the order.
        for (service, count) in allowed {
            *tally.allowed.entry(service).or_default() += count;
        }
        for ((opening, ()), count) in self.openings.iter().zip(counts) {
            add_opening(tally, policy, opening, count);
        }
        let mut outside: Vec<_> = outside.into_iter().collect();
        outside.sort_unstable_by_key(|(pair, _)| *pair);
        outside
    }

    fn count<K: Stored>(
        &self,
        table: &Table<K>,
        which: &impl Fn(Age) -> bool,
        counts: &mut [Count],
        (outside, allowed): (&mut Outside, &mut Allowed),
        tally: &mut Tally,
    ) {
        for (at, record) in table.iter() {
            let extra = table.extra(at);
            if !which(record.age(&extra)) {
                continue;
            }
            let initiator = record.initiator();
            let volume = record.volume(initiator, &extra) + record.volume(initiator.other(), &extra);
            counts[record.opening as usize].add(volume);
            let (drops, _) = record.later(&extra);
            let opening = self.openings.value(record.opening);
            let verdict = ConnectionVerdict::of(opening.reason);
            if drops > 0 && matches!(verdict, ConnectionVerdict::Allowed | ConnectionVerdict::Assumed) {
                tally.later_drops.0 += drops;
                tally.later_drops.1 += 1;
            }
            if verdict == ConnectionVerdict::Allowed {
                let (key, responder) = (record.key.key(), record.initiator().other());
                let initiator_first = record.flags & INITIATOR_FIRST != 0;
                let asked = key.endpoint(if initiator_first { responder } else { responder.other() });
                let first = service(key.protocol, asked, opening);
                let service = connection::service(first, initiator_first, key.endpoint(responder).port);
                *allowed.entry(service).or_default() += 1;
            }
            if opening.reason == Reason::NoGroup {
                let key = record.key.key();
                outside.entry((key.low.address, key.high.address)).or_default().add(volume);
            }
        }
    }
}

fn add_opening(tally: &mut Tally, policy: &Policy, opening: &Opening, count: Count) {
    tally.verdicts[ConnectionVerdict::of(opening.reason) as usize].merge(count);
    let Steps { egress, ingress, .. } = &opening.steps;
    for (step, said) in [(egress, &opening.said[0]), (ingress, &opening.said[1])] {
        let Some(step) = step else { continue };
        if let Some(rule) = step.decided_by() {
            tally.rules[rule.0 as usize].connections += count.connections;
        }
        add_groups(tally, policy, step, said, count);
    }
}

fn add_groups(tally: &mut Tally, policy: &Policy, step: &StepVerdict, said: &[Option<RuleId>], count: Count) {
    let groups = &policy.interface(step.interface).groups;
    for (at, &group) in groups.iter().enumerate() {
        let tally = tally.group_mut(group, step.direction);
        if step.reason.is_of_rules() || step.reason == Reason::AssumedEstablished {
            tally.say(policy, step, said.get(at).copied().flatten()).merge(count);
        }
        if let Some(outcome) = tally.outcome(step.reason) {
            outcome.merge(count);
        }
    }
}

/// What the first packet seen asked for.
fn service(protocol: Protocol, asked: Endpoint, opening: &Opening) -> Service {
    match opening.icmp {
        Some((kind, code)) => Service::Icmp { family: Family::of(asked.address), kind, code },
        None if protocol.has_ports() => Service::Port(protocol, asked.port),
        None => Service::Other(protocol),
    }
}
