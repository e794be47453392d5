//! A summary for a comment on a pull request, or for a job's page.

use std::io::{self, Write};

use crate::expect::Status;
use crate::report::explain::line;
use crate::report::markdown::{cell, code};

use super::{SuiteResults, blamed};

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "**sgsim test**: {}\n", results.summary())?;
    writeln!(out, "| suite | hold | failed | errors | advice |")?;
    writeln!(out, "| --- | --: | --: | --: | --: |")?;
    for suite in &results.suites {
        let count = |status| suite.outcome.count(status);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            cell(&code(&suite.outcome.suite)),
            count(Status::Held),
            count(Status::Failed),
            count(Status::Error),
            count(Status::Advised)
        )?;
    }
    for scenario in &results.coverage {
        writeln!(out, "\nRule coverage of {}: {}", code(&scenario.scenario), scenario.summary())?;
        for (id, what) in scenario.missing() {
            writeln!(out, "- {}: {}", code(&scenario.policy.rule(id).name), code(&what))?;
        }
    }
    for (suite, checked) in results.wrong() {
        let head = match checked.status {
            Status::Failed => "Failed",
            Status::Error => "Not checked",
            Status::Advised | Status::Skipped | Status::Held => "Advice",
        };
        let place = format!("{}:{}", suite.outcome.suite, checked.expectation.line);
        writeln!(out, "\n**{head}**: {} at {}\n", code(&checked.expectation.name), code(&place))?;
        if let Some(error) = &checked.error {
            writeln!(out, "- {}", code(error))?;
        }
        for failure in &checked.failures {
            writeln!(out, "- expected {}, happened {}", code(&failure.expected), code(&failure.happened))?;
            if let Some(example) = &failure.example {
                writeln!(out, "  - packet {}", code(&example.flow.to_string()))?;
            }
            if let Some((decided, rule)) = blamed(failure) {
                let head = if decided { "rule" } else { "nearest rule" };
                writeln!(out, "  - {head} {}", code(&line(suite.policy, rule)))?;
            }
        }
        if !checked.expectation.impact.is_empty() {
            writeln!(out, "- impact: {}", code(&checked.expectation.impact))?;
        }
    }
    Ok(())
}
