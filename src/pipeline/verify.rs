//! Judges everything a second time, as slowly and plainly as it can be done, and compares: one frame after the other,
//! by the linear matcher, with no table advanced by a shortcut.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::path::Path;

use crate::capture::{Timeline, TunnelPorts};
use crate::compile::Linear;
use crate::policy::Policy;
use crate::replay::{InOrder, Judged, Replay, StepVerdict};

/// Compares judged frames, in order, with the reference.
#[derive(Debug)]
pub struct Verifier<'p> {
    policy: &'p Policy,
    reference: Replay<'p, Linear<'p>>,
    timeline: Timeline,
    order: InOrder,
    ready: VecDeque<Judged>,
    every: u64,
    seen: u64,
    compared: u64,
    difference: Option<Box<(Judged, Option<Judged>)>>,
}

impl<'p> Verifier<'p> {
    /// Compares every so many-th frame of these captures, or packet where tunnels are opened, with a replay that
    /// [keeps](Replay::keeping) so many connections.
    pub fn new<P: AsRef<Path>>(
        policy: &'p Policy,
        linear: &'p Linear<'p>,
        captures: &[P],
        tunnels: Option<TunnelPorts>,
        every: u64,
        most_connections: usize,
    ) -> Self {
        Self {
            policy,
            reference: Replay::new(policy, linear).keeping(most_connections),
            timeline: Timeline::open_with(captures, tunnels),
            order: InOrder::default(),
            ready: VecDeque::new(),
            every: every.max(1),
            seen: 0,
            compared: 0,
            difference: None,
        }
    }

    /// Takes the next judged frame, in order; says whether the reference agrees.
    pub fn agrees(&mut self, judged: &Judged) -> bool {
        let reference = self.next();
        self.seen += 1;
        if !(self.seen - 1).is_multiple_of(self.every) {
            return true;
        }
        self.compared += 1;
        if reference.as_ref() == Some(judged) {
            return true;
        }
        self.difference = Some(Box::new((*judged, reference)));
        false
    }

    /// The next frame as the reference judges it.
    fn next(&mut self) -> Option<Judged> {
        while self.ready.is_empty() {
            let Self { reference, timeline, order, ready, .. } = self;
            let mut out = |judged| order.push(judged, &mut |judged| ready.push_back(judged));
            let Some(next) = timeline.next() else {
                reference.finish(&mut out);
                break;
            };
            for layer in next.layers() {
                reference.push_layer(next.number, &layer, &mut (), &mut out);
            }
        }
        self.ready.pop_front()
    }

    /// How many frames were compared.
    pub const fn compared(&self) -> u64 {
        self.compared
    }

    /// What the reference says otherwise, if it does; or that it has come to another sum.
    pub fn difference<M: crate::compile::Matcher>(mut self, replay: &Replay<'_, M>) -> Option<Difference> {
        if let Some(difference) = self.difference {
            let (found, reference) = *difference;
            let (found_words, reference_words) =
                (words(self.policy, &found), reference.map(|judged| words(self.policy, &judged)));
            return Some(Difference::Frame {
                frame: found.frame,
                found: found_words,
                reference: reference_words,
            });
        }
        if self.next().is_some() || self.reference.tally() != replay.tally() {
            return Some(Difference::Sum);
        }
        None
    }
}

/// Where replay and reference disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// On a frame.
    Frame {
        /// Its number.
        frame: u64,
        /// What was found.
        found: String,
        /// What the reference says; `None`: it has no such frame.
        reference: Option<String>,
    },
    /// On no frame, but on what all come to.
    Sum,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame { frame, found, reference } => {
                let reference = reference.as_deref().unwrap_or("no such frame");
                write!(f, "frame {frame} was judged '{found}', but the reference says '{reference}'")
            }
            Self::Sum => f.write_str("every frame was judged as the reference does, but the sums differ"),
        }
    }
}

/// A verdict in one line.
fn words(policy: &Policy, judged: &Judged) -> String {
    let judgement = &judged.judgement;
    let mut words = format!("{} {}", judgement.verdict(), judgement.reason);
    if let Some(connection) = judgement.connection {
        let _ = write!(words, " #{}", connection.number());
    }
    if judged.opening {
        words += " opening";
    }
    let step = |step: &StepVerdict| {
        let rule = step.rule.or(step.opened_by).map_or("-", |id| &policy.rule(id).name);
        format!("; {} {} {} {rule}", policy.interface(step.interface).name, step.direction, step.reason)
    };
    words + &judgement.steps.iter().map(step).collect::<String>()
}
