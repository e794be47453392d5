//! Several inputs become one: what exports say by identifier, scenarios by name, the command line by hand.
//!
//! A later input is listened to over an earlier one, and what is settled so is said: `merge.rs` has a rule for each
//! conflict. `rules.rs` turns what is not known into rules in doubt.

mod interfaces;
mod keys;
mod merge;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Span, codes};
use crate::policy::scenario::written::{Written, WrittenGroup};
use crate::policy::tree::Piece;

use super::facts::{Facts, GroupFact, SetFact};
use interfaces::Draft;
use keys::Keys;

/// One input.
pub(in crate::policy) enum Layer {
    /// A scenario as written.
    Scenario(Written),
    /// An export, with the first bytes of its file, which findings about all of it point at.
    Export(Facts, Span),
}

/// What the user vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::policy) struct Trust {
    /// Groups read through a form that hides deny rules have none.
    pub(in crate::policy) allow_only: bool,
}

/// Brings all inputs together.
pub(in crate::policy) fn link(layers: Vec<Layer>, trust: Trust, findings: &mut Vec<Diagnostic>) -> Written {
    if let [Layer::Scenario(_)] = layers[..] {
        return layers.into_iter().find_map(scenario).unwrap_or_default();
    }
    for (facts, at) in exports(&layers) {
        for text in &facts.notes {
            findings.push(Diagnostic::new(codes::ASSUMED, text.clone()).at(at.clone(), facts.format));
        }
    }
    let groups = groups(&layers);
    let sets = sets(&layers);
    let keys = Keys::of(&layers, &groups, &sets, findings);
    let drafts = interfaces::merge(&layers, &keys, findings);
    let members: BTreeSet<String> = drafts.iter().flat_map(Draft::groups).cloned().collect();
    let mut linked = Written::default();
    for (key, group) in &groups {
        let Some(name) = keys.groups.get(key) else { continue };
        linked.groups.push(WrittenGroup {
            name: group.key.reworded(name.clone()),
            called: group.name.map(|name| name.text.clone()),
            description: group.description.clone(),
            ingress: vec![],
            egress: vec![],
            imported: true,
        });
    }
    rules::add(&mut linked, &layers, &groups, &keys, &members, trust, findings);
    for (key, set) in &sets {
        if let Some(name) = keys.sets.get(key).filter(|name| !keys.own_sets.contains(name.as_str())) {
            linked.addresses.push((set.key.reworded(name.clone()), set.entries.clone()));
        }
    }
    let allow_only = exports(&layers).all(|(facts, _)| facts.allow_only);
    interfaces::unknown_groups(&mut linked, &drafts, &keys, allow_only);
    linked.interfaces = drafts.into_iter().map(Draft::into_written).collect();
    bound(&linked, &layers, findings);
    options(&mut linked, &layers, findings);
    let imported: BTreeMap<String, bool> = linked
        .groups
        .iter()
        .map(|group| (group.name.text.clone(), members.contains(&group.name.text)))
        .collect();
    for written in layers.into_iter().filter_map(scenario) {
        merge::scenario(&mut linked, written, &imported, findings);
    }
    linked
}

fn scenario(layer: Layer) -> Option<Written> {
    match layer {
        Layer::Scenario(written) => Some(written),
        Layer::Export(..) => None,
    }
}

fn exports(layers: &[Layer]) -> impl Iterator<Item = (&Facts, &Span)> {
    layers.iter().filter_map(|layer| match layer {
        Layer::Export(facts, at) => Some((facts, at)),
        Layer::Scenario(_) => None,
    })
}

fn scenarios(layers: &[Layer]) -> impl Iterator<Item = &Written> {
    layers.iter().filter_map(|layer| match layer {
        Layer::Scenario(written) => Some(written),
        Layer::Export(..) => None,
    })
}

/// What all exports say of one group.
struct Group<'l> {
    key: &'l Piece,
    name: Option<&'l Piece>,
    description: String,
    has_rules: bool,
}

