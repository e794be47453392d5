//! Resources of the azurerm and google providers: the fields of their clouds' own APIs in snake case. They are renamed, and
//! read as what those clouds export.
//!
//! <https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/network_security_group> and
//! `network_security_rule`; <https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/compute_firewall>
//! and `compute_instance`. Who has an Azure group is not read: `--attach` says it.

use crate::diag::Span;
use crate::policy::Direction;
use crate::policy::import::facts::{Facts, KNOWN_AFTER_APPLY, any_rules_of};
use crate::policy::import::field::{self, Findings, said};
use crate::policy::import::{azure, gcp};
use crate::policy::tree::{Kind, Node, Piece};

use super::references::References;
use super::unknown::Unknown;
use super::{Argument, Resource};

/// The kinds of resources that are read here.
pub(super) const KINDS: &[&str] = &[
    "azurerm_network_security_group",
    "azurerm_network_security_rule",
    "google_compute_firewall",
    "google_compute_instance",
];

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
        .map(|resource| (resource, azure_group(resource, references)))
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
            Some((_, group)) => {
                let unknown = references.unknowns(resource);
                for rule in azure_rules(resource.values, Some(&unknown)) {
                    push(group, "securityRules", rule);
                }
            }
            None => facts.note(format!("{} is not read: its group is not in the file", resource.address)),
        }
    }
    for (resource, group) in &groups {
        let unknown = matches!(references.unknown(resource, "security_rule"), Unknown::All);
        if let Some(key) = said(group, "id").or_else(|| said(group, "name")).filter(|_| unknown) {
            for direction in Direction::BOTH {
                facts.rules.extend(any_rules_of(key, direction, false));
            }
        }
    }
    adopt(groups.into_iter().map(|(_, group)| group).collect(), azure::read, facts, findings);
    let firewalls = kept().flat_map(|resource| match resource.kind.as_str() {
        "google_compute_firewall" => firewall(resource, references),
        "google_compute_instance" => vec![instance(resource)],
        _ => vec![],
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

fn azure_group<'n>(resource: &Resource<'n>, references: &References<'_, 'n>) -> Node {
    let mut group = camel(resource.values);
    let rules = resource.values.get("security_rule").map_or(&[][..], field::listed);
    let unknown = references.unknown(resource, "security_rule");
    let rules = rules.iter().enumerate().flat_map(|(number, rule)| {
        let unknown = unknown.at(number).fields();
        azure_rules(rule, unknown.as_deref())
    });
    let rules = rules.collect();
    set(
        &mut group,
        "securityRules",
        Node::new(Kind::Sequence { items: rules, flow: true }, resource.values.span.clone()),
    );
    group
}

/// The rules that one comes to of which these fields are not known (`None`: no field is).
fn azure_rules(values: &Node, unknown: Option<&[&str]>) -> Vec<Node> {
    let span = &values.span;
    let has = |key: &str| unknown.is_none_or(|unknown| unknown.contains(&key));
    let mut rule = azure_rule(values);
    for side in ["source", "destination"] {
        let prefixes = format!("{side}AddressPrefixes");
        let fields = ["address_prefix", "address_prefixes", "application_security_group_ids"];
        if fields.iter().any(|field| has(&format!("{side}_{field}"))) {
            let mut known = values_of(&rule, &prefixes);
            known.push(unknown_value(span));
            set(&mut rule, &prefixes, list_of(known, span));
        }
    }
    let protocol = has("protocol");
    let ports = protocol || has("destination_port_range") || has("destination_port_ranges");
    if protocol {
        set(&mut rule, "protocol", scalar(Piece::elsewhere("*", span)));
    }
    if ports {
        set(&mut rule, "destinationPortRanges", list_of(vec![], span));
        set(&mut rule, "destinationPortRange", scalar(Piece::elsewhere("*", span)));
    }
    if has("priority") {
        set(&mut rule, "priority", scalar(Piece::elsewhere("100", span)));
    }
    let (direction, access) = (has("direction"), has("access"));
    let source = has("source_port_range") || has("source_port_ranges");
    if ports || source || direction || access || has("priority") {
        set(&mut rule, "sourcePortRange", unknown_value(span));
    }
    let rules = either(vec![rule], "direction", ["Inbound", "Outbound"], direction);
    either(rules, "access", ["Deny", "Allow"], access)
}

/// Each rule once with either word, when it is not known which it has.
fn either(rules: Vec<Node>, key: &str, words: [&str; 2], is_unknown: bool) -> Vec<Node> {
    if !is_unknown {
        return rules;
    }
    let with = |rule: &Node, word: &str| {
        let mut rule = rule.clone();
        let value = scalar(Piece::elsewhere(word, &rule.span));
        set(&mut rule, key, value);
        rule
    };
    rules.iter().flat_map(|rule| words.map(|word| with(rule, word))).collect()
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
            set(&mut rule, &format!("{side}AddressPrefix"), unknown_value(&values.span));
        }
        let list = Node::new(Kind::Sequence { items: groups, flow: true }, values.span.clone());
        set(&mut rule, &format!("{side}ApplicationSecurityGroups"), list);
        // A source port that is not known puts the rule in doubt; ports of a rule that says none would be all.
        if !said(&rule, &format!("{side}PortRange")) && !said(&rule, &format!("{side}PortRanges")) {
            set(&mut rule, "sourcePortRange", unknown_value(&values.span));
        }
    }
    rule
}

