//! A suite as written: every name still a name, everything with its place.

use crate::diag::Span;
use crate::policy::language::Piece;
use crate::replay::{ConnectionVerdict, Reason};

use super::Comparison;

/// The whole file.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    pub(super) description: String,
    pub(super) scenario: Vec<Piece>,
    /// Address sets given beside the file; they count before all others.
    pub(super) given: Vec<(Piece, Vec<Piece>)>,
    /// Named address sets, for what the scenario does not name.
    pub(super) addresses: Vec<(Piece, Vec<Piece>)>,
    pub(super) capture: Vec<Piece>,
    pub(super) expectations: Vec<WrittenExpectation>,
}

/// One expectation.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenExpectation {
    /// Its first line.
    pub(super) span: Span,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) impact: String,
    pub(super) advice: bool,
    pub(super) flows: Option<Vec<Piece>>,
    pub(super) capture: Option<Vec<Piece>>,
    pub(super) from: Option<Vec<Piece>>,
    pub(super) to: Option<Vec<Piece>>,
    pub(super) services: Option<Vec<Piece>>,
    pub(super) expect: Option<(ConnectionVerdict, Span)>,
    pub(super) reason: Option<(Reason, Span)>,
    pub(super) step: Option<Piece>,
    pub(super) rule: Option<Piece>,
    /// `always`, `never` or `only`, with where the key's value stands.
    pub(super) universal: Vec<(Universal, Vec<Piece>, Span)>,
    /// How many connections, by verdict; `None` is all of them.
    pub(super) counts: Vec<(Option<ConnectionVerdict>, Comparison, Span)>,
    /// A mistake was found and told.
    pub(super) broken: bool,
}

/// What is said of all packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Universal {
    /// They get through.
    Always,
    /// They do not.
    Never,
    /// All others do not.
    Only,
}

impl Universal {
    /// The key that says it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
            Self::Only => "only",
        }
    }
}
