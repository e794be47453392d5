//! Questions about single packets and about rules.

mod explain;

pub use explain::{ExplainedStep, Explanation, Miss, Recorder, StateFound, explain_step};
