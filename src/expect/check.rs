//! Checks expectations: flows and packets by the evaluator, connections by a replay of their captures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;

use rayon::prelude::*;

use crate::analyze::{Explanation, Recorder};
use crate::compile::Compiled;
use crate::packet::{AddressPair, Flow, Timestamp};
use crate::pipeline::{BLOCK_SIZE, Captures};
use crate::policy::{Policy, RuleId};
use crate::replay::{Connection, ConnectionVerdict, FirstPackets, Judged, Judgement, Replay, StepVerdict};
use crate::space::{Fate, PacketSet, ask};

use super::Suite;
use super::bless::Happened;
use super::expectation::{Claim, Connections, Expectation, Outcome, is_outside, told};
use super::outcome::{Checked, Example, Failure, Status, SuiteOutcome};

/// Which expectations are checked, and how far.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those whose name contains one of these texts; all when empty.
    pub names: Vec<String>,
    /// Only those with one of these tags; all when empty.
    pub tags: Vec<String>,
    /// None whose name contains one of these texts.
    pub skip_names: Vec<String>,
    /// None with one of these tags.
    pub skip_tags: Vec<String>,
    /// Stop at the first that fails.
    pub fail_fast: bool,
}

impl Selection {
    /// The outcome of a suite that is left out because one before it failed.
    pub fn leave_out(&self, suite: &Suite) -> SuiteOutcome {
        let not_run = suite.expectations.iter().filter(|one| self.chooses(one)).count();
        SuiteOutcome::unchecked(suite.source.name.clone(), not_run)
    }

    fn chooses(&self, expectation: &Expectation) -> bool {
        let named = |names: &[String]| names.iter().any(|name| expectation.name.contains(name));
        let tagged = |tags: &[String]| tags.iter().any(|tag| expectation.tags.contains(tag));
        let chosen =
            (self.names.is_empty() || named(&self.names)) && (self.tags.is_empty() || tagged(&self.tags));
        chosen && !named(&self.skip_names) && !tagged(&self.skip_tags)
    }
}

/// How many expectations are checked beside each other before one that fails can stop the rest.
const AT_ONCE: usize = 32;

/// Checks a suite by a policy, with all threads of the current pool.
pub fn check(suite: &Suite, policy: &Policy, selection: &Selection) -> SuiteOutcome {
    let matcher = Compiled::new(policy);
    let checker = Checker { policy, judge: FirstPackets::new(policy, &matcher), replays: BTreeMap::new() };
    let chosen: Vec<_> = suite.expectations.iter().filter(|one| selection.chooses(one)).collect();
    let checker = checker.with_captures(&matcher, &chosen);
    let mut checked: Vec<Checked> = vec![];
    for part in chosen.chunks(AT_ONCE) {
        checked.par_extend(part.par_iter().map(|expectation| checker.check(expectation)));
        let failed = |checked: &Checked| matches!(checked.status, Status::Failed | Status::Error);
        if let (true, Some(first)) = (selection.fail_fast, checked.iter().position(failed)) {
            checked.truncate(first + 1);
            break;
        }
    }
    let not_run = chosen.len() - checked.len();
    SuiteOutcome { suite: suite.source.name.clone(), checked, not_run }
}

/// What a timeline of captures holds, or why it could not be read.
type Replayed<'p> = Result<Replay<'p, Compiled<'p>>, String>;

struct Checker<'p> {
    policy: &'p Policy,
    judge: FirstPackets<'p, Compiled<'p>>,
    replays: BTreeMap<Vec<PathBuf>, Replayed<'p>>,
}

/// What an expectation came to.
#[derive(Default)]
struct Found {
    failures: Vec<Failure>,
    error: Option<String>,
    happened: BTreeSet<Happened>,
    counts: Vec<u64>,
    rules: BTreeSet<RuleId>,
}

