//! Resources of the azurerm and google providers: the fields of their clouds' own APIs in snake case. They are renamed, and
//! read as what those clouds export.
//!
//! <https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/network_security_group> and
//! `network_security_rule`; <https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall>
//! and `compute_instance`. Who has an Azure group is not read: `--attach` says it.

use crate::diag::Span;
use crate::policy::import::facts::Facts;
use crate::policy::import::field::{self, Findings, said};
use crate::policy::import::{azure, gcp};
use crate::policy::tree::{Kind, Node, Piece};

use super::references::References;
use super::{Argument, Resource};

/// The kinds of resources that are read here.
pub(super) const KINDS: &[&str] = &[
    "azurerm_network_security_group",
    "azurerm_network_security_rule",
    "google_compute_firewall",
    "google_compute_instance",
];

/// Stands for a value that only applying tells: no address, no group and no port is written so.
const UNKNOWN: &str = "(known after apply)";

/// Reads all resources of both providers.
pub(super) fn read<'n>(
    resources: &[Resource<'n>],
    references: &References<'_, 'n>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let kept = || resources.iter().filter(|resource| !resource.is_data());
    let mut groups: Vec<(&Resource<'n>, Node)> = kept()
        .filter(|resource| resource.kind == "azurerm_network_security_group")
        .map(|resource| (resource, azure_group(resource)))
        .collect();
    for resource in kept().filter(|resource| resource.kind == "azurerm_network_security_rule") {
        let place = |key: &'static str| references.argument(resource, key);
        let group = place("network_security_group_name");
        let within = said(resource.values, "resource_group_name");
        let is_its = |group_resource: &Resource<'n>| {
            let values = group_resource.values;
            let other = said(values, "resource_group_name");
            let same_place = within.zip(other).is_none_or(|(one, other)| one.text == other.text);
            match &group {
                Argument::Value(name) => {
                    said(values, "name").is_some_and(|own| own.text == name.text) && same_place
                }
                Argument::Refers(key) => group_resource.key().text == key.text,
                Argument::Absent | Argument::Unknown => false,
            }
        };
        match groups.iter_mut().find(|(group_resource, _)| is_its(group_resource)) {
            Some((_, group)) => push(group, "securityRules", azure_rule(resource.values)),
            None => facts.note(format!("{} is not read: its group is not in the file", resource.address)),
        }
    }
    adopt(groups.into_iter().map(|(_, group)| group).collect(), azure::read, facts, findings);
    let firewalls = kept().filter_map(|resource| match resource.kind.as_str() {
        "google_compute_firewall" => Some(firewall(resource, references)),
        "google_compute_instance" => Some(instance(resource)),
        _ => None,
    });
    adopt(firewalls.collect(), gcp::read, facts, findings);
}

/// Reads these as a list that a cloud exports.
fn adopt(
    items: Vec<Node>,
    read: fn(&Node, &mut Findings) -> Option<Facts>,
    facts: &mut Facts,
    findings: &mut Findings,
) {
    let Some(first) = items.first() else { return };
    let span = first.span.clone();
    let list = Node::new(Kind::Sequence { items, flow: true }, span);
    if let Some(found) = read(&list, findings) {
        facts.groups.extend(found.groups);
        facts.rules.extend(found.rules);
        facts.attachments.extend(found.attachments);
        found.notes.into_iter().for_each(|note| facts.note(note));
    }
    field::mistakes(&list, findings);
}

fn azure_group(resource: &Resource<'_>) -> Node {
    let mut group = camel(resource.values);
    let rules = resource.values.get("security_rule").map_or(&[][..], field::listed);
    let rules = rules.iter().map(azure_rule).collect();
    set(
        &mut group,
        "securityRules",
        Node::new(Kind::Sequence { items: rules, flow: true }, resource.values.span.clone()),
    );
    group
}

/// A rule; of what it does not say nothing is known yet.
fn azure_rule(values: &Node) -> Node {
    let mut rule = camel(values);
    for side in ["source", "destination"] {
        let ids = format!("{side}ApplicationSecurityGroupIds");
        let ids = values_of(&rule, &ids);
        let groups: Vec<Node> = ids.iter().map(|id| mapping("id", id)).collect();
        let said = |rule: &Node, key: &str| !values_of(rule, key).is_empty();
        let has_address =
            said(&rule, &format!("{side}AddressPrefix")) || said(&rule, &format!("{side}AddressPrefixes"));
        if groups.is_empty() && !has_address {
            set(&mut rule, &format!("{side}AddressPrefix"), unknown(&values.span));
        }
        let list = Node::new(Kind::Sequence { items: groups, flow: true }, values.span.clone());
        set(&mut rule, &format!("{side}ApplicationSecurityGroups"), list);
        // A source port that is not known puts the rule in doubt; ports of a rule that says none would be all.
        if !said(&rule, &format!("{side}PortRange")) && !said(&rule, &format!("{side}PortRanges")) {
            set(&mut rule, "sourcePortRange", unknown(&values.span));
        }
    }
    rule
}

