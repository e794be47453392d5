//! The NDJSON record: a contract.

use std::net::IpAddr;

use serde::Serialize;

use crate::compile::Matcher;
use crate::packet::{IpPacket, Protocol};
use crate::policy::Policy;
use crate::replay::{ConnectionId, Judged, StepVerdict};

use super::super::json::schema::{List, Step, Text, tunnels};
use super::super::json::{groups_of, packet_step};
use super::super::time::Rfc3339;
use super::icmp;

/// The NDJSON record, keys in this order. `icmp`, `vlans`, `tunnels` and `outer` stand only where there is something to tell.
#[derive(Serialize)]
struct Record<S, V, T> {
    frame: u64,
    time: Rfc3339,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    protocol: Option<Text<Protocol>>,
    sport: Option<u16>,
    dport: Option<u16>,
    length: u32,
    verdict: &'static str,
    reason: &'static str,
    connection: Option<u64>,
    steps: S,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp: Option<IcmpFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlans: Option<V>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnels: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outer: Option<u64>,
}

#[derive(Serialize)]
struct IcmpFields {
    #[serde(rename = "type")]
    kind: u8,
    code: u8,
}

/// The record of a frame; `ip` is the header to tell.
pub(super) fn record<'r>(
    policy: &'r Policy,
    matcher: &'r dyn Matcher,
    judged: &'r Judged,
    ip: Option<&'r IpPacket>,
) -> impl Serialize + 'r {
    let ports = ip.and_then(IpPacket::ports);
    let judgement = &judged.judgement;
    let step = move |step: &'r StepVerdict| -> Step<'r> {
        packet_step(policy, step, groups_of(policy, matcher, step, ip))
    };
    let tagged = ip.map(|ip| ip.domain).filter(|domain| domain.vlans().next().is_some());
    Record {
        frame: judged.frame,
        time: Rfc3339(judged.packet.time),
        src: ip.map(IpPacket::source),
        dst: ip.map(IpPacket::destination),
        protocol: ip.map(|ip| Text(ip.protocol)),
        sport: ports.map(|ports| ports.0),
        dport: ports.map(|ports| ports.1),
        length: judged.packet.length,
        verdict: judgement.verdict().code(),
        reason: judgement.reason.code(),
        connection: judgement.connection.map(ConnectionId::number),
        steps: List(move || judgement.steps.iter().map(step)),
        icmp: ip.and_then(icmp).map(|icmp| IcmpFields { kind: icmp.kind, code: icmp.code }),
        vlans: tagged.map(|domain| List(move || domain.vlans())),
        tunnels: tunnels(judged.within),
        outer: judged.outer.map(ConnectionId::number),
    }
}
