//! Named address sets, the preset's parameters among them.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Span, codes, did_you_mean, did_you_mean_unless_many};
use crate::packet::{AddressRange, AddressSet};
use crate::policy::scenario::NamedSet;
use crate::policy::scenario::written::{Remote, RemoteKind, Written};
use crate::policy::tree::Piece;
use crate::policy::words;

use super::by_text;

/// Most ranges that all sets together may hold: sets that contain sets could grow without end.
const MOST_RANGES: usize = 4_000_000;

/// A set that still has names in it.
struct Draft {
    name: String,
    ranges: Vec<AddressRange>,
    /// Sets inside, by index, with the place that names them.
    inside: Vec<(usize, Span)>,
}

/// Resolves all sets: the preset's parameters first, then those of the file, each in the order written.
pub(super) fn resolve(written: &Written, findings: &mut Vec<Diagnostic>) -> Vec<NamedSet> {
    let mut drafts = Vec::new();
    let entries = parameters(written, findings);
    let owned = written.addresses.iter().map(|(name, texts)| (name.text.clone(), texts.clone()));
    let all: Vec<(String, Vec<Piece>)> = entries.into_iter().chain(owned).collect();
    let index: BTreeMap<&str, usize> =
        all.iter().enumerate().rev().map(|(at, (name, _))| (name.as_str(), at)).collect();
    for (name, texts) in &all {
        let mut draft = Draft { name: name.clone(), ranges: vec![], inside: vec![] };
        for remote in remotes(texts, findings) {
            match remote.kind {
                RemoteKind::Any => draft.ranges.extend(AddressSet::any().ranges()),
                RemoteKind::Range(range) => draft.ranges.push(range),
                RemoteKind::Named(name) | RemoteKind::Set(name) => match index.get(name.as_str()) {
                    Some(&at) => draft.inside.push((at, remote.span)),
                    None if written.preset_unknown => {}
                    None => {
                        let finding = unknown(&name, remote.span, &index, written, findings);
                        findings.push(finding);
                    }
                },
                RemoteKind::Group(name) => {
                    let message = format!("an address set cannot hold the group `{name}`");
                    let finding = Diagnostic::new(codes::UNKNOWN_REMOTE, message).at(remote.span, "");
                    findings.push(finding.help("name the group in the rule: `from group node, office`"));
                }
                _ => {}
            }
        }
        drafts.push(draft);
    }
    flatten(&drafts, findings)
}

fn remotes(texts: &[Piece], findings: &mut Vec<Diagnostic>) -> Vec<Remote> {
    texts.iter().filter_map(|text| words::remotes(text, findings)).flatten().collect()
}

fn unknown(
    name: &str,
    span: Span,
    index: &BTreeMap<&str, usize>,
    written: &Written,
    findings: &[Diagnostic],
) -> Diagnostic {
    let finding =
        Diagnostic::new(codes::UNKNOWN_REMOTE, format!("unknown address set `{name}`")).at(span, "");
    if written.groups.iter().any(|group| group.name.text == name) {
        return finding.help(format!("`{name}` is a group; an address set holds addresses and other sets"));
    }
    finding.maybe_help(did_you_mean_unless_many(findings, name, index.keys().copied()))
}

