//! Every field of every format is documented in `docs/output.md`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fixture::Sample;
use super::{Format, Options, PacketWriter, RecordFormat, Show, csv, json, ndjson};

const PAGE: &str = include_str!("../../docs/output.md");

pub(super) fn names(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                into.insert(name.clone());
                // The object of a step's groups has the scenario's names, not ours.
                if !(name == "groups" && value.is_object()) {
                    names(value, into);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, into)),
        _ => {}
    }
}

fn assert_documented<'a>(names: impl IntoIterator<Item = &'a str>) {
    let missing: Vec<_> = names.into_iter().filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/output.md: {missing:?}");
}

fn packets(sample: &Sample, format: RecordFormat) -> String {
    sample.written(|results, out| {
        let mut writer = PacketWriter::new(results.policy, results.matcher, format, out)?;
        sample.judged.iter().try_for_each(|judged| writer.write(judged))?;
        writer.finish()
    })
}

#[test]
fn json_fields() {
    let options = Options { show: Show::ALL, matrix: true };
    let mut found = BTreeSet::new();
    for sample in [Sample::cluster(), Sample::tunnels(), Sample::made()] {
        let document = sample.written(|results, out| json::write(results, options, out));
        let lines = sample.written(|results, out| ndjson::write(results, options, out));
        names(&serde_json::from_str(&document).unwrap(), &mut found);
        for line in lines.lines().chain(packets(&sample, RecordFormat::Ndjson).lines()) {
            names(&serde_json::from_str(line).unwrap(), &mut found);
        }
    }
    assert!(
        found.contains("too_deep")
            && found.contains("as_expected")
            && found.contains("outer")
            && found.contains("opened_by")
            && found.contains("icmp")
            && found.contains("vlans")
    );
    assert_documented(found.iter().map(String::as_str));
}

#[test]
fn csv_columns() {
    let sample = Sample::cluster();
    let connections = sample.written(csv::write_connections);
    for text in [connections, packets(&sample, RecordFormat::Csv)] {
        assert_documented(text.lines().next().unwrap().split(','));
    }
}

#[test]
fn codes() {
    use crate::replay::{ConnectionVerdict, Reason, Verdict};
    assert_documented(Reason::ALL.iter().map(|reason| reason.code()));
    assert_documented(Verdict::ALL.map(Verdict::code));
    assert_documented(ConnectionVerdict::ALL.map(ConnectionVerdict::code));
    assert_documented(Format::ALL.map(Format::code));
    assert_documented(crate::packet::TunnelKind::ALL.iter().map(|kind| kind.code()));
}
