//! Protocol, ports, ICMP messages and ethertype of a rule, fitted together.

use crate::diag::{Diagnostic, codes, did_you_mean};
use crate::packet::{Family, IcmpKind, ParsePortsError, PortRange, PortSet, Protocol};
use crate::policy::ServiceMatch;
use crate::policy::scenario::written::{Fields, ProtocolWord};
use crate::policy::tree::Piece;

/// What the rule asks of a packet; `None` when a mistake was told.
pub(in crate::policy) fn service(
    fields: &Fields,
    findings: &mut Vec<Diagnostic>,
) -> Option<(ServiceMatch, Option<Family>)> {
    let family = fields.family.as_ref().map(|(family, _)| *family);
    let Some((ProtocolWord::One(protocol), span)) = &fields.protocol else {
        return without_detail(fields, "`all`", findings).then_some((ServiceMatch::Any, family));
    };
    let icmp = match (*protocol, family) {
        (Protocol::ICMP, Some(Family::V6)) => {
            // Huawei's own Terraform example writes this; see cloud-facts 1.3.
            let finding =
                Diagnostic::new(codes::ICMP_MEANS_ICMPV6, "icmp with ethertype ipv6 is read as icmpv6");
            findings.push(finding.at(span.clone(), "").help("write `icmpv6`"));
            Some(Family::V6)
        }
        (Protocol::ICMPV6, Some(Family::V4)) => {
            let finding = Diagnostic::new(codes::FAMILY_CONFLICT, "icmpv6 never travels in IPv4 packets");
            let at = fields.family.as_ref().map_or_else(|| span.clone(), |(_, span)| span.clone());
            findings.push(finding.at(at, "").help("write `icmp`, or remove the ethertype"));
            return None;
        }
        (Protocol::ICMP, _) => Some(Family::V4),
        (Protocol::ICMPV6, _) => Some(Family::V6),
        _ => None,
    };
    if let Some(family) = icmp {
        if let Some(ports) = &fields.ports {
            findings.push(misplaced("ports", &format!("`{protocol}`"), ports, fields));
            return None;
        }
        let protocol = if family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
        let service = match &fields.icmp {
            None => ServiceMatch::Protocol(protocol),
            Some(messages) => ServiceMatch::Icmp(family, kinds(messages, family, fields, findings)?),
        };
        return Some((service, Some(family)));
    }
    if !protocol.has_ports() {
        let name = format!("`{protocol}`");
        return without_detail(fields, &name, findings)
            .then_some((ServiceMatch::Protocol(*protocol), family));
    }
    if let Some(messages) = &fields.icmp {
        findings.push(misplaced("ICMP messages", &format!("`{protocol}`"), messages, fields));
        return None;
    }
    let service = match &fields.ports {
        None => ServiceMatch::Protocol(*protocol),
        Some(texts) => ServiceMatch::Ports(*protocol, ports(texts, fields, findings)?),
    };
    Some((service, family))
}

/// Tells ports and messages of a protocol that has neither.
fn without_detail(fields: &Fields, protocol: &str, findings: &mut Vec<Diagnostic>) -> bool {
    let before = findings.len();
    let ports = fields.ports.iter().map(|texts| misplaced("ports", protocol, texts, fields));
    let messages = fields.icmp.iter().map(|texts| misplaced("ICMP messages", protocol, texts, fields));
    findings.extend(ports.chain(messages));
    findings.len() == before
}

fn misplaced(what: &str, protocol: &str, texts: &[Piece], fields: &Fields) -> Diagnostic {
    let finding = Diagnostic::new(codes::NO_PORTS, format!("{protocol} has no {what}"));
    let at_detail = texts.first().map_or(&fields.span, |text| &text.span);
    match &fields.protocol {
        Some((_, protocol)) if fields.detail_kept => {
            let help = format!("the rule keeps its {what}: write the whole rule in words instead");
            finding.at(protocol.clone(), format!("but the rule has {what}")).help(help)
        }
        None => {
            let help = "say the protocol too: without it the rule is about all protocols";
            finding.at(at_detail.clone(), "").help(help)
        }
        Some(_) => finding.at(at_detail.clone(), "").help(if what == "ports" {
            "tcp, udp, sctp, dccp and udplite have ports"
        } else {
            "icmp and icmpv6 have messages"
        }),
    }
}

/// The ports of a list.
fn ports(texts: &[Piece], fields: &Fields, findings: &mut Vec<Diagnostic>) -> Option<PortSet> {
    let mut ranges = Vec::with_capacity(texts.len());
    for text in texts {
        match text.text.parse::<PortRange>() {
            Ok(range) => ranges.push(range),
            Err(error) => {
                let code = match error {
                    ParsePortsError::Backwards(..) => codes::BACKWARDS_RANGE,
                    _ => codes::BAD_PORT,
                };
                let help = match error {
                    ParsePortsError::Backwards(first, last) => format!("write `{last}-{first}`"),
                    _ => "write ports from 0 to 65535 and ranges of them, separated by commas: 22,8000-8100"
                        .into(),
                };
                findings.push(Diagnostic::new(code, error.to_string()).at(text.span.clone(), "").help(help));
            }
        }
    }
    if texts.is_empty() {
        let finding =
            Diagnostic::new(codes::BAD_PORT, "the list of ports is empty").at(fields.span.clone(), "");
        findings.push(finding.help("remove `ports` to mean all of them"));
    }
    (ranges.len() == texts.len() && !texts.is_empty()).then(|| ranges.into_iter().collect())
}

/// The ICMP messages of a list.
fn kinds(
    texts: &[Piece],
    family: Family,
    fields: &Fields,
    findings: &mut Vec<Diagnostic>,
) -> Option<Vec<IcmpKind>> {
    let mut kinds = Vec::with_capacity(texts.len());
    for text in texts {
        if let Some(kind) = kind(&text.text, family) {
            kinds.push(kind);
            continue;
        }
        let message = format!(
            "expected an ICMP message by name, type or type/code for {family}, found `{}`",
            text.text
        );
        let finding = Diagnostic::new(codes::BAD_ICMP, message).at(text.span.clone(), "");
        let help = did_you_mean(&text.text, IcmpKind::known_names(family));
        findings.push(finding.help(help.unwrap_or_else(|| {
            "write a name such as echo-request or port-unreachable, or numbers from 0 to 255: 8, 3/4".into()
        })));
    }
    if texts.is_empty() {
        let finding = Diagnostic::new(codes::BAD_ICMP, "the list of ICMP messages is empty");
        findings.push(finding.at(fields.span.clone(), "").help("remove `icmp` to mean all of them"));
    }
    (kinds.len() == texts.len() && !texts.is_empty()).then_some(kinds)
}

fn kind(text: &str, family: Family) -> Option<IcmpKind> {
    if let Some(kind) = IcmpKind::from_name(family, text) {
        return Some(kind);
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u8>().ok()).flatten()
    };
    match text.split_once('/') {
        Some((kind, code)) => Some(IcmpKind { kind: number(kind)?, code: Some(number(code)?) }),
        None => Some(IcmpKind { kind: number(text)?, code: None }),
    }
}
