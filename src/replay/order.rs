//! Puts judged frames back into the order of the timeline.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Judged;

/// Holds frames back until all frames before them have their verdict, but never more than a bounded number of them: a
/// fragment may wait for [30 s][super] of a fast capture.
#[derive(Debug)]
pub struct InOrder {
    next: u64,
    early: BTreeMap<u64, Judged>,
    most: usize,
}

impl Default for InOrder {
    fn default() -> Self {
        Self::holding(Self::MOST)
    }
}

impl InOrder {
    /// The most frames that are held back, unless told otherwise: some 15 MiB of them.
    pub const MOST: usize = 1 << 15;

    /// Holds so many frames at most. When more would wait, the frames that are missing are not waited for: they come when they
    /// are judged.
    pub const fn holding(most: usize) -> Self {
        Self { next: 0, early: BTreeMap::new(), most }
    }

    /// Takes a frame, and gives it and those that waited for it to `out`, each as soon as its turn has come.
    ///
    /// Frames that come in the order in which they were settled leave in an order that depends on nothing else.
    pub fn push(&mut self, judged: Judged, out: &mut impl FnMut(Judged)) {
        match judged.sequence.cmp(&self.next) {
            Ordering::Less => return out(judged),
            Ordering::Equal => {
                self.next += 1;
                out(judged);
            }
            Ordering::Greater => {
                self.early.insert(judged.sequence, judged);
            }
        }
        if self.early.len() > self.most
            && let Some((&first, _)) = self.early.first_key_value()
        {
            self.next = first;
        }
        while let Some(judged) = self.early.remove(&self.next) {
            out(judged);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Content, Domain, Packet, Timestamp};
    use crate::replay::{Judgement, Reason};

    fn left(most: usize, sequences: &[u64]) -> Vec<u64> {
        let (mut order, mut left) = (InOrder::holding(most), vec![]);
        for &sequence in sequences {
            let packet = Packet { time: Timestamp(0), length: 0, content: Content::NotIp };
            let judgement = Judgement::bare_within(None, Reason::NotIp);
            let judged = Judged {
                sequence,
                settled: sequence,
                frame: sequence + 1,
                within: Domain::NONE,
                outer: None,
                packet,
                header: None,
                judgement,
                opening: false,
            };
            order.push(judged, &mut |judged| left.push(judged.sequence));
        }
        left
    }

    #[test]
    fn frames_leave_in_order() {
        assert_eq!(left(9, &[0, 2, 3, 1, 5, 4]), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_keeps_too_many_waiting_comes_late() {
        assert_eq!(left(2, &[0, 2, 3]), [0], "held for 1");
        assert_eq!(left(2, &[0, 2, 3, 4, 1, 5]), [0, 2, 3, 4, 1, 5]);
        assert_eq!(
            left(2, &[0, 2, 3, 5, 1, 4]),
            [0, 2, 3, 1, 4, 5],
            "only what is missed first is not waited for"
        );
    }
}
