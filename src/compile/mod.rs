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
pub mod five_tuple;
mod linear;
mod search;
mod service;
mod simd;

pub(crate) use bits::{Interner, cut};
pub use compiled::{Compiled, CompiledReport, Probe, TableId, TableReport};
pub use linear::Linear;
pub use simd::Path;

use crate::packet::Header;
use crate::policy::{Direction, InterfaceId, RuleId};

/// Decides which rule applies at a step. Immutable data, shared by all threads.
pub trait Matcher: Send + Sync {
    /// The first matching rule over all groups bound to the interface, in the order of the policy's dialect;
    /// `None` is the default drop.
    fn decide(&self, interface: InterfaceId, direction: Direction, header: &Header) -> Option<RuleId>;

    /// What each group bound to the interface would say alone, in the order bound: its first matching rule.
    fn each_group(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
    ) -> Vec<Option<RuleId>>;

    /// The same, into a list that is used again and again.
    fn each_group_into(
        &self,
        interface: InterfaceId,
        direction: Direction,
        header: &Header,
        said: &mut Vec<Option<RuleId>>,
    ) {
        said.clear();
        said.extend(self.each_group(interface, direction, header));
    }
}
