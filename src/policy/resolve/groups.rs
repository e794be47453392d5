//! The groups with their rules, still unresolved: the preset's, then the file's, then what `change` says.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Source, Span, codes, did_you_mean_unless_many};
use crate::policy::scenario::written::{Change, Fields, Written};
use crate::policy::scenario::{About, name};
use crate::policy::tree::Piece;
use crate::policy::{Direction, GroupId, Origin, words};

use super::origin;

/// A group before its rules have ids.
pub(super) struct GroupDraft {
    pub(super) name: String,
    pub(super) about: About,
    /// Where the file names it; `None` for a preset's group that the file adds nothing to.
    pub(super) span: Option<Span>,
}

/// A rule before its names are looked up.
pub(super) struct RuleDraft {
    pub(super) name: String,
    pub(super) group: usize,
    pub(super) direction: Direction,
    pub(super) fields: Fields,
    pub(super) origin: Origin,
    /// Whether its words are the preset's, and so its mistakes nobody's in the file.
    pub(super) from_preset: bool,
}

/// All groups, and the rules of all groups in the order of the policy.
pub(super) struct Drafts {
    pub(super) groups: Vec<GroupDraft>,
    pub(super) rules: Vec<RuleDraft>,
}

/// The index of each group.
pub(super) fn by_name(groups: &[GroupDraft]) -> BTreeMap<String, GroupId> {
    (0..).zip(groups).map(|(index, group)| (group.name.clone(), GroupId(index))).collect()
}

/// Collects the groups. A group of the preset's name adds its rules behind the preset's.
pub(super) fn draft(written: &Written, source: &Source, findings: &mut Vec<Diagnostic>) -> Drafts {
    let mut groups: Vec<GroupDraft> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    // By group, then direction.
    let mut lists: Vec<[Vec<(Fields, Origin, bool)>; 2]> = Vec::new();
    if let Some((preset, span)) = &written.preset {
        let place =
            Origin { file: format!("preset {}", preset.name).into(), line: 0, span: 0..0, place: None };
        for group in preset.groups {
            let read = |rules: &[crate::policy::cce::PresetRule], findings: &mut Vec<Diagnostic>| {
                let rule = |rule: &crate::policy::cce::PresetRule| {
                    let mut fields = words::rule(&Piece::elsewhere(rule.words, span), false, findings);
                    fields.id = (!rule.id.is_empty()).then(|| Piece::elsewhere(rule.id, span));
                    fields.description = Some(rule.purpose.to_owned());
                    (fields, place.clone(), true)
                };
                rules.iter().map(rule).collect::<Vec<_>>()
            };
            index.insert(group.name, groups.len());
            lists.push([read(group.ingress, findings), read(group.egress, findings)]);
            let about = About { called: None, description: group.about.to_owned() };
            groups.push(GroupDraft { name: group.name.to_owned(), about, span: None });
        }
    }
    for group in &written.groups {
        let at = *index.entry(&group.name.text).or_insert_with(|| {
            let name = group.name.text.clone();
            groups.push(GroupDraft { name, about: About::default(), span: None });
            lists.push([Vec::new(), Vec::new()]);
            groups.len() - 1
        });
        if !group.imported {
            groups[at].span = Some(group.name.span.clone());
        }
        let about = &mut groups[at].about;
        about.called = about.called.take().or_else(|| group.called.clone());
        if !group.description.is_empty() {
            about.description.clone_from(&group.description);
        }
        for (list, rules) in lists[at].iter_mut().zip([&group.ingress, &group.egress]) {
            list.extend(rules.iter().map(|fields| (fields.clone(), origin(source, &fields.span), false)));
        }
    }
    let rules = named(&groups, lists, findings);
    Drafts { groups, rules }
}

