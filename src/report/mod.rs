//! What users read: one file per output.

pub mod preset;
