//! The types that are serialised: what JSON and NDJSON promise. `docs/output.md` documents every field.

#![allow(clippy::struct_field_names)] // The fields are named for the reader of a record, not of this file.

use std::fmt::Display;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::packet::Domain;
use crate::policy::Policy;
use crate::policy::{InterfaceId, RuleId};
use crate::replay;

use super::super::time::Rfc3339;

/// Anything that is serialised as its text.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A list that is made while it is written, so that millions of records need no memory.
pub(in super::super) struct List<F>(pub F);

impl<I, F> Serialize for List<F>
where
    F: Fn() -> I,
    I: Iterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// The whole of `--format json`.
#[derive(Serialize)]
pub(in super::super) struct Document<'a, G, R, B, C, O> {
    pub schema: &'static str,
    pub scenario: Scenario<'a>,
    pub captures: Vec<Capture<'a>>,
    pub summary: Summary,
    pub groups: G,
    pub rules: R,
    pub blocked: B,
    pub outside: O,
    pub matrix: Option<Vec<MatrixRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload<'a>>,
    pub connections: C,
}

/// The first line of `--format ndjson`.
#[derive(Serialize)]
pub(in super::super) struct Header<'a> {
    pub schema: &'static str,
    pub scenario: Scenario<'a>,
    pub captures: Vec<Capture<'a>>,
}

#[derive(Serialize)]
pub(in super::super) struct Workload<'a> {
    pub seed: u64,
    pub as_expected: bool,
    pub flows: Vec<MadeFlow<'a>>,
}

#[derive(Serialize)]
pub(in super::super) struct MadeFlow<'a> {
    pub flow: &'a str,
    pub expected: Option<&'static str>,
    pub as_expected: Option<bool>,
    pub allowed: u64,
    pub blocked: u64,
    pub assumed: u64,
    pub undecided: u64,
    pub outside: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Scenario<'a> {
    pub name: &'a str,
    pub dialect: Text<crate::policy::Dialect>,
    pub state: &'a str,
    pub midstream: Text<crate::policy::Midstream>,
}

#[derive(Serialize)]
pub(in super::super) struct Capture<'a> {
    pub name: &'a str,
    pub frames: u64,
    pub first: Option<Rfc3339>,
    pub last: Option<Rfc3339>,
    pub unsupported: Vec<Unsupported>,
    pub error: Option<&'a str>,
}

#[derive(Serialize)]
pub(in super::super) struct Unsupported {
    pub link_type: u32,
    pub frames: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Volume {
    pub packets: u64,
    pub bytes: u64,
}

impl From<replay::Volume> for Volume {
    fn from(volume: replay::Volume) -> Self {
        Self { packets: volume.packets, bytes: volume.bytes }
    }
}

#[derive(Serialize)]
pub(in super::super) struct Count {
    pub connections: u64,
    pub packets: u64,
    pub bytes: u64,
}

impl From<replay::Count> for Count {
    fn from(count: replay::Count) -> Self {
        Self { connections: count.connections, packets: count.volume.packets, bytes: count.volume.bytes }
    }
}

#[derive(Serialize)]
pub(in super::super) struct Summary {
    pub total: Volume,
    pub first: Option<Rfc3339>,
    pub last: Option<Rfc3339>,
    pub connections: ByConnectionVerdict,
    pub packets: ByVerdict,
    pub reasons: Vec<ReasonCount>,
    pub later_drops: LaterDrops,
    pub after_blocked: ByVerdict,
    pub assumptions: Assumptions,
    pub let_go: LetGo,
    pub repeats: Repeats,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnels: Option<Tunnels>,
}

#[derive(Serialize)]
pub(in super::super) struct Tunnels {
    pub inside: Count,
    pub fragments: u64,
    pub too_deep: u64,
}

#[derive(Serialize)]
pub(in super::super) struct LetGo {
    pub connections: u64,
    pub outside: u64,
    pub most: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Repeats {
    pub looked: u64,
    pub repeated: u64,
    pub left_out: bool,
}

#[derive(Serialize)]
pub(in super::super) struct ByConnectionVerdict {
    pub allowed: Count,
    pub blocked: Count,
    pub assumed: Count,
    pub undecided: Count,
    pub outside: Count,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) struct ByVerdict {
    pub allow: Volume,
    pub drop: Volume,
    pub undecided: Volume,
    pub not_subject: Volume,
}

#[derive(Serialize)]
pub(in super::super) struct ReasonCount {
    pub reason: &'static str,
    pub verdict: &'static str,
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Serialize)]
pub(in super::super) struct LaterDrops {
    pub connections: u64,
    pub packets: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Assumptions {
    pub arp: u64,
    pub neighbour_discovery: u64,
    pub dhcp: u64,
    pub connections: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Group<'a> {
    pub group: &'a str,
    pub direction: Text<crate::policy::Direction>,
    pub allows: Count,
    pub drops: Count,
    pub assumed: Count,
    pub undecided: Count,
    pub passed: Count,
    pub blocked: Count,
}

#[derive(Serialize)]
pub(in super::super) struct Rule<'a> {
    pub rule: &'a str,
    pub group: &'a str,
    pub direction: Text<crate::policy::Direction>,
    pub action: Text<crate::policy::Action>,
    pub words: String,
    pub description: &'a str,
    pub enabled: bool,
    pub connections: u64,
    pub packets: u64,
    pub bytes: u64,
    pub first: Option<Rfc3339>,
    pub last: Option<Rfc3339>,
}

/// Blocked connections that differ in nothing but time and client port.
#[derive(Serialize)]
pub(in super::super) struct Blocked<'a> {
    pub attempts: u64,
    pub packets: u64,
    pub bytes: u64,
    pub initiator: IpAddr,
    pub responder: IpAddr,
    pub service: String,
    pub service_name: Option<&'static str>,
    pub interface: Option<&'a str>,
    pub direction: Option<Text<crate::policy::Direction>>,
    pub reason: &'static str,
    pub rule: Option<&'a str>,
    pub first: Rfc3339,
    pub last: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnels: Option<Vec<Tunnel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outer: Option<u64>,
}