/// Gives every rule its name.
fn named(
    groups: &[GroupDraft],
    lists: Vec<[Vec<(Fields, Origin, bool)>; 2]>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<RuleDraft> {
    let mut rules = Vec::new();
    for (group, directions) in lists.into_iter().enumerate() {
        let group_name = groups[group].name.as_str();
        let mut ids: BTreeMap<String, (Span, bool)> = BTreeMap::new();
        for (direction, list) in Direction::BOTH.into_iter().zip(directions) {
            for (position, (fields, origin, from_preset)) in (1..).zip(list) {
                let mut name = format!("{group_name}/{direction}/{position}");
                if let Some(id) = &fields.id
                    && (from_preset || name::check(id, "a rule", findings))
                {
                    match ids.get(&id.text) {
                        Some((span, preset)) => {
                            findings.push(duplicate(group_name, id, span, *preset, from_preset));
                        }
                        None => _ = ids.insert(id.text.clone(), (id.span.clone(), from_preset)),
                    }
                    name = format!("{group_name}/{}", id.text);
                }
                rules.push(RuleDraft { name, group, direction, fields, origin, from_preset });
            }
        }
    }
    rules
}

fn duplicate(group: &str, id: &Piece, first: &Span, first_is_preset: bool, both: bool) -> Diagnostic {
    let message = format!("group `{group}` has two rules with the id `{}`", id.text);
    let finding = Diagnostic::new(codes::DUPLICATE_RULE_ID, message).at(id.span.clone(), "second rule");
    if both {
        finding
    } else if first_is_preset {
        let name = &id.text;
        finding
            .also(first.clone(), "the preset has the first")
            .help(format!("to make the preset's rule another, write `change: {{ {group}/{name}: ... }}`"))
    } else {
        finding.also(first.clone(), "first rule").help("give one of them another id")
    }
}

/// Applies `change`. A rule that goes leaves its position behind: the others keep their names.
pub(super) fn change(
    drafts: &mut Drafts,
    written: &Written,
    source: &Source,
    findings: &mut Vec<Diagnostic>,
) {
    let index: BTreeMap<String, usize> =
        drafts.rules.iter().enumerate().map(|(at, rule)| (rule.name.clone(), at)).collect();
    let mut removed = vec![false; drafts.rules.len()];
    for (id, change) in &written.changes {
        let Some(&at) = index.get(&id.text) else {
            if !written.preset_unknown {
                let finding = unknown_rule(id, &index, findings);
                findings.push(finding);
            }
            continue;
        };
        match change {
            Change::Remove => removed[at] = true,
            Change::Replace { fields, whole } => {
                let rule = &mut drafts.rules[at];
                rule.fields =
                    if *whole { whole_rule(&rule.fields, fields) } else { merged(&rule.fields, fields) };
                rule.origin = origin(source, &id.span);
                rule.from_preset = false;
            }
        }
    }
    let mut removed = removed.into_iter();
    drafts.rules.retain(|_| !removed.next().unwrap_or(false));
}

fn unknown_rule(id: &Piece, index: &BTreeMap<String, usize>, findings: &[Diagnostic]) -> Diagnostic {
    let finding = Diagnostic::new(codes::UNKNOWN_RULE, format!("unknown rule `{}`", id.text));
    let group = id.text.split('/').next().unwrap_or("");
    let help = did_you_mean_unless_many(findings, &id.text, index.keys().map(String::as_str)).or_else(|| {
        let of_group = index.keys().filter(|name| name.split('/').next() == Some(group));
        let names: Vec<_> = of_group.take(12).map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("the rules of `{group}` are {}", names.join(", ")))
    });
    let help =
        help.or_else(|| Some("a rule is named by its group and id: `node/ssh`, `node/ingress/3`".into()));
    finding.at(id.span.clone(), "").maybe_help(help)
}

/// The rule in other words; what it is for stays.
fn whole_rule(old: &Fields, new: &Fields) -> Fields {
    Fields { description: old.description.clone(), ..new.clone() }
}

/// The old rule with the new fields.
fn merged(old: &Fields, new: &Fields) -> Fields {
    Fields {
        span: new.span.clone(),
        broken: old.broken || new.broken,
        detail_kept: new.ports.is_none() && new.icmp.is_none(),
        action: new.action.or(old.action),
        protocol: new.protocol.clone().or_else(|| old.protocol.clone()),
        ports: new.ports.clone().or_else(|| old.ports.clone()),
        icmp: new.icmp.clone().or_else(|| old.icmp.clone()),
        side: new.side.clone().or_else(|| old.side.clone()),
        remotes: new.remotes.clone().or_else(|| old.remotes.clone()),
        priority: new.priority.or(old.priority),
        family: new.family.clone().or_else(|| old.family.clone()),
        id: old.id.clone(),
        enabled: new.enabled.or(old.enabled),
        doubt: new.doubt.or(old.doubt),
        description: new.description.clone().or_else(|| old.description.clone()),
    }
}
