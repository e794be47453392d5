//! Several inputs become one: what exports say by identifier, scenarios by name, the command line by hand.
//!
//! A later input is listened to over an earlier one, and what is settled so is said: `merge.rs` has a rule for each
//! conflict. `rules.rs` turns what is not known into rules in doubt.

mod interfaces;
mod merge;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Span, codes};
use crate::policy::scenario::written::{Written, WrittenGroup};
use crate::policy::tree::Piece;

use super::facts::{Facts, GroupFact, SetFact};
use super::names;
use interfaces::Draft;

/// One input.
pub(in crate::policy) enum Layer {
    /// A scenario as written.
    Scenario(Written),
    /// An export, with the first bytes of its file, which findings about all of it point at.
    Export(Facts, Span),
}

/// Everything that names can stand for.
struct Keys<'l> {
    /// By key or name of an imported group: its name here.
    groups: BTreeMap<&'l str, String>,
    /// By a name that several imported groups have: their names here.
    ambiguous: BTreeMap<&'l str, Vec<String>>,
    /// By key or name of an imported set: its name here.
    sets: BTreeMap<&'l str, String>,
    /// Groups and sets that scenarios name.
    own_groups: BTreeSet<&'l str>,
    own_sets: BTreeSet<&'l str>,
}

impl Keys<'_> {
    /// The name of a group, by its key or name, or by the name that it has here.
    fn group(&self, key: &str) -> Option<String> {
        let own = || self.own_groups.contains(key).then(|| key.to_owned());
        let here = || self.groups.values().find(|name| *name == key).cloned();
        self.groups.get(key).cloned().or_else(own).or_else(here)
    }

    /// The name of a set, by its key or name.
    fn set(&self, key: &str) -> Option<String> {
        let own = self.own_sets.contains(key).then(|| key.to_owned());
        own.or_else(|| self.sets.get(key).cloned())
    }
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
    let keys = keys(&layers, &groups, &sets);
    let drafts = interfaces::merge(&layers, &keys, findings);
    let members: BTreeSet<String> = drafts.iter().flat_map(Draft::groups).cloned().collect();
    let mut linked = Written::default();
    for (key, group) in &groups {
        let Some(name) = keys.groups.get(key) else { continue };
        linked.groups.push(WrittenGroup {
            name: group.key.reworded(name.clone()),
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

fn keys<'l>(
    layers: &'l [Layer],
    groups: &[(&'l str, Group<'l>)],
    sets: &BTreeMap<&'l str, &'l SetFact>,
) -> Keys<'l> {
    let wanted = |key: &'l str, name: Option<&Piece>| {
        let name = name.map_or_else(|| names::short(key).to_owned(), |name| name.text.clone());
        (key, names::clean(&name, false))
    };
    let with_names = |wanted: Vec<(&'l str, String)>, names: Vec<(&'l str, Option<&'l Piece>)>| {
        let mut all = names::distinct(&wanted);
        for (key, name) in names {
            let Some(name) = name else { continue };
            let once =
                wanted.iter().filter(|(_, other)| *other == names::clean(&name.text, false)).count() == 1;
            if once && !all.contains_key(name.text.as_str()) {
                let here = all[key].clone();
                all.insert(&name.text, here);
            }
        }
        all
    };
    let group_names = groups.iter().map(|(key, group)| (*key, group.name)).collect();
    let set_names = sets.iter().map(|(key, set)| (*key, set.name.as_ref())).collect();
    let mut ambiguous: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, group) in groups {
        if let Some(name) = group.name {
            ambiguous.entry(&name.text).or_default().push(key);
        }
    }
    ambiguous.retain(|_, keys| keys.len() > 1);
    let groups: BTreeMap<&str, String> =
        with_names(groups.iter().map(|(key, group)| wanted(key, group.name)).collect(), group_names);
    let names = |keys: Vec<&str>| keys.iter().map(|&key| groups[key].clone()).collect();
    Keys {
        ambiguous: ambiguous.into_iter().map(|(name, keys)| (name, names(keys))).collect(),
        groups,
        sets: with_names(sets.iter().map(|(key, set)| wanted(key, set.name.as_ref())).collect(), set_names),
        own_groups: scenarios(layers).flat_map(own_groups).collect(),
        own_sets: scenarios(layers)
            .flat_map(|written| written.addresses.iter().chain(&written.with))
            .map(|(name, _)| name.text.as_str())
            .collect(),
    }
}

/// The groups of a scenario: its own, and its preset's.
fn own_groups(written: &Written) -> impl Iterator<Item = &str> {
    let preset = written.preset.iter().flat_map(|(preset, _)| preset.groups).map(|group| group.name);
    preset.chain(written.groups.iter().map(|group| group.name.text.as_str()))
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
