//! From the scenario as written to the policy: names become addresses, groups and rules.
//!
//! Everything is resolved as far as it goes, so that all mistakes are told; whether the result may be used is for the
//! caller to see from the findings.

mod groups;
mod interfaces;
mod rules;
pub(super) mod service;
mod sets;

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Source, Span, codes, did_you_mean_unless_many};
use crate::packet::AddressSet;

use super::scenario::written::Written;
use super::scenario::{About, NamedSet};
use super::tree::Piece;
use super::{GroupId, Owners, Policy};

/// What the file means, as far as it could be understood.
pub(super) struct Resolved {
    pub(super) policy: Policy,
    pub(super) sets: Vec<NamedSet>,
    /// By group.
    pub(super) about: Vec<About>,
}

/// The names that a rule or interface may use.
struct Names {
    /// Address sets, resolved.
    sets: BTreeMap<String, AddressSet>,
    groups: BTreeMap<String, GroupId>,
    /// The addresses of the interfaces that have a group; by group.
    members: Vec<AddressSet>,
    /// The preset could not be found, so that names missing are no news.
    incomplete: bool,
}

/// Resolves everything.
pub(super) fn resolve(written: &Written, source: &Source, findings: &mut Vec<Diagnostic>) -> Resolved {
    let sets = sets::resolve(written, findings);
    let mut drafts = groups::draft(written, source, findings);
    groups::change(&mut drafts, written, source, findings);
    let groups = groups::by_name(&drafts.groups);
    let interfaces = interfaces::resolve(written, source, &groups, findings);
    let bound = interfaces::bound(drafts.groups.len(), &interfaces);
    interfaces::unbound(written, &drafts.groups, &bound, findings);
    let members = interfaces::members(drafts.groups.len(), &interfaces);
    let names = Names {
        sets: sets.iter().map(|set| (set.name.clone(), set.addresses.clone())).collect(),
        groups,
        members,
        incomplete: written.preset_unknown,
    };
    let about = drafts.groups.iter().map(|group| group.about.clone()).collect();
    let (groups, rules) = rules::finish(drafts, &names, &bound, findings);
    let (owners, overlaps) = Owners::new(&interfaces);
    interfaces::overlaps(written, &overlaps, &interfaces, findings);
    let policy = Policy {
        dialect: written.dialect.unwrap_or_default(),
        state: written.state.clone().unwrap_or_default(),
        midstream: written.midstream.unwrap_or_default(),
        groups,
        rules,
        interfaces,
        owners,
    };
    Resolved { policy, sets, about }
}

/// A mistake told once: which group is not known.
fn unknown_group(
    name: &str,
    span: Span,
    groups: &BTreeMap<String, GroupId>,
    findings: &[Diagnostic],
) -> Diagnostic {
    let finding = Diagnostic::new(codes::UNKNOWN_GROUP, format!("unknown group `{name}`"));
    let help = did_you_mean_unless_many(findings, name, groups.keys().map(String::as_str));
    finding.at(span, "").maybe_help(help.or_else(|| {
        let known: Vec<_> = groups.keys().map(String::as_str).take(10).collect();
        (!known.is_empty()).then(|| format!("the groups are {}", known.join(", ")))
    }))
}

/// The place a text was written at.
fn origin(source: &Source, span: &Span) -> super::Origin {
    let file = source.file(span.start).clone();
    super::Origin { file, line: source.line(span.start), span: span.clone(), place: None }
}

/// The key that finds the place of an entry by its name.
fn by_text(entries: &[(Piece, Vec<Piece>)]) -> BTreeMap<&str, &(Piece, Vec<Piece>)> {
    entries.iter().map(|entry| (entry.0.text.as_str(), entry)).collect()
}
