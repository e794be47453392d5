//! What was found, for people and for programs: one renderer per file.
//!
//! Renderers write what they are given and judge nothing; this room reads no captures and knows no command line.

pub mod check;
#[cfg(test)]
mod closed;
pub mod csv;
#[cfg(test)]
mod documented;
pub mod engine;
pub mod explain;
pub mod fidelity;
#[cfg(test)]
mod fixture;
mod format;
pub mod json;
mod label;
pub mod markdown;
mod matrix;
pub mod ndjson;
mod notes;
mod options;
mod packets;
pub mod preset;
mod results;
mod rows;
pub mod suite;
pub mod text;
mod time;

pub use format::{Format, ParseFormatError};
pub(crate) use label::plural;
pub use options::{Options, ParseShowError, Show};
pub use packets::{PacketWriter, RecordFormat};
pub use results::{CaptureSummary, Repeats, Results, UnsupportedLink};
