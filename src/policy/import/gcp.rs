//! Google Cloud's VPC firewall rules and instances, as `gcloud compute ... list --format json` prints them.
//!
//! Fields: <https://cloud.google.com/compute/docs/reference/rest/v1/firewalls> and `.../instances`; order and the rules
//! that are implied as in cloud-facts 2.3. A rule's targets become groups: one for the network, one for each tag, all of
//! an instance's groups in one list. Service accounts are not modelled: the rule is in doubt.

use crate::policy::scenario::written::{Fields, Remote};
use crate::policy::tree::{Node, Piece};
use crate::policy::{Action, Dialect, Direction, Doubt, Priority, StateProfile};

use super::facts::{Attachment, Facts, GroupFact, Listed, RuleFact};
use super::field::{self, Findings, items, list, said, text};
use super::huawei::key as key_of;
use super::ranks::Ranks;

/// Reads firewall rules and instances; `None` when there is neither.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    let single = std::slice::from_ref(root);
    let all = root.get("items").map(Node::items);
    let all = all.or_else(|| (!root.items().is_empty()).then(|| root.items())).unwrap_or(single);
    let is_rule = |node: &&Node| node.get("allowed").or_else(|| node.get("denied")).is_some();
    let is_instance =
        |node: &&Node| items(node, "networkInterfaces").iter().any(|nic| said(nic, "networkIP").is_some());
    if !all.iter().any(|node| is_rule(&node) || is_instance(&node)) {
        return None;
    }
    let mut facts = Facts::new("Google Cloud firewall");
    (facts.dialect, facts.state) = (Some(Dialect::Union), Some(StateProfile::LINUX));
    let rules: Vec<&Node> = all.iter().filter(is_rule).collect();
    if !rules.is_empty() {
        facts.note("Google Cloud's idle timeouts are not modelled: those of Linux are taken");
    }
    let thousand = root.span.clone();
    let thousand = Piece::elsewhere("1000", &thousand);
    let priorities = rules.iter().map(|rule| said(rule, "priority").unwrap_or(&thousand));
    let ranks = Ranks::new(priorities, findings);
    for node in rules {
        rule(node, &ranks, &mut facts, findings);
    }
    for node in all.iter().filter(is_instance) {
        instance(node, &mut facts, findings);
    }
    let of = if all.iter().any(|node| is_rule(&node)) { Listed::Rules } else { Listed::Instances };
    field::page(root, of, &mut facts, findings);
    Some(facts)
}

/// The last part of a URL.
fn last(piece: &Piece) -> Piece {
    piece.reworded(piece.text.rsplit('/').next().unwrap_or("").to_owned())
}

/// Names a group once, with the rule that is implied at its end: everything may leave.
fn group(key: &Piece, is_network: bool, facts: &mut Facts) {
    if facts.groups.iter().any(|group| group.key.text == key.text) {
        return;
    }
    let name = Some(key.clone());
    facts.groups.push(GroupFact { key: key.clone(), name, description: String::new(), has_rules: true });
    if is_network {
        let fields = Fields {
            span: key.span.clone(),
            action: Some(Action::Allow),
            priority: Priority::new(100),
            id: Some(key.reworded("implied-egress")),
            ..Fields::default()
        };
        facts.rules.push(RuleFact { group: Some(key.clone()), direction: Direction::Egress, fields });
    }
}

fn rule(node: &Node, ranks: &Ranks, facts: &mut Facts, findings: &mut Findings) {
    let before = findings.len();
    let direction =
        said(node, "direction").map_or(Some(Direction::Ingress), |piece| field::direction(piece, findings));
    let Some(direction) = direction else { return };
    let mut base = Fields {
        span: node.span.clone(),
        description: Some(text(node, "description")),
        priority: ranks.of(said(node, "priority"), 1000),
        enabled: Some(!field::is_true(node, "disabled")),
        ..Fields::default()
    };
    let accounts = ["sourceServiceAccounts", "targetServiceAccounts"];
    if accounts.iter().any(|key| !items(node, key).is_empty()) {
        base.doubt = Some(Doubt::NotModelled);
    }
    let key = if direction == Direction::Ingress { "sourceRanges" } else { "destinationRanges" };
    let ranges: Vec<Remote> = list(node, key).map(|piece| field::range(piece, findings)).collect();
    let tags = list(node, "sourceTags").map(|tag| vec![field::group(tag)]);
    let mut remotes: Vec<Option<Vec<Remote>>> = tags.map(Some).collect();
    if !ranges.is_empty() {
        remotes.push(Some(ranges));
    } else if remotes.is_empty() {
        remotes.push(None);
    }
    let network = said(node, "network").map_or_else(|| Piece::elsewhere("default", &node.span), last);
    group(&network, true, facts);
    let mut targets: Vec<Piece> = list(node, "targetTags").cloned().collect();
    for target in &targets {
        group(target, false, facts);
    }
    if targets.is_empty() {
        targets.push(network);
    }
    let mut services = Vec::new();
    for (key, action) in [("allowed", Action::Allow), ("denied", Action::Deny)] {
        for service in items(node, key) {
            let protocol = key_of(service, "IPProtocol", "a service", findings);
            let protocol = protocol.and_then(|piece| field::protocol(&piece, findings));
            let ports: Vec<Piece> = list(service, "ports").cloned().collect();
            services.push((action, protocol, (!ports.is_empty()).then_some(ports)));
        }
    }
    base.broken = findings[before..].iter().any(crate::diag::Diagnostic::is_error);
    let single = services.len() * remotes.len() == 1;
    for target in &targets {
        let mut number = 0;
        for (action, protocol, ports) in &services {
            for remotes in &remotes {
                number += 1;
                let id = said(node, "name").map(|name| {
                    if single { name.clone() } else { name.reworded(format!("{}.{number}", name.text)) }
                });
                let fields = Fields {
                    id,
                    action: Some(*action),
                    protocol: protocol.clone(),
                    ports: ports.clone(),
                    remotes: remotes.clone(),
                    ..base.clone()
                };
                facts.rules.push(RuleFact { group: Some(target.clone()), direction, fields });
            }
        }
    }
}

fn instance(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let Some(name) = said(node, "name") else { return };
    let tags: Vec<Piece> =
        node.get("tags").map_or_else(Vec::new, |tags| list(tags, "items").cloned().collect());
    for nic in items(node, "networkInterfaces") {
        let addresses = field::addresses(said(nic, "networkIP"), findings);
        let aliases = items(nic, "aliasIpRanges").iter().filter_map(|range| said(range, "ipCidrRange"));
        let behind = field::addresses(aliases, findings);
        if addresses.is_empty() {
            continue;
        }
        let network = said(nic, "network").map(last);
        for tag in &tags {
            group(tag, false, facts);
        }
        if let Some(network) = &network {
            group(network, true, facts);
        }
        let groups = Some(network.into_iter().chain(tags.iter().cloned()).collect());
        facts.attachments.push(Attachment {
            id: None,
            name: name.clone(),
            rank: 2,
            addresses,
            behind,
            groups,
        });
    }
}
