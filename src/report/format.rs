//! The formats, by name and by file name.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use super::{Options, RecordFormat, Results, csv, json, markdown, ndjson, text};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// One document.
    Json,
    /// One record per line.
    Ndjson,
    /// Connections, or the matrix.
    Csv,
    /// A summary for a comment.
    Markdown,
}

impl Format {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 5] = [Self::Text, Self::Json, Self::Ndjson, Self::Csv, Self::Markdown];

    /// The word that asks for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }

    /// Writes the report.
    pub fn write(self, results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Text => text::write(results, options, out),
            Self::Json => json::write(results, options, out),
            Self::Ndjson => ndjson::write(results, options, out),
            Self::Csv => csv::write(results, options, out),
            Self::Markdown => markdown::write(results, options, out),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// Why a format could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format '{0}', expected text, json, ndjson, csv or markdown")]
pub struct ParseFormatError(String);

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|f| f.code() == text).ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

impl RecordFormat {
    /// Writes one record per connection.
    pub fn write_connections(self, results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Ndjson => ndjson::write_connections(results, out),
            Self::Csv => csv::write_connections(results, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_from_their_words() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("unknown format 'xml'"));
    }
}
