//! Priorities of clouds that count further than ours: only their order matters.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, codes};
use crate::policy::Priority;
use crate::policy::tree::Piece;

use super::field::Findings;

/// The priorities of a list of rules, by number, as ours in the same order.
pub(super) struct Ranks(BTreeMap<u32, Priority>);

impl Ranks {
    /// Numbers them from 1; what is no number, and more than 100 different ones, is told.
    pub(super) fn new<'p>(all: impl Iterator<Item = &'p Piece>, findings: &mut Findings) -> Self {
        let mut numbers = BTreeMap::new();
        for piece in all {
            if let Ok(number) = piece.text.parse::<u32>() {
                numbers.entry(number).or_insert(piece);
            } else {
                let message = format!("expected a priority, found `{}`", piece.text);
                findings.push(Diagnostic::new(codes::BAD_PRIORITY, message).at(piece.span.clone(), ""));
            }
        }
        let ranked = (1..=100).filter_map(Priority::new).zip(&numbers);
        let ranks: BTreeMap<u32, Priority> = ranked.map(|(rank, (&number, _))| (number, rank)).collect();
        if let Some((_, piece)) = numbers.iter().nth(ranks.len()) {
            let message =
                "more than 100 different priorities: only their order is kept, and there are 100 ranks";
            findings.push(Diagnostic::new(codes::BAD_PRIORITY, message).at(piece.span.clone(), "the 101st"));
        }
        Self(ranks)
    }

    /// The rank of one of them; of a rule without one that of this number.
    pub(super) fn of(&self, piece: Option<&Piece>, default: u32) -> Option<Priority> {
        let number = piece.map_or(Some(default), |piece| piece.text.parse().ok())?;
        self.0.get(&number).copied()
    }
}
