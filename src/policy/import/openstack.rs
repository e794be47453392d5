//! Lists of `OpenStack`'s command line client (`-f json`), of both generations of columns.
//!
//! Columns: `python-openstackclient`, `openstackclient/network/v2/security_group_rule.py` and `port.py`. What the client
//! loses on the way is in cloud-facts 2.4: an ICMP type or code of zero is shown as nothing, and a rule with a remote
//! group shows the range of everything beside it.

use crate::diag::{Diagnostic, codes};
use crate::packet::Protocol;
use crate::policy::scenario::written::{Fields, ProtocolWord};
use crate::policy::tree::{Node, Piece};
use crate::policy::{Action, Dialect, Direction, Doubt, StateProfile};

use super::facts::{Attachment, Facts, GroupFact, RuleFact};
use super::field::{self, Findings, items, said, text};
use super::huawei::key;

/// Reads a list with the client's columns; `None` when it has others. `stem` names the group of rules that name none.
pub(super) fn read(root: &Node, stem: &Piece, findings: &mut Findings) -> Option<Facts> {
    let first = root.items().first()?;
    let has = |column: &str| first.get(column).is_some();
    let (rules, ports) = (has("IP Protocol"), has("Fixed IP Addresses"));
    let groups = has("ID") && has("Name") && has("Description") && !ports;
    if !has("ID") || !(rules || ports || groups) {
        return None;
    }
    let mut facts = Facts::new("OpenStack CLI");
    (facts.dialect, facts.state, facts.allow_only) = (Some(Dialect::Union), Some(StateProfile::LINUX), true);
    if rules && !has("Security Group") {
        let note = format!("the list does not name its group: taken to be `{}`, after the file", stem.text);
        facts.note(note);
    }
    for node in root.items() {
        if rules {
            rule(node, stem, &mut facts, findings);
        } else if ports {
            port(node, &mut facts, findings);
        } else if let Some(key) = key(node, "ID", "a security group", findings) {
            let (name, description) = (said(node, "Name").cloned(), text(node, "Description"));
            facts.groups.push(GroupFact { key, name, description, has_rules: false });
        }
    }
    Some(facts)
}

fn rule(node: &Node, stem: &Piece, facts: &mut Facts, findings: &mut Findings) {
    let before = findings.len();
    let mut fields = Fields {
        span: node.span.clone(),
        id: said(node, "ID").cloned(),
        action: Some(Action::Allow),
        family: said(node, "Ethertype").and_then(|piece| field::family(piece, findings)),
        protocol: said(node, "IP Protocol").and_then(|piece| field::protocol(piece, findings)),
        ..Fields::default()
    };
    let remote = match (said(node, "Remote Security Group"), said(node, "Remote Address Group")) {
        (Some(group), _) => Some(field::group(group)),
        (None, Some(set)) => Some(field::set(set)),
        (None, None) => said(node, "IP Range").map(|range| field::range(range, findings)),
    };
    fields.remotes = remote.map(|remote| vec![remote]);
    let is_icmp = matches!(fields.protocol, Some((ProtocolWord::One(Protocol::ICMP | Protocol::ICMPV6), _)));
    let range = said(node, "Port Range");
    let mut certain = None;
    if is_icmp {
        match range.map(|range| message(range, findings)) {
            // All messages, all replies, or replies of code 0: the last is in all three.
            None => certain = Some("0/0".to_owned()),
            Some((kind, None)) => {
                fields.icmp = Some(vec![range.unwrap_or(stem).reworded(kind.clone())]);
                certain = Some(format!("{kind}/0"));
            }
            Some((kind, Some(code))) => {
                fields.icmp = Some(vec![range.unwrap_or(stem).reworded(format!("{kind}/{code}"))]);
            }
        }
    } else if let Some(range) = range {
        let (low, high) = range.text.split_once(':').unwrap_or((&range.text, &range.text));
        fields.ports =
            field::bounds(Some(&range.reworded(low)), Some(&range.reworded(high))).map(|p| vec![p]);
    }
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    let group = said(node, "Security Group").unwrap_or(stem).clone();
    let direction = said(node, "Direction").map(|piece| field::direction(piece, findings));
    let directions = if let Some(direction) = direction {
        direction.into_iter().collect()
    } else {
        facts.note(
            "the list shows no directions, so verdicts that hang on it are undecided: list with --long",
        );
        fields.doubt = Some(Doubt::LostField);
        Direction::BOTH.to_vec()
    };
    for direction in directions {
        let mut push = |fields: Fields| {
            facts.rules.push(RuleFact { group: Some(group.clone()), direction, fields });
        };
        if let Some(message) = &certain {
            let at = fields.id.as_ref().unwrap_or(stem);
            let doubtful = Fields {
                doubt: Some(Doubt::LostField),
                id: fields.id.as_ref().map(|id| id.reworded(format!("{}.any", id.text))),
                ..fields.clone()
            };
            push(doubtful);
            push(Fields { icmp: Some(vec![at.reworded(message.clone())]), ..fields.clone() });
        } else {
            push(fields.clone());
        }
    }
}

/// `type=3:code=0`, or `type=8`, which may have lost a code of zero.
fn message(range: &Piece, findings: &mut Findings) -> (String, Option<String>) {
    let mut parts = range.text.split(':');
    let kind = parts.next().and_then(|part| part.strip_prefix("type="));
    let code = parts.next().and_then(|part| part.strip_prefix("code="));
    let Some(kind) = kind else {
        let message = format!("expected type=N or type=N:code=N, found `{}`", range.text);
        findings.push(Diagnostic::new(codes::BAD_ICMP, message).at(range.span.clone(), ""));
        return ("0".to_owned(), None);
    };
    (kind.to_owned(), code.map(str::to_owned))
}

fn port(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let Some(id) = key(node, "ID", "a port", findings) else { return };
    let fixed = node.get("Fixed IP Addresses");
    let listed = fixed
        .filter(|fixed| fixed.piece().is_none())
        .map_or(&[][..], field::listed)
        .iter()
        .filter_map(|ip| said(ip, "ip_address").cloned());
    // The older generation writes them into one text: ip_address='10.0.0.5', subnet_id='...'
    let written = fixed.and_then(Node::piece).into_iter().flat_map(|piece| {
        let parts = piece.text.split("ip_address='").skip(1).filter_map(|part| part.split('\'').next());
        parts.map(|address| piece.reworded(address)).collect::<Vec<_>>()
    });
    let addresses: Vec<Piece> = listed.chain(written).collect();
    let addresses = field::addresses(&addresses, findings);
    if addresses.is_empty() {
        return;
    }
    let groups = node.get("Security Groups").map(|groups| match groups.piece() {
        Some(piece) => field::split(piece),
        None => items(node, "Security Groups").iter().filter_map(Node::piece).cloned().collect(),
    });
    if groups.is_none() {
        facts.note("the list of ports shows no groups: list with --long");
    }
    if facts.leaves_out(&id, said(node, "Device Owner"), groups.as_deref()) {
        return;
    }
    facts.attachments.push(Attachment {
        name: said(node, "Name").unwrap_or(&id).clone(),
        rank: u8::from(said(node, "Name").is_some()),
        id: Some(id.text),
        addresses,
        behind: vec![],
        groups,
    });
}
