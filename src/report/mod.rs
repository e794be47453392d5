//! Results as people and programs read them: one file per kind of output.

pub mod explain;
pub mod preset;
