//! How well the model says what flow logs say: for people, and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::analyze::{Cause, Disagreement, Fidelity};
use crate::policy::Policy;

use super::label::plural;
use super::text::columns::{Cell, Columns};

/// The name of the JSON form; a change that breaks a reader gets a new one.
const SCHEMA: &str = "sgsim/fidelity/v1";

/// Names of the logs, and what was compared.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The logs as the user named them.
    pub logs: &'a [String],
    /// The policy that the flows were judged by.
    pub policy: &'a Policy,
    /// The comparison.
    pub fidelity: &'a Fidelity,
}

impl Compared<'_> {
    /// Writes it for people.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Fidelity { compared, agreed, disagreements, without_action, not_judged } = self.fidelity;
        match self.fidelity.score() {
            Some(score) => {
                let flows = plural(*compared, "flow");
                // Cut, not rounded: only all of them are 100 %.
                let percent = (score * 1000.0).floor() / 10.0;
                writeln!(out, "Fidelity: {percent:.1} % ({agreed} of {flows} judged as logged)")?;
            }
            None => writeln!(out, "Fidelity: nothing to compare")?,
        }
        let mut others: Vec<String> =
            not_judged.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if *without_action > 0 {
            others.push(format!("{without_action} without an action in the log"));
        }
        if !others.is_empty() {
            writeln!(out, "Not compared: {}", others.join(", "))?;
        }
        if disagreements.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nFlows where model and cloud disagree")?;
        let mut table = Columns::new(&["line", "logged", "model", "reason", "rule", "flow", "likely cause"]);
        for found in disagreements {
            table.row(vec![
                Cell::new(self.place(found)),
                Cell::new(found.flow.logged.map_or_else(String::new, |logged| logged.to_string())),
                Cell::new(found.judgement.verdict()),
                Cell::new(found.judgement.reason),
                Cell::new(self.rule(found).unwrap_or("-")),
                Cell::new(flow(found)),
                Cell::new(found.cause),
            ]);
        }
        table.write(out)?;
        writeln!(out)?;
        for cause in [Cause::Direction, Cause::NetworkAcl, Cause::Changed, Cause::InterfaceMissing] {
            let count = disagreements.iter().filter(|found| found.cause == cause).count();
            if count > 0 {
                writeln!(out, "{count} {cause}: {}", cause.about())?;
            }
        }
        Ok(())
    }

    /// Writes it as JSON.
    pub fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let of = |found: &Disagreement| Row {
            log: self.logs.get(found.log).cloned().unwrap_or_default(),
            line: found.flow.line,
            flow: found.flow.flow.to_string(),
            inferred: found.flow.inferred,
            logged: found.flow.logged.map(|logged| logged.to_string()),
            verdict: found.judgement.verdict().code(),
            reason: found.judgement.reason.code(),
            rule: self.rule(found).map(str::to_owned),
            cause: found.cause.code(),
        };
        let not_judged = self.fidelity.not_judged.iter();
        let document = Document {
            schema: SCHEMA,
            logs: self.logs,
            score: self.fidelity.score(),
            compared: self.fidelity.compared,
            agreed: self.fidelity.agreed,
            without_action: self.fidelity.without_action,
            not_judged: not_judged
                .map(|(reason, &flows)| NotJudged { reason: reason.code(), flows })
                .collect(),
            disagreements: self.fidelity.disagreements.iter().map(of).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }

    fn place(&self, found: &Disagreement) -> String {
        match (self.logs, found.flow.line) {
            (_, 0) => "-".to_owned(),
            ([_], line) => line.to_string(),
            (logs, line) => format!("{}:{line}", logs.get(found.log).map_or("", String::as_str)),
        }
    }

    fn rule(&self, found: &Disagreement) -> Option<&str> {
        let step = found.judgement.steps.iter().last()?;
        step.credited().map(|rule| self.policy.rule(rule).name.as_str())
    }
}

/// The flow; one whose direction is inferred is marked.
fn flow(found: &Disagreement) -> String {
    let mark = if found.flow.inferred { " (inferred)" } else { "" };
    format!("{}{mark}", found.flow.flow)
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    logs: &'a [String],
    score: Option<f64>,
    compared: u64,
    agreed: u64,
    without_action: u64,
    not_judged: Vec<NotJudged>,
    disagreements: Vec<Row>,
}

#[derive(Serialize)]
struct NotJudged {
    reason: &'static str,
    flows: u64,
}

#[derive(Serialize)]
struct Row {
    log: String,
    line: u64,
    flow: String,
    inferred: bool,
    logged: Option<String>,
    verdict: &'static str,
    reason: &'static str,
    rule: Option<String>,
    cause: &'static str,
}
