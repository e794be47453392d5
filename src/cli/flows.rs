//! What the groups said of each flow of a workload.

use crate::replay::{ConnectionVerdict, Judged};
use crate::report::made::FlowVerdicts;
use crate::synth::{Plan, Stream};

/// A workload that was judged.
pub(super) struct Flows {
    pub(super) plan: Plan,
    pub(super) verdicts: Vec<FlowVerdicts>,
}

/// Counts connections by flow. The workload is made a second time beside the judged frames: that tells which flow a frame
/// belongs to, and nothing has to be carried through the replay.
pub(super) struct FlowTally<'p> {
    stream: Stream<'p>,
    verdicts: Vec<FlowVerdicts>,
    /// By connection: whether it was counted. All fragments of an opening say that they open.
    seen: Vec<bool>,
}

impl<'p> FlowTally<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let verdicts = vec![FlowVerdicts::default(); plan.flows.len()];
        Self { stream: Stream::new(plan), verdicts, seen: vec![] }
    }

    /// Takes the next judged frame, in order.
    pub(super) fn take(&mut self, frame: &Judged) {
        let Some(segment) = self.stream.next() else { return };
        let (true, Some(id)) = (frame.opening, frame.judgement.connection) else { return };
        if self.seen.len() <= id.index() {
            self.seen.resize(id.index() + 1, false);
        }
        if !std::mem::replace(&mut self.seen[id.index()], true) {
            let verdict = ConnectionVerdict::of(frame.judgement.reason);
            self.verdicts[segment.flow as usize].verdicts[verdict as usize] += 1;
        }
    }

    pub(super) fn finish(self) -> Vec<FlowVerdicts> {
        self.verdicts
    }
}
