//! Resources of the huaweicloud, opentelekomcloud, flexibleengine and openstack providers, which share their fields.
//!
//! <https://registry.terraform.io/providers/huaweicloud/huaweicloud/latest/docs/resources/networking_secgroup_rule>;
//! <https://registry.terraform.io/providers/terraform-provider-openstack/openstack/latest/docs>. What a provider leaves
//! to the cloud, the rules of a new group, is said in a note.

use crate::policy::Direction;
use crate::policy::import::facts::{
    Attachment, Facts, GroupFact, KNOWN_AFTER_APPLY, RuleFact, SetFact, any_rules_of,
};
use crate::policy::import::field::{self, Findings, items, list, said, text};
use crate::policy::import::huawei::{self, Form};
use crate::policy::scenario::written::{Remote, RemoteKind};
use crate::policy::tree::{Node, Piece};

use super::Resource;
use super::references::References;
use super::unknown;

/// Reads one resource, if it is of those that matter: whether it is.
pub(super) fn resource<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) -> bool {
    let kind = resource.kind.trim_end_matches("_v2").trim_end_matches("_v1").trim_end_matches("_v3");
    match kind.split_once('_').map_or("", |(_, kind)| kind) {
        "networking_secgroup" | "vpc_secgroup" => group(resource, facts, findings),
        "networking_secgroup_rule" | "vpc_secgroup_rule" => rule(resource, references, facts, findings),
        "vpc_address_group" => {
            let entries = huawei::address_group(resource.values).map(|set| set.entries);
            let entries = entries.unwrap_or_else(|| list(resource.values, "addresses").cloned().collect());
            let name = said(resource.values, "name").cloned();
            facts.sets.push(SetFact { key: resource.key(), name, entries });
        }
        "networking_port" => port(resource, references, facts, findings),
        "compute_instance" => instance(resource, references, facts, findings),
        _ => return false,
    }
    true
}

fn group(resource: &Resource<'_>, facts: &mut Facts, findings: &mut Findings) {
    let (key, values) = (resource.key(), resource.values);
    let stored = items(values, "rules");
    for node in stored {
        facts.rules.extend(huawei::rule(node, Form::Terraform, Some(&key), findings));
    }
    if stored.is_empty() && !field::is_true(values, "delete_default_rules") {
        let openstack = resource.kind.starts_with("openstack_");
        let rules = huawei::default_rules(&key).into_iter();
        facts.rules.extend(rules.filter(|rule| !openstack || rule.direction == Direction::Egress));
        facts.note(if openstack {
            "groups without delete_default_rules have the cloud's own: all may leave"
        } else {
            "groups without delete_default_rules have the cloud's own: all may leave, members reach each other"
        });
    }
    let name = said(values, "name").cloned().unwrap_or_else(|| resource.label());
    let description = text(values, "description");
    facts.groups.push(GroupFact { key, name: Some(name), description, has_rules: true });
}

fn rule<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let group = references.argument(resource, "security_group_id").named();
    // The group's own list of rules in a state has this one too.
    if let Some(id) = said(resource.values, "id") {
        facts.rules.retain(|rule| rule.fields.id.as_ref().is_none_or(|known| known.text != id.text));
    }
    let unknown = references.unknowns(resource);
    if unknown.contains(&"direction") {
        let at = group.clone().unwrap_or_else(|| resource.label());
        for direction in Direction::BOTH {
            let rules = any_rules_of(&at, direction, false);
            facts.rules.extend(rules.map(|rule| RuleFact { group: group.clone(), ..rule }));
        }
        return;
    }
    let Some(mut rule) = huawei::rule(resource.values, Form::Terraform, None, findings) else { return };
    rule.group = group;
    rule.fields.id = Some(resource.label());
    for (key, is_group) in
        [("remote_group_id", true), ("remote_address_group_id", false), ("remote_ip_prefix", false)]
    {
        if rule.fields.remotes.is_some() {
            break;
        }
        let Some(key) = references.argument(resource, key).referred() else { continue };
        let kind = if is_group { RemoteKind::GroupKey(key) } else { RemoteKind::SetKey(key) };
        rule.fields.remotes = Some(vec![Remote { kind, span: resource.values.span.clone() }]);
    }
    let RuleFact { group, direction, fields } = rule;
    let rules = unknown::in_doubt(fields, Some(&unknown)).into_iter();
    facts.rules.extend(rules.map(|fields| RuleFact { group: group.clone(), direction, fields }));
}

