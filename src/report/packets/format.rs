//! The formats of files of records.

use std::path::Path;

/// How files of records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header line.
    Csv,
}

impl RecordFormat {
    /// The format that a file's name asks for: CSV by `.csv`, else NDJSON.
    pub fn of(path: &Path) -> Self {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::Ndjson }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format() {
        assert_eq!(RecordFormat::of(Path::new("a/b.CSV")), RecordFormat::Csv);
        assert_eq!(RecordFormat::of(Path::new("b.ndjson")), RecordFormat::Ndjson);
        assert_eq!(RecordFormat::of(Path::new("-")), RecordFormat::Ndjson);
    }
}
