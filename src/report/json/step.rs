//! Steps with what each group alone would say at them.

use crate::compile::Matcher;
use crate::packet::{Header, IpPacket, Service};
use crate::policy::{Direction, Policy};
use crate::replay::{Reason, StepVerdict};

use super::schema::{Groups, Step, Text};

/// What each group bound at the step would say of this packet alone, state or not.
pub(in super::super) fn groups_of<'a>(
    policy: &'a Policy,
    matcher: &dyn Matcher,
    step: &StepVerdict,
    ip: Option<&IpPacket>,
) -> Groups<'a> {
    let header = ip.and_then(|ip| {
        let remote = match step.direction {
            Direction::Ingress => ip.source(),
            Direction::Egress => ip.destination(),
        };
        Some(Header { remote, service: Service::of(ip)? })
    });
    groups(policy, matcher, step, header.as_ref())
}

pub(super) fn groups<'a>(
    policy: &'a Policy,
    matcher: &dyn Matcher,
    step: &StepVerdict,
    header: Option<&Header>,
) -> Groups<'a> {
    // Groups at the step that dropped a tunnel's packet were never asked about what is inside.
    let header = header.filter(|_| step.reason != Reason::TunnelDropped);
    let said = header.map(|header| matcher.each_group(step.interface, step.direction, header));
    Groups { policy, interface: step.interface, said: said.unwrap_or_default() }
}

/// A step of a packet.
pub(in super::super) fn packet_step<'a>(
    policy: &'a Policy,
    step: &StepVerdict,
    groups: Groups<'a>,
) -> Step<'a> {
    Step {
        interface: &policy.interface(step.interface).name,
        direction: Text(step.direction),
        verdict: step.reason.verdict().code(),
        reason: step.reason.code(),
        rule: step.rule.map(|id| policy.rule(id).name.as_str()),
        groups,
        opened_by: None,
    }
}
