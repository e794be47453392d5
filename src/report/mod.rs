//! What was found, for people and for programs: one renderer per file.
//!
//! Renderers write what they are given and judge nothing; this room reads no captures and knows no command line.

pub mod csv;
#[cfg(test)]
mod fixture;
pub mod json;
mod label;
pub mod markdown;
mod matrix;
pub mod ndjson;
mod notes;
mod options;
pub mod packets;
mod results;
mod rows;
pub mod text;
mod time;

pub use options::{Options, ParseShowError, Show};
pub use packets::{PacketWriter, RecordFormat, UnknownExtension};
pub use results::{CaptureSummary, Results, UnsupportedLink};
