//! Prints why one packet got its verdict.

use std::io::{self, Write};

use anstyle::AnsiColor;

use super::label::escape;
use super::time::Rfc3339;
use crate::analyze::{ExplainedStep, Explanation, Miss, StateFound};
use crate::packet::{Domain, Header, IpPacket, Service, Transport};
use crate::policy::{Policy, RuleId};
use crate::replay::{Judged, Reason, Side, StepAt, Verdict};

/// What is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A flow written by hand.
    Flow,
    /// A frame of a capture.
    Frame,
}

/// Writes an explanation: the verdict, then each step with what was consulted.
pub fn write(
    out: &mut impl Write,
    policy: &Policy,
    explanation: &Explanation,
    subject: Subject,
) -> io::Result<()> {
    let judged = &explanation.judged;
    let judgement = &judged.judgement;
    if subject == Subject::Frame {
        let connection = judgement.connection.map(|id| format!(", connection {}", id.number()));
        writeln!(
            out,
            "frame {}, {}{}",
            judged.frame,
            Rfc3339(judged.packet.time),
            connection.unwrap_or_default()
        )?;
    }
    if let Some(outer) = judged.outer {
        writeln!(out, "inside {}, carried by connection {}", place_of(judged), outer.number())?;
    } else if judged.within != Domain::NONE {
        writeln!(out, "inside {}", place_of(judged))?;
    }
    match &judged.header {
        Some(ip) => writeln!(out, "{}", describe(ip))?,
        None => writeln!(out, "frame without an IP packet")?,
    }
    let verdict = judgement.verdict();
    writeln!(out, "{}  {}: {}", painted(verdict), judgement.reason, lower_first(judgement.reason.about()))?;
    if verdict == Verdict::NotSubject && judgement.reason == Reason::NoGroup {
        writeln!(
            out,
            "\nneither end is an address of an interface, nor in a network behind one: if it should be, the scenario"
        )?;
        writeln!(out, "misses an interface")?;
    }
    for (number, step) in (1..).zip(&explanation.steps) {
        writeln!(out, "\n{number}. {}", place(policy, step.at))?;
        write_step(out, policy, step, judged.header.as_ref())?;
    }
    if let Some(step) = judgement.steps.tunnel {
        let interface = escape(&policy.interface(step.interface).name);
        let rule = step.rule.map_or_else(|| "no rule matches it".to_owned(), |id| line(policy, id));
        writeln!(out, "\ndropped with the packet that carries it: {interface} {}", step.direction)?;
        writeln!(out, "   rules    {rule}")?;
    }
    if let Some((at, rule)) = explanation.not_reached {
        writeln!(out, "\nnot reached: {}", place(policy, at))?;
        writeln!(out, "   by its rules alone: {}", decided(policy, rule))?;
    }
    Ok(())
}

fn write_step(
    out: &mut impl Write,
    policy: &Policy,
    step: &ExplainedStep,
    ip: Option<&IpPacket>,
) -> io::Result<()> {
    let reason = step.verdict.reason;
    let state = match &step.state {
        StateFound::NotKept => "not kept (profile stateless)".to_owned(),
        StateFound::Nothing => "no entry for this connection".to_owned(),
        StateFound::Entry(entry) => {
            let by =
                step.verdict.opened_by.map(|id| format!(", let open by {}", escape(&policy.rule(id).name)));
            format!("{}; opened by {}{}", entry.phase, opener(ip, entry.opener), by.unwrap_or_default())
        }
    };
    writeln!(out, "   state    {state}")?;
    if let Some(tracked) = step.quoted {
        let known = if tracked { "is tracked here" } else { "is not tracked here" };
        writeln!(out, "   quotes   a connection that {known}")?;
    }
    if let Some(header) = &step.asked {
        writeln!(out, "   asked    {} with remote {}", named(header.service), header.remote)?;
        let rule = step.verdict.rule.filter(|_| matches!(reason, Reason::Rule | Reason::DenyRule));
        match step
            .verdict
            .rule
            .filter(|&id| reason.verdict() == Verdict::Undecided && policy.rule(id).doubt.is_some())
        {
            Some(doubtful) => writeln!(out, "   rules    hang on {}", line(policy, doubtful))?,
            None => writeln!(out, "   rules    {}", decided(policy, rule))?,
        }
        for (group, rule) in &step.groups {
            writeln!(
                out,
                "   alone    group {}: {}",
                escape(&policy.group(*group).name),
                decided(policy, *rule)
            )?;
        }
    }
    for &rule in &step.next {
        writeln!(out, "   next     {}", line(policy, rule))?;
    }
    if let Some((header, rule)) = &step.assumption {
        writeln!(
            out,
            "   assume   had the far side opened it ({}, {}): {}",
            step.at.direction.reversed(),
            named(header.service),
            decided(policy, *rule)
        )?;
    }
    writeln!(out, "   verdict  {}  {reason}", painted(reason.verdict()))?;
    if let Some(header) = &step.asked {
        if step.verdict.reason == Reason::DenyRule {
            writeln!(out, "   to pass  narrow the deny rule, or let an allow rule be asked before it")?;
        }
        for miss in &step.nearest {
            writeln!(out, "   nearest  {}", line(policy, miss.rule))?;
            writeln!(out, "            missed by {}", missed(policy, miss, header))?;
        }
    }
    Ok(())
}

