//! `ClassBench` filter files.

use std::fs;
use std::path::Path;

use crate::compile::five_tuple::{FiveTupleRule, classbench};
use crate::diag::{Diagnostic, Source, Style, codes, render_all};

use super::{Error, output};

/// Reads a filter set; a line that is none is told with its place.
pub(super) fn read(path: &Path) -> Result<Vec<FiveTupleRule>, Error> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Error::Message(format!("failed to read {name}: {error}")))?;
    classbench::parse_rules(&text).map_err(|error| {
        let source = Source::new(name, text.as_str());
        let mut start = 0;
        let mut lines = text.split_inclusive('\n').map(|line| {
            let at = start;
            start += line.len();
            at..at + line.trim_end().len()
        });
        let span = lines.nth(error.line - 1).unwrap_or(0..0);
        let finding = Diagnostic::new(codes::BAD_FILTER, error.problem).at(span, "");
        let finding = finding.help("a filter is `@src/len dst/len sport : sport dport : dport proto/mask`");
        output::remark(&render_all(&[finding], &source, Style::Coloured));
        Error::Filters
    })
}
