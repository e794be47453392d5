//! Reachability regression tests: what must get through and what must not, written down, and held by CI.
//!
//! A suite is a YAML file beside the rules (`docs/testing.md`). Its expectations are about written flows, about all
//! packets of a set, or about the connections of captures. What happens is always said by the evaluator: [`FirstPackets`]
//! for packets, a [`Replay`] for captures, [`space`](crate::space) where a packet of each kind there could be is asked.
//!
//! [`FirstPackets`]: crate::replay::FirstPackets
//! [`Replay`]: crate::replay::Replay

mod bless;
mod check;
mod comparison;
mod coverage;
mod edit;
mod expectation;
mod keys;
mod names;
mod outcome;
pub mod platform;
mod read;
pub mod record;
mod resolve;
mod schema;
mod suite;
#[cfg(test)]
mod tests;
mod written;

pub use bless::{Blessed, Happened, Places, Refused, bless};
pub use check::{Selection, check};
pub use comparison::{Comparison, ParseComparisonError};
pub use coverage::{Coverage, Covered};
pub use expectation::{Claim, Connections, Expectation, Outcome, told};
pub use outcome::{Checked, Example, Failure, Status, SuiteOutcome};
pub use schema::schema;
pub use suite::{Suite, SuiteFile};
pub use written::Universal;
