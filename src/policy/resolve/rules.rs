//! Rules with their names looked up: the last step to the policy.

use crate::diag::{Diagnostic, Span, codes, did_you_mean_unless_many};
use crate::packet::{AddressRange, AddressSet};
use crate::policy::scenario::written::{Fields, Remote, RemoteKind};
use crate::policy::{Action, Direction, Doubt, Group, GroupId, Priority, Rule, RuleId};

use super::groups::{Drafts, RuleDraft};
use super::service::service;
use super::{Names, unknown_group};

/// Most ranges that the remotes of all rules may hold together.
const MOST_RANGES: usize = 10_000_000;

/// The groups and rules of the policy. `bound` says of each group whether an interface has it.
pub(super) fn finish(
    drafts: Drafts,
    names: &Names,
    bound: &[bool],
    findings: &mut Vec<Diagnostic>,
) -> (Vec<Group>, Vec<Rule>) {
    let mut groups: Vec<Group> = drafts
        .groups
        .into_iter()
        .map(|group| Group { name: group.name, ingress: Vec::new(), egress: Vec::new() })
        .collect();
    let mut rules = Vec::with_capacity(drafts.rules.len());
    let mut total = 0;
    for draft in drafts.rules {
        let group = draft.group;
        let Some(rule) = rule(draft, names, bound[group], findings) else { continue };
        total += rule.remote.ranges().len();
        if total > MOST_RANGES {
            let message = format!("the remotes of the rules hold more than {MOST_RANGES} ranges together");
            findings.push(Diagnostic::new(codes::TOO_LARGE, message));
            break;
        }
        let Ok(id) = u32::try_from(rules.len()) else { break };
        match rule.direction {
            Direction::Ingress => groups[group].ingress.push(RuleId(id)),
            Direction::Egress => groups[group].egress.push(RuleId(id)),
        }
        rules.push(rule);
    }
    (groups, rules)
}

fn rule(draft: RuleDraft, names: &Names, bound: bool, findings: &mut Vec<Diagnostic>) -> Option<Rule> {
    let RuleDraft { name, group, direction, fields, origin, from_preset } = draft;
    wrong_side(&fields, direction, findings);
    let remote = remote(fields.remotes.as_deref(), names, &fields, findings);
    // Ports are told of a broken rule too, as long as it is known whose ports they are.
    let known = !fields.broken || fields.protocol.is_some();
    let service = if known { service(&fields, findings).filter(|_| !fields.broken) } else { None };
    let ((remote, remote_text), (service, family)) = (remote?, service?);
    let of_family = |range: &AddressRange| family.is_none_or(|family| family == range.family());
    if bound && !remote.ranges().iter().any(of_family) {
        let mut message = format!("the remote `{remote_text}` of rule `{name}` holds no ");
        message += &family.map_or_else(|| "address".to_owned(), |family| format!("{family} address"));
        let span = fields.remotes.iter().flatten().map(|remote| remote.span.clone()).next();
        let finding =
            Diagnostic::new(codes::EMPTY_REMOTE, message).at(span.unwrap_or(fields.span.clone()), "");
        findings.push(finding.help(if from_preset {
            "a group stands for the addresses of its interfaces: add the interface, or remove the rule with `change`"
        } else {
            "the rule never matches; a group stands for the addresses of the interfaces that have it"
        }));
    }
    Some(Rule {
        name,
        group: GroupId(u32::try_from(group).ok()?),
        direction,
        action: fields.action.unwrap_or(Action::Allow),
        priority: fields.priority.unwrap_or(Priority::FIRST),
        family,
        service,
        remote,
        remote_text,
        enabled: fields.enabled.unwrap_or(true),
        doubt: fields.doubt,
        description: fields.description.unwrap_or_default(),
        origin,
    })
}

fn wrong_side(fields: &Fields, direction: Direction, findings: &mut Vec<Diagnostic>) {
    let Some((side, span)) = fields.side.as_ref().filter(|(side, _)| *side != direction) else {
        return;
    };
    let word = |side| if side == Direction::Ingress { "from" } else { "to" };
    let message = format!("an {direction} rule names its remote with `{}`", word(direction));
    let finding = Diagnostic::new(codes::WRONG_SIDE, message).at(span.clone(), "");
    let help = format!("write `{}`, or move the rule to `{side}`", word(direction));
    findings.push(finding.help(help));
}

