//! What the groups said of each flow of a workload.

use crate::packet::Domain;
use crate::replay::{ConnectionVerdict, Judged};
use crate::report::made::FlowVerdicts;
use crate::synth::{Plan, Stream};

/// Counts connections by flow. The workload is made a second time beside the judged frames: that tells which flow a frame
/// belongs to, and nothing has to be carried through the replay.
///
/// A conversation in a tunnel whose inside is judged counts with what became of it there, where any group was asked; else with what
/// became of the tunnel's packet.
pub(super) struct FlowTally<'p> {
    stream: Stream<'p>,
    /// The frame that was made last, and the flow it is of.
    made: (u64, usize),
    verdicts: Vec<FlowVerdicts>,
    /// By connection: whether it was counted. All fragments of an opening say that they open.
    seen: Vec<bool>,
    /// What is counted unless the next packet comes from the inside of this one: a flow, and its verdict.
    waiting: Option<(usize, ConnectionVerdict)>,
}

impl<'p> FlowTally<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let verdicts = vec![FlowVerdicts::default(); plan.flows.len()];
        Self { stream: Stream::new(plan), made: (0, 0), verdicts, seen: vec![], waiting: None }
    }

    /// Takes the next judged packet: frame by frame, each with what it carries behind it.
    pub(super) fn take(&mut self, judged: &Judged) {
        while self.made.0 < judged.frame {
            let Some(segment) = self.stream.next() else { return };
            self.made = (self.made.0 + 1, segment.flow as usize);
        }
        let verdict = ConnectionVerdict::of(judged.judgement.reason);
        let is_new = self.is_new(judged);
        if judged.within == Domain::NONE {
            self.count();
            self.waiting = is_new.then_some((self.made.1, verdict));
        } else if verdict != ConnectionVerdict::Outside {
            if is_new {
                self.waiting = Some((self.made.1, verdict));
            } else {
                // The way back of a conversation that was counted: worth a word only when it is closed.
                self.waiting = self.waiting.filter(|&(_, outer)| outer == ConnectionVerdict::Blocked);
            }
        }
    }

    /// Whether a packet opens a connection that was not seen before.
    fn is_new(&mut self, judged: &Judged) -> bool {
        let (true, Some(id)) = (judged.opening, judged.judgement.connection) else { return false };
        if self.seen.len() <= id.index() {
            self.seen.resize(id.index() + 1, false);
        }
        !std::mem::replace(&mut self.seen[id.index()], true)
    }

    fn count(&mut self) {
        if let Some((flow, verdict)) = self.waiting.take() {
            self.verdicts[flow].verdicts[verdict as usize] += 1;
        }
    }

    pub(super) fn finish(mut self) -> Vec<FlowVerdicts> {
        self.count();
        self.verdicts
    }
}