/// The preset's parameters, as `with` or their defaults say.
fn parameters(written: &Written, findings: &mut Vec<Diagnostic>) -> Vec<(String, Vec<Piece>)> {
    let Some((preset, span)) = &written.preset else {
        for (name, _) in written.with.iter().filter(|_| !written.preset_unknown) {
            let message = format!("parameter `{}` is set, but there is no preset", name.text);
            let finding = Diagnostic::new(codes::UNKNOWN_PARAMETER, message).at(name.span.clone(), "");
            findings.push(finding.help("name the preset with `preset:`, or move the set to `addresses:`"));
        }
        return written.with.iter().map(|(name, texts)| (name.text.clone(), texts.clone())).collect();
    };
    let known = || preset.parameters.iter().map(|parameter| parameter.name);
    for (name, _) in &written.with {
        if !known().any(|known| known == name.text) {
            let message = format!("preset `{}` has no parameter `{}`", preset.name, name.text);
            let help = did_you_mean(&name.text, known());
            let list = || Some(format!("its parameters are {}", known().collect::<Vec<_>>().join(", ")));
            let finding = Diagnostic::new(codes::UNKNOWN_PARAMETER, message).at(name.span.clone(), "");
            findings.push(finding.maybe_help(help.or_else(list)));
        }
    }
    for (name, _) in &written.addresses {
        if known().any(|known| known == name.text) {
            let message = format!("`{}` is a parameter of preset `{}`", name.text, preset.name);
            let finding = Diagnostic::new(codes::DUPLICATE_SET, message).at(name.span.clone(), "");
            findings.push(finding.help("set it with `with:`, or choose another name for the address set"));
        }
    }
    let with = by_text(&written.with);
    let mut entries = Vec::new();
    for parameter in preset.parameters {
        let given = with.get(parameter.name).filter(|(_, texts)| !texts.is_empty());
        let texts = match given {
            Some((_, texts)) => texts.clone(),
            None => parameter.default.iter().map(|text| Piece::elsewhere(text, span)).collect(),
        };
        if texts.is_empty() {
            let message = format!("preset `{}` needs the parameter `{}`", preset.name, parameter.name);
            let finding = Diagnostic::new(codes::MISSING_PARAMETER, message).at(span.clone(), "");
            let about = format!("`{}` is {}", parameter.name, parameter.about.trim_end_matches('.'));
            let example = format!("write `with: {{ {}: 192.168.0.0/16 }}`", parameter.name);
            findings.push(finding.help(format!("{about}: {example}")));
        }
        entries.push((parameter.name.to_owned(), texts));
    }
    entries
}

/// Puts the sets inside into the sets around them, and tells cycles. The walk keeps its own stack, because a chain
/// of sets may be as long as the file.
fn flatten(drafts: &[Draft], findings: &mut Vec<Diagnostic>) -> Vec<NamedSet> {
    let mut done: Vec<Option<AddressSet>> = vec![None; drafts.len()];
    let mut open = vec![false; drafts.len()];
    let mut total = 0;
    for start in 0..drafts.len() {
        // A set, and how many of those inside were visited.
        let mut path: Vec<(usize, usize)> = if done[start].is_none() { vec![(start, 0)] } else { vec![] };
        while let Some((at, visited)) = path.pop() {
            open[at] = true;
            let draft = &drafts[at];
            if let Some((inside, span)) = draft.inside.get(visited) {
                path.push((at, visited + 1));
                if open[*inside] {
                    findings.push(cycle(drafts, &path, *inside, span));
                } else if done[*inside].is_none() {
                    path.push((*inside, 0));
                }
                continue;
            }
            open[at] = false;
            let inside = draft.inside.iter().filter_map(|(inside, _)| done[*inside].as_ref());
            let ranges = inside.flat_map(|set| set.ranges().iter().copied());
            let set: AddressSet = ranges.chain(draft.ranges.iter().copied()).collect();
            total += set.ranges().len();
            done[at] = Some(if total > MOST_RANGES { AddressSet::default() } else { set });
        }
    }
    if total > MOST_RANGES {
        let message = format!("the address sets hold more than {MOST_RANGES} ranges together");
        findings.push(Diagnostic::new(codes::TOO_LARGE, message));
    }
    let sets = drafts.iter().zip(done);
    sets.map(|(draft, set)| NamedSet { name: draft.name.clone(), addresses: set.unwrap_or_default() })
        .collect()
}

fn cycle(drafts: &[Draft], path: &[(usize, usize)], again: usize, span: &Span) -> Diagnostic {
    let from = path.iter().position(|(at, _)| *at == again).unwrap_or(0);
    let names: Vec<_> = path[from..].iter().map(|(at, _)| drafts[*at].name.as_str()).collect();
    let message = if let [one] = names[..] {
        format!("address set `{one}` contains itself")
    } else {
        let shown: Vec<_> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
        format!("address set `{}` contains itself: {} and back", drafts[again].name, shown.join(" holds "))
    };
    let mut finding = Diagnostic::new(codes::CYCLIC_SET, message).at(span.clone(), "closes the circle");
    for (at, visited) in path[from..path.len() - 1].iter().take(4) {
        if let Some((_, span)) = visited.checked_sub(1).and_then(|visited| drafts[*at].inside.get(visited)) {
            finding = finding.also(span.clone(), "");
        }
    }
    finding
}
