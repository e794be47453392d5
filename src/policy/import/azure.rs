//! Azure network security groups, as the REST API has them (`properties`) or `az network nsg list` flattens them.
//!
//! Fields: <https://learn.microsoft.com/en-us/rest/api/virtualnetwork/network-security-groups>; order and defaults as in
//! cloud-facts 2.2. Service tags are sets that only the user can fill: `addresses: { VirtualNetwork: ... }`. A source
//! port and an address of the near side are not modelled: the rule is in doubt.

use crate::policy::scenario::address;
use crate::policy::scenario::written::{Fields, Remote, RemoteKind};
use crate::policy::tree::{Node, Piece};
use crate::policy::{Action, Direction, Doubt, StateProfile};

use super::facts::{Facts, GroupFact, Listed, RuleFact};
use super::field::{self, Findings, items, list, said, said_any, text};
use super::huawei::key as key_of;
use super::ranks::Ranks;

/// Rules that every group has where the export leaves them out: direction, tag, priority.
const DEFAULTS: &[(Direction, &str, u32)] = &[
    (Direction::Ingress, "VirtualNetwork", 65000),
    (Direction::Ingress, "AzureLoadBalancer", 65001),
    (Direction::Egress, "VirtualNetwork", 65000),
    (Direction::Egress, "Internet", 65001),
];

/// Reads groups; `None` when there are none.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    let single = std::slice::from_ref(root);
    let all = root.get("value").map(Node::items);
    let all = all.or_else(|| (!root.items().is_empty()).then(|| root.items())).unwrap_or(single);
    let is_group = |node: &Node| properties(node).get("securityRules").is_some();
    if !all.iter().any(is_group) {
        return None;
    }
    let mut facts = Facts::new("Azure NSG");
    facts.state = Some(StateProfile::LINUX);
    facts.note("Azure documents no idle timeouts of its groups: those of Linux are taken");
    for node in all.iter().filter(|node| is_group(node)) {
        group(node, &mut facts, findings);
    }
    field::page(root, Listed::Groups, &mut facts, findings);
    Some(facts)
}

/// The REST API keeps fields in `properties`; the client flattens it away.
fn properties(node: &Node) -> &Node {
    node.get("properties").unwrap_or(node)
}

fn group(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let Some(key) = said_any(node, &["id", "name"]).cloned() else { return };
    let inner = properties(node);
    let defaults = items(inner, "defaultSecurityRules");
    let rules = || items(inner, "securityRules").iter().chain(defaults);
    let priorities = rules().filter_map(|rule| said(properties(rule), "priority"));
    let pieces: Vec<Piece> = DEFAULTS.iter().map(|(.., number)| key.reworded(number.to_string())).collect();
    let implied = pieces.iter().filter(|_| defaults.is_empty());
    let ranks = Ranks::new(priorities.chain(implied), findings);
    for node in rules() {
        rule(node, &key, &ranks, facts, findings);
    }
    if defaults.is_empty() {
        facts.note("the default rules are not in the file: those that Azure documents are taken");
        for &(direction, tag, priority) in DEFAULTS {
            let remote = Remote { kind: RemoteKind::SetKey(tag.to_owned()), span: key.span.clone() };
            let fields = Fields {
                span: key.span.clone(),
                action: Some(Action::Allow),
                priority: ranks.of(None, priority),
                remotes: Some(vec![remote]),
                ..Fields::default()
            };
            facts.rules.push(RuleFact { group: Some(key.clone()), direction, fields });
        }
    }
    let name = said(node, "name").cloned();
    facts.groups.push(GroupFact { name, description: String::new(), has_rules: true, key });
}

