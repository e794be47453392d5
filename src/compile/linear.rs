//! The reference matcher: tries the rules one by one, in the order that semantics.md gives them.

use crate::packet::Header;
use crate::policy::{Dialect, Direction, InterfaceId, Policy, Rule, RuleId};

use super::Matcher;

/// The rules of one interface and direction: a list for each bound group, in evaluation order.
type Groups = Vec<Vec<RuleId>>;

/// Tries rules one by one. The truth, and the engine for a handful of rules.
#[derive(Debug, Clone)]
pub struct Linear<'p> {
    policy: &'p Policy,
    /// By interface, then ingress and egress.
    lists: Vec<[Groups; 2]>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

impl<'p> Linear<'p> {
    /// Sorts the rules of every group: "lower priority number first, deny before allow at the same number, then
    /// the order written" (the sort is stable).
    pub fn new(policy: &'p Policy) -> Self {
        let sorted = |interface: &crate::policy::Interface, direction| -> Groups {
            let groups = interface.groups.iter().map(|&group| {
                let mut rules = policy.group(group).rules(direction).to_vec();
                rules.sort_by_key(|&id| rank(policy.rule(id)));
                rules
            });
            groups.collect()
        };
        let lists = policy
            .interfaces
            .iter()
            .map(|interface| Direction::BOTH.map(|direction| sorted(interface, direction)));
        Self { policy, lists: lists.collect() }
    }

    fn groups(&self, interface: InterfaceId, direction: Direction) -> &Groups {
        &self.lists[interface.0 as usize][index(direction)]
    }

    /// Every rule that is asked at a step, in the order asked, with none left out.
    pub fn in_order(&self, interface: InterfaceId, direction: Direction) -> Vec<RuleId> {
        let mut rules: Vec<RuleId> = self.groups(interface, direction).concat();
        if self.policy.dialect == Dialect::Union {
            // Stable: ties stay in the order of the groups, then of the rules.
            rules.sort_by_key(|&id| rank(self.policy.rule(id)));
        }
        rules
    }
}

/// The part of the order that a rule carries itself.
fn rank(rule: &Rule) -> (crate::policy::Priority, crate::policy::Action) {
    (rule.priority, rule.action)
}

/// The rule that decides, of what each group says alone, in the order bound.
pub(super) fn decisive(policy: &Policy, firsts: impl Iterator<Item = Option<RuleId>>) -> Option<RuleId> {
    let mut firsts = firsts.flatten();
    match policy.dialect {
        // Groups in the order bound; the first that has a match decides.
        Dialect::Ordered => firsts.next(),
        // One list by (priority, deny first, position of the group, position of the rule): its first match is
        // the best of the groups' first matches, and `min_by_key` keeps the earlier group on a tie.
        Dialect::Union => firsts.min_by_key(|&id| rank(policy.rule(id))),
    }
}

impl Linear<'_> {
    /// The first matching rule of each group.
    fn firsts(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
    ) -> impl Iterator<Item = Option<RuleId>> {
        let first_match =
            |rules: &Vec<RuleId>| rules.iter().copied().find(|&id| self.policy.rule(id).matches(header));
        self.groups(interface, direction).iter().map(first_match)
    }
}

impl Matcher for Linear<'_> {
    fn decide(&self, interface: InterfaceId, direction: Direction, header: &Header) -> Option<RuleId> {
        decisive(self.policy, self.firsts(interface, direction, header))
    }

    fn behind(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        rule: RuleId,
    ) -> Option<RuleId> {
        let rules = self.in_order(interface, direction);
        let at = rules.iter().position(|&id| id == rule)?;
        // A group that is bound twice is asked where it stands first.
        let (before, behind) = rules.split_at(at + 1);
        behind.iter().copied().find(|id| !before.contains(id) && self.policy.rule(*id).matches(header))
    }

    fn each_group_into(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        said: &mut Vec<Option<RuleId>>,
    ) {
        said.clear();
        said.extend(self.firsts(interface, direction, header));
    }
}
