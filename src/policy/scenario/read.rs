//! From the tree of a file to the scenario as written: keys, types and values.
//!
//! Every mistake is told and reading goes on with what is left. Names are not looked up here.

use crate::diag::{Code, Diagnostic, Span, codes, did_you_mean};
use crate::policy::cce::Preset;
use crate::policy::tree::{Kind, Node, Piece};
use crate::policy::words;
use crate::policy::{Dialect, Midstream};

use super::keys::{self, Key};
use super::rule;
use super::state;
use super::written::{Written, WrittenGroup, WrittenInterface};
use super::{address, name};

/// What is found while reading.
pub(crate) type Findings = Vec<Diagnostic>;

/// Reads the file's tree.
pub(in crate::policy) fn scenario(
    root: &Node,
    presets: &'static [Preset],
    findings: &mut Findings,
) -> Written {
    let mut written = Written::default();
    for (key, value) in object(root, "a scenario", keys::SCENARIO, findings) {
        match key {
            "description" => written.description = text(value, findings),
            "preset" => {
                written.preset = preset(value, presets, findings);
                written.preset_unknown = written.preset.is_none();
            }
            "with" => written.with = sets(value, findings),
            "addresses" => written.addresses = sets(value, findings),
            "groups" => {
                for (name, value) in map(value, "groups by name", codes::DUPLICATE_GROUP, findings) {
                    written.groups.push(group(name, value, findings));
                }
            }
            "interfaces" => {
                for (name, value) in map(value, "interfaces by name", codes::DUPLICATE_KEY, findings) {
                    written.interfaces.push(interface(name, value, findings));
                }
            }
            "change" => {
                for (id, value) in map(value, "changes by rule id", codes::DUPLICATE_KEY, findings) {
                    written.changes.extend(rule::change(value, findings).map(|change| (id.clone(), change)));
                }
            }
            "dialect" => {
                let all = [Dialect::Ordered, Dialect::Union];
                written.dialect = choice(value, &all, findings);
            }
            "midstream" => {
                let all = [Midstream::Assume, Midstream::Pickup, Midstream::Strict];
                written.midstream = choice(value, &all, findings);
            }
            _ => written.state = Some(state::profile(value, findings)),
        }
    }
    written
}

fn preset(
    value: &Node,
    presets: &'static [Preset],
    findings: &mut Findings,
) -> Option<(&'static Preset, Span)> {
    let name = scalar(value, "the name of a preset", findings)?;
    let found = presets.iter().find(|preset| preset.name == name.text);
    if found.is_none() {
        let finding = Diagnostic::new(codes::UNKNOWN_PRESET, format!("unknown preset `{}`", name.text));
        let help = did_you_mean(&name.text, presets.iter().map(|preset| preset.name));
        let known: Vec<_> = presets.iter().map(|preset| preset.name).collect();
        let help = help.or_else(|| Some(format!("the presets are {}", known.join(", "))));
        findings.push(finding.at(name.span.clone(), "").maybe_help(help));
    }
    found.map(|preset| (preset, name.span.clone()))
}

fn sets(value: &Node, findings: &mut Findings) -> Vec<(Piece, Vec<Piece>)> {
    let mut sets = Vec::new();
    for (key, value) in map(value, "address sets by name", codes::DUPLICATE_KEY, findings) {
        name::check(key, "an address set", findings);
        sets.push((key.clone(), texts(value, "an address or a list of them", findings)));
    }
    sets
}

fn group(name: &Piece, value: &Node, findings: &mut Findings) -> WrittenGroup {
    name::check(name, "a group", findings);
    let mut group = WrittenGroup {
        name: name.clone(),
        called: None,
        description: String::new(),
        ingress: vec![],
        egress: vec![],
        imported: false,
    };
    for (key, value) in object(value, "a group", keys::GROUP, findings) {
        match key {
            "description" => group.description = text(value, findings),
            "ingress" => group.ingress = rule::list(value, findings),
            _ => group.egress = rule::list(value, findings),
        }
    }
    group
}

fn interface(name: &Piece, value: &Node, findings: &mut Findings) -> WrittenInterface {
    name::check(name, "an interface", findings);
    let mut interface =
        WrittenInterface { name: name.clone(), addresses: vec![], behind: vec![], groups: vec![] };
    let before = findings.len();
    let is_mapping = matches!(value.kind, Kind::Mapping(_) | Kind::Null);
    for (key, value) in object(value, "an interface", keys::INTERFACE, findings) {
        match key {
            "addresses" => {
                for text in texts(value, "an address or a list of them", findings) {
                    let Some(range) = address::range(&text, findings) else { continue };
                    if range.first() == range.last() {
                        interface.addresses.push((range, text.span));
                    } else {
                        let message = format!("expected one address, found `{}`", text.text);
                        let finding = Diagnostic::new(codes::BAD_CIDR, message).at(text.span, "");
                        findings.push(finding.help("networks routed to an interface stand in `behind`"));
                    }
                }
            }
            "behind" => {
                for text in texts(value, "a CIDR or a list of them", findings) {
                    let Some(range) = address::range(&text, findings) else { continue };
                    if range.as_cidr().is_some() {
                        interface.behind.push((range, text.span));
                    } else {
                        let message = format!("expected a CIDR, found `{}`", text.text);
                        let finding = Diagnostic::new(codes::BAD_CIDR, message).at(text.span, "");
                        findings.push(finding.help("write the range as one or more CIDRs"));
                    }
                }
            }
            _ => interface.groups = texts(value, "the name of a group or a list of them", findings),
        }
    }
    // Addresses that were written, only wrongly, have been told already.
    if interface.addresses.is_empty() && is_mapping && !told_addresses(&findings[before..]) {
        let message = format!("interface `{}` has no address", name.text);
        let finding = Diagnostic::new(codes::INTERFACE_WITHOUT_ADDRESS, message).at(name.span.clone(), "");
        findings.push(finding.help("add `addresses:` with the interface's own address or addresses"));
    }
    interface
}

