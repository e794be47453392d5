//! Rule coverage, for people and as LCOV, which editors and CI services show beside the rules.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::expect::{Coverage, Covered};
use crate::policy::{Policy, RuleId};
use crate::report::explain::line;
use crate::report::label;
use crate::space::{Never, Reach};

use super::SuiteResults;

/// The coverage of one scenario.
#[derive(Debug)]
pub struct ScenarioCoverage<'r> {
    /// The scenario's path, as the user gave it.
    pub scenario: String,
    /// Its policy.
    pub policy: &'r Policy,
    /// Which of its rules were exercised.
    pub coverage: Coverage,
}

impl ScenarioCoverage<'_> {
    /// `14 of 15 rules (93.3 %)`.
    pub fn summary(&self) -> String {
        let (covered, coverable) = (self.coverage.covered(), self.coverage.coverable());
        let permille = self.coverage.permille();
        let never = self.coverage.rules.len() - coverable;
        let rest = if never > 0 { format!("; {never} more never decide") } else { String::new() };
        if coverable == 0 {
            return format!("no rule ever decides{rest}");
        }
        format!("{covered} of {coverable} rules ({}.{} %){rest}", permille / 10, permille % 10)
    }

    /// Rules that were not exercised, each with what would show it or why nothing can.
    pub(super) fn missing(&self) -> impl Iterator<Item = (RuleId, String)> {
        (0..).map(RuleId).zip(&self.coverage.rules).filter_map(|(id, covered)| match covered {
            Covered::By(_) => None,
            Covered::Not(Reach::Decides { witness, .. }) => {
                Some((id, format!("would be covered by {witness}")))
            }
            Covered::Not(Reach::Never(never)) => {
                Some((id, format!("never decides: {}", why(self.policy, never))))
            }
        })
    }
}

/// Why a rule decides nothing, in words.
fn why(policy: &Policy, never: &Never) -> String {
    let names = |ids: &[RuleId]| -> String {
        ids.iter().map(|&id| policy.rule(id).name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match never {
        Never::Disabled => "it is disabled".to_owned(),
        Never::NotBound => "its group is bound to no interface".to_owned(),
        Never::NoRemote => "its remote holds no address that its service can come from".to_owned(),
        Never::NotSubject => "what it matches stays on one interface or meets no group".to_owned(),
        Never::Covered { by, stopped_by, not_let_out } => {
            let mut reasons = vec![];
            if !by.is_empty() {
                reasons.push(format!("decided before by {}", names(by)));
            }
            if !stopped_by.is_empty() {
                reasons.push(format!("stopped at the other end by {}", names(stopped_by)));
            }
            if *not_let_out {
                reasons.push("let out by no rule of the other end".to_owned());
            }
            reasons.join("; ")
        }
    }
}

/// Writes the coverage of each scenario, with the rules that are missing.
pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    for scenario in &results.coverage {
        writeln!(out, "\nRule coverage of {}: {}", label::escape(&scenario.scenario), scenario.summary())?;
        for (id, what) in scenario.missing() {
            writeln!(out, "  {}\n      {}", line(scenario.policy, id), label::escape(&what))?;
        }
    }
    Ok(())
}

/// Writes LCOV (geninfo's tracefile): a line for each rule that stands in a file, with how many expectations exercised
/// it. Rules of presets stand in no file.
pub(super) fn write_lcov(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    for scenario in &results.coverage {
        let mut files: BTreeMap<String, Vec<(usize, &str, usize)>> = BTreeMap::new();
        for (rule, covered) in scenario.policy.rules.iter().zip(&scenario.coverage.rules) {
            let hits = match covered {
                Covered::By(count) => *count,
                Covered::Not(_) => 0,
            };
            if rule.origin.line > 0 {
                let file = results.uri(&rule.origin.file);
                files.entry(file).or_default().push((rule.origin.line, &rule.name, hits));
            }
        }
        for (file, mut rules) in files {
            rules.sort_unstable();
            // Several rules may stand on one line: it is as covered as the least of them.
            let mut lines: BTreeMap<usize, usize> = BTreeMap::new();
            for &(line, _, hits) in &rules {
                lines.entry(line).and_modify(|least| *least = hits.min(*least)).or_insert(hits);
            }
            writeln!(out, "TN:\nSF:{file}")?;
            rules.iter().try_for_each(|(line, name, _)| writeln!(out, "FN:{line},{name}"))?;
            rules.iter().try_for_each(|(_, name, hits)| writeln!(out, "FNDA:{hits},{name}"))?;
            let hit = rules.iter().filter(|(.., hits)| *hits > 0).count();
            writeln!(out, "FNF:{}\nFNH:{hit}", rules.len())?;
            lines.iter().try_for_each(|(line, hits)| writeln!(out, "DA:{line},{hits}"))?;
            let hit = lines.values().filter(|&&hits| hits > 0).count();
            writeln!(out, "LF:{}\nLH:{hit}\nend_of_record", lines.len())?;
        }
    }
    Ok(())
}
