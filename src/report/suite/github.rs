//! Annotations of GitHub Actions: workflow commands on standard output.
//!
//! Of each kind ten are shown for a step, so the worst come first and the rest is counted in the last.

use std::io::{self, Write};

use crate::diag::escape_but;
use crate::expect::Status;

use super::{SuiteResults, message};

/// Annotations of one kind that are shown for a step.
const MOST: usize = 10;

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (command, advised) in [("error", false), ("warning", true)] {
        let wrong = results.wrong();
        let found: Vec<_> =
            wrong.iter().filter(|(_, one)| (one.status == Status::Advised) == advised).collect();
        let shown = if found.len() > MOST { MOST - 1 } else { found.len() };
        for (suite, checked) in &found[..shown] {
            let (file, line) = suite.place(checked);
            let file = property(&results.uri(file));
            let title = property(&checked.expectation.name);
            let text = data(&message(suite.policy, checked));
            writeln!(out, "::{command} file={file},line={line},title={title}::{text}")?;
        }
        if found.len() > shown {
            writeln!(out, "::{command} title=sgsim::and {} more", found.len() - shown)?;
        }
    }
    writeln!(out, "{}", data(&results.summary()))
}

/// The text behind `::`.
fn data(text: &str) -> String {
    let text = escape_but(text, &['\r', '\n']);
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which a comma or colon would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