/// Where a packet was found: the VLANs and tunnels around it.
fn place_of(judged: &Judged) -> Domain {
    judged.header.map_or(judged.within, |ip| ip.domain)
}

/// The verdict, in colour where the terminal shows any.
fn painted(verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Allow => AnsiColor::Green,
        Verdict::Drop => AnsiColor::Red,
        Verdict::Undecided => AnsiColor::Yellow,
        Verdict::NotSubject => return verdict.to_string(),
    };
    let style = colour.on_default().bold();
    format!("{style}{verdict}{style:#}")
}

/// The sentence as it stands behind a colon; an abbreviation keeps its capitals.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    if letters.clone().nth(1).is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// `node-1 ingress (groups node, extra)`.
fn place(policy: &Policy, at: StepAt) -> String {
    let interface = policy.interface(at.interface);
    let groups: Vec<_> = interface.groups.iter().map(|&id| policy.group(id).name.as_str()).collect();
    let bound = match groups.len() {
        0 => "no group bound".to_owned(),
        1 => format!("group {}", groups[0]),
        _ => format!("groups {}", groups.join(", ")),
    };
    escape(&format!("{} {} ({bound})", interface.name, at.direction)).into_owned()
}

/// The address of the side that opened the packet's connection.
fn opener(ip: Option<&IpPacket>, side: Side) -> String {
    let Some(ip) = ip else { return "an unknown side".to_owned() };
    let (source, destination) = ip.ports().unwrap_or((0, 0));
    let mut ends = [(ip.source(), source), (ip.destination(), destination)];
    ends.sort_unstable();
    let (address, _) = match side {
        Side::Low => ends[0],
        Side::High => ends[1],
    };
    address.to_string()
}

pub(super) fn line(policy: &Policy, id: RuleId) -> String {
    let rule = policy.rule(id);
    escape(&format!("{}  {}  ({})", rule.name, rule.words(), rule.origin)).into_owned()
}

fn decided(policy: &Policy, rule: Option<RuleId>) -> String {
    rule.map_or_else(|| "no rule matches, so drop".to_owned(), |id| line(policy, id))
}

fn named(service: Service) -> String {
    service.name().map_or_else(|| service.to_string(), |name| format!("{service} {name}"))
}

/// What a packet would have had to be, field by field.
fn missed(policy: &Policy, miss: &Miss, header: &Header) -> String {
    let rule = policy.rule(miss.rule);
    let mut parts = Vec::new();
    if miss.missed.disabled {
        parts.push("being disabled".to_owned());
    }
    if miss.missed.family {
        parts.push("ethertype".to_owned());
    }
    if miss.missed.protocol {
        parts.push(format!("protocol: {} is not {}", header.service.protocol(), rule.service));
    }
    if miss.missed.detail {
        parts.push(match header.service {
            Service::Port(_, port) => format!("port: {port} is not in {}", rule.service),
            service => format!("message: {} is not {}", named(service), rule.service),
        });
    }
    if miss.missed.remote {
        let resolved = rule.remote.to_string();
        let shown = if resolved.is_empty() {
            format!("{} (no address)", rule.remote_text)
        } else if rule.remote_text == resolved {
            resolved
        } else {
            format!("{} ({resolved})", rule.remote_text)
        };
        parts.push(format!("remote: {} is not in {shown}", header.remote));
    }
    escape(&parts.join("; ")).into_owned()
}

/// The packet in one line, as a person would write the flow.
fn describe(ip: &IpPacket) -> String {
    let (from, to) = (ip.source(), ip.destination());
    let ends = match ip.ports() {
        Some((source, destination)) => format!(
            "{} > {}",
            std::net::SocketAddr::new(from, source),
            std::net::SocketAddr::new(to, destination)
        ),
        None => format!("{from} > {to}"),
    };
    let mut parts = vec![format!("{} {ends}", ip.protocol)];
    parts.extend(match ip.transport {
        Transport::Tcp { flags, .. } => Some(format!("flags {flags}")),
        Transport::Icmp(icmp) => Some(format!("type {} code {}", icmp.kind, icmp.code)),
        Transport::LaterFragment => Some("fragment".to_owned()),
        Transport::Truncated => Some("headers cut by the capture".to_owned()),
        Transport::Malformed => Some("headers contradict themselves".to_owned()),
        Transport::Ports { .. } | Transport::Other => None,
    });
    parts.extend(Service::of(ip).and_then(Service::name).map(str::to_owned));
    // Those outside of a tunnel stand with it.
    let vlans = ip.domain.vlans().filter(|_| !ip.domain.is_in_tunnel());
    parts.extend(vlans.map(|vlan| format!("vlan {vlan}")));
    parts.join("  ")
}
