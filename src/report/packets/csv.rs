//! The CSV form of the record: the two steps beside each other.

use std::io::{self, Write};

use ::csv::Writer;

use crate::compile::Matcher;
use crate::packet::IpPacket;
use crate::policy::Policy;
use crate::replay::{ConnectionId, Judged};

use super::super::csv::plain;
use super::super::json::groups_of;
use super::super::json::schema::Groups;
use super::super::label::{Tunnels, Vlans};
use super::super::time::Rfc3339;
use super::icmp;

/// The columns of the CSV form.
pub(super) const COLUMNS: [&str; 29] = [
    "frame",
    "time",
    "src",
    "dst",
    "protocol",
    "sport",
    "dport",
    "length",
    "verdict",
    "reason",
    "connection",
    "egress_interface",
    "egress_verdict",
    "egress_reason",
    "egress_rule",
    "egress_groups",
    "ingress_interface",
    "ingress_verdict",
    "ingress_reason",
    "ingress_rule",
    "ingress_groups",
    "icmp_type",
    "icmp_code",
    "vlans",
    "tunnels",
    "outer",
    "tunnel_interface",
    "tunnel_direction",
    "tunnel_rule",
];

/// A line of CSV in the making.
pub(super) struct Row<'r, W: Write> {
    pub csv: &'r mut Writer<W>,
    pub scratch: &'r mut Vec<u8>,
}

impl<W: Write> Row<'_, W> {
    /// A field, empty for nothing.
    fn field(&mut self, value: Option<impl std::fmt::Display>) -> io::Result<()> {
        self.scratch.clear();
        if let Some(value) = value {
            write!(self.scratch, "{value}")?;
        }
        self.csv.write_field(&*self.scratch).map_err(plain)
    }

    /// Writes the line of a frame; `ip` is the header to tell.
    pub(super) fn frame(
        &mut self,
        policy: &Policy,
        matcher: &dyn Matcher,
        judged: &Judged,
        ip: Option<&IpPacket>,
    ) -> io::Result<()> {
        let judgement = &judged.judgement;
        let ports = ip.and_then(IpPacket::ports);
        self.field(Some(judged.frame))?;
        self.field(Some(Rfc3339(judged.packet.time)))?;
        self.field(ip.map(IpPacket::source))?;
        self.field(ip.map(IpPacket::destination))?;
        self.field(ip.map(|ip| ip.protocol))?;
        self.field(ports.map(|ports| ports.0))?;
        self.field(ports.map(|ports| ports.1))?;
        self.field(Some(judged.packet.length))?;
        self.field(Some(judgement.verdict()))?;
        self.field(Some(judgement.reason))?;
        self.field(judgement.connection.map(ConnectionId::number))?;
        for step in [judgement.steps.egress, judgement.steps.ingress] {
            self.field(step.map(|step| policy.interface(step.interface).name.as_str()))?;
            self.field(step.map(|step| step.reason.verdict()))?;
            self.field(step.map(|step| step.reason))?;
            self.field(step.and_then(|step| step.rule).map(|id| policy.rule(id).name.as_str()))?;
            let groups = step.map(|step| groups_of(policy, matcher, &step, ip));
            self.field(groups.map(Said))?;
        }
        let icmp = ip.and_then(icmp);
        self.field(icmp.map(|icmp| icmp.kind))?;
        self.field(icmp.map(|icmp| icmp.code))?;
        self.field(ip.map(|ip| Vlans(ip.domain)))?;
        self.field(Some(Tunnels(judged.within)))?;
        self.field(judged.outer.map(ConnectionId::number))?;
        let tunnel = judgement.steps.tunnel;
        self.field(tunnel.map(|step| policy.interface(step.interface).name.as_str()))?;
        self.field(tunnel.map(|step| step.direction))?;
        self.field(tunnel.and_then(|step| step.rule).map(|id| policy.rule(id).name.as_str()))?;
        self.csv.write_record(None::<&[u8]>).map_err(plain)
    }
}

/// `node=node/egress/1 extra=-`.
struct Said<'a>(Groups<'a>);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (group, rule)) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{group}={}", rule.unwrap_or("-"))?;
        }
        Ok(())
    }
}