/// A rule, and beside it what may be more of it.
fn firewall<'n>(resource: &Resource<'n>, references: &References<'_, 'n>) -> Vec<Node> {
    let values = resource.values;
    let mut rule = camel(values);
    let span = &values.span;
    let unknown = references.unknowns(resource);
    let mut in_doubt = Vec::new();
    for (from, to) in [("allow", "allowed"), ("deny", "denied")] {
        let is_unknown = references.unknown(resource, from);
        let (mut known, mut doubtful) = (Vec::new(), Vec::new());
        if let Unknown::All = is_unknown {
            doubtful.push(mapping("IPProtocol", &scalar(Piece::elsewhere("all", span))));
        }
        for (number, service) in values.get(from).map_or(&[][..], field::listed).iter().enumerate() {
            let is_unknown = is_unknown.at(number);
            let mut service = camel(service);
            rename(&mut service, "protocol", "IPProtocol");
            if !is_unknown.any() {
                known.push(service);
                continue;
            }
            let protocol = said(&service, "IPProtocol").filter(|_| !is_unknown.field("protocol").any());
            let protocol = protocol.map_or_else(|| Piece::elsewhere("all", span), Piece::clone);
            doubtful.push(mapping("IPProtocol", &scalar(protocol)));
        }
        set(&mut rule, to, list_of(known, span));
        in_doubt.push((to, doubtful));
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
        doubt(&mut rule);
    }
    let is_part = |key: &&&str| unknown.contains(*key) && field::list(values, key).next().is_some();
    if open[..3].iter().any(|key| is_part(&key)) {
        let mut tags = values_of(&rule, "sourceTags");
        tags.push(unknown_value(span));
        set(&mut rule, "sourceTags", list_of(tags, span));
    }
    if ["priority", "direction", "disabled"].iter().any(|key| unknown.contains(key))
        || open.iter().any(|key| unknown.contains(key) && !is_part(&key))
        || open[4..].iter().any(|key| unknown.contains(key))
    {
        doubt(&mut rule);
    }
    if unknown.contains(&"priority") {
        set(&mut rule, "priority", scalar(Piece::elsewhere("0", span)));
    }
    let mut rules = vec![rule.clone()];
    if unknown.contains(&"target_tags") {
        // Whoever else it is about.
        let mut more = rule.clone();
        set(&mut more, "targetTags", list_of(vec![], span));
        doubt(&mut more);
        rules.push(more);
    }
    if in_doubt.iter().any(|(_, services)| !services.is_empty()) {
        let mut more = rule;
        for (key, services) in in_doubt {
            set(&mut more, key, list_of(services, span));
        }
        doubt(&mut more);
        rules.push(more);
    }
    either(rules, "direction", ["INGRESS", "EGRESS"], unknown.contains(&"direction"))
}

/// Puts a rule of Google's in doubt.
fn doubt(rule: &mut Node) {
    let accounts = list_of(vec![unknown_value(&rule.span)], &rule.span);
    set(rule, "sourceServiceAccounts", accounts);
}

fn list_of(items: Vec<Node>, span: &Span) -> Node {
    Node::new(Kind::Sequence { items, flow: true }, span.clone())
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
    let is_said =
        |node: &&Node| node.kind != Kind::Null && node.piece().is_none_or(|piece| !piece.text.is_empty());
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

fn unknown_value(span: &Span) -> Node {
    scalar(Piece::elsewhere(KNOWN_AFTER_APPLY, span))
}
