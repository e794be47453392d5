//! The groups and rules that cost most.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::compile::Compiled;
use crate::packet::{AddressRange, Protocol};
use crate::policy::{GroupId, Policy, RuleId, ServiceMatch};

use super::{LoadReport, Watch};

/// What a group costs: what is saved without its rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupCost {
    /// The group.
    pub group: GroupId,
    /// Its enabled rules.
    pub rules: usize,
    /// Bytes that are saved without it; negative when its rules make others mergeable.
    pub bytes: i64,
    /// Seconds of compiling that are saved without it.
    pub seconds: f64,
}

/// What a rule costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleCost {
    /// The rule.
    pub rule: RuleId,
    /// Boundaries of addresses and ports that no other rule has: each cuts all tables.
    pub cuts: usize,
    /// Bytes that are saved without it.
    pub bytes: i64,
}

/// Groups and rules that are looked at.
const MOST: usize = 20;

pub(super) fn measure(policy: &Policy, watch: &mut Watch<'_>, report: &mut LoadReport) {
    let (whole, spent) = compiled_size(policy);
    if !watch.next("cost of groups") {
        report.incomplete = true;
        return;
    }
    let mut without = policy.clone();
    let mut groups: Vec<(usize, usize)> = policy
        .groups
        .iter()
        .map(|group| group.ingress.len() + group.egress.len())
        .enumerate()
        .map(|(at, rules)| (rules, at))
        .filter(|(rules, _)| *rules > 0)
        .collect();
    groups.sort_unstable_by_key(|&(rules, at)| (std::cmp::Reverse(rules), at));
    for (_, at) in groups.into_iter().take(MOST) {
        let group = GroupId(u32::try_from(at).unwrap_or(u32::MAX));
        let of_group = |policy: &Policy| {
            let all = policy.rules.iter().enumerate();
            all.filter(|(_, rule)| rule.group == group && rule.enabled).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let rules = of_group(policy);
        for &at in &rules {
            without.rules[at].enabled = false;
        }
        let (bytes, time) = compiled_size(&without);
        for &at in &rules {
            without.rules[at].enabled = true;
        }
        let seconds = spent.as_secs_f64() - time.as_secs_f64();
        report.groups.push(GroupCost { group, rules: rules.len(), bytes: whole - bytes, seconds });
        if watch.is_over() {
            report.incomplete = true;
            break;
        }
    }
    report.groups.sort_by_key(|cost| (std::cmp::Reverse(cost.bytes), cost.group));
    if !watch.next("cost of rules") {
        report.incomplete = true;
        return;
    }
    let mut cuts: Vec<(usize, usize)> =
        own_cuts(policy).into_iter().enumerate().map(|(at, cuts)| (cuts, at)).collect();
    cuts.sort_unstable_by_key(|&(cuts, at)| (std::cmp::Reverse(cuts), at));
    for (cuts, at) in cuts.into_iter().filter(|&(_, at)| policy.rules[at].enabled).take(MOST) {
        without.rules[at].enabled = false;
        let (bytes, _) = compiled_size(&without);
        without.rules[at].enabled = true;
        let rule = RuleId(u32::try_from(at).unwrap_or(u32::MAX));
        report.rules.push(RuleCost { rule, cuts, bytes: whole - bytes });
        if watch.is_over() {
            report.incomplete = true;
            break;
        }
    }
    report.rules.sort_by_key(|cost| (std::cmp::Reverse(cost.bytes), std::cmp::Reverse(cost.cuts), cost.rule));
}

fn compiled_size(policy: &Policy) -> (i64, Duration) {
    let start = Instant::now();
    let bytes = Compiled::new(policy).report().bytes;
    (i64::try_from(bytes).unwrap_or(i64::MAX), start.elapsed())
}

/// A place where a rule begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    V4(u64),
    V6(u128),
    Port(Protocol, u32),
}

fn cuts(policy: &Policy, at: usize) -> Vec<Cut> {
    let rule = &policy.rules[at];
    let mut cuts = Vec::new();
    for range in rule.remote.ranges() {
        cuts.extend(match *range {
            AddressRange::V4(first, last) => {
                [Cut::V4(first.to_bits().into()), Cut::V4(u64::from(last.to_bits()) + 1)]
            }
            AddressRange::V6(first, last) => {
                [Cut::V6(first.to_bits()), Cut::V6(last.to_bits().wrapping_add(1))]
            }
        });
    }
    if let ServiceMatch::Ports(protocol, ports) = &rule.service {
        for range in ports.ranges() {
            let (first, last) = (u32::from(range.first()), u32::from(range.last()));
            cuts.extend([Cut::Port(*protocol, first), Cut::Port(*protocol, last + 1)]);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// By rule: how many of its boundaries no other rule has.
fn own_cuts(policy: &Policy) -> Vec<usize> {
    let mut owners: BTreeMap<Cut, Option<usize>> = BTreeMap::new();
    for at in (0..policy.rules.len()).filter(|&at| policy.rules[at].enabled) {
        for cut in cuts(policy, at) {
            owners.entry(cut).and_modify(|owner| *owner = None).or_insert(Some(at));
        }
    }
    let mut own = vec![0; policy.rules.len()];
    owners.into_values().flatten().for_each(|at| own[at] += 1);
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Scenario;

    #[test]
    fn boundaries_that_others_share_cost_nothing_more() {
        let loaded = Scenario::parse("s", "
groups:
  g: { ingress: ['allow tcp 22 from 10.0.0.0/8', 'allow tcp 22 from 10.1.0.0/16', 'allow tcp 22-90 from 10.0.0.0/8', 'deny tcp 1 disabled'] }
interfaces: { i: { addresses: 10.0.0.1, groups: [g] } }
");
        // By hand: the second rule's two ends of its net; the third's end at port 91.
        assert_eq!(own_cuts(loaded.policy().unwrap()), [0, 2, 1, 0]);
    }
}
