//! The Test Anything Protocol, version 14. What is only advised is a TODO, which does not fail a run.

use std::io::{self, Write};

use crate::expect::{Checked, Status};
use crate::policy::Policy;

use super::{SuiteResults, blamed, message};

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TAP version 14")?;
    writeln!(out, "1..{}", results.checked())?;
    let all =
        results.suites.iter().flat_map(|suite| suite.outcome.checked.iter().map(move |one| (suite, one)));
    for (number, (suite, checked)) in (1..).zip(all) {
        let file = results.uri(&suite.outcome.suite);
        let name = escape(&format!("{file}: {}", checked.expectation.name));
        match checked.status {
            Status::Held => writeln!(out, "ok {number} - {name}")?,
            Status::Skipped => {
                let why = escape(&message(suite.policy, checked));
                writeln!(out, "ok {number} - {name} # SKIP {why}")?;
            }
            Status::Advised => {
                writeln!(out, "not ok {number} - {name} # TODO advice")?;
                details(suite.policy, checked, &file, out)?;
            }
            Status::Failed | Status::Error => {
                writeln!(out, "not ok {number} - {name}")?;
                details(suite.policy, checked, &file, out)?;
            }
        }
    }
    Ok(())
}

/// A YAML block; texts are written as JSON strings, which YAML takes.
fn details(policy: &Policy, checked: &Checked, file: &str, out: &mut dyn Write) -> io::Result<()> {
    let severity = match checked.status {
        Status::Error => "error",
        Status::Advised => "advice",
        Status::Failed | Status::Skipped | Status::Held => "fail",
    };
    writeln!(out, "  ---")?;
    writeln!(out, "  message: {}", quoted(&message(policy, checked)))?;
    writeln!(out, "  severity: {severity}")?;
    writeln!(out, "  at: {{ file: {}, line: {} }}", quoted(file), checked.expectation.line)?;
    if let Some((_, rule)) = checked.failures.iter().find_map(blamed) {
        writeln!(out, "  rule: {}", quoted(&policy.rule(rule).name))?;
    }
    writeln!(out, "  ...")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A description: `#` would begin a directive, a line break the next line.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('#', "\\#").replace(['\n', '\r'], " ");
    crate::diag::escape(&text).into_owned()
}
