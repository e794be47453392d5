//! Whether any packet can be decided by a rule, and if not, why.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::compile::Matcher;
use crate::packet::{AddressRange, AddressSet, Flow};
use crate::policy::{Direction, Policy, Rule, RuleId};
use crate::replay::{FirstPackets, Judgement};

use super::cells::visit;
use super::{PacketSet, ServiceSet};

/// Whether a rule ever decides.
#[derive(Debug, Clone)]
pub enum Reach {
    /// It decides at least this packet.
    Decides {
        /// The packet.
        witness: Flow,
        /// What becomes of it.
        judgement: Judgement,
    },
    /// It decides none.
    Never(Never),
}

/// Why a rule decides no packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Never {
    /// It is switched off.
    Disabled,
    /// Its group is bound to no interface.
    NotBound,
    /// Its remote holds no address of a family that its service and ethertype have.
    NoRemote,
    /// Every packet that it matches is decided before.
    Covered {
        /// The rules that are asked before it and decide instead; empty when none does.
        by: Vec<RuleId>,
        /// Rules of the other end's interface that stop some of the packets before they get there.
        stopped_by: Vec<RuleId>,
        /// Whether the other end's interface drops some of the packets because none of its rules lets them out.
        not_let_out: bool,
    },
    /// Every packet that it matches stays on one interface or is assumed to pass: no group is asked.
    NotSubject,
}

/// For each rule of the policy, whether it ever decides the first packet of a connection.
pub fn reach<M: Matcher>(judge: &FirstPackets<'_, M>) -> Vec<Reach> {
    let rules = (0..judge.policy().rules.len()).filter_map(|index| u32::try_from(index).ok());
    rules.map(|index| reach_of(judge, RuleId(index))).collect()
}

/// Whether this rule ever decides the first packet of a connection.
pub fn reach_of<M: Matcher>(judge: &FirstPackets<'_, M>, id: RuleId) -> Reach {
    let policy = judge.policy();
    let rule = policy.rule(id);
    if !rule.enabled {
        return Reach::Never(Never::Disabled);
    }
    let here = addresses_of_group(policy, rule);
    if here.is_empty() {
        return Reach::Never(Never::NotBound);
    }
    let packets = matched(rule, &here);
    if packets.is_empty() {
        return Reach::Never(Never::NoRemote);
    }
    let (mut found, mut by, mut stopped_by) = (None, BTreeSet::new(), BTreeSet::new());
    let (mut not_let_out, mut asked) = (false, false);
    visit(&[policy], &packets, |cell| {
        let judgement = judge.judge(&cell.witness.ip(), &mut ());
        let at = judgement.steps.iter().find(|step| step.direction == rule.direction);
        asked |= judgement.steps.iter().next().is_some();
        match at {
            Some(step) if step.rule == Some(id) => {
                found = Some((cell.witness, judgement));
                return ControlFlow::Break(());
            }
            Some(step) => by.extend(step.rule),
            None => {
                let stopped = judgement.steps.stopped();
                not_let_out |= stopped.is_some_and(|step| step.rule.is_none());
                stopped_by.extend(stopped.and_then(|step| step.rule));
            }
        }
        ControlFlow::Continue(())
    });
    match found {
        Some((witness, judgement)) => Reach::Decides { witness, judgement },
        None if !asked => Reach::Never(Never::NotSubject),
        None => Reach::Never(Never::Covered {
            by: by.into_iter().collect(),
            stopped_by: stopped_by.into_iter().collect(),
            not_let_out,
        }),
    }
}

/// Every address at whose interface a rule's group is asked.
fn addresses_of_group(policy: &Policy, rule: &Rule) -> AddressSet {
    let bound = |&(_, id): &(AddressRange, _)| policy.interface(id).groups.contains(&rule.group);
    policy.owners.ranges().filter(bound).map(|(range, _)| range).collect()
}

/// The packets that a rule matches at these addresses.
fn matched(rule: &Rule, here: &AddressSet) -> PacketSet {
    let services = ServiceSet::of(&rule.service, rule.family);
    match rule.direction {
        Direction::Ingress => PacketSet::new(&rule.remote, here, &services),
        Direction::Egress => PacketSet::new(here, &rule.remote, &services),
    }
}
