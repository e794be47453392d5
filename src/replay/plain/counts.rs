//! The tally of a plain replay, from whole lists.

use std::net::IpAddr;

use crate::compile::Matcher;
use crate::packet::{Content, Domain};
use crate::policy::{Action, Doubt, Policy};
use crate::replay::{
    Connection, ConnectionId, ConnectionVerdict, ControlTraffic, Judged, KeptTally, PairTally, Reason,
    StepVerdict, Tally, Volume, control_traffic,
};

use super::Plain;

/// Counts frames and connections.
pub(super) fn tally<M: Matcher>(policy: &Policy, matcher: &M, plain: &Plain<'_, M>) -> Tally {
    let mut tally = Tally::new(policy);
    let connections = &plain.connections;
    tally.kept = KeptTally {
        most: plain.limit.0 as u64,
        let_go: (connections.len() - plain.kept.len()) as u64,
        pairs_let_go: plain.pairs_let_go,
    };
    let mut outside = plain.outside.clone();
    for judged in &plain.judged {
        if judged.within != Domain::NONE {
            let packet = Volume { packets: 1, bytes: u64::from(judged.packet.length) };
            tally.tunnels.inside.volume += packet;
        }
        frame(&mut tally, judged, connections);
    }
    for (at, connection) in connections.iter().enumerate() {
        let volume = connection.volume();
        let verdict = connection.verdict();
        tally.verdicts[verdict as usize].add(volume);
        tally.tunnels.inside.connections += u64::from(connection.domain.is_in_tunnel());
        if matches!(verdict, ConnectionVerdict::Allowed | ConnectionVerdict::Assumed)
            && connection.later_drops > 0
        {
            tally.later_drops.0 += connection.later_drops;
            tally.later_drops.1 += 1;
        }
        if verdict == ConnectionVerdict::Allowed {
            *tally.allowed.entry(connection.service()).or_default() += 1;
        }
        if connection.reason == Reason::NoGroup && plain.kept.contains(&ConnectionId::new(at)) {
            outside.entry(hosts(connection)).or_default().add(volume);
        }
        for step in connection.steps.iter() {
            if let Some(rule) = step.decided_by() {
                tally.rules[rule.0 as usize].connections += 1;
            }
            groups(&mut tally, policy, matcher, connection, step);
        }
    }
    tally.outside = outside.into_iter().map(|((low, high), count)| PairTally { low, high, count }).collect();
    tally.outside.sort_by_key(|pair| (std::cmp::Reverse(pair.count.volume.packets), pair.low, pair.high));
    tally
}

/// The hosts of a connection, the lower address first.
pub(super) fn hosts(connection: &Connection) -> (IpAddr, IpAddr) {
    let (a, b) = (connection.initiator.address, connection.responder.address);
    (a.min(b), a.max(b))
}

fn frame(tally: &mut Tally, judged: &Judged, connections: &[Connection]) {
    let (time, judgement) = (judged.packet.time, &judged.judgement);
    let volume = Volume { packets: 1, bytes: u64::from(judged.packet.length) };
    tally.frames += volume;
    tally.first = Some(tally.first.map_or(time, |first| first.min(time)));
    tally.last = Some(tally.last.map_or(time, |last| last.max(time)));
    tally.reasons[judgement.reason as usize] += volume;
    if judgement.reason == Reason::LinkLocalControl {
        let kind = match judged.packet.content {
            Content::Ip(ip) => control_traffic(&ip).unwrap(),
            _ => ControlTraffic::Arp,
        };
        *tally.control.entry(kind).or_default() += 1;
    }
    let blocked = |connection: &Connection| connection.verdict() == ConnectionVerdict::Blocked;
    if !judged.opening && judgement.connection.is_some_and(|id| blocked(&connections[id.index()])) {
        *tally.after_blocked.entry(judgement.verdict()).or_default() += volume;
    }
    for rule in judgement.steps.iter().filter_map(crate::replay::StepVerdict::decided_by) {
        let hits = &mut tally.rules[rule.0 as usize];
        hits.volume += volume;
        hits.first = Some(hits.first.map_or(time, |first| first.min(time)));
        hits.last = Some(hits.last.map_or(time, |last| last.max(time)));
    }
}

fn groups(
    tally: &mut Tally,
    policy: &Policy,
    matcher: &impl Matcher,
    connection: &Connection,
    step: &StepVerdict,
) {
    let volume = connection.volume();
    let header = connection.header_at(step);
    let mut said = Vec::new();
    matcher.each_group_alone(policy, step.interface, step.direction, &header, &mut said);
    for (&group, rule) in policy.interface(step.interface).groups.iter().zip(said) {
        let tally = tally.group_mut(group, step.direction);
        let of_rules =
            matches!(step.reason, Reason::Rule | Reason::DenyRule | Reason::NoRule | Reason::Invalid);
        let in_doubt = Doubt::ALL.into_iter().any(|doubt| Reason::from(doubt) == step.reason);
        let asked_about = step.rule.map_or(step.direction, |rule| policy.rule(rule).direction);
        match rule.map(|id| policy.rule(id)) {
            _ if step.reason == Reason::AssumedEstablished => tally.assumed.add(volume),
            _ if !of_rules && !in_doubt => {}
            _ if in_doubt && asked_about != step.direction => tally.undecided.add(volume),
            Some(rule) if rule.doubt.is_some() => tally.undecided.add(volume),
            Some(rule) if rule.action == Action::Allow => tally.allows.add(volume),
            _ => tally.drops.add(volume),
        }
        if of_rules {
            let passed = step.reason == Reason::Rule;
            let came = if passed { &mut tally.passed } else { &mut tally.blocked };
            came.add(volume);
        }
    }
}
