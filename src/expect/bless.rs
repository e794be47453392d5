//! Brings a suite up to what happens now: the verdicts, reasons, steps, rules and counts that it expects.
//!
//! Only what is said of particular traffic can be blessed. What is said of all packets (`always`, `never`, `only`) is
//! a decision of people, and so is an expectation that is about traffic of several fates.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Span;
use crate::policy::language::quoted;
use crate::policy::{Direction, InterfaceId, Policy, RuleId};
use crate::replay::{ConnectionVerdict, Judgement, Reason, Steps};

use super::Suite;
use super::expectation::Claim;
use super::outcome::{Checked, Status, SuiteOutcome};

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
    /// Every line that changed, from 1: as it was, and as it is.
    pub changes: Vec<(usize, String, String)>,
    /// Expectations that do not hold and were left alone, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// The suite with every expectation changed that does not hold, where that can be done.
pub fn bless(suite: &Suite, outcome: &SuiteOutcome, policy: &Policy) -> Blessed {
    let (mut edits, mut refused) = (BTreeMap::new(), vec![]);
    for checked in outcome.checked.iter().filter(|one| matches!(one.status, Status::Failed | Status::Advised))
    {
        match edits_of(checked, policy) {
            Ok(found) => {
                for (span, text) in found {
                    edits.insert((span.start, span.end), text);
                }
            }
            Err(why) => refused.push((checked.expectation.name.clone(), why.to_owned())),
        }
    }
    let old = &suite.source.text;
    let (mut text, mut at) = (String::with_capacity(old.len()), 0);
    for ((start, end), new) in &edits {
        // An alias repeats a value: its place is changed once.
        if *start >= at {
            text.push_str(&old[at..*start]);
            text.push_str(new);
            at = *end;
        }
    }
    text.push_str(&old[at..]);
    // Values stay on their line, so lines correspond.
    let lines = (1..).zip(old.lines().zip(text.lines()));
    let changes = lines.filter(|(_, (old, new))| old != new);
    let changes = changes.map(|(line, (old, new))| (line, old.to_owned(), new.to_owned())).collect();
    Blessed { text, changes, refused }
}

/// What has to be written where.
fn edits_of(checked: &Checked, policy: &Policy) -> Result<Vec<(Span, String)>, &'static str> {
    let places = &checked.expectation.places;
    let mut edits = vec![];
    if let Claim::Packets(_, _, Some(_)) = &checked.expectation.claim {
        return Err("it is said of all packets: change the rules, or write it anew");
    }
    for ((span, count), (_, comparison)) in places.counts.iter().zip(&checked.counts).zip(counts(checked)) {
        if !comparison.holds(*count) {
            edits.push((span.clone(), count.to_string()));
        }
    }
    let only = |mut values: BTreeSet<String>| if values.len() == 1 { values.pop_first() } else { None };
    let all = |value: &dyn Fn(&Happened) -> String| only(checked.happened.iter().map(value).collect());
    let several = "what it is about has several fates: write an expectation for each";
    if let Some(span) = &places.expect {
        edits.push((span.clone(), all(&|one| one.verdict.to_string()).ok_or(several)?));
    }
    if let Some(span) = &places.reason {
        edits.push((span.clone(), all(&|one| one.reason.to_string()).ok_or(several)?));
    }
    if let Some((span, named)) = &places.step {
        let words = |one: &Happened| {
            one.step.map_or_else(String::new, |(interface, direction)| {
                let name = &policy.interface(interface).name;
                if *named { format!("{name} {direction}") } else { direction.to_string() }
            })
        };
        let step = all(&words).ok_or(several)?;
        if step.is_empty() {
            return Err("no step decides it any more: remove `step`");
        }
        edits.push((span.clone(), quoted(&step)));
    }
    if let Some(span) = &places.rule {
        let name = |one: &Happened| one.rule.map_or_else(String::new, |id| policy.rule(id).name.clone());
        let rule = all(&name).ok_or(several)?;
        if rule.is_empty() {
            return Err("no rule decides it any more: remove `rule`, or expect the reason no-rule");
        }
        edits.push((span.clone(), quoted(&rule)));
    }
    Ok(edits)
}

fn counts(checked: &Checked) -> impl Iterator<Item = &(Option<ConnectionVerdict>, super::Comparison)> {
    let counts = match &checked.expectation.claim {
        Claim::Connections(connections) => &connections.counts[..],
        _ => &[],
    };
    counts.iter()
}