/// The far side as addresses, and in normal words.
fn remote(
    remotes: Option<&[Remote]>,
    names: &Names,
    fields: &Fields,
    findings: &mut Vec<Diagnostic>,
) -> Option<(AddressSet, String)> {
    let Some(remotes) = remotes else {
        return Some((AddressSet::any(), "any".to_owned()));
    };
    if remotes.is_empty() {
        if !fields.broken {
            let span = fields.side.as_ref().map_or_else(|| fields.span.clone(), |(_, span)| span.clone());
            let finding = Diagnostic::new(codes::BAD_VALUE, "the list of remotes is empty").at(span, "");
            findings.push(finding.help("write `any`, or remove the key to mean any"));
        }
        return None;
    }
    let mut ranges: Vec<AddressRange> = Vec::new();
    let mut words = Vec::with_capacity(remotes.len());
    let mut complete = true;
    for remote in remotes {
        match look_up(remote, names, findings) {
            Some((set, word)) => {
                ranges.extend(set.ranges());
                words.push(word);
            }
            None => complete = false,
        }
    }
    // Of a group whose members are not known, any address may be one.
    if fields.doubt == Some(Doubt::UnknownMembers) && words.iter().any(|word| word.starts_with("group ")) {
        ranges = AddressSet::any().ranges().to_vec();
    }
    complete.then(|| (ranges.into_iter().collect(), words.join(", ")))
}

fn look_up(remote: &Remote, names: &Names, findings: &mut Vec<Diagnostic>) -> Option<(AddressSet, String)> {
    let set = |name: &str| {
        let set = names.sets.get(name)?;
        let word = if names.groups.contains_key(name) { format!("set {name}") } else { name.to_owned() };
        Some((set.clone(), word))
    };
    let group = |name: &str| {
        let id = names.groups.get(name)?;
        Some((names.members[id.0 as usize].clone(), format!("group {name}")))
    };
    let found = match &remote.kind {
        RemoteKind::Any => Some((AddressSet::any(), "any".to_owned())),
        RemoteKind::Range(range) => Some((std::iter::once(*range).collect(), range.to_string())),
        RemoteKind::Unknown(text) => Some((AddressSet::any(), text.clone())),
        RemoteKind::Broken | RemoteKind::GroupKey(_) | RemoteKind::SetKey(_) | RemoteKind::Key(_) => {
            return None;
        }
        RemoteKind::Named(name) => match (set(name), group(name)) {
            (Some(_), Some(_)) => {
                let message = format!("`{name}` is both an address set and a group");
                let finding = Diagnostic::new(codes::AMBIGUOUS_REMOTE, message).at(remote.span.clone(), "");
                findings.push(finding.help(format!("write `set {name}` or `group {name}`")));
                return None;
            }
            (set, group) => set.or(group),
        },
        RemoteKind::Group(name) => group(name),
        RemoteKind::Set(name) => set(name),
    };
    if found.is_none() && !names.incomplete {
        let missing = match &remote.kind {
            RemoteKind::Group(name) => unknown_group(name, remote.span.clone(), &names.groups, findings),
            RemoteKind::Named(name) | RemoteKind::Set(name) => {
                unknown(name, remote.span.clone(), names, findings)
            }
            _ => return None,
        };
        findings.push(missing);
    }
    found
}

fn unknown(name: &str, span: Span, names: &Names, findings: &[Diagnostic]) -> Diagnostic {
    let message = format!("`{name}` is neither an address nor the name of a set or group");
    let known = names.sets.keys().chain(names.groups.keys()).map(String::as_str);
    let help = did_you_mean_unless_many(findings, name, known)
        .unwrap_or_else(|| "name an address, a set of `addresses:`, a group, or `any`".to_owned());
    Diagnostic::new(codes::UNKNOWN_REMOTE, message).at(span, "").help(help)
}
