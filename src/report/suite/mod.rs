//! What came of suites of expectations, for people and for CI: one renderer per file.

mod coverage;
mod github;
mod json;
mod junit;
mod markdown;
mod sarif;
mod tap;
mod text;

use std::fmt;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::expect::{Checked, Failure, Status, SuiteOutcome};
use crate::policy::{Policy, RuleId};

use super::explain::line;

pub use coverage::ScenarioCoverage;
pub use json::SCHEMA;

/// What came of suites, and what is needed to tell of it.
#[derive(Debug)]
pub struct SuiteResults<'r> {
    /// The suites, in the order given.
    pub suites: Vec<SuiteResult<'r>>,
    /// Which rules were exercised, by scenario; empty unless asked for.
    pub coverage: Vec<ScenarioCoverage<'r>>,
    /// The folder that paths are told from: absolute paths below it are shortened.
    pub root: PathBuf,
}

/// What came of one suite.
#[derive(Debug)]
pub struct SuiteResult<'r> {
    /// What came of it.
    pub outcome: SuiteOutcome,
    /// The policy it was checked by.
    pub policy: &'r Policy,
    /// The scenario's path, as the user gave it.
    pub scenario: String,
    /// Where a suite comes with `sgsim`: the file of the scenario that findings are told at, as the user has no other.
    pub shipped_for: Option<String>,
}

impl SuiteResult<'_> {
    /// The file and line that a finding is told at: the expectation's, or of a shipped suite the rule's that it is owed to.
    fn place(&self, checked: &Checked) -> (&str, usize) {
        let Some(scenario) = &self.shipped_for else {
            return (&self.outcome.suite, checked.expectation.line);
        };
        let rules = checked.failures.iter().filter_map(blamed).map(|(_, rule)| self.policy.rule(rule));
        let mut written = rules.filter(|rule| rule.origin.line > 0);
        written.next().map_or((scenario, 1), |rule| (&rule.origin.file, rule.origin.line))
    }
}

impl SuiteResults<'_> {
    /// How many expectations came out so.
    pub fn count(&self, status: Status) -> usize {
        self.suites.iter().map(|suite| suite.outcome.count(status)).sum()
    }

    /// How many expectations came out at all.
    pub fn checked(&self) -> usize {
        self.suites.iter().map(|suite| suite.outcome.checked.len()).sum()
    }

    fn not_run(&self) -> usize {
        self.suites.iter().map(|suite| suite.outcome.not_run).sum()
    }

    /// `13 expectations: 12 hold, 1 fails`.
    fn summary(&self) -> String {
        let mut words = vec![format!("{} hold", self.count(Status::Held))];
        for (status, word) in [
            (Status::Failed, "failed"),
            (Status::Error, "could not be checked"),
            (Status::Advised, "advised"),
            (Status::Skipped, "skipped"),
        ] {
            match self.count(status) {
                0 => {}
                count => words.push(format!("{count} {word}")),
            }
        }
        if self.not_run() > 0 {
            words.push(format!("{} not run", self.not_run()));
        }
        format!("{}: {}", super::label::plural(self.checked() as u64, "expectation"), words.join(", "))
    }

    /// A path as machines want it: from the root, with slashes.
    fn uri(&self, path: &str) -> String {
        let path = Path::new(path);
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        let mut parts: Vec<String> = vec![];
        let mut absolute = "";
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                    parts.pop();
                }
                Component::RootDir => absolute = "/",
                part => parts.push(part.as_os_str().to_string_lossy().into_owned()),
            }
        }
        absolute.to_owned() + &parts.join("/")
    }

    /// Everything that did not hold or could not be checked, worst first, else in the order written.
    fn wrong(&self) -> Vec<(&SuiteResult<'_>, &Checked)> {
        let all =
            self.suites.iter().flat_map(|suite| suite.outcome.checked.iter().map(move |one| (suite, one)));
        let mut wrong: Vec<_> =
            all.filter(|(_, checked)| !matches!(checked.status, Status::Held | Status::Skipped)).collect();
        let rank = |status| match status {
            Status::Failed => 0,
            Status::Error => 1,
            Status::Advised | Status::Skipped | Status::Held => 2,
        };
        wrong.sort_by_key(|(_, checked)| rank(checked.status));
        wrong
    }
}

/// What went wrong, in one paragraph.
fn message(policy: &Policy, checked: &Checked) -> String {
    let mut sentences: Vec<String> = checked.error.iter().cloned().collect();
    sentences.extend(checked.failures.iter().map(|failure| describe(policy, failure)));
    if !checked.expectation.impact.is_empty() && checked.error.is_none() {
        sentences.push(format!("impact: {}", checked.expectation.impact));
    }
    sentences.join("; ")
}

/// One failure in one sentence: what was expected, what happened, a packet, and the rule to look at.
fn describe(policy: &Policy, failure: &Failure) -> String {
    let packet = failure.example.as_ref().map(|example| format!(" ({})", example.flow));
    let rule = blamed(failure).map(|(decided, rule)| {
        let head = if decided { "rule" } else { "nearest rule" };
        format!("; {head} {}", line(policy, rule))
    });
    let (packet, rule) = (packet.unwrap_or_default(), rule.unwrap_or_default());
    format!("expected {}, but {}{packet}{rule}", failure.expected, failure.happened)
}

/// The rule that a failure is owed to, and whether it decided or only came nearest.
fn blamed(failure: &Failure) -> Option<(bool, RuleId)> {
    let example = failure.example.as_ref()?;
    let rule = example.rule()?;
    let decided = example.explanation.steps.iter().any(|step| step.verdict.credited() == Some(rule));
    Some((decided, rule))
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SuiteFormat {
    /// For a terminal.
    #[default]
    Text,
    /// One document.
    Json,
    /// `JUnit` XML, which most CI services show.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// A summary for a comment or a job's page.
    Markdown,
    /// Rule coverage as LCOV.
    Lcov,
}

impl SuiteFormat {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 8] = [
        Self::Text,
        Self::Json,
        Self::Junit,
        Self::Tap,
        Self::Sarif,
        Self::Github,
        Self::Markdown,
        Self::Lcov,
    ];

    /// The word that asks for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Lcov => "lcov",
        }
    }

    /// Writes the results.
    pub fn write(self, results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Text => text::write(results, out),
            Self::Json => json::write(results, out),
            Self::Junit => junit::write(results, out),
            Self::Tap => tap::write(results, out),
            Self::Sarif => sarif::write(results, out),
            Self::Github => github::write(results, out),
            Self::Markdown => markdown::write(results, out),
            Self::Lcov => coverage::write_lcov(results, out),
        }
    }
}

impl fmt::Display for SuiteFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl FromStr for SuiteFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.code() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::code).join(", ");
            format!("unknown format '{text}', expected one of {known}")
        })
    }
}