/// The groups in the order met: those that are described, then those that only rules name.
fn groups(layers: &[Layer]) -> Vec<(&str, Group<'_>)> {
    let mut all: Vec<(&str, Group<'_>)> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    let facts = || exports(layers).flat_map(|(facts, _)| &facts.groups);
    // A sheet knows its group by name alone; another input may know whose name that is.
    let is_weak = |fact: &GroupFact| fact.name.as_ref().is_some_and(|name| name.text == fact.key.text);
    let strong: BTreeMap<&str, &Piece> = facts()
        .filter(|fact| !is_weak(fact))
        .filter_map(|fact| Some((fact.name.as_ref()?.text.as_str(), &fact.key)))
        .collect();
    for fact in facts() {
        let GroupFact { key, name, description, has_rules } = fact;
        let known = strong.get(key.text.as_str()).filter(|_| is_weak(fact));
        let key = known.copied().unwrap_or(key);
        let at = *index.entry(key.text.as_str()).or_insert(all.len());
        if at == all.len() {
            let group = Group { key, name: None, description: String::new(), has_rules: false };
            all.push((key.text.as_str(), group));
        }
        let group = &mut all[at].1;
        group.name = group.name.or(name.as_ref());
        group.has_rules |= has_rules;
        if group.description.is_empty() {
            group.description.clone_from(description);
        }
    }
    let named: BTreeSet<&str> = all.iter().filter_map(|(_, group)| Some(group.name?.text.as_str())).collect();
    for key in exports(layers).flat_map(|(facts, _)| &facts.rules).filter_map(|rule| rule.group.as_ref()) {
        match index.get(key.text.as_str()) {
            Some(&at) => all[at].1.has_rules = true,
            None if named.contains(key.text.as_str()) => {
                let same = |(_, group): &&mut (&str, Group<'_>)| {
                    group.name.is_some_and(|name| name.text == key.text)
                };
                if let Some((_, group)) = all.iter_mut().find(same) {
                    group.has_rules = true;
                }
            }
            None => {
                index.insert(&key.text, all.len());
                let group = Group { key, name: None, description: String::new(), has_rules: true };
                all.push((&key.text, group));
            }
        }
    }
    all
}

/// The address sets by key; of one that two files have, the later.
fn sets(layers: &[Layer]) -> BTreeMap<&str, &SetFact> {
    exports(layers).flat_map(|(facts, _)| &facts.sets).map(|set| (set.key.text.as_str(), set)).collect()
}

/// Says once that groups of an export are bound to nothing: an export has all groups of a project.
fn bound(linked: &Written, layers: &[Layer], findings: &mut Vec<Diagnostic>) {
    let bound: BTreeSet<&str> =
        linked.interfaces.iter().flat_map(|interface| &interface.groups).map(|g| g.text.as_str()).collect();
    let unbound: Vec<&str> =
        linked.groups.iter().map(|g| g.name.text.as_str()).filter(|g| !bound.contains(g)).collect();
    let Some((_, at)) = exports(layers).find(|(facts, _)| !facts.groups.is_empty()) else { return };
    if unbound.is_empty() || linked.interfaces.is_empty() {
        return;
    }
    let (some, all) = (unbound.len(), linked.groups.len());
    let mut shown = unbound.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    if some > 8 {
        shown += ", ...";
    }
    let message = format!("{some} of {all} groups are bound to no interface: {shown}");
    findings.push(Diagnostic::new(codes::ASSUMED, message).at(at.clone(), ""));
}

/// What exports imply about the cloud: the first that says something.
fn options(linked: &mut Written, layers: &[Layer], findings: &mut Vec<Diagnostic>) {
    for (facts, at) in
        exports(layers).filter(|(facts, _)| !facts.groups.is_empty() || !facts.rules.is_empty())
    {
        let dialect = facts.dialect.unwrap_or_default();
        match linked.dialect {
            Some(first) if first != dialect => {
                let message =
                    format!("{} combines groups as `{dialect}`, an earlier input as `{first}`", facts.format);
                let finding = Diagnostic::new(codes::LAYERS_DIFFER, message).at(at.clone(), "");
                findings.push(finding.help("the earlier is taken: say `dialect:` in a scenario to choose"));
            }
            Some(_) => {}
            None => {
                let state = facts.state.clone().unwrap_or_default();
                let told = [
                    (
                        scenarios(layers).all(|written| written.dialect.is_none()),
                        format!("dialect `{dialect}`"),
                    ),
                    (
                        scenarios(layers).all(|written| written.state.is_none()),
                        format!("state `{}`", state.name),
                    ),
                ];
                let told: Vec<_> =
                    told.into_iter().filter(|(is_told, _)| *is_told).map(|(_, text)| text).collect();
                if !told.is_empty() {
                    let message = format!(
                        "as {} does: {}, unless a scenario says otherwise",
                        facts.format,
                        told.join(", ")
                    );
                    findings.push(Diagnostic::new(codes::ASSUMED, message).at(at.clone(), ""));
                }
                (linked.dialect, linked.state) = (Some(dialect), Some(state));
            }
        }
    }
}
