//! What becomes of all packets of a set, and where two policies differ over it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::compile::Matcher;
use crate::packet::Flow;
use crate::policy::{Direction, RuleId};
use crate::replay::{FirstPackets, Judgement, Reason, Verdict};

use super::PacketSet;
use super::cells::visit;
use super::merge::Merger;

/// What decided: the reason, and at each step taken the rule.
type Outcome = (Reason, Vec<(Direction, Option<RuleId>)>);

fn outcome(judgement: &Judgement) -> Outcome {
    let steps = judgement.steps.iter().map(|step| (step.direction, step.rule));
    (judgement.reason, steps.collect())
}

/// Packets that the same rules decide in the same way.
#[derive(Debug, Clone)]
pub struct Fate {
    /// All of them.
    pub packets: PacketSet,
    /// One of them.
    pub witness: Flow,
    /// What becomes of that one, with its steps; of the others likewise, at whichever interface they meet.
    pub judgement: Judgement,
}

/// What becomes of every packet of a set.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Packets that pass, by the rules that let them.
    pub allowed: Vec<Fate>,
    /// Packets that are dropped, by what drops them.
    pub dropped: Vec<Fate>,
    /// Packets of which it cannot be told, by what they hang on.
    pub undecided: Vec<Fate>,
    /// Packets that meet no group, by the reason.
    pub not_subject: Vec<Fate>,
}

/// Asks what becomes of every packet of a set, each as the first of its connection.
pub fn ask<M: Matcher>(judge: &FirstPackets<'_, M>, packets: &PacketSet) -> Answer {
    let mut merger = Merger::new();
    let mut firsts: BTreeMap<Outcome, (Flow, Judgement)> = BTreeMap::new();
    visit(&[judge.policy()], packets, |cell| {
        let judgement = judge.judge(&cell.witness.ip(), &mut ());
        let outcome = outcome(&judgement);
        merger.add(outcome.clone(), &cell);
        firsts.entry(outcome).or_insert((cell.witness, judgement));
        ControlFlow::Continue(())
    });
    let mut answer = Answer::default();
    for ((_, packets), (witness, judgement)) in merger.finish().into_iter().zip(firsts.into_values()) {
        let list = match judgement.verdict() {
            Verdict::Allow => &mut answer.allowed,
            Verdict::NotSubject => &mut answer.not_subject,
            Verdict::Drop => &mut answer.dropped,
            Verdict::Undecided => &mut answer.undecided,
        };
        list.push(Fate { packets, witness, judgement });
    }
    answer
}

/// Packets that two policies treat differently in the same way.
#[derive(Debug, Clone)]
pub struct Difference {
    /// All of them.
    pub packets: PacketSet,
    /// One of them.
    pub witness: Flow,
    /// What becomes of that one under the first policy.
    pub before: Judgement,
    /// What becomes of that one under the second policy.
    pub after: Judgement,
}

/// Every packet of a set that two policies give different verdicts, by what decides under each.
pub fn differences<A: Matcher, B: Matcher>(
    before: &FirstPackets<'_, A>,
    after: &FirstPackets<'_, B>,
    packets: &PacketSet,
) -> Vec<Difference> {
    let mut merger = Merger::new();
    let mut firsts: BTreeMap<(Outcome, Outcome), (Flow, Judgement, Judgement)> = BTreeMap::new();
    visit(&[before.policy(), after.policy()], packets, |cell| {
        let ip = cell.witness.ip();
        let (old, new) = (before.judge(&ip, &mut ()), after.judge(&ip, &mut ()));
        if old.verdict() != new.verdict() {
            let outcome = (outcome(&old), outcome(&new));
            merger.add(outcome.clone(), &cell);
            firsts.entry(outcome).or_insert((cell.witness, old, new));
        }
        ControlFlow::Continue(())
    });
    let found = merger.finish().into_values().zip(firsts.into_values());
    found.map(|(packets, (witness, before, after))| Difference { packets, witness, before, after }).collect()
}
