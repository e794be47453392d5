//! Questions about single packets and about rules.

mod explain;
mod fidelity;

pub use explain::{ExplainedStep, Explanation, Miss, Recorder, StateFound, explain_step};
pub use fidelity::{Cause, Disagreement, Fidelity};
