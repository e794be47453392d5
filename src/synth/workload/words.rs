//! Words of a workload: services, rates, times.

use crate::diag::{Code, Diagnostic, codes, did_you_mean};
use crate::packet::{Family, IcmpKind, ParsePortsError, PortRange, Protocol, Timestamp};
use crate::policy::language::Piece;

use super::super::distribution::{Distribution, Share, Unit, quantity};
use super::{Amount, Asked};

type Findings = Vec<Diagnostic>;

fn tell(code: Code, text: &Piece, message: impl Into<String>, findings: &mut Findings) {
    findings.push(Diagnostic::new(code, message).at(text.span.clone(), ""));
}

pub(super) fn distribution(text: &Piece, unit: Unit, findings: &mut Findings) -> Option<Distribution> {
    match Distribution::parse(&text.text, unit) {
        Ok(distribution) => Some(distribution),
        Err(error) => {
            tell(codes::BAD_DISTRIBUTION, text, error.to_string(), findings);
            None
        }
    }
}

pub(super) fn share(text: &Piece, findings: &mut Findings) -> Share {
    text.text.trim().parse().unwrap_or_else(|error: super::super::distribution::ParseDistributionError| {
        tell(codes::BAD_DISTRIBUTION, text, error.to_string(), findings);
        Share::NONE
    })
}

pub(super) fn time(text: &Piece, findings: &mut Findings) -> Option<Timestamp> {
    let time = text.text.parse::<jiff::Timestamp>().ok();
    let time = time.and_then(|time| i64::try_from(time.as_nanosecond()).ok()).map(Timestamp);
    if time.is_none() {
        let message = format!("expected a time such as 2026-01-05T08:00:00Z, found `{}`", text.text);
        tell(codes::BAD_VALUE, text, message, findings);
    }
    time
}

/// A length of time above zero, in nanoseconds.
pub(super) fn duration(text: &Piece, findings: &mut Findings) -> Option<u64> {
    let found = quantity(text.text.trim(), Unit::Time).filter(|&duration| duration > 0);
    if found.is_none() {
        let message = format!("expected a duration above zero, found `{}`", text.text);
        let finding = Diagnostic::new(codes::BAD_DURATION, message).at(text.span.clone(), "");
        findings
            .push(finding.help("write seconds (30 or 30s), or use the units us, ms, m, h or d: 10m, 1.5h"));
    }
    found
}

/// A whole number up to `most`.
pub(super) fn number(text: &Piece, what: &str, most: u64, findings: &mut Findings) -> Option<u64> {
    let digits = !text.text.is_empty() && text.text.bytes().all(|b| b.is_ascii_digit());
    let found = digits.then(|| text.text.parse().ok()).flatten().filter(|&number| number <= most);
    if found.is_none() {
        let message = format!("expected {what}, found `{}`", text.text);
        tell(codes::BAD_VALUE, text, message, findings);
    }
    found
}

pub(super) fn count(text: &Piece, findings: &mut Findings) -> Option<Amount> {
    match text.text.parse::<u64>() {
        Ok(0) => {
            let finding = Diagnostic::new(codes::BAD_RATE, "a count of zero makes no conversation");
            findings.push(finding.at(text.span.clone(), "").help("remove the flow"));
            None
        }
        // The bound keeps sums of all flows in 64 bits.
        Ok(count) if count <= 1 << 48 => Some(Amount::Count(count)),
        _ => {
            let message = format!("expected a number of conversations, found `{}`", text.text);
            tell(codes::BAD_RATE, text, message, findings);
            None
        }
    }
}