impl<'p> Checker<'p> {
    /// Replays every timeline that an expectation asks about, once.
    fn with_captures(mut self, matcher: &'p Compiled<'p>, chosen: &[&Expectation]) -> Self {
        for expectation in chosen {
            let Claim::Connections(Connections { captures, .. }) = &expectation.claim else { continue };
            if self.replays.contains_key(captures) {
                continue;
            }
            // A connection that is let go could be one that is meant.
            let mut replay = Replay::new(self.policy, matcher).keeping_all();
            let captured = Captures::open(captures, BLOCK_SIZE, false, None);
            let outcome = captured.judge(&mut replay, None, &AtomicU64::new(0));
            let errors: Vec<_> = outcome.errors.iter().map(|error| format!("failed to {error}")).collect();
            let replayed = if errors.is_empty() { Ok(replay) } else { Err(errors.join("; ")) };
            self.replays.insert(captures.clone(), replayed);
        }
        self
    }

    fn check(&self, expectation: &Expectation) -> Checked {
        let found = match &expectation.claim {
            Claim::Flows(flows, outcome) => self.flows(flows, outcome),
            Claim::Packets(packets, outcome, _) => self.packets(packets, outcome),
            Claim::Connections(connections) => self.connections(connections),
            Claim::Nothing => Found::default(),
        };
        let Found { mut failures, mut error, happened, counts, rules } = found;
        if expectation.mistake.is_some() {
            // What happened is known all the same: it can be blessed.
            (failures, error) = (vec![], expectation.mistake.clone());
        }
        let status = match (&error, failures.is_empty()) {
            (Some(_), _) if expectation.optional => Status::Skipped,
            (Some(_), _) => Status::Error,
            (None, true) => Status::Held,
            (None, false) if expectation.advice => Status::Advised,
            (None, false) => Status::Failed,
        };
        Checked { expectation: expectation.clone(), status, failures, error, happened, counts, rules }
    }

    fn flows(&self, flows: &[Flow], outcome: &Outcome) -> Found {
        let mut found = Found::default();
        for flow in flows {
            let judgement = self.judge.judge(&flow.ip(), &mut ());
            found.rules.extend(rules(&judgement));
            found.happened.insert(Happened::to(&judgement));
            if !outcome.holds(&judgement) {
                found.failures.push(self.failure(outcome, &judgement, *flow, None, 0));
            }
        }
        if flows.is_empty() {
            found.error = Some("it names no flow".to_owned());
        }
        found
    }

    fn packets(&self, packets: &PacketSet, outcome: &Outcome) -> Found {
        let mut found = Found::default();
        let answer = ask(&self.judge, packets);
        let asked = answer.allowed.iter().chain(&answer.dropped);
        // What meets no group is no matter of rules, unless that is what is expected.
        let outside = answer.not_subject.iter().filter(|_| outcome.verdict == ConnectionVerdict::Outside);
        let fates: Vec<&Fate> = asked.chain(outside).collect();
        for fate in &fates {
            found.rules.extend(rules(&fate.judgement));
            found.happened.insert(Happened::to(&fate.judgement));
            if !outcome.holds(&fate.judgement) {
                let packets = Some(fate.packets.clone());
                found.failures.push(self.failure(outcome, &fate.judgement, fate.witness, packets, 0));
            }
        }
        if fates.is_empty() {
            let why = "no packet that it is about meets a group: both ends are outside, or on one interface";
            found.error = Some(why.to_owned());
        }
        found
    }

