//! From the tree of a file to the workload as written: keys, types and values.
//!
//! Every mistake is told and reading goes on with what is left. Names are not looked up here.

use crate::diag::{Diagnostic, codes};
use crate::packet::{Family, PortRange, Timestamp};
use crate::policy::language::{Node, Piece, choice, map, object, scalar, text, texts};
use crate::policy::scenario::name;

use super::super::distribution::{Distribution, Unit};
use super::{
    Amount, Anomalies, Arrivals, Course, Expected, Workload, WrittenFlow, WrittenTunnel, keys, words,
};

type Findings = Vec<Diagnostic>;

/// 2026-01-05T08:00:00Z, a Monday morning.
const START: Timestamp = Timestamp(1_767_600_000_000_000_000);
const MINUTE: u64 = 60_000_000_000;

pub(super) fn workload(root: &Node, findings: &mut Findings) -> Workload {
    let mut workload = Workload {
        description: String::new(),
        seed: None,
        start: START,
        duration: MINUTE,
        addresses: vec![],
        flows: vec![],
    };
    let mut has_traffic = false;
    for (key, value) in object(root, "a workload", keys::WORKLOAD, findings) {
        match key {
            "description" => workload.description = text(value, findings),
            "seed" => {
                let what = "a seed: a whole number";
                workload.seed = scalar(value, what, findings)
                    .and_then(|seed| words::number(seed, what, u64::MAX, findings));
            }
            "start" => {
                let time = scalar(value, "a time", findings).and_then(|at| words::time(at, findings));
                workload.start = time.unwrap_or(START);
            }
            "duration" => {
                let time = scalar(value, "a duration", findings).and_then(|at| words::duration(at, findings));
                workload.duration = time.unwrap_or(MINUTE);
            }
            "addresses" => {
                for (key, value) in map(value, "address sets by name", codes::DUPLICATE_KEY, findings) {
                    name::check(key, "an address set", findings);
                    workload
                        .addresses
                        .push((key.clone(), texts(value, "an address or a list of them", findings)));
                }
            }
            _ => {
                has_traffic = true;
                for (key, value) in map(value, "flows by name", codes::DUPLICATE_KEY, findings) {
                    name::check(key, "a flow", findings);
                    workload.flows.extend(flow(key, value, findings));
                }
            }
        }
    }
    if workload.flows.is_empty() && !findings.iter().any(Diagnostic::is_error) {
        let what = if has_traffic { "`traffic` names no flow" } else { "the workload has no `traffic`" };
        let finding = Diagnostic::new(codes::INCOMPLETE_FLOW, what).at(root.span.clone(), "");
        findings.push(
            finding.help("write `traffic: { web: { from: outside, to: group node, service: tcp 443 } }`"),
        );
    }
    workload
}

