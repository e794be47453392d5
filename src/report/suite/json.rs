//! One JSON document. Field by field in `docs/output.md`.

#![allow(clippy::struct_field_names)] // The fields are named for the reader of a record, not of this file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::expect::{Checked, Covered, Example, Failure, Status};
use crate::policy::{Policy, RuleId};
use crate::space::Reach;

use super::{ScenarioCoverage, SuiteResults, blamed};

/// The name and version of the format. Fields are only ever added to it.
pub const SCHEMA: &str = "sgsim/test/v1";

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    summary: Summary,
    suites: Vec<Suite<'r>>,
    coverage: Vec<Covering<'r>>,
}

#[derive(Serialize)]
struct Covering<'r> {
    scenario: String,
    covered: usize,
    coverable: usize,
    rules: Vec<CoveredRule<'r>>,
}

#[derive(Serialize)]
struct CoveredRule<'r> {
    rule: &'r str,
    file: &'r str,
    line: Option<usize>,
    expectations: usize,
    packet: Option<String>,
    note: Option<String>,
}

#[derive(Serialize)]
struct Summary {
    held: usize,
    failed: usize,
    errors: usize,
    advised: usize,
    skipped: usize,
    not_run: usize,
}

#[derive(Serialize)]
struct Suite<'r> {
    suite: String,
    scenario: String,
    not_run: usize,
    expectations: Vec<Expectation<'r>>,
}

#[derive(Serialize)]
struct Expectation<'r> {
    name: &'r str,
    line: usize,
    tags: &'r [String],
    impact: Option<&'r str>,
    status: &'static str,
    error: Option<&'r str>,
    failures: Vec<Told<'r>>,
    rules: Vec<&'r str>,
}

#[derive(Serialize)]
struct Told<'r> {
    expected: &'r str,
    happened: &'r str,
    packet: Option<String>,
    packets: Vec<String>,
    connections: u64,
    rule: Option<Rule<'r>>,
}

#[derive(Serialize)]
struct Rule<'r> {
    rule: &'r str,
    words: String,
    decided: bool,
    file: &'r str,
    line: Option<usize>,
}

/// Writes the document, and a line feed.
pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    let suites = results.suites.iter().map(|suite| Suite {
        suite: results.uri(&suite.outcome.suite),
        scenario: results.uri(&suite.scenario),
        not_run: suite.outcome.not_run,
        expectations: suite
            .outcome
            .checked
            .iter()
            .map(|checked| expectation(suite.policy, checked))
            .collect(),
    });
    let document = Document {
        schema: SCHEMA,
        summary: Summary {
            held: results.count(Status::Held),
            failed: results.count(Status::Failed),
            errors: results.count(Status::Error),
            advised: results.count(Status::Advised),
            skipped: results.count(Status::Skipped),
            not_run: results.not_run(),
        },
        suites: suites.collect(),
        coverage: results.coverage.iter().map(|one| covering(results, one)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn covering<'r>(results: &SuiteResults<'_>, scenario: &'r ScenarioCoverage<'_>) -> Covering<'r> {
    let notes: BTreeMap<RuleId, String> = scenario.missing().collect();
    let rules = (0..).map(RuleId).zip(&scenario.coverage.rules).map(|(id, covered)| {
        let rule = scenario.policy.rule(id);
        CoveredRule {
            rule: &rule.name,
            file: &rule.origin.file,
            line: Some(rule.origin.line).filter(|&line| line > 0),
            expectations: if let Covered::By(count) = covered { *count } else { 0 },
            packet: match covered {
                Covered::Not(Reach::Decides { witness, .. }) => Some(witness.to_string()),
                _ => None,
            },
            note: notes.get(&id).cloned(),
        }
    });
    Covering {
        scenario: results.uri(&scenario.scenario),
        covered: scenario.coverage.covered(),
        coverable: scenario.coverage.coverable(),
        rules: rules.collect(),
    }
}

fn expectation<'r>(policy: &'r Policy, checked: &'r Checked) -> Expectation<'r> {
    let expectation = &checked.expectation;
    Expectation {
        name: &expectation.name,
        line: expectation.line,
        tags: &expectation.tags,
        impact: Some(expectation.impact.as_str()).filter(|impact| !impact.is_empty()),
        status: checked.status.code(),
        error: checked.error.as_deref(),
        failures: checked.failures.iter().map(|failure| told(policy, failure)).collect(),
        rules: checked.rules.iter().map(|&id| policy.rule(id).name.as_str()).collect(),
    }
}

fn told<'r>(policy: &'r Policy, failure: &'r Failure) -> Told<'r> {
    let example = failure.example.as_deref();
    let regions = example.and_then(|example| example.packets.as_ref());
    Told {
        expected: &failure.expected,
        happened: &failure.happened,
        packet: example.map(|example: &Example| example.flow.to_string()),
        packets: regions.iter().flat_map(|set| set.regions()).map(ToString::to_string).collect(),
        connections: example.map_or(0, |example| example.connections),
        rule: blamed(failure).map(|(decided, id)| rule(policy, id, decided)),
    }
}

fn rule(policy: &Policy, id: RuleId, decided: bool) -> Rule<'_> {
    let rule = policy.rule(id);
    let line = Some(rule.origin.line).filter(|&line| line > 0);
    Rule { rule: &rule.name, words: rule.words(), decided, file: &rule.origin.file, line }
}
