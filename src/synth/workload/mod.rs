//! The workload file: one YAML (or JSON) text that says who talks to whom, how often, how long and how much.
//!
//! [`Workload::parse`] reads it and tells every mistake in it; who its names are is said by
//! [`Plan`](super::Plan), for one scenario. The language is described in `docs/synth.md`.

pub(crate) mod keys;
mod read;
mod schema;
mod words;

use std::path::Path;

use crate::diag::{self, Diagnostic, Source, Span, Style};
use crate::packet::{Family, IcmpKind, PortRange, Protocol, Timestamp};
use crate::policy::language::{self, Piece};

use super::distribution::{Distribution, Share};

pub use schema::{schema, schema_text};

/// A workload that was understood, its names not yet looked up.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What the file says about itself; may be empty.
    pub description: String,
    /// The seed it asks for.
    pub seed: Option<u64>,
    /// When it begins.
    pub start: Timestamp,
    /// How long conversations keep beginning, nanoseconds.
    pub duration: u64,
    pub(super) addresses: Vec<(Piece, Vec<Piece>)>,
    pub(super) flows: Vec<WrittenFlow>,
}

/// How many conversations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    Count(u64),
    /// One each so many nanoseconds, on average.
    Every(f64),
}

/// How conversations follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Arrivals {
    /// At equal distances.
    Constant,
    /// Independent of each other.
    #[default]
    Poisson,
    /// Independent, and more of them by day than by night.
    Diurnal,
}

impl std::fmt::Display for Arrivals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(keys::ARRIVALS[*self as usize])
    }
}

/// What the groups should say of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Every conversation passes.
    Allowed,
    /// None does.
    Blocked,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(keys::EXPECTED[*self as usize])
    }
}

/// What a conversation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// TCP or UDP, to one of these ports.
    Ports(Protocol, Vec<PortRange>),
    /// An ICMP message.
    Icmp(Family, IcmpKind),
    /// A protocol without ports.
    Other(Protocol),
}

/// Shares of what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Anomalies {
    pub(super) retransmission: Share,
    pub(super) out_of_order: Share,
    pub(super) fragment: Share,
    pub(super) reset: Share,
    pub(super) half_open: Share,
    pub(super) icmp_error: Share,
    pub(super) mid_stream: Share,
    pub(super) spoofed: Share,
    pub(super) scan: Share,
}

/// How many conversations a flow has and how they go: what is the same in every scenario.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) service: Asked,
    pub(super) amount: Amount,
    pub(super) arrivals: Arrivals,
    /// Nanoseconds after the start.
    pub(super) after: u64,
    pub(super) lasts: Distribution,
    pub(super) exchanges: Distribution,
    pub(super) request: Distribution,
    pub(super) reply: Distribution,
    pub(super) rtt: Distribution,
    pub(super) ports: PortRange,
    pub(super) anomalies: Anomalies,
}

/// A flow as written.
#[derive(Debug, Clone)]
pub(super) struct WrittenFlow {
    pub(super) name: Piece,
    pub(super) from: Vec<Piece>,
    pub(super) to: Vec<Piece>,
    pub(super) amount_span: Span,
    pub(super) course: Course,
    pub(super) family: Family,
    pub(super) inside: Option<WrittenTunnel>,
    pub(super) expect: Option<Expected>,
    pub(super) optional: bool,
}

/// A tunnel as written.
#[derive(Debug, Clone)]
pub(super) struct WrittenTunnel {
    pub(super) from: Vec<Piece>,
    pub(super) to: Vec<Piece>,
    pub(super) vni: u32,
}

/// A file as it was read: the workload, or why there is none.
#[derive(Debug, Clone)]
pub struct LoadedWorkload {
    /// The text that the findings point into.
    pub source: Source,
    /// Every mistake and warning, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The workload; `None` when there was an error.
    pub workload: Option<Workload>,
}

impl Workload {
    /// Reads a file.
    pub fn load(path: &Path) -> LoadedWorkload {
        match language::load(path) {
            Ok(source) => Self::parse(&source.name, &source.text),
            Err(unread) => {
                let (source, finding) = *unread;
                LoadedWorkload { source, diagnostics: vec![finding], workload: None }
            }
        }
    }

    /// Reads a text; `name` is what findings call it.
    pub fn parse(name: &str, text: &str) -> LoadedWorkload {
        let source = Source::new(name, text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut diagnostics = Vec::new();
        let mut workload =
            language::parse(&source, &mut diagnostics).map(|root| read::workload(&root, &mut diagnostics));
        diag::tidy(&mut diagnostics, &source);
        if diagnostics.iter().any(Diagnostic::is_error) {
            workload = None;
        }
        LoadedWorkload { source, diagnostics, workload }
    }
}

impl LoadedWorkload {
    /// All findings as text, with the lines they are about.
    pub fn render(&self, style: Style) -> String {
        diag::render_all(&self.diagnostics, &self.source, style)
    }
}
