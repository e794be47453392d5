//! Rule coverage: which rules a suite and its captures exercised, and a packet for each of the others.

use std::collections::BTreeMap;

use crate::compile::Compiled;
use crate::policy::{Policy, RuleId};
use crate::replay::FirstPackets;
use crate::space::{Reach, reach_of};

use super::SuiteOutcome;

/// How a rule is covered.
#[derive(Debug, Clone)]
pub enum Covered {
    /// So many expectations are about something that it decided.
    By(usize),
    /// None is; whether it ever decides, and what would show it.
    Not(Reach),
}

/// Which rules of a policy were exercised; the index is the [`RuleId`].
#[derive(Debug, Clone)]
pub struct Coverage {
    /// By rule.
    pub rules: Vec<Covered>,
}

impl Coverage {
    /// What these suites exercised of a policy.
    pub fn new<'o>(policy: &Policy, outcomes: impl Iterator<Item = &'o SuiteOutcome>) -> Self {
        let mut hits: BTreeMap<RuleId, usize> = BTreeMap::new();
        for rule in outcomes.flat_map(|outcome| &outcome.checked).flat_map(|checked| &checked.rules) {
            *hits.entry(*rule).or_default() += 1;
        }
        let matcher = Compiled::new(policy);
        let judge = FirstPackets::new(policy, &matcher);
        let covered = |id| match hits.get(&id) {
            Some(&count) => Covered::By(count),
            None => Covered::Not(reach_of(&judge, id)),
        };
        Self { rules: (0..).map(RuleId).take(policy.rules.len()).map(covered).collect() }
    }

    /// How many rules were exercised.
    pub fn covered(&self) -> usize {
        self.rules.iter().filter(|rule| matches!(rule, Covered::By(_))).count()
    }

    /// How many rules ever decide: only they can be exercised.
    pub fn coverable(&self) -> usize {
        self.rules.iter().filter(|rule| !matches!(rule, Covered::Not(Reach::Never(_)))).count()
    }

    /// Covered rules of those that ever decide, in tenths of a per cent, rounded down; all of none is 1000.
    pub fn permille(&self) -> usize {
        (self.covered() * 1000).checked_div(self.coverable()).unwrap_or(1000)
    }
}
