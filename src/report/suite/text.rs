//! For people at a terminal: what holds in a line, what does not at length.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::expect::{Checked, Failure, Status};
use crate::report::explain::{self, Subject, line};
use crate::report::label;

use super::{SuiteResult, SuiteResults, blamed, coverage};

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    for suite in &results.suites {
        let name = label::escape(&suite.outcome.suite);
        writeln!(out, "{name}  (scenario {})", label::escape(&suite.scenario))?;
        for checked in &suite.outcome.checked {
            write_one(suite, checked, out)?;
        }
        writeln!(out)?;
    }
    let style = if results.count(Status::Failed) + results.count(Status::Error) > 0 { RED } else { GREEN };
    writeln!(out, "{style}{}{style:#}", results.summary())?;
    coverage::write(results, out)
}

const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();

fn write_one(suite: &SuiteResult<'_>, checked: &Checked, out: &mut dyn Write) -> io::Result<()> {
    let (word, style) = match checked.status {
        Status::Held => ("ok", GREEN),
        Status::Skipped => ("skip", YELLOW),
        Status::Advised => ("advice", YELLOW),
        Status::Failed => ("FAILED", RED),
        Status::Error => ("ERROR", RED),
    };
    let name = label::escape(&checked.expectation.name);
    if checked.status == Status::Held {
        return writeln!(out, "  {style}{word:<6}{style:#}  {name}");
    }
    let place = format!("{}:{}", label::escape(&suite.outcome.suite), checked.expectation.line);
    writeln!(out, "  {style}{word:<6}{style:#}  {name}  ({place})")?;
    if let Some(error) = &checked.error {
        writeln!(out, "          {}", label::escape(error))?;
        return Ok(());
    }
    for failure in &checked.failures {
        write_failure(suite, failure, checked.status, out)?;
    }
    if !checked.expectation.impact.is_empty() {
        writeln!(out, "          impact    {}", label::escape(&checked.expectation.impact))?;
    }
    Ok(())
}

fn write_failure(
    suite: &SuiteResult<'_>,
    failure: &Failure,
    status: Status,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "          expected  {}", failure.expected)?;
    writeln!(out, "          happened  {}", failure.happened)?;
    let Some(example) = &failure.example else { return Ok(()) };
    writeln!(out, "          packet    {}", example.flow)?;
    if example.connections > 1 {
        writeln!(out, "          and       {} more connections like it", example.connections - 1)?;
    }
    if let Some(packets) = &example.packets {
        for (index, region) in packets.regions().iter().enumerate() {
            let head = if index == 0 { "all" } else { "" };
            writeln!(out, "          {head:<8}  {region}")?;
        }
    }
    if let Some((decided, rule)) = blamed(failure) {
        let head = if decided { "rule" } else { "nearest" };
        writeln!(out, "          {head:<8}  {}", line(suite.policy, rule))?;
    }
    // What is advised is a line among many; the trace is one command away.
    if status == Status::Advised {
        return Ok(());
    }
    let mut trace = vec![];
    explain::write(&mut trace, suite.policy, &example.explanation, Subject::Flow)?;
    for trace_line in String::from_utf8_lossy(&trace).lines().skip(1) {
        if trace_line.is_empty() { writeln!(out) } else { writeln!(out, "            {trace_line}") }?;
    }
    writeln!(out)
}
