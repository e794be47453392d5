//! Resources of the aws provider.
//!
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/security_group> and its neighbours. The
//! provider removes the rule that lets everything out, so a group has the rules that are written and no others.

use crate::policy::import::aws::service;
use crate::policy::import::facts::{Facts, GroupFact, KNOWN_AFTER_APPLY, RuleFact, SetFact, any_rules_of};
use crate::policy::import::field::{self, Findings, items, list, said, said_any, text};
use crate::policy::scenario::written::{Fields, Remote, RemoteKind};
use crate::policy::tree::{Kind, Node, Piece};
use crate::policy::{Action, Direction, Doubt};

use super::neutron::{Member, push};
use super::references::References;
use super::unknown::{self, REMOTES, Unknown};
use super::{Argument, Resource};

/// Reads one resource, if it is of those that matter: whether it is.
pub(super) fn resource<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) -> bool {
    let values = resource.values;
    match resource.kind.as_str() {
        "aws_security_group" | "aws_default_security_group" => group(resource, references, facts, findings),
        "aws_security_group_rule" => {
            let said = said(values, "type").and_then(|piece| field::direction(piece, findings));
            let both = references.unknown(resource, "type").any();
            let directions = if both { Direction::BOTH.to_vec() } else { said.into_iter().collect() };
            for direction in directions {
                rule(resource, references, direction, facts, findings);
            }
        }
        "aws_vpc_security_group_ingress_rule" => {
            rule(resource, references, Direction::Ingress, facts, findings);
        }
        "aws_vpc_security_group_egress_rule" => {
            rule(resource, references, Direction::Egress, facts, findings);
        }
        "aws_ec2_managed_prefix_list" => {
            let entries = items(values, "entry").iter().filter_map(|entry| said(entry, "cidr")).cloned();
            let (name, entries) = (said(values, "name").cloned(), entries.collect());
            facts.sets.push(SetFact { key: resource.key(), name, entries });
        }
        "aws_instance" => {
            let own = said(values, "private_ip").into_iter().chain(list(values, "ipv6_addresses"));
            let name = values.get("tags").and_then(|tags| said(tags, "Name")).cloned();
            let addresses = field::addresses(own, findings);
            let member = Member { name, addresses, more: false, groups: &["vpc_security_group_ids"] };
            push(resource, references, member, facts);
        }
        "aws_network_interface" => {
            let own = list(values, "private_ips").chain(list(values, "ipv6_addresses"));
            let addresses = field::addresses(own, findings);
            let more = items(values, "private_ips").iter().any(|address| address.kind == Kind::Null);
            push(
                resource,
                references,
                Member { name: None, addresses, more, groups: &["security_groups"] },
                facts,
            );
        }
        _ => return false,
    }
    true
}

fn group<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let (key, values) = (resource.key(), resource.values);
    for (blocks, direction) in [("ingress", Direction::Ingress), ("egress", Direction::Egress)] {
        let unknown = references.unknown(resource, blocks);
        if let Unknown::All = unknown {
            facts.rules.extend(any_rules_of(&key, direction, true));
        }
        for (number, block) in items(values, blocks).iter().enumerate() {
            let unknown = unknown.at(number).fields();
            let fields = fields(block, findings);
            let mut remotes = remotes(block, &key, findings);
            // A known block has all its lists; one that is absent is known only after it is applied.
            let lists = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups"];
            let has = |keys: &[&str]| {
                unknown.as_ref().is_none_or(|unknown| unknown.iter().any(|key| keys.contains(key)))
            };
            if has(REMOTES) || lists.iter().any(|list| block.get(list).is_none()) {
                remotes.push(unknown::remote(block));
            }
            for fields in unknown::in_doubt(fields, unknown.as_deref()) {
                push_rules(&key, direction, &fields, remotes.clone(), facts);
            }
        }
    }
    let name = said(values, "name").cloned().unwrap_or_else(|| resource.label());
    let description = text(values, "description");
    facts.groups.push(GroupFact { key, name: Some(name), description, has_rules: true });
}

