//! SARIF 2.1.0 (OASIS), for code scanning: a result for each expectation that does not hold, at its line, with the rule of
//! the scenario as a related place.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::expect::{Checked, Status};

use super::{SuiteResult, SuiteResults, blamed, message};

/// What a result can be: its constant id, how grave it is, and what it means.
const KINDS: [(Status, &str, &str, &str); 3] = [
    (
        Status::Failed,
        "expectation-failed",
        "error",
        "Traffic does not get the verdict that the suite expects.",
    ),
    (Status::Error, "expectation-unchecked", "error", "The expectation could not be checked."),
    (
        Status::Advised,
        "expectation-advice",
        "note",
        "The rules leave open or shut what the suite advises against.",
    ),
];

pub(super) fn write(results: &SuiteResults<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rules: Vec<_> = KINDS
        .iter()
        .map(|(_, id, level, about)| {
            json!({
                "id": id,
                "shortDescription": { "text": about },
                "defaultConfiguration": { "level": level },
            })
        })
        .collect();
    let found: Vec<_> =
        results.wrong().into_iter().filter_map(|(suite, checked)| result(results, suite, checked)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sgsim",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": found,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn result(results: &SuiteResults<'_>, suite: &SuiteResult<'_>, checked: &Checked) -> Option<Value> {
    let index = KINDS.iter().position(|(status, ..)| *status == checked.status)?;
    let (_, id, level, _) = KINDS[index];
    let (file, line) = suite.place(checked);
    let file = results.uri(file);
    let suite_file = results.uri(&suite.outcome.suite);
    let name = &checked.expectation.name;
    let place = |file: &str, line: usize| json!({ "artifactLocation": { "uri": encoded(file) }, "region": { "startLine": line } });
    let mut related = vec![];
    for (_, rule) in checked.failures.iter().filter_map(blamed) {
        let rule = suite.policy.rule(rule);
        if rule.origin.line > 0 {
            related.push(json!({
                "id": related.len(),
                "message": { "text": format!("rule {}: {}", rule.name, rule.words()) },
                "physicalLocation": place(&results.uri(&rule.origin.file), rule.origin.line),
            }));
        }
    }
    Some(json!({
        "ruleId": id,
        "ruleIndex": index,
        "level": level,
        "message": { "text": format!("{name}: {}", message(suite.policy, checked)) },
        "locations": [{ "physicalLocation": place(&file, line) }],
        "relatedLocations": related,
        // The name, and not the line: moved expectations stay the same finding.
        "partialFingerprints": { "expectation/v1": format!("{suite_file}#{name}") },
    }))
}

/// A relative path as a URI reference (RFC 3986): everything but unreserved characters and slashes is escaped.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}
