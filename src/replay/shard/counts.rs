//! What a shard counts while it judges.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::packet::{Packet, Timestamp};
use crate::policy::RuleId;
use crate::replay::tally::Hits;
use crate::replay::{Judgement, Reason, Steps, Tally, Verdict, Volume};

/// Frames, but for those that a path counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    reasons: [Volume; Reason::ALL.len()],
    after_blocked: [Volume; Verdict::ALL.len()],
    rules: HashMap<RuleId, Hits, FixedState>,
    pub control: [u64; 3],
}

impl Counts {
    /// Counts a frame.
    pub(super) fn add(&mut self, packet: &Packet, judgement: &Judgement) {
        self.reasons[judgement.reason as usize] += Volume::of(packet.length);
        self.credit(&judgement.steps, packet.time, packet.length);
    }

    fn credit(&mut self, steps: &Steps, time: Timestamp, length: u32) {
        for rule in steps.iter().filter_map(crate::replay::StepVerdict::decided_by) {
            self.rules.entry(rule).or_default().add(time, length);
        }
    }

    /// Counts frames that followed a blocked opening.
    pub(super) fn add_after_blocked(&mut self, verdict: Verdict, volume: Volume) {
        self.after_blocked[verdict as usize] += volume;
    }

    /// Adds these counts to those of the replay.
    pub(super) fn add_to(&self, tally: &mut Tally) {
        for (total, volume) in tally.reasons.iter_mut().zip(&self.reasons) {
            *total += *volume;
        }
        for (verdict, volume) in Verdict::ALL.into_iter().zip(self.after_blocked) {
            if volume.packets > 0 {
                *tally.after_blocked.entry(verdict).or_default() += volume;
            }
        }
        #[allow(clippy::iter_over_hash_type)] // Sums and extremes do not depend on the order.
        for (&rule, hits) in &self.rules {
            tally.add_hits(rule, hits);
        }
        tally.add_control(self.control);
    }
}
