//! Aligned columns without borders.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::super::label;

/// How many columns of a terminal the text takes.
pub(in crate::report) fn width(text: &str) -> usize {
    text.width()
}

/// One cell; its text cannot break the line.
#[derive(Debug, Clone)]
pub(in crate::report) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell of this text.
    #[allow(clippy::needless_pass_by_value)] // Callers pass numbers as often as names.
    pub(in crate::report) fn new(text: impl ToString) -> Self {
        Self { text: label::escape(&text.to_string()).into_owned(), style: Style::new() }
    }

    /// A count: `0` is quiet.
    pub(in crate::report) fn count(count: u64) -> Self {
        Self::new(count).styled(if count == 0 { super::QUIET } else { Style::new() })
    }

    /// A size in bytes.
    pub(in crate::report) fn bytes(count: u64) -> Self {
        Self::new(label::bytes(count)).styled(if count == 0 { super::QUIET } else { Style::new() })
    }

    pub(in crate::report) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// A table; numbers stand to the right, words to the left.
#[derive(Debug)]
pub(in crate::report) struct Columns {
    heads: Vec<(String, bool)>,
    rows: Vec<Vec<Cell>>,
}

impl Columns {
    /// A table with these heads; those that start with `>` are of numbers.
    pub(in crate::report) fn new(heads: &[&str]) -> Self {
        Self::of(heads.iter().map(|head| match head.strip_prefix('>') {
            Some(head) => (head.to_owned(), true),
            None => ((*head).to_owned(), false),
        }))
    }

    /// A table with these heads, each with whether its column is of numbers.
    pub(in crate::report) fn of(heads: impl Iterator<Item = (String, bool)>) -> Self {
        Self {
            heads: heads.map(|(head, right)| (label::escape(&head).into_owned(), right)).collect(),
            rows: vec![],
        }
    }

    pub(in crate::report) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    pub(in crate::report) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(in crate::report) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(&cell.text)).chain([width(&self.heads[column].0)]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.heads.len()).map(widest).collect();
        let heads = self.heads.iter().map(|(head, _)| (head.as_str(), super::QUIET));
        self.line(out, &widths, heads)?;
        for row in &self.rows {
            self.line(out, &widths, row.iter().map(|cell| (cell.text.as_str(), cell.style)))?;
        }
        Ok(())
    }

    fn line<'a>(
        &self,
        out: &mut dyn Write,
        widths: &[usize],
        cells: impl ExactSizeIterator<Item = (&'a str, Style)>,
    ) -> io::Result<()> {
        let last = cells.len().saturating_sub(1);
        for (i, (text, style)) in cells.enumerate() {
            let padding = widths[i].saturating_sub(width(text));
            let (before, after) = match (self.heads[i].1, i == last) {
                (true, _) => (padding, 0),
                (false, true) => (0, 0),
                (false, false) => (0, padding),
            };
            let gap = if i == 0 { "" } else { "  " };
            // Not by a width in the format string, which may not be over 65535.
            let (before, after) = (" ".repeat(before), " ".repeat(after));
            write!(out, "{gap}{before}{style}{text}{style:#}{after}")?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_and_hostile_names_stay_aligned() {
        let mut table = Columns::new(&["group", ">count", "rule"]);
        table.row(vec![Cell::new("安全组"), Cell::count(7), Cell::new("a\nb")]);
        table.row(vec![Cell::new("n"), Cell::count(1200), Cell::new("-")]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "group   count  rule\n安全组      7  a\\nb\nn        1200  -\n");
    }
}
