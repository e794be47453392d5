//! What the inputs refer to groups and sets by.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, codes};
use crate::policy::scenario::written::Written;
use crate::policy::tree::Piece;

use super::super::facts::SetFact;
use super::super::names;
use super::{Group, Layer, exports, scenarios};

/// Everything that names can stand for.
pub(super) struct Keys<'l> {
    /// By key or name of an imported group: its name here.
    pub(super) groups: BTreeMap<&'l str, String>,
    /// By the key of a group that no input has: the name here of the one group that has its name.
    by_name: BTreeMap<&'l str, String>,
    /// By a name that several imported groups have: their names here.
    pub(super) ambiguous: BTreeMap<&'l str, Vec<String>>,
    /// By key or name of an imported set: its name here.
    pub(super) sets: BTreeMap<&'l str, String>,
    /// Groups and sets that scenarios name.
    pub(super) own_groups: BTreeSet<&'l str>,
    pub(super) own_sets: BTreeSet<&'l str>,
}

impl<'l> Keys<'l> {
    pub(super) fn of(
        layers: &'l [Layer],
        described: &[(&'l str, Group<'l>)],
        sets: &BTreeMap<&'l str, &'l SetFact>,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
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
        let group_names = described.iter().map(|(key, group)| (*key, group.name)).collect();
        let set_names = sets.iter().map(|(key, set)| (*key, set.name.as_ref())).collect();
        let mut ambiguous: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, group) in described {
            if let Some(name) = group.name {
                ambiguous.entry(&name.text).or_default().push(key);
            }
        }
        ambiguous.retain(|_, keys| keys.len() > 1);
        let groups: BTreeMap<&str, String> =
            with_names(described.iter().map(|(key, group)| wanted(key, group.name)).collect(), group_names);
        let names = |keys: Vec<&str>| keys.iter().map(|&key| groups[key].clone()).collect();
        let mut keys = Self {
            by_name: BTreeMap::new(),
            ambiguous: ambiguous.into_iter().map(|(name, keys)| (name, names(keys))).collect(),
            groups,
            sets: with_names(
                sets.iter().map(|(key, set)| wanted(key, set.name.as_ref())).collect(),
                set_names,
            ),
            own_groups: scenarios(layers).flat_map(own_groups).collect(),
            own_sets: scenarios(layers)
                .flat_map(|written| written.addresses.iter().chain(&written.with))
                .map(|(name, _)| name.text.as_str())
                .collect(),
        };
        keys.by_name = by_name(layers, described, &keys, findings);
        keys
    }

    /// The name of a group, by its key or name, or by the name that it has here.
    pub(super) fn group(&self, key: &str) -> Option<String> {
        let own = || self.own_groups.contains(key).then(|| key.to_owned());
        let here = || self.groups.values().find(|name| *name == key).cloned();
        self.groups.get(key).cloned().or_else(own).or_else(here).or_else(|| self.by_name.get(key).cloned())
    }

    /// The name of a set, by its key or name.
    pub(super) fn set(&self, key: &str) -> Option<String> {
        let own = self.own_sets.contains(key).then(|| key.to_owned());
        own.or_else(|| self.sets.get(key).cloned())
    }
}

/// The groups of a scenario: its own, and its preset's.
fn own_groups(written: &Written) -> impl Iterator<Item = &str> {
    let preset = written.preset.iter().flat_map(|(preset, _)| preset.groups).map(|group| group.name);
    preset.chain(written.groups.iter().map(|group| group.name.text.as_str()))
}

/// Groups that no input has by their identifier, by the name beside it: what has no identifier of its own (a scenario's
/// groups, and what `convert` wrote) is known by name alone. A group of another identifier is another group, whatever its
/// name.
fn by_name<'l>(
    layers: &'l [Layer],
    described: &[(&'l str, Group<'l>)],
    keys: &Keys<'l>,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<&'l str, String> {
    let nameless = described.iter().filter(|(id, _)| !names::is_identifier(id));
    let by_clean = nameless.map(|(id, group)| {
        let name = group.name.map_or(*id, |name| &name.text);
        (names::clean(name, false), *id, keys.groups[id].clone())
    });
    let by_clean: Vec<_> = by_clean.collect();
    let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for (key, name) in exports(layers).flat_map(|(facts, _)| &facts.named) {
        if !seen.insert(&key.text) || keys.group(&key.text).is_some() {
            continue;
        }
        let clean = names::clean(&name.text, false);
        let same = |(other, id, _): &&(String, &str, String)| *other == clean || *id == name.text;
        let mut candidates: BTreeSet<String> =
            by_clean.iter().filter(same).map(|(_, _, here)| here.clone()).collect();
        candidates.extend(keys.own_groups.get(clean.as_str()).map(|&own| own.to_owned()));
        let candidates: Vec<String> = candidates.into_iter().collect();
        let lead = format!("no input has group {}", key.text);
        match &candidates[..] {
            [] => {}
            [one] => {
                let message = format!("{lead}: it is taken to be `{one}`, which has its name");
                findings.push(Diagnostic::new(codes::ASSUMED, message).at(key.span.clone(), ""));
                found.insert(key.text.as_str(), one.clone());
            }
            several => {
                let message = format!("{lead}, and {} have its name", several.join(", "));
                let finding = Diagnostic::new(codes::AMBIGUOUS_NAME, message).at(key.span.clone(), "");
                findings.push(finding.help("verdicts that hang on its rules are undecided"));
            }
        }
    }
    found
}
