//! A policy with several times as many rules of the same kind.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::packet::{AddressRange, AddressSet, PortRange, PortSet};
use crate::policy::{Direction, Policy, Rule, RuleId, ServiceMatch};

/// The policy with `factor` times as many rules.
///
/// Each copy of a rule stands behind all rules before it, in the same group and direction, with its remote moved by a
/// ninth of the address space; a rule about every address gets other ports instead. So copies overlap as little as the
/// rules of a larger network would.
pub fn scaled(policy: &Policy, factor: u32) -> Policy {
    let mut scaled = policy.clone();
    for copy in 1..factor {
        for rule in &policy.rules {
            let id = RuleId(u32::try_from(scaled.rules.len()).unwrap_or(u32::MAX));
            let group = &mut scaled.groups[rule.group.0 as usize];
            match rule.direction {
                Direction::Ingress => group.ingress.push(id),
                Direction::Egress => group.egress.push(id),
            }
            scaled.rules.push(moved(rule, copy));
        }
    }
    scaled
}

fn moved(rule: &Rule, copy: u32) -> Rule {
    let is_any = |range: &AddressRange| *range == AddressRange::ANY_V4 || *range == AddressRange::ANY_V6;
    let mut moved = Rule { name: format!("{}~{copy}", rule.name), ..rule.clone() };
    if rule.remote.ranges().iter().any(is_any) {
        if let ServiceMatch::Ports(protocol, ports) = &rule.service {
            moved.service = ServiceMatch::Ports(*protocol, shifted(ports, copy));
        }
        return moved;
    }
    moved.remote = rule.remote.ranges().iter().map(|&range| move_range(range, copy)).collect::<AddressSet>();
    moved
}

fn move_range(range: AddressRange, copy: u32) -> AddressRange {
    match range {
        AddressRange::V4(first, last) => {
            let by = (u32::MAX / 9).wrapping_mul(copy);
            let (low, high) = (first.to_bits().wrapping_add(by), last.to_bits().wrapping_add(by));
            if low <= high {
                AddressRange::V4(Ipv4Addr::from_bits(low), Ipv4Addr::from_bits(high))
            } else {
                range
            }
        }
        AddressRange::V6(first, last) => {
            // Inside the unique local addresses: 2^120 of them.
            let by = u128::from(copy) << 100;
            let (low, high) = (first.to_bits().wrapping_add(by), last.to_bits().wrapping_add(by));
            if low <= high {
                AddressRange::V6(Ipv6Addr::from_bits(low), Ipv6Addr::from_bits(high))
            } else {
                range
            }
        }
    }
}

fn shifted(ports: &PortSet, copy: u32) -> PortSet {
    let by = u16::try_from(copy * 7919 % 65_536).unwrap_or(0);
    let shift = |range: &PortRange| {
        let moved = PortRange::new(range.first().wrapping_add(by), range.last().wrapping_add(by));
        moved.unwrap_or(*range)
    };
    ports.ranges().iter().map(shift).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::ClusterRules;

    #[test]
    fn a_scaled_policy_keeps_the_rules_it_had() {
        let policy = ClusterRules::new(100).policy();
        let larger = scaled(&policy, 4);
        assert_eq!(larger.rules.len(), 400);
        assert_eq!(larger.rules[..100], policy.rules[..]);
        for (group, before) in larger.groups.iter().zip(&policy.groups) {
            assert_eq!(group.ingress.len(), 4 * before.ingress.len());
            assert!(
                group.ingress.iter().all(|id| larger.rule(*id).group == policy.rule(group.ingress[0]).group)
            );
        }
        // Copies are other rules, all but those that ask for everything.
        let same = larger.rules[100..200].iter().zip(&policy.rules);
        let same =
            same.filter(|(copy, rule)| copy.remote == rule.remote && copy.service == rule.service).count();
        assert!(same < 20, "{same}");
    }
}
