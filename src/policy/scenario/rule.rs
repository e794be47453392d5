//! Rules of a scenario: lines of words, mappings, and changes.

use crate::diag::{Diagnostic, codes};
use crate::packet::Family;
use crate::policy::tree::{Kind, Node, Piece};
use crate::policy::words;
use crate::policy::{Action, Direction};

use super::keys;
use super::read::{Findings, choice, object, scalar, text, texts, wrong_type};
use super::written::{Change, Fields, Remote};

/// The rules of one direction: a list, or one rule.
pub(super) fn list(node: &Node, findings: &mut Findings) -> Vec<Fields> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Sequence { items, flow } => {
            items.iter().filter_map(|item| one(item, *flow, findings)).collect()
        }
        _ => one(node, false, findings).into_iter().collect(),
    }
}

fn one(node: &Node, in_flow_list: bool, findings: &mut Findings) -> Option<Fields> {
    match &node.kind {
        Kind::Scalar(line) => Some(words::rule(line, in_flow_list, findings)),
        Kind::Mapping(_) => {
            let fields = mapping(node, findings);
            let is_about = fields.protocol.is_some() || fields.ports.is_some() || fields.icmp.is_some();
            if !is_about && fields.remotes.is_none() && !fields.broken {
                let finding = Diagnostic::new(codes::BAD_RULE, "the rule does not say what it is about");
                findings.push(
                    finding.at(node.span.clone(), "").help("write `protocol: all` to mean every packet"),
                );
            }
            Some(fields)
        }
        _ => {
            wrong_type(node, "a rule in words or a mapping", findings);
            None
        }
    }
}

/// What stands behind a rule id under `change`.
pub(super) fn change(node: &Node, findings: &mut Findings) -> Option<Change> {
    let (fields, whole) = match &node.kind {
        Kind::Scalar(line) if line.text.trim() == "remove" => return Some(Change::Remove),
        Kind::Scalar(line) => (words::rule(line, false, findings), true),
        Kind::Mapping(_) => (mapping(node, findings), false),
        _ => {
            wrong_type(node, "`remove`, a rule in words or the fields that change", findings);
            return None;
        }
    };
    if let Some(id) = &fields.id {
        let finding = Diagnostic::new(codes::BAD_RULE, "a change cannot give the rule another id");
        findings.push(finding.at(id.span.clone(), "").help("remove the id: a changed rule keeps its own"));
    }
    Some(Change::Replace { fields: Box::new(fields), whole })
}

fn mapping(node: &Node, findings: &mut Findings) -> Fields {
    let mut fields = Fields { span: node.span.clone(), ..Fields::default() };
    let before = findings.len();
    for (key, value) in object(node, "a rule", keys::RULE, findings) {
        match key {
            "action" => fields.action = choice(value, &[Action::Allow, Action::Deny], findings),
            "protocol" => {
                let word = scalar(value, "a protocol such as tcp or all", findings);
                fields.protocol = word.and_then(|word| {
                    words::protocol(word, findings).map(|protocol| (protocol, word.span.clone()))
                });
            }
            "ports" => fields.ports = Some(pieces(value, "a port, a range or a list of them", findings)),
            "icmp" => fields.icmp = Some(pieces(value, "an ICMP message or a list of them", findings)),
            "from" | "to" => side(key, value, &mut fields, findings),
            "priority" => {
                let number = scalar(value, "a priority from 1 to 100", findings);
                fields.priority = number.and_then(|number| words::priority(number, findings));
            }
            "ethertype" => {
                let family = choice(value, &[Family::V4, Family::V6], findings);
                fields.family = family.map(|family| (family, value.span.clone()));
            }
            "id" => fields.id = scalar(value, "the rule's id", findings).cloned(),
            "maybe" => {
                let word = scalar(value, "the reason of a doubt", findings);
                fields.doubt = word.and_then(|word| words::doubt(word, findings));
            }
            "enabled" => fields.enabled = boolean(value, findings),
            _ => fields.description = Some(text(value, findings)),
        }
    }
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    fields
}

/// A list whose items may hold commas themselves: `ports: 22,80`.
pub(crate) fn pieces(node: &Node, expected: &str, findings: &mut Findings) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for item in texts(node, expected, findings) {
        let mut start = 0;
        for part in item.text.split(',') {
            let trimmed = part.trim();
            let at = start + (part.len() - part.trim_start().len());
            pieces.push(item.slice(at..at + trimmed.len()));
            start += part.len() + 1;
        }
    }
    pieces
}

fn side(key: &str, node: &Node, fields: &mut Fields, findings: &mut Findings) {
    let side = if key == "from" { Direction::Ingress } else { Direction::Egress };
    if fields.remotes.is_some() {
        let finding = Diagnostic::new(codes::BAD_RULE, "a rule has either `from` or `to`");
        findings.push(finding.at(node.span.clone(), ""));
        return;
    }
    fields.side = Some((side, node.span.clone()));
    let mut remotes: Vec<Remote> = Vec::new();
    for item in texts(node, "a remote or a list of them", findings) {
        remotes.extend(words::remotes(&item, findings).unwrap_or_default());
    }
    // An empty list is kept: it is no remote at all, not any.
    fields.remotes = Some(remotes);
}

fn boolean(node: &Node, findings: &mut Findings) -> Option<bool> {
    let word = scalar(node, "true or false", findings)?;
    match word.text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => {
            let message = format!("expected true or false, found `{}`", word.text);
            findings.push(Diagnostic::new(codes::BAD_VALUE, message).at(word.span.clone(), ""));
            None
        }
    }
}
