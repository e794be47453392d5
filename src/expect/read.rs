//! From the tree of a file to the suite as written: keys, types and values. Names are not looked up here.

use crate::diag::{Diagnostic, codes, did_you_mean};
use crate::policy::language::{
    Findings, Kind, Node, Piece, choice, map, object, pieces, scalar, text, texts, wrong_type,
};
use crate::replay::{ConnectionVerdict, Reason};

use super::keys;
use super::written::{Universal, Written, WrittenExpectation};

/// Reads the file's tree.
pub(super) fn suite(root: &Node, findings: &mut Findings) -> Written {
    let mut written = Written::default();
    let mut listed = false;
    for (key, value) in object(root, "a suite", keys::SUITE, findings) {
        match key {
            "description" => written.description = text(value, findings),
            "scenario" => {
                written.scenario = texts(value, "the path of a scenario or a list of them", findings);
            }
            "addresses" => {
                for (name, value) in map(value, "address sets by name", codes::DUPLICATE_KEY, findings) {
                    let words = pieces(value, "an address or a list of them", findings);
                    written.addresses.push((name.clone(), words));
                }
            }
            "capture" => written.capture = texts(value, "the path of a capture or a list of them", findings),
            _ => {
                listed = true;
                written.expectations = expectations(value, findings);
            }
        }
    }
    if !listed && matches!(root.kind, Kind::Mapping(_)) {
        let finding = Diagnostic::new(codes::MISSING_KEY, "the suite has no `expectations`");
        findings.push(finding.at(root.span.clone(), "").help("add `expectations:` with a list of them"));
    }
    written
}

fn expectations(value: &Node, findings: &mut Findings) -> Vec<WrittenExpectation> {
    match &value.kind {
        Kind::Sequence { items, .. } => items.iter().map(|item| expectation(item, findings)).collect(),
        Kind::Null => vec![],
        _ => {
            wrong_type(value, "a list of expectations", findings);
            vec![]
        }
    }
}

fn expectation(node: &Node, findings: &mut Findings) -> WrittenExpectation {
    let before = findings.len();
    let mut written = WrittenExpectation { span: node.span.clone(), ..WrittenExpectation::default() };
    if matches!(node.kind, Kind::Null) {
        wrong_type(node, "an expectation (a mapping)", findings);
    }
    for (key, value) in object(node, "an expectation", keys::EXPECTATION, findings) {
        match key {
            "name" => written.name = text(value, findings),
            "tags" => {
                let tags = pieces(value, "a word or a list of them", findings);
                written.tags = tags.into_iter().map(|tag| tag.text).collect();
            }
            "impact" => written.impact = text(value, findings),
            "severity" => {
                written.advice = choice(value, keys::SEVERITIES, findings) == Some("advice");
            }
            "flow" => written.flows = Some(texts(value, "a flow or a list of them", findings)),
            "capture" => {
                written.capture = Some(texts(value, "the path of a capture or a list of them", findings));
            }
            "from" => written.from = Some(pieces(value, "addresses or names, or a list of them", findings)),
            "to" => written.to = Some(pieces(value, "addresses or names, or a list of them", findings)),
            "services" => written.services = Some(services(value, findings)),
            "expect" => {
                let verdict = verdict(value, findings);
                written.expect = verdict.map(|verdict| (verdict, value.span.clone()));
            }
            "reason" => written.reason = reason(value, findings).map(|reason| (reason, value.span.clone())),
            "step" => written.step = scalar(value, "a step such as node-1 ingress", findings).cloned(),
            "rule" => written.rule = scalar(value, "the name of a rule", findings).cloned(),
            "always" | "never" | "only" => {
                let all = [Universal::Always, Universal::Never, Universal::Only];
                let Some(universal) = all.into_iter().find(|universal| universal.code() == key) else {
                    continue;
                };
                let services = services(value, findings);
                written.universal.push((universal, services, value.span.clone()));
            }
            counted => {
                let verdict = ConnectionVerdict::ALL.into_iter().find(|verdict| verdict.code() == counted);
                let counted = count(value, findings).map(|count| (verdict, count, value.span.clone()));
                written.counts.extend(counted);
            }
        }
    }
    written.broken = findings[before..].iter().any(Diagnostic::is_error);
    written
}

fn services(value: &Node, findings: &mut Findings) -> Vec<Piece> {
    texts(value, "a service such as tcp 22 or a list of them", findings)
}

/// A verdict, with the words of packets and of other firewalls understood well enough to be corrected.
fn verdict(value: &Node, findings: &mut Findings) -> Option<ConnectionVerdict> {
    if let Kind::Scalar(word) = &value.kind {
        let meant = match word.text.to_ascii_lowercase().as_str() {
            "allow" | "accept" | "pass" | "reachable" | "open" => Some("allowed"),
            "drop" | "deny" | "denied" | "dropped" | "reject" | "block" | "unreachable" => Some("blocked"),
            "not-subject" => Some("outside"),
            _ => None,
        };
        if let Some(meant) = meant {
            let message = format!("expected a verdict, found `{}`", word.text);
            let finding = Diagnostic::new(codes::BAD_VALUE, message).at(word.span.clone(), "");
            findings.push(finding.help(format!("write `{meant}`")));
            return None;
        }
    }
    choice(value, &ConnectionVerdict::ALL, findings)
}

fn reason(value: &Node, findings: &mut Findings) -> Option<Reason> {
    let word = scalar(value, "a reason such as no-rule", findings)?;
    let found = Reason::ALL.iter().copied().find(|reason| reason.code() == word.text);
    if found.is_none() {
        let codes = || Reason::ALL.iter().map(|reason| reason.code());
        let help = did_you_mean(&word.text, codes())
            .unwrap_or_else(|| format!("the reasons are {}", codes().collect::<Vec<_>>().join(", ")));
        let finding = Diagnostic::new(codes::BAD_VALUE, format!("unknown reason `{}`", word.text));
        findings.push(finding.at(word.span.clone(), "").help(help));
    }
    found
}

fn count(value: &Node, findings: &mut Findings) -> Option<super::Comparison> {
    let word = scalar(value, "a count such as 0 or >= 12", findings)?;
    match word.text.parse() {
        Ok(comparison) => Some(comparison),
        Err(error) => {
            let error: super::ParseComparisonError = error;
            let finding = Diagnostic::new(codes::BAD_COUNT, error.to_string()).at(word.span.clone(), "");
            findings.push(finding.help("in YAML a count that starts with > stands in quotes: \">= 12\""));
            None
        }
    }
}
