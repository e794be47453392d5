//! Policy to decision structure.
//!
//! [`Matcher`] is what replay, explain and every other command ask; [`Linear`] is the reference that anyone can
//! check by eye, and every faster structure must agree with it.

// Rules, classes and cells are numbered in 32 bits and less: the bounds of the builders keep them there.
#![allow(clippy::cast_possible_truncation)]
// Estimates of work and memory need no more digits than `f64` has.
#![allow(clippy::cast_precision_loss)]
// Lookups must end up inside the functions that enable SIMD: the reason is told in `simd`.
#![allow(clippy::inline_always)]

mod bits;
mod compiled;
mod doubt;
pub mod five_tuple;
mod linear;
mod search;
mod service;
mod simd;

pub(crate) use bits::{Interner, cut};
pub use compiled::{Compiled, CompiledReport, Probe, Structure, TableId, TableReport};
pub use doubt::Ruling;
pub use linear::Linear;
pub use simd::Path;

use crate::packet::{Header, Service};
use crate::policy::{Direction, InterfaceId, Policy, RuleId};

/// Decides which rule applies at a step. Immutable data, shared by all threads.
pub trait Matcher: Send + Sync {
    /// The first rule over all groups bound to the interface, in the order of the policy's dialect, that matches or (a
    /// rule in doubt) may match; `None` is the default drop.
    fn decide(&self, interface: InterfaceId, direction: Direction, header: &Header) -> Option<RuleId>;

    /// The next rule that matches or may match, in the same order, behind one that did.
    fn behind(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        rule: RuleId,
    ) -> Option<RuleId>;

    /// What the rules of a step come to, doubts that make a difference told.
    fn rule_on(
        &self,
        policy: &Policy,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
    ) -> Ruling {
        let behind = |rule| self.behind(interface, direction, header, rule);
        doubt::settle(policy, self.decide(interface, direction, header), behind)
    }

    /// What each group bound to the interface would say alone, in the order bound: its first matching rule.
    fn each_group(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
    ) -> Vec<Option<RuleId>> {
        let mut said = vec![];
        self.each_group_into(interface, direction, header, &mut said);
        said
    }

    /// The same, into a list that is used again and again.
    fn each_group_into(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        said: &mut Vec<Option<RuleId>>,
    );

    /// What each group alone comes to, in the order bound: the rule that decides, or that its say hangs on, which is in
    /// doubt.
    fn each_group_alone(
        &self,
        policy: &Policy,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        said: &mut Vec<Option<RuleId>>,
    ) {
        self.each_group_into(interface, direction, header, said);
        for (&group, rule) in policy.interface(interface).groups.iter().zip(said) {
            if rule.is_some_and(|rule| policy.rule(rule).doubt.is_some()) {
                let behind = |mut rule| loop {
                    rule = self.behind(interface, direction, header, rule)?;
                    if policy.rule(rule).group == group {
                        return Some(rule);
                    }
                };
                *rule = doubt::settle(policy, *rule, behind).rule();
            }
        }
    }

    /// The first addresses of intervals of the IPv4 addresses, ascending from 0, within which no answer differs;
    /// `None` when they are not known.
    fn edges_v4(&self) -> Option<&[u32]> {
        None
    }

    /// A class of the service: of the services of a class no answer differs. `None` when it is not known.
    fn service_class(&self, _service: Service) -> Option<u16> {
        None
    }
}