fn told_addresses(findings: &[Diagnostic]) -> bool {
    let about = [codes::BAD_CIDR, codes::BACKWARDS_RANGE, codes::WRONG_TYPE, codes::UNKNOWN_KEY];
    findings.iter().any(|finding| about.contains(&finding.code))
}

/// The known keys of a mapping with their values, each once; nothing is an empty mapping.
pub(crate) fn object<'n>(
    node: &'n Node,
    what: &str,
    keys: &'static [Key],
    findings: &mut Findings,
) -> Vec<(&'static str, &'n Node)> {
    let mut known = Vec::new();
    for (key, value) in map(node, what, codes::DUPLICATE_KEY, findings) {
        if let Some(found) = keys.iter().find(|known| known.name == key.text) {
            known.push((found.name, value));
            continue;
        }
        let names = || keys.iter().map(|key| key.name);
        let finding = Diagnostic::new(codes::UNKNOWN_KEY, format!("unknown key `{}` in {what}", key.text));
        let help = did_you_mean(&key.text, names())
            .unwrap_or_else(|| format!("the keys are {}", names().collect::<Vec<_>>().join(", ")));
        findings.push(finding.at(key.span.clone(), "").help(help));
    }
    known
}

/// The entries of a mapping, each key once; nothing is an empty mapping.
pub(crate) fn map<'n>(
    node: &'n Node,
    what: &str,
    duplicate: Code,
    findings: &mut Findings,
) -> Vec<(&'n Piece, &'n Node)> {
    let entries = match &node.kind {
        Kind::Mapping(entries) => entries,
        Kind::Null => return Vec::new(),
        _ => {
            wrong_type(node, &format!("{what} (a mapping)"), findings);
            return Vec::new();
        }
    };
    let mut first = std::collections::BTreeMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if let Some(span) = first.get(key.text.as_str()) {
            let what = if duplicate == codes::DUPLICATE_GROUP { "group" } else { "key" };
            let finding = Diagnostic::new(duplicate, format!("{what} `{}` is defined twice", key.text));
            let finding = finding.at(key.span.clone(), "second time").also(Span::clone(span), "first time");
            findings.push(finding.help("merge the two, or rename one"));
        } else {
            first.insert(key.text.as_str(), key.span.clone());
            kept.push((key, value));
        }
    }
    kept
}

/// Tells that something else was expected.
pub(crate) fn wrong_type(node: &Node, expected: &str, findings: &mut Findings) {
    let message = format!("expected {expected}, found {}", node.what());
    findings.push(Diagnostic::new(codes::WRONG_TYPE, message).at(node.span.clone(), ""));
}

/// A scalar.
pub(crate) fn scalar<'n>(node: &'n Node, expected: &str, findings: &mut Findings) -> Option<&'n Piece> {
    if let Kind::Scalar(text) = &node.kind {
        return Some(text);
    }
    wrong_type(node, expected, findings);
    None
}

/// A free text; nothing is the empty one.
pub(crate) fn text(node: &Node, findings: &mut Findings) -> String {
    if node.kind == Kind::Null {
        return String::new();
    }
    scalar(node, "a text", findings).map(|text| text.text.clone()).unwrap_or_default()
}

/// One text or a list of texts; nothing is the empty list.
pub(crate) fn texts(node: &Node, expected: &str, findings: &mut Findings) -> Vec<Piece> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Sequence { items, .. } => {
            items.iter().filter_map(|item| scalar(item, "a text", findings).cloned()).collect()
        }
        _ => scalar(node, expected, findings).cloned().into_iter().collect(),
    }
}

/// The value whose own word this is.
pub(crate) fn choice<T: Copy + std::fmt::Display>(
    node: &Node,
    all: &[T],
    findings: &mut Findings,
) -> Option<T> {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    let expected = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    let text = scalar(node, &expected, findings)?;
    let found = words.iter().position(|word| *word == text.text);
    if found.is_none() {
        let message = format!("expected {expected}, found `{}`", text.text);
        let help = did_you_mean(&text.text, words.iter().map(String::as_str));
        findings.push(Diagnostic::new(codes::BAD_VALUE, message).at(text.span.clone(), "").maybe_help(help));
    }
    all.get(found?).copied()
}

/// The words that may not be names.
pub(super) const RESERVED: &[&str] = words::RESERVED;