fn firewall<'n>(resource: &Resource<'n>, references: &References<'_, 'n>) -> Node {
    let values = resource.values;
    let mut rule = camel(values);
    for (from, to) in [("allow", "allowed"), ("deny", "denied")] {
        let services = values.get(from).map_or(&[][..], field::listed).iter().map(|service| {
            let mut service = camel(service);
            rename(&mut service, "protocol", "IPProtocol");
            service
        });
        let list = Node::new(Kind::Sequence { items: services.collect(), flow: true }, values.span.clone());
        set(&mut rule, to, list);
    }
    if let Argument::Refers(network) = references.argument(resource, "network") {
        set(&mut rule, "network", scalar(network));
    }
    let open = [
        "source_ranges",
        "destination_ranges",
        "source_tags",
        "target_tags",
        "source_service_accounts",
        "target_service_accounts",
    ];
    if open.iter().any(|key| field::list(values, key).next().is_none() && references.sets(resource, key)) {
        set(
            &mut rule,
            "sourceServiceAccounts",
            Node::new(Kind::Sequence { items: vec![unknown(&values.span)], flow: true }, values.span.clone()),
        );
    }
    rule
}

fn instance(resource: &Resource<'_>) -> Node {
    let mut instance = camel(resource.values);
    rename(&mut instance, "networkInterface", "networkInterfaces");
    if let Kind::Mapping(entries) = &mut instance.kind {
        for (key, value) in entries {
            match (key.text.as_str(), &mut value.kind) {
                ("networkInterfaces", Kind::Sequence { items, .. }) => {
                    for nic in items {
                        rename(nic, "networkIp", "networkIP");
                        rename(nic, "aliasIpRange", "aliasIpRanges");
                    }
                }
                ("tags", Kind::Sequence { .. }) => *value = mapping("items", value),
                _ => {}
            }
        }
    }
    instance
}

/// The same with keys in camel case.
fn camel(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Mapping(entries) => {
            let entry = |(key, value): &(Piece, Node)| (key.reworded(camel_word(&key.text)), camel(value));
            Kind::Mapping(entries.iter().map(entry).collect())
        }
        Kind::Sequence { items, flow } => {
            Kind::Sequence { items: items.iter().map(camel).collect(), flow: *flow }
        }
        other => other.clone(),
    };
    Node::new(kind, node.span.clone())
}

fn camel_word(word: &str) -> String {
    let mut parts = word.split('_');
    let mut camel = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// The values behind a key that say something: those of a list, or one alone.
fn values_of(node: &Node, key: &str) -> Vec<Node> {
    let is_said = |node: &&Node| node.piece().is_none_or(|piece| !piece.text.is_empty());
    match node.get(key) {
        None | Some(Node { kind: Kind::Null, .. }) => vec![],
        Some(Node { kind: Kind::Sequence { items, .. }, .. }) => {
            items.iter().filter(is_said).cloned().collect()
        }
        Some(one) => std::iter::once(one).filter(is_said).cloned().collect(),
    }
}

/// Puts a value behind a key, over one that is there.
fn set(node: &mut Node, key: &str, value: Node) {
    let Kind::Mapping(entries) = &mut node.kind else { return };
    entries.retain(|(known, _)| known.text != key);
    entries.push((Piece::elsewhere(key, &value.span), value));
}

fn rename(node: &mut Node, from: &str, to: &str) {
    let Kind::Mapping(entries) = &mut node.kind else { return };
    for (key, _) in entries.iter_mut().filter(|(key, _)| key.text == from) {
        *key = key.reworded(to);
    }
}

fn push(node: &mut Node, key: &str, value: Node) {
    let Kind::Mapping(entries) = &mut node.kind else { return };
    let list = entries.iter_mut().find(|(known, _)| known.text == key);
    if let Some((_, Node { kind: Kind::Sequence { items, .. }, .. })) = list {
        items.push(value);
    }
}

fn mapping(key: &str, value: &Node) -> Node {
    let entry = (Piece::elsewhere(key, &value.span), value.clone());
    Node::new(Kind::Mapping(vec![entry]), value.span.clone())
}

fn scalar(piece: Piece) -> Node {
    let span = piece.span.clone();
    Node::new(Kind::Scalar(piece), span)
}

fn unknown(span: &Span) -> Node {
    scalar(Piece::elsewhere(UNKNOWN, span))
}
