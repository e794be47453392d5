//! An expectation whose names were looked up: what it is about, and what is expected.

use std::fmt;
use std::path::PathBuf;

use crate::diag::Span;
use crate::packet::{AddressSet, Flow};
use crate::policy::{Direction, InterfaceId, Policy, RuleId};
use crate::replay::{ConnectionVerdict, Judgement, Reason, StepVerdict, Steps, Verdict};
use crate::space::{PacketSet, ServiceSet};

use super::bless::Places;
use super::{Comparison, Universal};

/// One expectation of a suite.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// What it is called.
    pub name: String,
    /// Words to choose it by.
    pub tags: Vec<String>,
    /// What breaks when it does not hold; may be empty.
    pub impact: String,
    /// A failure is told, but does not fail the run.
    pub advice: bool,
    /// It is left out where the scenario has nothing that it could be about.
    pub optional: bool,
    /// Where it was written.
    pub span: Span,
    /// Its line in the suite, from 1.
    pub line: usize,
    /// Where the values stand that can be blessed.
    pub places: Places,
    /// What it says.
    pub claim: Claim,
    /// Why it cannot be checked: it names a rule that the scenario does not have, or contradicts itself.
    pub mistake: Option<String>,
}

/// What an expectation says.
#[derive(Debug, Clone)]
pub enum Claim {
    /// Of each of these flows, each on its own.
    Flows(Vec<Flow>, Outcome),
    /// Of every packet of a set, each as the first of its connection. Packets that meet no group are left out, unless
    /// that is what is expected.
    Packets(PacketSet, Outcome, Option<Universal>),
    /// Of the connections of captures.
    Connections(Connections),
    /// Nothing, because what it is about could not be understood or is not in the scenario.
    Nothing,
}

/// What is said of the connections of captures that a filter chooses.
#[derive(Debug, Clone)]
pub struct Connections {
    /// The captures, as one timeline.
    pub captures: Vec<PathBuf>,
    /// Who opens.
    pub from: AddressSet,
    /// Who is called.
    pub to: AddressSet,
    /// For what.
    pub services: ServiceSet,
    /// What becomes of every one of them.
    pub outcome: Option<Outcome>,
    /// How many there are with a verdict; `None` is all of them.
    pub counts: Vec<(Option<ConnectionVerdict>, Comparison)>,
}

/// What is expected of a packet or connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: ConnectionVerdict,
    /// Why.
    pub reason: Option<Reason>,
    /// Where it is decided, at this interface or at any.
    pub step: Option<(Option<InterfaceId>, Direction)>,
    /// The rule that decides.
    pub rule: Option<RuleId>,
}

impl Outcome {
    /// This verdict, for whatever reason.
    pub const fn of(verdict: ConnectionVerdict) -> Self {
        Self { verdict, reason: None, step: None, rule: None }
    }

    /// Whether a judgement is as expected.
    pub fn holds(&self, judgement: &Judgement) -> bool {
        self.holds_for(ConnectionVerdict::of(judgement.reason), judgement.reason, &judgement.steps)
    }

    /// Whether this verdict, reason and these steps are as expected.
    ///
    /// What stopped a packet is decided at one step. What let it pass was decided at every step taken, and the one that
    /// is asked for may be any of them.
    pub(super) fn holds_for(&self, verdict: ConnectionVerdict, reason: Reason, steps: &Steps) -> bool {
        let named = |step: &&StepVerdict| {
            let there = self.step.is_none_or(|(interface, direction)| {
                direction == step.direction && interface.is_none_or(|id| id == step.interface)
            });
            there && self.rule.is_none_or(|rule| step.credited() == Some(rule))
        };
        let stopped = steps.stopped();
        let by = if stopped.is_some() { stopped.filter(named) } else { steps.iter().find(named) };
        let by_named = self.step.is_none() && self.rule.is_none() || by.is_some();
        verdict == self.verdict && self.reason.is_none_or(|wanted| wanted == reason) && by_named
    }

    /// What is expected, in words: `blocked, reason no-rule, at node-1 ingress`.
    pub fn words(&self, policy: &Policy) -> String {
        let mut words = vec![self.verdict.to_string()];
        words.extend(self.reason.map(|reason| format!("reason {reason}")));
        words.extend(self.step.map(|(interface, direction)| {
            let interface = interface.map(|id| format!("{} ", policy.interface(id).name));
            format!("at {}{direction}", interface.unwrap_or_default())
        }));
        words.extend(self.rule.map(|rule| format!("by rule {}", policy.rule(rule).name)));
        words.join(", ")
    }
}

/// What became of a packet, in words: `blocked: no-rule at node-1 ingress`.
pub fn told(policy: &Policy, reason: Reason, steps: &Steps) -> String {
    let verdict = ConnectionVerdict::of(reason);
    let decided = steps.stopped().map_or_else(|| steps.iter().collect::<Vec<_>>(), |step| vec![step]);
    let steps = decided.iter().map(|step| {
        let rule = step.credited().map(|id| format!("rule {}", policy.rule(id).name));
        let by = rule.unwrap_or_else(|| step.reason.to_string());
        format!("{by} at {} {}", policy.interface(step.interface).name, step.direction)
    });
    let steps = steps.collect::<Vec<_>>().join(", ");
    if steps.is_empty() { format!("{verdict}: {reason}") } else { format!("{verdict}: {steps}") }
}

/// Whether no group was asked.
pub(super) const fn is_outside(judgement: &Judgement) -> bool {
    matches!(judgement.verdict(), Verdict::NotSubject)
}

impl fmt::Display for Universal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}
