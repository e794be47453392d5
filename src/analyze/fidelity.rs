//! How well the model says what a cloud's own flow log says, and where the two disagree.

use std::collections::BTreeMap;
use std::fmt;

use crate::capture::{Logged, LoggedFlow};
use crate::compile::Matcher;
use crate::replay::{FirstPackets, Judgement, Reason, Verdict};

/// Why model and cloud may disagree about a flow: the likeliest first guess, not a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Who opened the flow was inferred, and the other way round both agree.
    Direction,
    /// The model lets it pass and the cloud did not.
    NetworkAcl,
    /// The model drops it and the cloud let it pass.
    Changed,
    /// Neither end belongs to an interface of the scenario.
    InterfaceMissing,
}

impl Cause {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Direction => "direction",
            Self::NetworkAcl => "network-acl",
            Self::Changed => "changed",
            Self::InterfaceMissing => "interface-missing",
        }
    }

    /// What it means, for a person.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Direction => {
                "opened by the other side: who did was inferred, and the other way round it passes"
            }
            Self::NetworkAcl => "a network ACL in between, which no scenario has, or rules changed since",
            Self::Changed => "rules changed since, or a group of the interface is not in the scenario",
            Self::InterfaceMissing => "neither end is an interface of the scenario",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A flow about which model and log disagree.
#[derive(Debug, Clone)]
pub struct Disagreement {
    /// The index of its log.
    pub log: usize,
    /// The flow.
    pub flow: LoggedFlow,
    /// What the model says.
    pub judgement: Judgement,
    /// What it may come from.
    pub cause: Cause,
}

/// The comparison of all flows of some logs.
#[derive(Debug, Clone, Default)]
pub struct Fidelity {
    /// Flows about which both say something.
    pub compared: u64,
    /// Those of them about which both say the same.
    pub agreed: u64,
    /// The others, in the order of the logs.
    pub disagreements: Vec<Disagreement>,
    /// Flows that the log says nothing about.
    pub without_action: u64,
    /// Flows that the model cannot judge, or that meet no group and passed, by reason.
    pub not_judged: BTreeMap<Reason, u64>,
}

impl Fidelity {
    /// The part of the flows compared about which both agree, from 0 to 1; `None` when there were none.
    #[allow(clippy::cast_precision_loss)] // A share has few digits.
    pub fn score(&self) -> Option<f64> {
        (self.compared > 0).then(|| self.agreed as f64 / self.compared as f64)
    }

    /// Compares a flow. It is judged as the first packet of its connection.
    pub fn add<M: Matcher>(&mut self, judge: &FirstPackets<'_, M>, log: usize, flow: &LoggedFlow) {
        let Some(logged) = flow.logged else {
            self.without_action += 1;
            return;
        };
        let judgement = judge.judge(&flow.flow.ip(), &mut ());
        let model = match (judgement.verdict(), judgement.reason) {
            (Verdict::Allow, _) => Logged::Accept,
            (Verdict::Drop, _) => Logged::Reject,
            // What no group is asked about passes as far as groups go.
            (Verdict::NotSubject, Reason::NoGroup) if logged == Logged::Reject => Logged::Accept,
            _ => {
                *self.not_judged.entry(judgement.reason).or_default() += 1;
                return;
            }
        };
        self.compared += 1;
        if model == logged {
            self.agreed += 1;
            return;
        }
        let passes_reversed = || {
            let reversed = flow.reversed.map(|reversed| judge.judge(&reversed.ip(), &mut ()).verdict());
            reversed == Some(Verdict::Allow)
        };
        let cause = match model {
            _ if judgement.reason == Reason::NoGroup => Cause::InterfaceMissing,
            Logged::Accept => Cause::NetworkAcl,
            Logged::Reject if passes_reversed() => Cause::Direction,
            Logged::Reject => Cause::Changed,
        };
        self.disagreements.push(Disagreement { log, flow: *flow, judgement, cause });
    }
}
