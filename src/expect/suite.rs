//! A suite: a file of expectations about one scenario.

use std::path::{Component, Path, PathBuf};

use crate::diag::{self, Diagnostic, Source, codes};
use crate::policy::language::Piece;
use crate::policy::{Scenario, language};

use super::expectation::Expectation;
use super::written::Written;
use super::{read, resolve};

/// A file of expectations as it was read, and what was found in it so far.
#[derive(Debug, Clone)]
pub struct SuiteFile {
    /// The text that the findings point into.
    pub source: Source,
    /// Every mistake and warning, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// `None` when there was an error.
    written: Option<Written>,
    /// Expectations that the scenario has nothing for are left out.
    optional: bool,
}

/// A suite whose names were looked up in a scenario.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The file.
    pub source: Source,
    /// What it says about itself; may be empty.
    pub description: String,
    /// The expectations, in the order written.
    pub expectations: Vec<Expectation>,
}

impl SuiteFile {
    /// Reads a file.
    pub fn load(path: &Path) -> Self {
        match language::load(path) {
            Ok(source) => Self::parse(&source.name, &source.text),
            Err(unread) => {
                Self { source: unread.0, diagnostics: vec![unread.1], written: None, optional: false }
            }
        }
    }

    /// Reads a text; `name` is its path: other paths in it start from the same folder.
    pub fn parse(name: &str, text: &str) -> Self {
        let source = Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut diagnostics = vec![];
        let written =
            language::parse(&source, &mut diagnostics).map(|root| read::suite(&root, &mut diagnostics));
        diag::tidy(&mut diagnostics, &source);
        Self { source, diagnostics, written, optional: false }
    }

    /// Takes these address sets before all others; values are addresses, ranges and names, separated by commas.
    #[must_use]
    pub fn with_sets(mut self, sets: &[(String, String)]) -> Self {
        let piece = |text: &str| Piece::elsewhere(text.trim(), &(0..0));
        if let Some(written) = &mut self.written {
            let given = sets.iter().map(|(name, value)| (piece(name), value.split(',').map(piece).collect()));
            written.given = given.collect();
        }
        self
    }

    /// Leaves out expectations about names and addresses that the scenario does not have.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The files of the scenario that the suite names, as paths from where `sgsim` runs.
    pub fn scenario(&self) -> Vec<PathBuf> {
        let named = self.written.iter().flat_map(|written| &written.scenario);
        named.map(|named| shortened(self.folder().join(&named.text))).collect()
    }

    /// Tells that the suite names no scenario, or one that cannot be used.
    pub fn without_scenario(&mut self) {
        let named = self.written.as_ref().and_then(|written| written.scenario.first().cloned());
        let finding = match named {
            Some(named) => Diagnostic::new(codes::UNREADABLE_FILE, "the scenario cannot be used")
                .at(named.span, "")
                .help("paths in a suite start from the folder of the suite"),
            None => Diagnostic::new(codes::MISSING_KEY, "the suite names no scenario")
                .help("add `scenario: FILE`, or choose one with -s"),
        };
        self.diagnostics.push(finding);
    }

    /// Looks up what the expectations name; `None` when there are errors that concern the whole suite.
    ///
    /// What is wrong with one expectation is told too, but only that one cannot be checked then.
    pub fn resolve(&mut self, scenario: &Scenario) -> Option<Suite> {
        let written = self.written.as_ref()?;
        let (expectations, mut own) = resolve::resolve(
            written,
            &self.source,
            &self.folder(),
            scenario,
            self.optional,
            &mut self.diagnostics,
        );
        diag::tidy(&mut self.diagnostics, &self.source);
        let broken = self.diagnostics.iter().any(Diagnostic::is_error);
        self.diagnostics.append(&mut own);
        diag::tidy(&mut self.diagnostics, &self.source);
        if broken {
            return None;
        }
        Some(Suite { source: self.source.clone(), description: written.description.clone(), expectations })
    }

    /// All findings as text, with the lines they are about.
    pub fn render(&self, style: diag::Style) -> String {
        diag::render_all(&self.diagnostics, &self.source, style)
    }

    fn folder(&self) -> PathBuf {
        Path::new(&self.source.name).parent().unwrap_or_else(|| Path::new("")).to_owned()
    }
}

/// The path without a folder and the `..` behind it, where that leads to the same file: links may lead elsewhere.
fn shortened(path: PathBuf) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let inside = matches!(short.components().next_back(), Some(Component::Normal(_)));
        if part == Component::ParentDir && inside {
            short.pop();
        } else {
            short.push(part);
        }
    }
    let same = path.canonicalize().is_ok_and(|full| short.canonicalize().is_ok_and(|other| full == other));
    if same { short } else { path }
}
