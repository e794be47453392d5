//! What came of a suite: which expectations hold, and why the others do not.

use std::collections::BTreeSet;

use crate::analyze::Explanation;
use crate::packet::Flow;
use crate::policy::RuleId;
use crate::space::PacketSet;

use super::bless::Happened;
use super::expectation::Expectation;

/// How an expectation came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It holds.
    Held,
    /// It is left out: the scenario has nothing that it could be about.
    Skipped,
    /// It does not hold, and that is told as advice.
    Advised,
    /// It does not hold.
    Failed,
    /// It could not be checked: it matched nothing, names what the scenario does not have, or its captures could not be read.
    Error,
}

impl Status {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Skipped => "skipped",
            Self::Advised => "advised",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

/// An expectation, and how it came out.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The expectation.
    pub expectation: Expectation,
    /// How it came out.
    pub status: Status,
    /// Why it does not hold; empty when it does.
    pub failures: Vec<Failure>,
    /// Why it could not be checked.
    pub error: Option<String>,
    /// What happened to all that it is about.
    pub happened: BTreeSet<Happened>,
    /// How many connections there are of each that it counts.
    pub counts: Vec<u64>,
    /// The rules that decided what it is about.
    pub rules: BTreeSet<RuleId>,
}

/// One way in which an expectation does not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What was expected: `blocked, reason no-rule`.
    pub expected: String,
    /// What happened: `allowed: rule node/ssh at node-1 ingress`.
    pub happened: String,
    /// A packet that shows it.
    pub example: Option<Box<Example>>,
}

/// A packet that does not do what is expected.
#[derive(Debug, Clone)]
pub struct Example {
    /// The packet, as a flow that `sgsim explain` takes.
    pub flow: Flow,
    /// Why it gets its verdict as the first packet of its connection.
    pub explanation: Explanation,
    /// All packets that fail in the same way, where all were asked about.
    pub packets: Option<PacketSet>,
    /// How many connections of the captures fail in the same way.
    pub connections: u64,
}

impl Example {
    /// The rule that let the packet pass or stopped it; where none matched, the one that came nearest.
    pub fn rule(&self) -> Option<RuleId> {
        let steps = &self.explanation.steps;
        let deciding =
            steps.iter().find(|step| step.verdict.reason.verdict() != crate::replay::Verdict::Allow);
        let deciding = deciding.or_else(|| steps.last())?;
        deciding.verdict.credited().or_else(|| deciding.nearest.first().map(|miss| miss.rule))
    }
}

/// What came of a suite.
#[derive(Debug, Clone)]
pub struct SuiteOutcome {
    /// The path of the suite, as the user gave it.
    pub suite: String,
    /// Every expectation that was checked, in the order written.
    pub checked: Vec<Checked>,
    /// Expectations that were not checked because one before them failed.
    pub not_run: usize,
}

impl SuiteOutcome {
    /// A suite of which nothing was checked.
    pub const fn unchecked(suite: String, not_run: usize) -> Self {
        Self { suite, checked: vec![], not_run }
    }

    /// Whether something did not hold that stops a run.
    pub fn is_stopped(&self) -> bool {
        self.count(Status::Failed) + self.count(Status::Error) > 0
    }

    /// How many expectations came out so.
    pub fn count(&self, status: Status) -> usize {
        self.checked.iter().filter(|checked| checked.status == status).count()
    }
}
