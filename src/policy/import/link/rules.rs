//! The rules of exports, with keys looked up and what is not known made explicit.
//!
//! A rule in doubt stands where it would be asked if it were there; what is certain of it stands where it would be
//! asked last. So a rule that may be a deny of any priority is a deny in doubt at the first priority, and an allow at
//! the last.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Span, codes};
use crate::policy::scenario::written::{Fields, Remote, RemoteKind, Written};
use crate::policy::tree::Piece;
use crate::policy::{Action, Direction, Doubt, Priority};

use super::super::facts::{Facts, KNOWN_AFTER_APPLY, Listed, RuleFact, any_rules};
use super::super::names;
use super::{Group, Keys, Layer, Trust, exports};

/// The last priority.
const LAST: Option<Priority> = Priority::new(100);

/// Puts every rule into its group.
pub(super) fn add(
    linked: &mut Written,
    layers: &[Layer],
    groups: &[(&str, Group<'_>)],
    keys: &Keys<'_>,
    members: &BTreeSet<String>,
    trust: Trust,
    findings: &mut Vec<Diagnostic>,
) {
    let mut lists: BTreeMap<String, [Vec<Fields>; 2]> = BTreeMap::new();
    let mut seen: BTreeMap<(String, String), (usize, String)> = BTreeMap::new();
    for (layer, (facts, _)) in exports(layers).enumerate() {
        let own: Vec<String> = facts.groups.iter().filter_map(|group| keys.group(&group.key.text)).collect();
        for rule in &facts.rules {
            let mut fields = rule.fields.clone();
            look_up(&mut fields, keys, members);
            if let Some(name) = rule.group.as_ref().and_then(|key| keys.group(&key.text)) {
                if repeated(rule, &name, layer, &mut seen, &mut lists, findings) {
                    continue;
                }
                variants(fields, trust, lists.entry(name).or_default(), rule.direction);
            } else {
                unattached(rule, findings);
                for name in &own {
                    let id = fields.id.as_ref().map(|id| id.reworded(format!("{}.unattached", id.text)));
                    let fields = Fields { doubt: Some(Doubt::Unattached), id, ..fields.clone() };
                    lists.entry(name.clone()).or_default()[index(rule.direction)].push(fields);
                }
            }
        }
    }
    tell_unknown(&lists, findings);
    let part = open(layers, &[Listed::Interfaces, Listed::Instances]).next().is_some();
    let unseen = exports(layers).flat_map(|(facts, _)| &facts.open).filter_map(|key| keys.group(key));
    let unseen: BTreeSet<String> = unseen.collect();
    if part || !unseen.is_empty() {
        let has_unseen = |name: &str| part || unseen.contains(name);
        for list in lists.values_mut().flatten() {
            let all = std::mem::take(list).into_iter();
            *list = all.flat_map(|fields| with_unseen_members(fields, has_unseen)).collect();
        }
    }
    let allow_only = exports(layers).all(|(facts, _)| facts.allow_only);
    let paged = open(layers, &[Listed::Rules]).flat_map(|facts| &facts.rules);
    let paged: BTreeMap<String, &Piece> = paged
        .filter_map(|rule| rule.group.as_ref())
        .filter_map(|group| Some((keys.group(&group.text)?, group)))
        .collect();
    for (name, group) in paged {
        for (list, more) in lists.entry(name).or_default().iter_mut().zip(any_rules(group, allow_only)) {
            list.extend(more);
        }
    }
    for (key, group) in groups.iter().filter(|(_, group)| !group.has_rules) {
        if let Some(name) = keys.group(key) {
            *lists.entry(name).or_default() = any_rules(group.key, allow_only);
        }
    }
    for group in &mut linked.groups {
        let [mut ingress, mut egress] = lists.remove(&group.name.text).unwrap_or_default();
        name_rules(ingress.iter_mut().chain(&mut egress));
        (group.ingress, group.egress) = (ingress, egress);
    }
}

/// The exports that have a page of such a list of which no input has the last.
fn open<'l>(layers: &'l [Layer], of: &[Listed]) -> impl Iterator<Item = &'l Facts> {
    let is_page = |facts: &&Facts| facts.goes_on && facts.listed.is_some_and(|listed| of.contains(&listed));
    let part = exports(layers).map(|(facts, _)| facts).filter(is_page);
    part.filter(|facts| !exports(layers).any(|(other, _)| other.ends(facts)))
}