pub(super) fn rate(text: &Piece, findings: &mut Findings) -> Option<Amount> {
    let unit = |word: &str| match word.trim() {
        "s" => Some(1e9),
        "m" => Some(6e10),
        "h" => Some(3.6e12),
        "d" => Some(8.64e13),
        _ => None,
    };
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let parts = text.text.split_once('/').map(|(number, per)| (number.trim(), per));
    let found = parts
        .filter(|(number, _)| plain(number))
        .and_then(|(number, per)| Some((number.parse::<f64>().ok()?, unit(per)?)));
    match found {
        Some((0.0, _)) => {
            let finding = Diagnostic::new(codes::BAD_RATE, "a rate of zero makes no conversation");
            findings.push(finding.at(text.span.clone(), "").help("remove the flow"));
            None
        }
        Some((number, per)) if per / number >= 1.0 => Some(Amount::Every(per / number)),
        _ => {
            let message = format!("expected a rate such as 5/s, 200/m or 10/h, found `{}`", text.text);
            tell(codes::BAD_RATE, text, message, findings);
            None
        }
    }
}

pub(super) fn ports(text: &Piece, findings: &mut Findings) -> Option<PortRange> {
    text.text.trim().parse().map_err(|error| port_error(text, &error, findings)).ok()
}

fn port_error(text: &Piece, error: &ParsePortsError, findings: &mut Findings) {
    let code = match error {
        ParsePortsError::Backwards(..) => codes::BACKWARDS_RANGE,
        _ => codes::BAD_PORT,
    };
    let help = match error {
        ParsePortsError::Backwards(first, last) => Some(format!("write `{last}-{first}`")),
        _ => None,
    };
    findings.push(Diagnostic::new(code, error.to_string()).at(text.span.clone(), "").maybe_help(help));
}

/// `tcp 443,8443`, `icmp echo-request`, `gre`.
pub(super) fn service(text: &Piece, family: Family, findings: &mut Findings) -> Option<Asked> {
    let word = text.text.split_whitespace().next().unwrap_or("");
    let protocol: Protocol = match word.parse() {
        Ok(protocol) => protocol,
        Err(error) => {
            let finding = Diagnostic::new(codes::BAD_PROTOCOL, format!("{error}")).at(text.span.clone(), "");
            findings.push(finding.maybe_help(did_you_mean(word, ["tcp", "udp", "icmp", "icmpv6", "gre"])));
            return None;
        }
    };
    let start = text.text.find(word).unwrap_or(0) + word.len();
    let rest = text.text[start..].trim();
    let at = start + text.text[start..].find(rest).unwrap_or(0);
    let rest = text.slice(at..at + rest.len());
    match protocol {
        Protocol::TCP | Protocol::UDP => {
            if rest.text.is_empty() {
                let message = format!("the service says no port: `{protocol} 443`");
                tell(codes::BAD_PORT, text, message, findings);
                return None;
            }
            let read = |part: &str| part.trim().parse::<PortRange>();
            let ranges: Result<Vec<_>, _> = rest.text.split(',').map(read).collect();
            ranges
                .map_err(|error| port_error(&rest, &error, findings))
                .ok()
                .map(|ranges| Asked::Ports(protocol, ranges))
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            let name = if rest.text.is_empty() { "echo-request" } else { rest.text.as_str() };
            let number = |part: &str| part.parse::<u8>().ok();
            let kind = IcmpKind::from_name(family, name).or_else(|| match name.split_once('/') {
                Some((kind, code)) => Some(IcmpKind { kind: number(kind)?, code: Some(number(code)?) }),
                None => Some(IcmpKind { kind: number(name)?, code: None }),
            });
            if kind.is_none() {
                let message = format!("`{name}` is no ICMP message of {family}");
                tell(codes::BAD_ICMP, &rest, message, findings);
            }
            kind.map(|kind| Asked::Icmp(family, kind))
        }
        protocol if protocol.has_ports() => {
            let message = format!(
                "packets of {protocol} cannot be made, only tcp, udp, icmp and protocols without ports"
            );
            tell(codes::BAD_PROTOCOL, text, message, findings);
            None
        }
        protocol if rest.text.is_empty() => Some(Asked::Other(protocol)),
        _ => {
            let message = format!("protocol {protocol} has no ports, found `{}`", rest.text);
            tell(codes::NO_PORTS, &rest, message, findings);
            None
        }
    }
}