fn rule(node: &Node, group: &Piece, ranks: &Ranks, facts: &mut Facts, findings: &mut Findings) {
    let before = findings.len();
    let inner = properties(node);
    let direction = key_of(inner, "direction", "a rule", findings);
    let Some(direction) = direction.and_then(|piece| field::direction(&piece, findings)) else { return };
    let action = key_of(inner, "access", "a rule", findings);
    let mut fields = Fields {
        span: node.span.clone(),
        id: said(node, "name").cloned(),
        description: Some(text(inner, "description")),
        action: action.and_then(|piece| field::action(&piece, findings)),
        protocol: said(inner, "protocol").and_then(|piece| field::protocol(piece, findings)),
        priority: ranks.of(said(inner, "priority"), 0),
        ..Fields::default()
    };
    let (far, near) = match direction {
        Direction::Ingress => ("source", "destination"),
        Direction::Egress => ("destination", "source"),
    };
    let ports = several(inner, "destinationPortRange");
    let mut parts = vec![];
    if !ports.iter().any(|port| port.text == "*" || port.text == "0-65535") && !ports.is_empty() {
        fields.ports = Some(ports);
        if fields.protocol.as_ref().is_none_or(|(protocol, _)| *protocol == super::ProtocolWord::All) {
            // Ports of any protocol: those of TCP and UDP. What ICMP makes of them no page says.
            parts.extend(["tcp", "udp"].map(|name| {
                let protocol = field::protocol(&group.reworded(name), findings);
                Fields { protocol, id: suffixed(fields.id.as_ref(), name), ..fields.clone() }
            }));
        }
    }
    if parts.is_empty() {
        parts.push(fields);
    }
    for fields in parts {
        let rule = RuleFact { group: Some(group.clone()), direction, fields };
        finish(node, (far, near), rule, facts, before, findings);
    }
}

/// One rule for all far addresses that are said, and one for each that is a name.
fn finish(
    node: &Node,
    (far, near): (&str, &str),
    mut rule: RuleFact,
    facts: &mut Facts,
    before: usize,
    findings: &mut Findings,
) {
    let inner = properties(node);
    let any = |piece: &Piece| matches!(piece.text.as_str(), "*" | "0.0.0.0/0" | "Any" | "any");
    let narrow = |pieces: &[Piece]| !pieces.is_empty() && !pieces.iter().any(any);
    let own = several(inner, &format!("{near}AddressPrefix"));
    let own_narrow = narrow(&own) && !own.iter().any(|piece| piece.text == "VirtualNetwork");
    let own_groups = items(inner, &format!("{near}ApplicationSecurityGroups"));
    if narrow(&several(inner, "sourcePortRange")) || own_narrow || !own_groups.is_empty() {
        rule.fields.doubt = Some(Doubt::NotModelled);
    }
    let prefixes = several(inner, &format!("{far}AddressPrefix"));
    let (mut ranges, mut named) = (Vec::new(), Vec::new());
    for piece in &prefixes {
        if any(piece) {
            ranges.push(Remote { kind: RemoteKind::Any, span: piece.span.clone() });
        } else if address::looks_like(&piece.text) {
            ranges.push(field::range(piece, findings));
        } else {
            named.push(field::set(piece));
        }
    }
    let groups = items(inner, &format!("{far}ApplicationSecurityGroups"));
    named.extend(groups.iter().filter_map(|group| said(group, "id")).map(field::group));
    rule.fields.broken = findings[before..].iter().any(crate::diag::Diagnostic::is_error);
    let mut lists: Vec<Vec<Remote>> = named.into_iter().map(|remote| vec![remote]).collect();
    if !ranges.is_empty() || lists.is_empty() {
        lists.insert(0, ranges);
    }
    let several = lists.len() > 1;
    for (number, list) in (1..).zip(lists) {
        let mut rule = rule.clone();
        if several {
            rule.fields.id = suffixed(rule.fields.id.as_ref(), &number.to_string());
        }
        rule.fields.remotes = (!list.is_empty()).then_some(list);
        facts.rules.push(rule);
    }
}

fn suffixed(id: Option<&Piece>, suffix: &str) -> Option<Piece> {
    id.map(|id| id.reworded(format!("{}.{suffix}", id.text)))
}

/// What stands in a field or in its plural: `sourcePortRange`, `sourcePortRanges`.
fn several(node: &Node, key: &str) -> Vec<Piece> {
    let plural = if key.ends_with('x') { format!("{key}es") } else { format!("{key}s") };
    said(node, key).into_iter().chain(list(node, &plural)).cloned().collect()
}