#[derive(Serialize)]
pub(in super::super) struct Tunnel {
    pub kind: &'static str,
    pub id: Option<u32>,
}

/// The tunnels of a domain, outermost first; `None` outside of them.
pub(in super::super) fn tunnels(domain: Domain) -> Option<Vec<Tunnel>> {
    let tunnel = |tunnel: crate::packet::Tunnel| Tunnel { kind: tunnel.kind.code(), id: tunnel.id };
    domain.is_in_tunnel().then(|| domain.tunnels().map(tunnel).collect())
}

#[derive(Serialize)]
pub(in super::super) struct Outside {
    pub low: IpAddr,
    pub high: IpAddr,
    pub connections: u64,
    pub packets: u64,
    pub bytes: u64,
}

#[derive(Serialize)]
pub(in super::super) struct MatrixRow<'a> {
    pub group: &'a str,
    pub direction: Text<crate::policy::Direction>,
    pub cells: Vec<MatrixCell<'a>>,
}

#[derive(Serialize)]
pub(in super::super) struct MatrixCell<'a> {
    /// `None` is outside: an interface may be called `outside`.
    pub peer: Option<&'a str>,
    pub allowed: u64,
    pub blocked: u64,
}

#[derive(Serialize)]
pub(in super::super) struct Connection<'a> {
    pub connection: u64,
    pub verdict: &'static str,
    pub reason: &'static str,
    pub protocol: Text<crate::packet::Protocol>,
    pub initiator: IpAddr,
    pub initiator_port: Option<u16>,
    pub initiator_interface: Option<&'a str>,
    pub responder: IpAddr,
    pub responder_port: Option<u16>,
    pub responder_interface: Option<&'a str>,
    pub service: Text<crate::packet::Service>,
    pub service_name: Option<&'static str>,
    pub vlans: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnels: Option<Vec<Tunnel>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outer: Option<u64>,
    pub first: Rfc3339,
    pub last: Rfc3339,
    pub packets: u64,
    pub bytes: u64,
    pub sent: Volume,
    pub received: Volume,
    pub later_drops: u64,
    pub later_undecided: u64,
    pub interface: Option<&'a str>,
    pub direction: Option<Text<crate::policy::Direction>>,
    pub rule: Option<&'a str>,
    pub steps: Vec<Step<'a>>,
}

/// One step, of a packet or of the packet that opened a connection.
#[derive(Serialize)]
pub(in super::super) struct Step<'a> {
    pub interface: &'a str,
    pub direction: Text<crate::policy::Direction>,
    pub verdict: &'static str,
    pub reason: &'static str,
    pub rule: Option<&'a str>,
    pub groups: Groups<'a>,
    /// Connections only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<&'a str>,
}

/// For each group bound to an interface, in the order bound, its rule that would match; an object.
pub(in super::super) struct Groups<'a> {
    pub policy: &'a Policy,
    pub interface: InterfaceId,
    /// As [`crate::compile::Matcher::each_group`] gives them; empty when there is no header to ask about.
    pub said: Vec<Option<RuleId>>,
}

impl<'a> Groups<'a> {
    /// Names of groups and rules.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let policy = self.policy;
        let said = self.said.iter().copied().chain(std::iter::repeat(None));
        let name = move |id: RuleId| policy.rule(id).name.as_str();
        let groups = policy.interface(self.interface).groups.iter().zip(said);
        groups.map(move |(&group, rule)| (policy.group(group).name.as_str(), rule.map(name)))
    }
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
