//! Resources of the huaweicloud, opentelekomcloud, flexibleengine and openstack providers, which share their fields.
//!
//! <https://registry.terraform.io/providers/huaweicloud/huaweicloud/latest/docs/resources/networking_secgroup_rule>;
//! <https://registry.terraform.io/providers/terraform-provider-openstack/openstack/latest/docs>. What a provider leaves
//! to the cloud, the rules of a new group, is said in a note.

use crate::policy::Direction;
use crate::policy::import::facts::{Attachment, Facts, GroupFact, RuleFact, SetFact, any_rules_of};
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
pub(super) fn groups<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    keys: &[&str],
) -> Option<Vec<Piece>> {
    keys.iter().find_map(|key| {
        if list(resource.values, key).next().is_some() {
            return Some(list(resource.values, key).cloned().collect());
        }
        let found = references.all(resource, key)?;
        Some(found.into_iter().map(Resource::key).collect())
    })
}

fn port<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let fixed = items(resource.values, "fixed_ip").iter().filter_map(|ip| said(ip, "ip_address"));
    let all: Vec<&Piece> = list(resource.values, "all_fixed_ips").collect();
    let own: Vec<&Piece> = if all.is_empty() { fixed.collect() } else { all };
    let groups = groups(resource, references, &["all_security_group_ids", "security_group_ids"]);
    let name = said(resource.values, "name").cloned();
    push(resource, name, field::addresses(own, findings), groups, facts);
}

fn instance<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let of = |key: &'static str| {
        items(resource.values, "network").iter().filter_map(move |nic: &Node| said(nic, key))
    };
    let v6 = of("fixed_ip_v6").filter(|piece| !piece.text.is_empty());
    let own: Vec<&Piece> = of("fixed_ip_v4").chain(v6).collect();
    let groups = groups(resource, references, &["security_group_ids", "security_groups"]);
    let name = said(resource.values, "name").cloned();
    push(resource, name, field::addresses(own, findings), groups, facts);
}

/// An interface, when the plan or state knows its addresses.
pub(super) fn push(
    resource: &Resource<'_>,
    name: Option<Piece>,
    addresses: Vec<(crate::packet::AddressRange, crate::diag::Span)>,
    groups: Option<Vec<Piece>>,
    facts: &mut Facts,
) {
    if addresses.is_empty() {
        return;
    }
    let id = said(resource.values, "id").map(|id| id.text.clone());
    let name = name.unwrap_or_else(|| resource.label());
    facts.attachments.push(Attachment { id, name, rank: 2, addresses, behind: vec![], groups });
}
