//! Numbers for new connections, in the order in which they were opened, whichever shard did it.

use super::shard::Moment;

/// The new connections of a stretch of the timeline.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Number of the first.
    first: u64,
    /// Sequence of the first frame of the stretch.
    sequence: u64,
    /// A bit for each frame that opened a connection, and how many bits are set before each word.
    opened: Vec<(u64, u32)>,
    /// Openings by datagrams whose wait was over, in order.
    late: Vec<Moment>,
}

impl Numbers {
    /// Of a stretch of so many frames.
    pub(super) fn new(first: usize, sequence: u64, frames: u64) -> Self {
        let words = usize::try_from(frames / 64 + 1).unwrap_or(usize::MAX);
        Self { first: first as u64, sequence, opened: vec![(0, 0); words], late: vec![] }
    }

    /// Takes note of a connection.
    pub(super) fn add(&mut self, moment: Moment) {
        if moment.is_own() {
            let at = moment.sequence - self.sequence;
            if let Some((word, _)) = self.opened.get_mut((at / 64) as usize) {
                *word |= 1 << (at % 64);
            }
        } else {
            self.late.push(moment);
        }
    }

    /// Ends adding, and returns how many there are.
    pub(super) fn count(&mut self) -> usize {
        self.late.sort_unstable();
        let mut before = 0;
        for (word, sum) in &mut self.opened {
            *sum = before;
            before += word.count_ones();
        }
        before as usize + self.late.len()
    }

    /// The number of a connection.
    pub(super) fn of(&self, moment: Moment) -> u32 {
        let at = moment.sequence - self.sequence;
        let &(word, before) = self.opened.get((at / 64) as usize).unwrap_or(&(0, 0));
        let own = u64::from(before) + u64::from((word & ((1 << (at % 64)) - 1)).count_ones());
        let late = self.late.partition_point(|late| *late < moment) as u64;
        u32::try_from(self.first + own + late).unwrap_or(u32::MAX)
    }
}
