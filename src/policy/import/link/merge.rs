//! A scenario on top of what is there: a rule for each conflict.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, codes};
use crate::policy::scenario::written::{Fields, RemoteKind, Written};
use crate::policy::tree::Piece;
use crate::policy::{Doubt, Priority};

/// Adds a scenario. `imported` says of each imported group whether an interface has it.
///
/// - A group of a name that is there adds its rules behind those; `change` changes any rule.
/// - An address set of a name that is there replaces it.
/// - Of `dialect`, `state` and `midstream` the last that is written counts, over what an export implies.
/// - There is one preset.
pub(super) fn scenario(
    linked: &mut Written,
    mut written: Written,
    imported: &BTreeMap<String, bool>,
    findings: &mut Vec<Diagnostic>,
) {
    if linked.description.is_empty() {
        linked.description = std::mem::take(&mut written.description);
    }
    match (&linked.preset, written.preset) {
        (Some((first, at)), Some((second, again))) if first.name != second.name => {
            let message = format!("two presets: `{}` and `{}`", first.name, second.name);
            let finding = Diagnostic::new(codes::BAD_VALUE, message).at(again, "second preset");
            findings.push(finding.also(at.clone(), "first preset").help("a scenario starts from one preset"));
        }
        (None, preset) => linked.preset = preset,
        (Some(_), _) => {}
    }
    linked.preset_unknown |= written.preset_unknown;
    replace(&mut linked.with, written.with, findings);
    replace(&mut linked.addresses, written.addresses, findings);
    for mut group in written.groups {
        for fields in group.ingress.iter_mut().chain(&mut group.egress) {
            doubt_members(fields, imported);
        }
        linked.groups.push(group);
    }
    for (name, change) in written.changes {
        linked.changes.push((name, change));
    }
    // What an export implies gives way without a word; what another scenario says does not.
    linked.dialect = written.dialect.or(linked.dialect);
    linked.state = written.state.or(linked.state.take());
    linked.midstream = written.midstream.or(linked.midstream);
}

fn replace(
    all: &mut Vec<(Piece, Vec<Piece>)>,
    new: Vec<(Piece, Vec<Piece>)>,
    findings: &mut Vec<Diagnostic>,
) {
    for (name, texts) in new {
        if let Some(old) = all.iter_mut().find(|(known, _)| known.text == name.text) {
            let message = format!("address set `{}` is in two inputs: the later is taken", name.text);
            let finding = Diagnostic::new(codes::LAYERS_DIFFER, message).at(name.span.clone(), "taken");
            findings.push(finding.also(old.0.span.clone(), "not taken"));
            *old = (name, texts);
        } else {
            all.push((name, texts));
        }
    }
}

/// A rule of a scenario about an imported group whose members no input gives is in doubt, as an imported one is.
fn doubt_members(fields: &mut Fields, imported: &BTreeMap<String, bool>) {
    for remote in fields.remotes.iter_mut().flatten() {
        if let RemoteKind::Named(name) | RemoteKind::Group(name) = &remote.kind
            && imported.get(name) == Some(&false)
        {
            remote.kind = RemoteKind::Unknown(format!("group {name}"));
            fields.doubt = Some(Doubt::UnknownMembers);
            fields.priority = fields.priority.or(Some(Priority::FIRST));
        }
    }
}