fn flow(name: &Piece, node: &Node, findings: &mut Findings) -> Option<WrittenFlow> {
    let entries = object(node, "a flow", keys::FLOW, findings);
    let before = findings.len();
    let course = Course {
        service: super::Asked::Other(crate::packet::Protocol::TCP),
        amount: Amount::Count(1),
        arrivals: Arrivals::default(),
        after: 0,
        lasts: Distribution::Fixed(0),
        exchanges: Distribution::Fixed(1),
        request: Distribution::Fixed(200),
        reply: Distribution::Fixed(600),
        rtt: Distribution::Fixed(500_000),
        // Linux's net.ipv4.ip_local_port_range.
        ports: PortRange::new(32768, 60999)?,
        anomalies: Anomalies::default(),
    };
    let mut flow = WrittenFlow {
        name: name.clone(),
        from: vec![],
        to: vec![],
        amount_span: name.span.clone(),
        course,
        family: Family::V4,
        inside: None,
        expect: None,
        optional: false,
    };
    if let Some((_, value)) = entries.iter().find(|(key, _)| *key == "family") {
        flow.family = choice(value, &[Family::V4, Family::V6], findings).unwrap_or(Family::V4);
    }
    let course = &mut flow.course;
    let mut amounts = Vec::new();
    let mut said = Vec::new();
    for (key, value) in entries {
        said.push(key);
        let size = |unit, findings: &mut Findings, into: &mut Distribution| {
            let read = scalar(value, "a distribution", findings)
                .and_then(|text| words::distribution(text, unit, findings));
            *into = read.unwrap_or(*into);
        };
        match key {
            "from" => flow.from = texts(value, "who begins", findings),
            "to" => flow.to = texts(value, "who answers", findings),
            "service" => {
                let service = scalar(value, "a service such as tcp 443", findings);
                if let Some(service) = service.and_then(|text| words::service(text, flow.family, findings)) {
                    course.service = service;
                }
            }
            "count" | "rate" => {
                let Some(text) = scalar(value, "a number", findings) else { continue };
                let read = if key == "count" { words::count } else { words::rate };
                course.amount = read(text, findings).unwrap_or(course.amount);
                flow.amount_span = text.span.clone();
                amounts.push(text.span.clone());
            }
            "arrivals" => {
                let all = [Arrivals::Constant, Arrivals::Poisson, Arrivals::Diurnal];
                course.arrivals = choice(value, &all, findings).unwrap_or_default();
            }
            "after" => {
                let time =
                    scalar(value, "a length of time", findings).and_then(|at| words::duration(at, findings));
                course.after = time.unwrap_or(0);
            }
            "lasts" => size(Unit::Time, findings, &mut course.lasts),
            "rtt" => size(Unit::Time, findings, &mut course.rtt),
            "exchanges" => size(Unit::Bytes, findings, &mut course.exchanges),
            "request" => size(Unit::Bytes, findings, &mut course.request),
            "reply" => size(Unit::Bytes, findings, &mut course.reply),
            "ports" => {
                let read =
                    scalar(value, "a range of ports", findings).and_then(|text| words::ports(text, findings));
                course.ports = read.unwrap_or(course.ports);
            }
            "inside" => flow.inside = tunnel(value, findings),
            "anomalies" => course.anomalies = anomalies(value, findings),
            "expect" => flow.expect = choice(value, &[Expected::Allowed, Expected::Blocked], findings),
            "optional" => {
                let word = scalar(value, "true or false", findings);
                flow.optional = word.is_some_and(|word| ["true", "yes", "on"].contains(&word.text.as_str()));
            }
            _ => {}
        }
    }
    if let [first, second] = &amounts[..] {
        let finding = Diagnostic::new(codes::BAD_RATE, "a flow has either a `count` or a `rate`");
        findings.push(finding.at(second.clone(), "").also(first.clone(), ""));
    }
    if course.exchanges.is_zero() {
        let finding = Diagnostic::new(codes::BAD_DISTRIBUTION, "a conversation has at least one exchange");
        findings.push(finding.at(name.span.clone(), ""));
    }
    let missing: Vec<_> = ["from", "to", "service"].into_iter().filter(|key| !said.contains(key)).collect();
    if !missing.is_empty() {
        let message = format!("flow `{}` does not say `{}`", name.text, missing.join("` and `"));
        let finding = Diagnostic::new(codes::INCOMPLETE_FLOW, message).at(name.span.clone(), "");
        findings.push(finding.help("write `{ from: group node, to: group control, service: tcp 5443 }`"));
    }
    (!findings[before..].iter().any(Diagnostic::is_error)).then_some(flow)
}

fn tunnel(node: &Node, findings: &mut Findings) -> Option<WrittenTunnel> {
    let mut tunnel = WrittenTunnel { from: vec![], to: vec![], vni: 4096 };
    for (key, value) in object(node, "a tunnel", keys::INSIDE, findings) {
        match key {
            "from" => tunnel.from = texts(value, "who wraps", findings),
            "to" => tunnel.to = texts(value, "who unwraps", findings),
            _ => {
                let what = "a network identifier from 0 to 16777215";
                let vni = scalar(value, what, findings)
                    .and_then(|text| words::number(text, what, 0x00ff_ffff, findings));
                tunnel.vni = vni.and_then(|vni| u32::try_from(vni).ok()).unwrap_or(tunnel.vni);
            }
        }
    }
    if tunnel.from.is_empty() || tunnel.to.is_empty() {
        let finding =
            Diagnostic::new(codes::INCOMPLETE_FLOW, "the tunnel does not say who wraps and who unwraps");
        findings.push(
            finding.at(node.span.clone(), "").help("write `inside: { from: group node, to: group node }`"),
        );
        return None;
    }
    Some(tunnel)
}

fn anomalies(node: &Node, findings: &mut Findings) -> Anomalies {
    let mut all = Anomalies::default();
    for (key, value) in object(node, "the anomalies", keys::ANOMALIES, findings) {
        let Some(text) = scalar(value, "a share such as 1%", findings) else { continue };
        let share = words::share(text, findings);
        *match key {
            "retransmission" => &mut all.retransmission,
            "out-of-order" => &mut all.out_of_order,
            "fragment" => &mut all.fragment,
            "reset" => &mut all.reset,
            "half-open" => &mut all.half_open,
            "icmp-error" => &mut all.icmp_error,
            "mid-stream" => &mut all.mid_stream,
            "spoofed" => &mut all.spoofed,
            _ => &mut all.scan,
        } = share;
    }
    all
}