    fn connections(&self, claim: &Connections) -> Found {
        let mut found = Found::default();
        let replay = match &self.replays[&claim.captures] {
            Ok(replay) => replay,
            Err(error) => return Found { error: Some(error.clone()), ..found },
        };
        let meant: Vec<Connection> = replay.connections().iter().filter(|one| is_meant(claim, one)).collect();
        if meant.is_empty() {
            found.error = Some("no connection of the captures is meant by it".to_owned());
            return found;
        }
        for connection in &meant {
            found.rules.extend(connection.steps.iter().filter_map(StepVerdict::decided_by));
            found.happened.insert(Happened::new(connection.reason, &connection.steps));
        }
        if let Some(outcome) = &claim.outcome {
            let fails = |one: &&Connection| !outcome.holds_for(one.verdict(), one.reason, &one.steps);
            found.failures.extend(self.connection_failures(outcome, meant.iter().filter(fails)));
        }
        for (verdict, comparison) in &claim.counts {
            let counted =
                || meant.iter().filter(|one| verdict.is_none_or(|verdict| one.verdict() == verdict));
            let count = counted().count() as u64;
            found.counts.push(count);
            if !comparison.holds(count) {
                let noun = verdict.map_or("connections", ConnectionVerdict::code);
                // More than expected: show one of them. Fewer: show one that came out otherwise.
                let other = meant.iter().find(|one| verdict.is_some_and(|verdict| one.verdict() != verdict));
                let shown = if comparison.holds(0) { counted().next().or(other) } else { other };
                found.failures.push(Failure {
                    expected: format!("{noun}: {comparison}"),
                    happened: format!("{noun}: {count}, of {} connections", meant.len()),
                    example: shown.and_then(|one| self.example(one, 0)).map(Box::new),
                });
            }
        }
        found
    }

    /// Connections that are not as expected, those of one fate told once.
    fn connection_failures<'c>(
        &self,
        outcome: &Outcome,
        failing: impl Iterator<Item = &'c Connection>,
    ) -> Vec<Failure> {
        let mut fates: Vec<(String, &Connection, u64)> = vec![];
        for connection in failing {
            let happened = told(self.policy, connection.reason, &connection.steps);
            match fates.iter_mut().find(|(known, ..)| *known == happened) {
                Some((.., count)) => *count += 1,
                None => fates.push((happened, connection, 1)),
            }
        }
        let failure = |(happened, connection, count): (String, &Connection, u64)| Failure {
            expected: outcome.words(self.policy),
            happened,
            example: self.example(connection, count).map(Box::new),
        };
        fates.into_iter().map(failure).collect()
    }

    /// The packet that opened a connection, as it is judged on its own.
    fn example(&self, connection: &Connection, connections: u64) -> Option<Example> {
        let pair = AddressPair::new(connection.initiator.address, connection.responder.address)?;
        let flow = Flow::new(pair, connection.service())?;
        let (explanation, _) = self.explain(flow);
        Some(Example { flow, explanation, packets: None, connections })
    }

    fn failure(
        &self,
        outcome: &Outcome,
        judgement: &Judgement,
        flow: Flow,
        packets: Option<PacketSet>,
        connections: u64,
    ) -> Failure {
        let (explanation, _) = self.explain(flow);
        Failure {
            expected: outcome.words(self.policy),
            happened: told(self.policy, judgement.reason, &judgement.steps),
            example: Some(Box::new(Example { flow, explanation, packets, connections })),
        }
    }

    fn explain(&self, flow: Flow) -> (Explanation, Judgement) {
        let mut recorder = Recorder::default();
        let judgement = self.judge.judge(&flow.ip(), &mut recorder);
        let judged = Judged::alone(flow.packet(Timestamp(0)), judgement, !is_outside(&judgement));
        (Explanation::new(self.policy, judged, &recorder), judgement)
    }
}

fn rules(judgement: &Judgement) -> impl Iterator<Item = RuleId> {
    let steps = judgement.steps;
    [steps.egress, steps.ingress].into_iter().flatten().filter_map(|step| step.rule)
}

fn is_meant(claim: &Connections, connection: &Connection) -> bool {
    let (initiator, responder) = (connection.initiator.address, connection.responder.address);
    claim.from.contains(initiator)
        && claim.to.contains(responder)
        && claim.services.contains(crate::packet::Family::of(initiator), connection.service())
}
