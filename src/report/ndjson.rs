//! One JSON record per line: a program can read it while it is written.

use std::io::{self, Write};

use serde::Serialize;

use super::json::{self, schema};
use super::{Options, Results};

/// A line of the report; `type` tells which.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Record<'a> {
    Header(schema::Header<'a>),
    Connection(schema::Connection<'a>),
    Rule(schema::Rule<'a>),
    Group(schema::Group<'a>),
    Outside(schema::Outside),
    Matrix(schema::MatrixRow<'a>),
    Workload(schema::Workload<'a>),
    Summary(schema::Summary),
}

fn line(record: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// Writes the report: the header, connections, rules, groups, address pairs outside the scenario, the matrix when asked for, the workload
/// where there is one, and the summary last.
pub fn write(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    line(&Record::Header(json::header(results)), out)?;
    for connection in json::connections(results) {
        line(&Record::Connection(connection), out)?;
    }
    for rule in json::rules(results) {
        line(&Record::Rule(rule), out)?;
    }
    for group in json::groups(results) {
        line(&Record::Group(group), out)?;
    }
    for pair in json::outside(results) {
        line(&Record::Outside(pair), out)?;
    }
    if options.matrix {
        for row in json::matrix_rows(results) {
            line(&Record::Matrix(row), out)?;
        }
    }
    if let Some(workload) = json::workload(results) {
        line(&Record::Workload(workload), out)?;
    }
    line(&Record::Summary(json::summary(results)), out)
}

/// Writes one connection per line, without a `type`: what `--connections FILE.ndjson` holds.
pub fn write_connections(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    json::connections(results).try_for_each(|connection| line(&connection, out))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Sample;
    use super::*;

    #[test]
    fn cluster() {
        let options = Options { matrix: true, ..Options::default() };
        let text = Sample::cluster().written(|results, out| write(results, options, out));
        insta::assert_snapshot!(text);
        let kinds: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].clone())
            .collect();
        let count = |kind: &str| kinds.iter().filter(|k| *k == kind).count();
        // 3 allowed, 16 blocked, 1 assumed, 1 undecided, 3 outside; 8 rules; 4 groups both ways; 2 address pairs.
        let counts = ["header", "connection", "rule", "group", "outside", "matrix", "summary"].map(count);
        assert_eq!(counts, [1, 24, 8, 8, 2, 8, 1]);
        assert_eq!(kinds.last().unwrap(), "summary");
    }

    #[test]
    fn connections_alone() {
        let text = Sample::cluster().written(write_connections);
        assert_eq!(text.lines().count(), 24);
        assert!(text.starts_with(r#"{"connection":1,"verdict":"allowed","reason":"rule","protocol":"tcp","#));
    }
}
