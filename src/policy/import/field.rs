//! Fields as exports write them: absent, null and empty are one, numbers may be texts.
//!
//! A value of another type than its field has is remembered in the tree by whoever reads it, and [`mistakes`] tells all
//! of them: taken for absent, it would make a rule wider than it is written.

use std::collections::BTreeMap;

use crate::diag::Span;
use crate::diag::{Diagnostic, codes, did_you_mean};
use crate::packet::{AddressRange, Family, Protocol};
use crate::policy::scenario::address;
use crate::policy::scenario::written::{ProtocolWord, Remote, RemoteKind};
use crate::policy::tree::{Kind, Node, Piece};
use crate::policy::{Action, Direction, Priority};

use super::facts::{Facts, Listed};

/// What is found while reading.
pub(super) type Findings = Vec<Diagnostic>;

/// The text behind a key; `None` when it is absent, null or empty.
pub(super) fn said<'n>(node: &'n Node, key: &str) -> Option<&'n Piece> {
    scalar(field(node, key)?)
}

/// The value behind a key of a mapping.
fn field<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
        node.expected("a mapping");
    }
    node.get(key)
}

/// The text of a value; `None` when it is null or empty.
fn scalar(node: &Node) -> Option<&Piece> {
    match &node.kind {
        Kind::Scalar(piece) => Some(piece).filter(|piece| !piece.text.is_empty()),
        Kind::Null => None,
        Kind::Sequence { items, .. } if items.is_empty() => None,
        Kind::Sequence { .. } | Kind::Mapping(_) => {
            node.expected("a text");
            None
        }
    }
}

/// The text behind the first of these keys that says something.
pub(super) fn said_any<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Piece> {
    keys.iter().find_map(|key| said(node, key))
}

/// The texts of the list behind a key; a text alone is a list of one.
pub(super) fn list<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n Piece> {
    let items = field(node, key).map_or(&[][..], |value| match value.kind {
        Kind::Scalar(_) => std::slice::from_ref(value),
        _ => listed(value),
    });
    items.iter().filter_map(scalar)
}

/// The values of a list.
pub(super) fn listed(node: &Node) -> &[Node] {
    let empty = node.piece().is_some_and(|piece| piece.text.is_empty());
    if !empty && !matches!(node.kind, Kind::Sequence { .. } | Kind::Null) {
        node.expected("a list");
    }
    node.items()
}

/// The values of the list behind a key.
pub(super) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    field(node, key).map_or(&[], listed)
}

/// Tells every value that was read as another type than it has, and every key that one mapping has twice.
pub(super) fn mistakes(node: &Node, findings: &mut Findings) {
    if let Some(expected) = node.mistaken_for() {
        let message = format!("expected {expected}, found {}", node.what());
        findings.push(Diagnostic::new(codes::WRONG_TYPE, message).at(node.span.clone(), ""));
    }
    node.items().iter().for_each(|item| mistakes(item, findings));
    let mut seen = BTreeMap::new();
    for (key, value) in node.entries() {
        if let Some(first) = seen.insert(key.text.as_str(), &key.span) {
            let finding = Diagnostic::new(codes::DUPLICATE_KEY, format!("`{}` is there twice", key.text));
            findings.push(finding.at(key.span.clone(), "again").also(first.clone(), "first"));
        }
        mistakes(value, findings);
    }
}

/// A free text, or none.
pub(super) fn text(node: &Node, key: &str) -> String {
    said(node, key).map(|piece| piece.text.clone()).unwrap_or_default()
}

/// Whether the word behind a key is `true`.
pub(super) fn is_true(node: &Node, key: &str) -> bool {
    said(node, key).is_some_and(|piece| piece.text.eq_ignore_ascii_case("true"))
}

/// `ingress`, `INGRESS`, `Inbound`, ...
pub(super) fn direction(piece: &Piece, findings: &mut Findings) -> Option<Direction> {
    let found = match piece.text.to_ascii_lowercase().as_str() {
        "ingress" | "inbound" | "in" => Some(Direction::Ingress),
        "egress" | "outbound" | "out" => Some(Direction::Egress),
        _ => None,
    };
    if found.is_none() {
        let message = format!("expected the direction ingress or egress, found `{}`", piece.text);
        findings.push(Diagnostic::new(codes::BAD_VALUE, message).at(piece.span.clone(), ""));
    }
    found
}

/// `IPv4` or `IPv6`, in any case.
pub(super) fn family(piece: &Piece, findings: &mut Findings) -> Option<(Family, Span)> {
    let found = match piece.text.to_ascii_lowercase().as_str() {
        "ipv4" | "4" => Some(Family::V4),
        "ipv6" | "6" => Some(Family::V6),
        _ => None,
    };
    if found.is_none() {
        let message = format!("expected the ethertype IPv4 or IPv6, found `{}`", piece.text);
        findings.push(Diagnostic::new(codes::BAD_VALUE, message).at(piece.span.clone(), ""));
    }
    found.map(|family| (family, piece.span.clone()))
}

/// `allow` or `deny`, in any case.
pub(super) fn action(piece: &Piece, findings: &mut Findings) -> Option<Action> {
    let found = crate::policy::words::action(&piece.text);
    if found.is_none() {
        let message = format!("expected the action allow or deny, found `{}`", piece.text);
        findings.push(Diagnostic::new(codes::BAD_ACTION, message).at(piece.span.clone(), ""));
    }
    found
}

