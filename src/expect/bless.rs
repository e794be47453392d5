//! Brings a suite up to what happens now: the verdicts, reasons, steps, rules and counts that it expects.
//!
//! Only what is said of particular traffic can be blessed. What is said of all packets (`always`, `never`, `only`) is
//! a decision of people, and so is an expectation that is about traffic of several fates.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Span;
use crate::policy::language::quoted;
use crate::policy::{Direction, InterfaceId, Policy, RuleId};
use crate::replay::{ConnectionVerdict, Judgement, Reason, Steps};

use super::expectation::Claim;
use super::outcome::{Checked, Status, SuiteOutcome};
use super::{Suite, edit};

/// What happened to something that an expectation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happened {
    /// The verdict.
    pub verdict: ConnectionVerdict,
    /// Why.
    pub reason: Reason,
    /// Where it was decided: the step that stopped it, else the last.
    pub step: Option<(InterfaceId, Direction)>,
    /// The rule that decided there.
    pub rule: Option<RuleId>,
}

impl Happened {
    pub(super) fn new(reason: Reason, steps: &Steps) -> Self {
        let step = steps.stopped().or_else(|| steps.iter().last());
        Self {
            verdict: ConnectionVerdict::of(reason),
            reason,
            step: step.map(|step| (step.interface, step.direction)),
            rule: step.and_then(crate::replay::StepVerdict::credited),
        }
    }

    pub(super) fn to(judgement: &Judgement) -> Self {
        Self::new(judgement.reason, &judgement.steps)
    }
}

/// Where the values of an expectation stand that can be blessed.
#[derive(Debug, Clone, Default)]
pub struct Places {
    pub(super) expect: Option<Span>,
    pub(super) reason: Option<Span>,
    pub(super) step: Option<(Span, bool)>,
    pub(super) rule: Option<Span>,
    pub(super) counts: Vec<Span>,
}

/// A suite brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blessed {
    /// The text of the file.
    pub text: String,
    /// What changed: its first line, from 1, the lines as they were, and as they are.
    pub changes: Vec<(usize, String, String)>,
    /// Expectations that do not hold and were left alone.
    pub refused: Vec<Refused>,
}

/// An expectation that was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What it is called.
    pub name: String,
    /// Why.
    pub why: String,
    /// It could not be checked at all.
    pub unchecked: bool,
}

/// The suite with every expectation changed that does not hold, where that can be done.
pub fn bless(suite: &Suite, outcome: &SuiteOutcome, policy: &Policy) -> Blessed {
    let old = &suite.source.text;
    let (mut edits, mut refused) = (BTreeMap::new(), vec![]);
    for checked in &outcome.checked {
        if matches!(checked.status, Status::Held | Status::Skipped) {
            continue;
        }
        match edits_of(checked, policy, old) {
            Ok(found) => {
                for (span, text) in found {
                    edits.insert((span.start, span.end), text);
                }
            }
            Err(why) => {
                let unchecked = checked.status == Status::Error;
                refused.push(Refused { name: checked.expectation.name.clone(), why, unchecked });
            }
        }
    }
    let (text, changes) = edit::apply(old, &edits);
    Blessed { text, changes, refused }
}

/// What has to be written where.
fn edits_of(checked: &Checked, policy: &Policy, text: &str) -> Result<Vec<(Span, String)>, String> {
    let places = &checked.expectation.places;
    let mut edits = vec![];
    if let Claim::Packets(_, _, Some(_)) = &checked.expectation.claim {
        return Err("it is said of all packets: change the rules, or write it anew".to_owned());
    }
    if checked.happened.is_empty() {
        return Err(checked.error.clone().unwrap_or_else(|| "nothing happened".to_owned()));
    }
    for ((span, count), (_, comparison)) in places.counts.iter().zip(&checked.counts).zip(counts(checked)) {
        if !comparison.holds(*count) {
            edits.push((span.clone(), count.to_string()));
        }
    }
    let several = || several(checked);
    let by_hand = |key| format!("`{key}` is to be removed, and is not written so that this can be done here");
    let verdict = places.expect.as_ref().map(|span| {
        let verdict = only(checked, |one| one.verdict.to_string()).ok_or_else(several)?;
        Ok::<_, String>((span, verdict))
    });
    let verdict = verdict.transpose()?;
    if let Some((span, verdict)) = &verdict {
        edits.push(((*span).clone(), verdict.clone()));
    }
    let reason = only(checked, |one| one.reason.to_string());
    if let Some(span) = &places.reason {
        edits.push((span.clone(), reason.clone().ok_or_else(several)?));
    }
    // What is blocked now shall stay so for the reason that it has now.
    let turned = verdict.filter(|(span, verdict)| {
        *verdict == ConnectionVerdict::Blocked.code() && text[span.start..span.end] != **verdict
    });
    let mut added = match (turned, &places.reason, reason) {
        (Some((span, _)), None, Some(reason)) => Some((span, format!("reason: {reason}"))),
        _ => None,
    };
    if let Some((span, named)) = &places.step {
        let words = |one: &Happened| {
            one.step.map_or_else(String::new, |(interface, direction)| {
                let name = &policy.interface(interface).name;
                if *named { format!("{name} {direction}") } else { direction.to_string() }
            })
        };
        let step = only(checked, words).ok_or_else(several)?;
        let edit = if step.is_empty() {
            (edit::removed(text, span).ok_or_else(|| by_hand("step"))?, String::new())
        } else {
            (span.clone(), quoted(&step))
        };
        edits.push(edit);
    }
    if let Some(span) = &places.rule {
        let name = |one: &Happened| one.rule.map_or_else(String::new, |id| policy.rule(id).name.clone());
        let rule = only(checked, name).ok_or_else(several)?;
        if !rule.is_empty() {
            edits.push((span.clone(), quoted(&rule)));
        } else if let Some((_, reason)) = added.take() {
            let entry = edit::entry(text, span).ok_or_else(|| by_hand("rule"))?;
            edits.push((entry, reason));
        } else {
            edits.push((edit::removed(text, span).ok_or_else(|| by_hand("rule"))?, String::new()));
        }
    }
    edits.extend(added.and_then(|(span, reason)| edit::added(text, span, &reason)));
    Ok(edits)
}

/// The value that all have to whom it happened; `None` where they differ.
fn only(checked: &Checked, value: impl Fn(&Happened) -> String) -> Option<String> {
    let mut values: BTreeSet<String> = checked.happened.iter().map(value).collect();
    if values.len() == 1 { values.pop_first() } else { None }
}

/// Tells whose fate is another than what is expected.
fn several(checked: &Checked) -> String {
    let whose = checked.failures.iter().filter_map(|failure| {
        let example = failure.example.as_ref()?;
        let packets = example.packets.iter().flat_map(crate::space::PacketSet::regions);
        let regions: Vec<_> = packets.map(ToString::to_string).collect();
        let whose = if regions.is_empty() { example.flow.to_string() } else { regions.join(" and ") };
        let others = example.connections.saturating_sub(1);
        let others = if others > 0 { format!(" and {others} more connections") } else { String::new() };
        Some(format!("{whose}{others} ({})", failure.happened))
    });
    let whose = whose.collect::<Vec<_>>().join("; ");
    let head = "what it is about has several fates: write an expectation for each";
    if whose.is_empty() { head.to_owned() } else { format!("{head}; not as expected: {whose}") }
}

fn counts(checked: &Checked) -> impl Iterator<Item = &(Option<ConnectionVerdict>, super::Comparison)> {
    let counts = match &checked.expectation.claim {
        Claim::Connections(connections) => &connections.counts[..],
        _ => &[],
    };
    counts.iter()
}
