//! A policy of rules that are drawn: by `tests/matchers.rs`, and by the fuzz target of the same name.

use std::net::{IpAddr, Ipv4Addr};

use sgsim::packet::{AddressRange, AddressSet, Family};
use sgsim::policy::{
    Action, Dialect, Direction, Doubt, Group, GroupId, Interface, Midstream, Origin, Owners, Policy,
    Priority, Rule, RuleId, ServiceMatch, StateProfile,
};

/// Groups that a policy has.
pub(crate) const GROUPS: u32 = 4;

/// A rule without its place.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    /// Less than [`GROUPS`].
    pub(crate) group: u32,
    pub(crate) egress: bool,
    pub(crate) deny: bool,
    pub(crate) priority: u8,
    pub(crate) family: Option<Family>,
    pub(crate) service: ServiceMatch,
    pub(crate) remote: Vec<AddressRange>,
    pub(crate) enabled: bool,
    pub(crate) doubt: Option<Doubt>,
}

fn origin() -> Origin {
    Origin { file: "drawn".into(), line: 0, span: 0..0, place: None }
}

/// The rules in this order, and an interface for each list of groups.
pub(crate) fn policy(drawn: &[Drawn], dialect: Dialect, bound: &[Vec<u32>]) -> Policy {
    let mut groups: Vec<_> = (0..GROUPS)
        .map(|group| Group { name: format!("group-{group}"), ingress: vec![], egress: vec![] })
        .collect();
    let mut rules = vec![];
    for (id, drawn) in (0..).zip(drawn) {
        let group = &mut groups[drawn.group as usize];
        if drawn.egress { &mut group.egress } else { &mut group.ingress }.push(RuleId(id));
        rules.push(Rule {
            name: format!("rule-{id}"),
            group: GroupId(drawn.group),
            direction: if drawn.egress { Direction::Egress } else { Direction::Ingress },
            action: if drawn.deny { Action::Deny } else { Action::Allow },
            priority: Priority::new(drawn.priority).unwrap(),
            family: drawn.family,
            service: drawn.service.clone(),
            remote: drawn.remote.iter().copied().collect::<AddressSet>(),
            remote_text: String::new(),
            enabled: drawn.enabled,
            doubt: drawn.doubt,
            description: String::new(),
            origin: origin(),
        });
    }
    let interfaces: Vec<_> = (0..)
        .zip(bound)
        .map(|(at, bound): (u32, _)| Interface {
            name: format!("interface-{at}"),
            addresses: vec![IpAddr::V4(Ipv4Addr::from_bits(0xc0a8_0000 + at))],
            behind: vec![],
            groups: bound.iter().map(|&group| GroupId(group)).collect(),
            origin: origin(),
        })
        .collect();
    Policy {
        dialect,
        state: StateProfile::default(),
        midstream: Midstream::default(),
        owners: Owners::new(&interfaces).0,
        groups,
        rules,
        interfaces,
    }
}