/// A rule about a group of which not all members are known: certain for those, in doubt for any other address.
fn with_unseen_members(fields: Fields, has_unseen: impl Fn(&str) -> bool) -> Vec<Fields> {
    let group = |remote: &Remote| match &remote.kind {
        RemoteKind::Group(name) if has_unseen(name) => {
            Some(Remote { kind: RemoteKind::Unknown(format!("group {name}")), ..remote.clone() })
        }
        _ => None,
    };
    let remotes: Vec<Remote> = fields.remotes.iter().flatten().filter_map(group).collect();
    if remotes.is_empty() || fields.doubt == Some(Doubt::UnknownMembers) {
        return vec![fields];
    }
    let id = fields.id.as_ref().map(|id| id.reworded(format!("{}.unseen", id.text)));
    let doubt = Some(Doubt::UnknownMembers);
    vec![Fields { remotes: Some(remotes), doubt, id, ..fields.clone() }, fields]
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

/// Replaces keys by names; what no input gives the addresses of is unknown.
fn look_up(fields: &mut Fields, keys: &Keys<'_>, members: &BTreeSet<String>) {
    for remote in fields.remotes.iter_mut().flatten() {
        let group = |key: &str| {
            let name = keys.group(key);
            match name {
                Some(name) if members.contains(&name) || keys.own_groups.contains(name.as_str()) => {
                    RemoteKind::Group(name)
                }
                // A group that no input has keeps its whole identifier, which a conversion writes.
                name => RemoteKind::Unknown(format!("group {}", name.as_deref().unwrap_or(key))),
            }
        };
        let set = |key: &str| {
            let unknown = || RemoteKind::Unknown(format!("set {}", names::short(key)));
            keys.set(key).map_or_else(unknown, RemoteKind::Set)
        };
        remote.kind = match &remote.kind {
            RemoteKind::GroupKey(key) if key == KNOWN_AFTER_APPLY => set(key),
            RemoteKind::GroupKey(key) => group(key),
            RemoteKind::SetKey(key) => set(key),
            RemoteKind::Key(text) => {
                let (name, id) = text.split_once('[').map_or((text.as_str(), ""), |(name, id)| (name, id));
                let key = [id.trim_end_matches(']'), name].into_iter();
                let known = |key: &&str| keys.group(key).is_some() || keys.set(key).is_some();
                let key = key.clone().find(known).unwrap_or(name);
                match (keys.set(key), keys.group(key)) {
                    (Some(_), _) => set(key),
                    (None, Some(_)) => group(key),
                    // A sheet does not say whether it is a group or a set.
                    (None, None) => RemoteKind::Unknown(key.to_owned()),
                }
            }
            other => other.clone(),
        };
    }
}

/// Tells once what no input gives the addresses of, at the first rule that names it.
fn tell_unknown(lists: &BTreeMap<String, [Vec<Fields>; 2]>, findings: &mut Vec<Diagnostic>) {
    let mut unknown: BTreeMap<&str, (usize, &Span)> = BTreeMap::new();
    for remote in lists.values().flatten().flatten().flat_map(|fields| fields.remotes.iter().flatten()) {
        if let RemoteKind::Unknown(text) = &remote.kind {
            let (count, span) = unknown.entry(text).or_insert((0, &remote.span));
            *count += 1;
            if remote.span.start < span.start {
                *span = &remote.span;
            }
        }
    }
    for (text, (count, span)) in unknown {
        let rules = if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") };
        let message = format!("no input gives the addresses of {text}, which {rules} name");
        findings.push(Diagnostic::new(codes::UNKNOWN_MEMBERS, message).at(span.clone(), ""));
    }
}

/// Adds a rule as the certain and the doubtful rules that it comes to.
fn variants(fields: Fields, trust: Trust, lists: &mut [Vec<Fields>; 2], direction: Direction) {
    let list = &mut lists[index(direction)];
    let unknown = fields.remotes.iter().flatten().any(|remote| matches!(remote.kind, RemoteKind::Unknown(_)));
    let members = unknown.then_some(Doubt::UnknownMembers);
    let suffixed = |suffix: &str| fields.id.as_ref().map(|id| id.reworded(format!("{}.{suffix}", id.text)));
    let first = Some(Priority::FIRST);
    match fields.doubt {
        Some(Doubt::HiddenDeny) if trust.allow_only => {
            list.push(Fields { doubt: members, priority: first, ..fields });
        }
        Some(Doubt::HiddenDeny) => {
            let id = suffixed("or-deny");
            let (action, priority) = (Some(Action::Deny), first);
            list.push(Fields { action, priority, id, ..fields.clone() });
            list.push(Fields { doubt: members, priority: LAST, ..fields });
        }
        Some(Doubt::UnknownPriority) => {
            list.push(Fields { priority: first, id: suffixed("at-1"), ..fields.clone() });
            list.push(Fields { doubt: members, priority: LAST, ..fields });
        }
        doubt => list.push(Fields { doubt: doubt.or(members), ..fields }),
    }
}

/// Whether another input had this rule: the later replaces it, which is said when they differ.
fn repeated(
    rule: &RuleFact,
    group: &str,
    layer: usize,
    seen: &mut BTreeMap<(String, String), (usize, String)>,
    lists: &mut BTreeMap<String, [Vec<Fields>; 2]>,
    findings: &mut Vec<Diagnostic>,
) -> bool {
    let Some(id) = &rule.fields.id else { return false };
    let content = content(rule);
    let key = (group.to_owned(), id.text.clone());
    let Some((first, known)) = seen.insert(key, (layer, content.clone())) else { return false };
    if first == layer {
        return false;
    }
    if known == content {
        return true;
    }
    let message = format!("rule {} of group {group} differs between two inputs: the later is taken", id.text);
    findings.push(Diagnostic::new(codes::LAYERS_DIFFER, message).at(rule.fields.span.clone(), "taken"));
    for list in lists.get_mut(group).into_iter().flatten() {
        let same = |fields: &Fields| {
            let known = fields.id.as_ref().map(|known| known.text.as_str());
            known == Some(&id.text)
                || known.is_some_and(|known| known.split_once('.').is_some_and(|(a, _)| a == id.text))
        };
        list.retain(|fields| !same(fields));
    }
    false
}

/// What a rule says, without its places.
fn content(rule: &RuleFact) -> String {
    let fields = &rule.fields;
    let texts =
        |list: &Option<Vec<Piece>>| list.iter().flatten().map(|piece| piece.text.clone()).collect::<Vec<_>>();
    let remotes: Vec<_> = fields.remotes.iter().flatten().map(|remote| &remote.kind).collect();
    let protocol = fields.protocol.as_ref().map(|(protocol, _)| protocol);
    let family = fields.family.as_ref().map(|(family, _)| family);
    format!(
        "{:?} {:?} {protocol:?} {:?} {:?} {remotes:?} {:?} {family:?} {:?} {:?}",
        rule.direction,
        fields.action,
        texts(&fields.ports),
        texts(&fields.icmp),
        fields.priority,
        fields.enabled,
        fields.doubt
    )
}

fn unattached(rule: &RuleFact, findings: &mut Vec<Diagnostic>) {
    let message = "the file does not say of which group the rule is";
    let finding = Diagnostic::new(codes::UNATTACHED_RULE, message).at(rule.fields.span.clone(), "");
    findings.push(finding.help("verdicts that hang on it are undecided"));
}

/// Short names of rules, each its own within the group.
fn name_rules<'f>(rules: impl Iterator<Item = &'f mut Fields>) {
    let mut rules: Vec<&mut Fields> = rules.collect();
    let short = |id: &str| {
        let (id, suffix) = id.split_once('.').map_or((id, None), |(id, suffix)| (id, Some(suffix)));
        let id = names::short(id);
        names::clean(&suffix.map_or_else(|| id.to_owned(), |suffix| format!("{id}.{suffix}")), false)
    };
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for id in rules.iter().filter_map(|fields| fields.id.as_ref()) {
        *count.entry(short(&id.text)).or_default() += 1;
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for fields in &mut rules {
        let Some(id) = &fields.id else { continue };
        let mut name = short(&id.text);
        if count[&name] > 1 {
            name = names::clean(&id.text, false);
        }
        let (base, mut number) = (name.clone(), 1);
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{base}.{number}");
        }
        fields.id = Some(id.reworded(name));
    }
}