/// One rule for each remote.
fn push_rules(group: &Piece, direction: Direction, fields: &Fields, remotes: Vec<Remote>, facts: &mut Facts) {
    for remote in remotes {
        let fields = Fields { remotes: Some(vec![remote]), ..fields.clone() };
        facts.rules.push(RuleFact { group: Some(group.clone()), direction, fields });
    }
}

fn fields(node: &Node, findings: &mut Findings) -> Fields {
    let protocol = said_any(node, &["protocol", "ip_protocol"]);
    let before = findings.len();
    let mut fields = Fields {
        span: node.span.clone(),
        action: Some(Action::Allow),
        protocol: protocol.and_then(|piece| field::protocol(piece, findings)),
        description: said(node, "description").map(|piece| piece.text.clone()),
        ..Fields::default()
    };
    service(&mut fields, said(node, "from_port"), said(node, "to_port"), findings);
    fields.broken = findings[before..].iter().any(crate::diag::Diagnostic::is_error);
    fields
}

/// All remotes that a block or rule says.
fn remotes(node: &Node, group: &Piece, findings: &mut Findings) -> Vec<Remote> {
    let mut remotes = Vec::new();
    for key in ["cidr_blocks", "ipv6_cidr_blocks"] {
        remotes.extend(list(node, key).map(|piece| field::range(piece, findings)));
    }
    for key in ["cidr_ipv4", "cidr_ipv6"] {
        remotes.extend(said(node, key).map(|piece| field::range(piece, findings)));
    }
    remotes.extend(list(node, "prefix_list_ids").chain(said(node, "prefix_list_id")).map(field::set));
    let groups = ["source_security_group_id", "referenced_security_group_id"];
    remotes.extend(list(node, "security_groups").chain(said_any(node, &groups)).map(field::group));
    if field::is_true(node, "self") {
        remotes.push(field::group(group));
    }
    remotes
}

fn rule<'n>(
    resource: &Resource<'n>,
    references: &References<'_, 'n>,
    direction: Direction,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let group = references.argument(resource, "security_group_id").named();
    let mut fields = fields(resource.values, findings);
    let own = group.clone().unwrap_or_else(|| resource.place("(known after apply)"));
    let mut remotes = remotes(resource.values, &own, findings);
    for key in ["source_security_group_id", "referenced_security_group_id"] {
        let Some(key) = references.argument(resource, key).referred() else { continue };
        let span = resource.values.span.clone();
        remotes.push(Remote { kind: RemoteKind::GroupKey(key), span });
    }
    for key in
        ["cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "prefix_list_ids", "prefix_list_id"]
    {
        let said = list(resource.values, key).next().is_some();
        if said && references.unknown(resource, key).any() {
            remotes.push(unknown::remote(resource.values));
        } else if !said && (references.sets(resource, key) || references.unknown(resource, key).any()) {
            let key = match references.argument(resource, key) {
                Argument::Refers(key) => key.text,
                _ => KNOWN_AFTER_APPLY.to_owned(),
            };
            remotes.push(Remote { kind: RemoteKind::SetKey(key), span: resource.values.span.clone() });
        }
    }
    if references.unknown(resource, "self").any() {
        remotes.push(unknown::remote(resource.values));
    }
    let unknown = references.unknowns(resource);
    if unknown.contains(&"type") {
        fields.doubt = Some(Doubt::NotModelled);
    }
    let several = remotes.len() > 1;
    for (number, remote) in (1..).zip(remotes) {
        let label = resource.label();
        let id = if several { label.reworded(format!("{}.{number}", label.text)) } else { label };
        fields.id = Some(id);
        let fields = Fields { remotes: Some(vec![remote]), ..fields.clone() };
        let rules = unknown::in_doubt(fields, Some(&unknown)).into_iter();
        facts.rules.extend(rules.map(|fields| RuleFact { group: group.clone(), direction, fields }));
    }
}