/// The groups that a list of identifiers names, or that its expression refers to.
fn groups<'n>(resource: &Resource<'n>, references: &References<'_, 'n>, keys: &[&str]) -> Option<Vec<Piece>> {
    keys.iter().find_map(|key| {
        let mut known: Vec<Piece> = list(resource.values, key).cloned().collect();
        if !known.is_empty() && !references.unknown(resource, key).any() {
            return Some(known);
        }
        for found in references.all(resource, key)?.into_iter().map(Resource::key) {
            if known.iter().all(|key| key.text != found.text) {
                known.push(found);
            }
        }
        Some(known)
    })
}

fn port<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let fixed = || items(resource.values, "fixed_ip").iter().map(|ip| said(ip, "ip_address"));
    let all: Vec<&Piece> = list(resource.values, "all_fixed_ips").collect();
    let more = all.is_empty() && fixed().any(|ip| ip.is_none());
    let own: Vec<&Piece> = if all.is_empty() { fixed().flatten().collect() } else { all };
    let addresses = field::addresses(own, findings);
    let name = said(resource.values, "name").cloned();
    let groups = &["all_security_group_ids", "security_group_ids"];
    push(resource, references, Member { name, addresses, more, groups }, facts);
}

fn instance<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let nics = items(resource.values, "network");
    let of = |nic: &'n Node| {
        let both = ["fixed_ip_v4", "fixed_ip_v6"].into_iter();
        both.filter_map(move |key| said(nic, key))
    };
    let own: Vec<&Piece> = nics.iter().flat_map(of).collect();
    let more = nics.iter().any(|nic| of(nic).next().is_none());
    let addresses = field::addresses(own, findings);
    let name = said(resource.values, "name").cloned();
    let groups = &["security_group_ids", "security_groups"];
    push(resource, references, Member { name, addresses, more, groups }, facts);
}

/// What a resource says of an interface.
pub(super) struct Member<'k> {
    pub(super) name: Option<Piece>,
    pub(super) addresses: Vec<(crate::packet::AddressRange, crate::diag::Span)>,
    /// Whether it has addresses beside these.
    pub(super) more: bool,
    /// The arguments that may say its groups.
    pub(super) groups: &'k [&'static str],
}

/// An interface, when the plan or state knows its addresses. Where a plan does not, its groups have a member more.
pub(super) fn push<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    member: Member<'_>,
    facts: &mut Facts,
) {
    let Member { name, addresses, more, groups: keys } = member;
    let groups = groups(resource, references, keys);
    if references.is_plan() && (addresses.is_empty() || more) {
        let unnamed = groups.is_none() && keys.iter().any(|key| references.sets(resource, key));
        let before = facts.open.len();
        facts.open.extend(groups.iter().flatten().map(|group| group.text.clone()));
        facts.open.extend(unnamed.then(|| KNOWN_AFTER_APPLY.to_owned()));
        if facts.open.len() > before {
            facts.note(format!(
                "{}: an address is known after apply and left out, so its groups have members that are not known",
                resource.address
            ));
        }
    }
    if addresses.is_empty() {
        return;
    }
    let id = said(resource.values, "id").map(|id| id.text.clone());
    let name = name.unwrap_or_else(|| resource.label());
    facts.attachments.push(Attachment { id, name, rank: 2, addresses, behind: vec![], groups });
}