/// 1 to 100.
pub(super) fn priority(piece: &Piece, findings: &mut Findings) -> Option<Priority> {
    crate::policy::words::priority(piece, findings)
}

/// A protocol by name or number; `any`, `all`, `-1` and `*` are all of them.
pub(super) fn protocol(piece: &Piece, findings: &mut Findings) -> Option<(ProtocolWord, Span)> {
    let word = match piece.text.to_ascii_lowercase().as_str() {
        "any" | "all" | "-1" | "*" | "ip" => ProtocolWord::All,
        text => match text.parse::<Protocol>() {
            Ok(protocol) => ProtocolWord::One(protocol),
            Err(error) => {
                let finding = Diagnostic::new(codes::BAD_PROTOCOL, error.to_string());
                let meant = did_you_mean(text, ["tcp", "udp", "icmp", "icmpv6", "sctp", "gre"]);
                findings.push(finding.at(piece.span.clone(), "").maybe_help(meant));
                return None;
            }
        },
    };
    Some((word, piece.span.clone()))
}

/// An address, CIDR or range as a remote.
pub(super) fn range(piece: &Piece, findings: &mut Findings) -> Remote {
    let kind = address::range(piece, findings).map_or(RemoteKind::Broken, RemoteKind::Range);
    Remote { kind, span: piece.span.clone() }
}

/// A group by key, as a remote.
pub(super) fn group(piece: &Piece) -> Remote {
    Remote { kind: RemoteKind::GroupKey(piece.text.clone()), span: piece.span.clone() }
}

/// An address set by key, as a remote.
pub(super) fn set(piece: &Piece) -> Remote {
    Remote { kind: RemoteKind::SetKey(piece.text.clone()), span: piece.span.clone() }
}

/// Addresses of an interface: those that can be read, the others told.
pub(super) fn addresses<'p>(
    pieces: impl IntoIterator<Item = &'p Piece>,
    findings: &mut Findings,
) -> Vec<(AddressRange, Span)> {
    let read = |piece: &Piece| Some((address::range(piece, findings)?, piece.span.clone()));
    pieces.into_iter().filter_map(read).collect()
}

/// The bounds of a port range as fields write them: both, one, or (`None`, -1, and 0 to 0 of some) none.
pub(super) fn bounds(low: Option<&Piece>, high: Option<&Piece>) -> Option<Piece> {
    let given = |piece: &&Piece| piece.text != "-1";
    let (low, high) = (low.filter(given), high.filter(given));
    match (low, high) {
        (None, None) => None,
        (Some(low), Some(high)) if low.text != high.text => {
            Some(low.reworded(format!("{}-{}", low.text, high.text)))
        }
        (Some(only), _) | (None, Some(only)) => Some(only.clone()),
    }
}

/// ICMP type and code as fields write them, where -1 is any.
pub(super) fn message(kind: Option<&Piece>, code: Option<&Piece>) -> Option<Piece> {
    let given = |piece: &&Piece| piece.text != "-1";
    let kind = kind.filter(given)?;
    Some(match code.filter(given) {
        Some(code) => kind.reworded(format!("{}/{}", kind.text, code.text)),
        None => kind.clone(),
    })
}

/// The parts of a list that stands in one text: `22,23-30`.
pub(super) fn split(piece: &Piece) -> Vec<Piece> {
    let mut parts = Vec::new();
    let mut start = 0;
    for part in piece.text.split(',') {
        let trimmed = part.trim();
        let at = start + (part.len() - part.trim_start().len());
        if !trimmed.is_empty() {
            parts.push(piece.slice(at..at + trimmed.len()));
        }
        start += part.len() + 1;
    }
    parts
}

/// Notes what a file is a list of, and whether that goes on behind this page: where there is a marker of the next page (Huawei
/// Cloud v3), a token (AWS, Google Cloud), or a link (Neutron, Azure).
pub(super) fn page(root: &Node, of: Listed, facts: &mut Facts, findings: &mut Findings) {
    facts.listed = Some(of);
    // What clients print as a bare list is whole.
    if !matches!(root.kind, Kind::Mapping(_)) {
        return;
    }
    let marker = root.get("page_info").and_then(|page| said(page, "next_marker"));
    let token = said_any(root, &["NextToken", "nextPageToken", "nextLink"]);
    let links = ["security_groups_links", "security_group_rules_links", "ports_links"].into_iter();
    let mut links = links.flat_map(|key| items(root, key)).filter(|link| text(link, "rel") == "next");
    let next = marker.or(token).or_else(|| links.find_map(|link| said(link, "href")));
    let Some(next) = next else { return };
    let finding = Diagnostic::new(codes::INCOMPLETE_EXPORT, "the list goes on behind this page");
    let help = match marker {
        Some(marker) => {
            format!("give the page from marker {} too, or ask for more per page (limit)", marker.text)
        }
        None => "give the other pages too, or ask for more per page".to_owned(),
    };
    findings.push(finding.at(next.span.clone(), "").help(help));
    facts.goes_on = true;
}
