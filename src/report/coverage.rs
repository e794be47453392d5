//! Which rules rule-driven traffic reaches, and why it does not reach the others.

use std::io::{self, Write};

use crate::policy::{Policy, RuleId};
use crate::space::Never;
use crate::synth::Coverage;

/// Writes the coverage, then a line for each rule that no packet reaches.
pub fn write(out: &mut dyn Write, policy: &Policy, coverage: &Coverage) -> io::Result<()> {
    let all = policy.rules.len();
    let reachable = all - coverage.never.len();
    writeln!(
        out,
        "Rules reached: {} of {reachable} that any packet can reach, by {}",
        coverage.reached.len(),
        super::plural(coverage.packets, "packet")
    )?;
    if coverage.stopped {
        writeln!(out, "Not all boundaries were tried: raise --packets")?;
    }
    if !coverage.searched.is_empty() {
        writeln!(out, "Reached by search alone: {}", names(policy, &coverage.searched))?;
    }
    if !coverage.never.is_empty() {
        writeln!(out, "\nNever reached ({} of {all}):", coverage.never.len())?;
    }
    for (rule, why) in &coverage.never {
        writeln!(out, "  {}: {}", policy.rule(*rule).name, reason(policy, why))?;
    }
    Ok(())
}

fn names(policy: &Policy, rules: &[RuleId]) -> String {
    rules.iter().map(|&rule| policy.rule(rule).name.as_str()).collect::<Vec<_>>().join(", ")
}

fn reason(policy: &Policy, why: &Never) -> String {
    match why {
        Never::Disabled => "it is disabled".to_owned(),
        Never::NotBound => "its group is bound to no interface".to_owned(),
        Never::NoRemote => "its remote holds no address that it could match".to_owned(),
        Never::NotSubject => "what it matches stays on one interface or passes every group".to_owned(),
        Never::Covered { by, stopped_by, not_let_out } => {
            let mut reasons = Vec::new();
            if !by.is_empty() {
                reasons.push(format!("all that it matches is decided before by {}", names(policy, by)));
            }
            if !stopped_by.is_empty() {
                reasons.push(format!("stopped at the other end by {}", names(policy, stopped_by)));
            }
            if *not_let_out {
                reasons.push("the other end lets it out by no rule".to_owned());
            }
            reasons.join("; ")
        }
    }
}
