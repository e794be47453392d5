//! Puts judged frames back into the order of the timeline.

use std::collections::BTreeMap;

use super::Judged;

/// Holds frames back until all frames before them have their verdict.
#[derive(Debug, Default)]
pub struct InOrder {
    next: u64,
    early: BTreeMap<u64, Judged>,
}

impl InOrder {
    /// Takes a frame, and gives it and those that waited for it to `out`, each as soon as its turn has come.
    pub fn push(&mut self, judged: Judged, out: &mut impl FnMut(Judged)) {
        if judged.sequence != self.next {
            self.early.insert(judged.sequence, judged);
            return;
        }
        out(judged);
        self.next += 1;
        while let Some(judged) = self.early.remove(&self.next) {
            out(judged);
            self.next += 1;
        }
    }
}
