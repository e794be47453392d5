//! Coded findings about what a user wrote: where, what, and what to do about it.
//!
//! A [`Diagnostic`] is data; [`render()`] turns some of them into text. What a code means stands in [`codes`] and, at
//! length, in `docs/diagnostics.md`. Faults that are not in a text file (a pipe that closed, a cut capture) are
//! errors of their own room, not diagnostics.

pub mod codes;
mod render;
mod safe;
mod suggest;

pub use codes::{Code, Severity};
pub use render::{Style, render, render_all};
pub use safe::{escape, escape_but, escape_lines};
pub use suggest::{did_you_mean, did_you_mean_unless_many};

use std::ops::Range;
use std::sync::Arc;

/// Bytes of a source text.
pub type Span = Range<usize>;

/// A text that findings point into, with the name the user gave it; or several, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, as the user named it; of several all names.
    pub name: String,
    /// Its whole text.
    pub text: String,
    /// Where each line starts; the first is 0.
    lines: Vec<usize>,
    /// The files, each with the byte that it starts at; the first starts at 0.
    files: Vec<(usize, Arc<str>)>,
}

impl Source {
    /// Takes a text and finds its lines.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let name = name.into();
        let files = vec![(0, name.as_str().into())];
        Self { name, text, lines, files }
    }

    /// Puts texts one behind the other, each on lines of its own; without any there is an empty one.
    pub fn joined(sources: Vec<Self>) -> Self {
        let mut sources = sources.into_iter();
        let mut all = sources.next().unwrap_or_else(|| Self::new("", ""));
        for next in sources {
            if !all.text.ends_with('\n') {
                all.text.push('\n');
                all.lines.push(all.text.len());
            }
            let start = all.text.len();
            // The last line of what was there is the first of what comes.
            all.lines.extend(next.lines.iter().skip(1).map(|line| line + start));
            all.files.extend(next.files.into_iter().map(|(at, name)| (at + start, name)));
            all.text.push_str(&next.text);
            all.name = format!("{}, {}", all.name, next.name);
        }
        all
    }

    /// The place among the files of the one that a byte belongs to.
    fn file_at(&self, at: usize) -> usize {
        self.files.partition_point(|&(start, _)| start <= at).saturating_sub(1)
    }

    /// The name of the file that a byte belongs to.
    pub fn file(&self, at: usize) -> &Arc<str> {
        &self.files[self.file_at(at)].1
    }

    /// The bytes of the file that a byte belongs to.
    pub fn extent(&self, at: usize) -> Span {
        let file = self.file_at(at);
        self.files[file].0..self.files.get(file + 1).map_or(self.text.len(), |&(start, _)| start)
    }

    /// The line of its file that a byte is on, from 1.
    pub fn line(&self, at: usize) -> usize {
        let line = |at| self.lines.partition_point(|&start| start <= at);
        line(at) + 1 - line(self.files[self.file_at(at)].0)
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = self.clamp(&(at..at)).start;
        let start = self.lines[self.lines.partition_point(|&start| start <= at) - 1];
        (self.line(at), 1 + self.text[start..at].chars().count())
    }

    /// The same bytes, kept inside the text and widened to whole characters.
    pub fn clamp(&self, span: &Span) -> Span {
        let (mut start, mut end) = (span.start.min(self.text.len()), span.end.min(self.text.len()));
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        start..end.max(start)
    }
}

/// A place, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The bytes to underline.
    pub span: Span,
    /// What stands beside the line; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding it is.
    pub code: Code,
    /// What was found, as a lowercase fragment.
    pub message: String,
    /// Where; `None` when it is about the whole file.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do about it, one advice each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A finding without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), primary: None, secondary: Vec::new(), help: Vec::new() }
    }

    /// Says where, and what to write beside the underlined text.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: label.into() });
        self
    }

    /// Adds another place that explains the finding.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: label.into() });
        self
    }

    /// Adds an advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds an advice when there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Moves every place, for a text that comes to stand behind others.
    pub fn shift(&mut self, by: usize) {
        for label in self.primary.iter_mut().chain(&mut self.secondary) {
            label.span = label.span.start + by..label.span.end + by;
        }
    }

    /// How grave it is; the code decides.
    pub const fn severity(&self) -> Severity {
        self.code.severity
    }

    /// Whether the input cannot be used.
    pub const fn is_error(&self) -> bool {
        matches!(self.code.severity, Severity::Error)
    }

    /// The first byte it points at; a finding about the whole file comes first.
    fn position(&self) -> (usize, usize) {
        self.primary.as_ref().map_or((0, 0), |label| (label.span.start, label.span.end))
    }
}

/// Keeps findings inside the text and sorts them by their place; those of one place stay in the order found. A finding
/// told twice is told once.
pub fn tidy(diagnostics: &mut Vec<Diagnostic>, source: &Source) {
    for label in
        diagnostics.iter_mut().flat_map(|finding| finding.primary.iter_mut().chain(&mut finding.secondary))
    {
        label.span = source.clamp(&label.span);
    }
    diagnostics.sort_by_key(Diagnostic::position);
    diagnostics.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_lines_and_columns() {
        let source = Source::new("f", "a\nüb\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(4), (2, 2), "columns count characters");
        assert_eq!(source.position(999), (3, 1));
        assert_eq!(source.clamp(&(3..3)), 2..4, "half a character is the whole one");
        assert_eq!(source.line(1), 1, "a line end belongs to its line");
    }

    #[test]
    fn joined_texts_keep_their_names_and_lines() {
        let two =
            Source::joined(vec![Source::new("a", "1\n2"), Source::new("b", "3\n4\n"), Source::new("c", "")]);
        assert_eq!(two.text, "1\n2\n3\n4\n");
        let at = |byte| (two.file(byte).to_string(), two.line(byte));
        assert_eq!(at(2), ("a".to_owned(), 2));
        assert_eq!(at(4), ("b".to_owned(), 1));
        assert_eq!(at(6), ("b".to_owned(), 2));
        assert_eq!((two.extent(4), two.position(6)), (4..8, (2, 1)));
    }

    #[test]
    fn findings_come_in_the_order_of_the_file_and_once() {
        let at = |start| Diagnostic::new(codes::BAD_CIDR, "x").at(start..start + 1, "");
        let mut all = vec![at(5), at(1), at(5), Diagnostic::new(codes::UNREADABLE_FILE, "y")];
        tidy(&mut all, &Source::new("f", "0123456789"));
        assert_eq!(all, [Diagnostic::new(codes::UNREADABLE_FILE, "y"), at(1), at(5)]);
    }
}
