//! Packets that no rule, no owner and no step can tell apart, so that one of them speaks for all.
//!
//! Sources are told apart by the interface they belong to and by the remotes of ingress rules; destinations by the
//! interface and the remotes of egress rules; services by what rules ask for, and by neighbour discovery, which
//! meets no group.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::compile::{Interner, cut};
use crate::packet::{AddressPair, AddressSet, Family, Flow};
use crate::policy::{Direction, GroupId, Policy, Rule};

use super::line::Line;
use super::{PacketSet, Region, ServiceSet, addresses, services};

/// One region cut into cells.
struct Cells {
    family: Family,
    sources: Vec<Line>,
    destinations: Vec<Line>,
    services: Vec<Line>,
}

/// Packets that all meet the same fate, and one of them.
pub(super) struct Cell<'c> {
    pub(super) family: Family,
    pub(super) sources: &'c Line,
    pub(super) destinations: &'c Line,
    pub(super) services: &'c Line,
    pub(super) witness: Flow,
}

/// Calls back for every cell that these policies cut a set of packets into: sources outermost, services innermost, each
/// in the order of their first numbers.
pub(super) fn visit(
    policies: &[&Policy],
    packets: &PacketSet,
    mut each: impl FnMut(Cell<'_>) -> ControlFlow<()>,
) {
    for region in packets.regions() {
        if Cells::new(policies, region).visit(&mut each).is_break() {
            return;
        }
    }
}

impl Cells {
    fn new(policies: &[&Policy], region: &Region) -> Self {
        let family = region.family;
        let owned = || policies.iter().flat_map(|policy| owners(policy, family));
        let remotes = |direction| -> BTreeSet<Line> {
            let asked = policies.iter().flat_map(|policy| asked(policy, direction));
            asked.map(|rule| addresses::line(&rule.remote, family)).collect()
        };
        let wanted = |direction| policies.iter().flat_map(move |policy| asked(policy, direction));
        let wanted = wanted(Direction::Ingress).chain(wanted(Direction::Egress));
        let mut cuts: BTreeSet<Line> =
            wanted.map(|rule| ServiceSet::of(&rule.service, rule.family).of_family(family).clone()).collect();
        if family == Family::V6 {
            cuts.insert(services::neighbour_discovery());
        }
        Self {
            family,
            sources: classes(&region.sources, owned().chain(remotes(Direction::Ingress))),
            destinations: classes(&region.destinations, owned().chain(remotes(Direction::Egress))),
            services: classes(&region.services, cuts.into_iter()),
        }
    }

    fn visit(&self, each: &mut impl FnMut(Cell<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let family = self.family;
        let usual: Vec<_> = self.services.iter().map(|line| services::usual(family, line)).collect();
        for sources in &self.sources {
            let Some(source) = addresses::usual(family, sources) else { continue };
            for destinations in &self.destinations {
                let Some(pair) = addresses::usual(family, destinations)
                    .and_then(|destination| AddressPair::new(source, destination))
                else {
                    continue;
                };
                for (services, service) in self.services.iter().zip(&usual) {
                    let Some(witness) = service.and_then(|service| Flow::new(pair, service)) else {
                        continue;
                    };
                    each(Cell { family, sources, destinations, services, witness })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// The rules that may be asked in a direction.
fn asked(policy: &Policy, direction: Direction) -> impl Iterator<Item = &Rule> {
    let bound: BTreeSet<GroupId> = policy.interfaces.iter().flat_map(|i| i.groups.iter().copied()).collect();
    let is_asked =
        move |rule: &&Rule| rule.enabled && rule.direction == direction && bound.contains(&rule.group);
    policy.rules.iter().filter(is_asked)
}

/// Every address that belongs to no interface.
pub fn outside(policy: &Policy) -> AddressSet {
    let of = |family, last| {
        let owned = policy.owners.ranges().filter(|(range, _)| range.family() == family);
        let owned: Line = owned.map(|(range, _)| addresses::interval(range)).collect();
        addresses::set(family, &Line::interval(0, last).difference(&owned))
    };
    let (v4, v6) = (of(Family::V4, u32::MAX.into()), of(Family::V6, u128::MAX));
    v4.ranges().iter().chain(v6.ranges()).copied().collect()
}

/// What belongs to each interface.
fn owners(policy: &Policy, family: Family) -> Vec<Line> {
    let mut owned = vec![vec![]; policy.interfaces.len()];
    for (range, interface) in policy.owners.ranges().filter(|(range, _)| range.family() == family) {
        owned[interface.0 as usize].push(addresses::interval(range));
    }
    owned.into_iter().map(|intervals| intervals.into_iter().collect()).collect()
}

/// Parts of a line that none of these sets can tell apart, in the order of their first numbers.
fn classes(whole: &Line, sets: impl Iterator<Item = Line>) -> Vec<Line> {
    let mut ranges: Vec<(u128, u128, usize)> = vec![];
    let mut count = 0;
    for set in std::iter::once(whole.clone()).chain(sets) {
        ranges.extend(set.intervals().iter().map(|&(first, last)| (first, last, count)));
        count += 1;
    }
    let mut numbers = Interner::new();
    let pieces = cut(&ranges, u128::MAX, count, &mut numbers);
    let sets = numbers.into_values();
    let mut found: Vec<Vec<(u128, u128)>> = vec![vec![]; sets.len()];
    for (at, &(first, class)) in pieces.iter().enumerate() {
        // The first set is the line itself.
        if sets[class as usize].has(0) {
            let last = pieces.get(at + 1).map_or(u128::MAX, |&(next, _)| next - 1);
            found[class as usize].push((first, last));
        }
    }
    let lines = found.into_iter().filter(|intervals| !intervals.is_empty());
    let mut lines: Vec<Line> = lines.map(|intervals| intervals.into_iter().collect()).collect();
    lines.sort_unstable();
    lines
}
