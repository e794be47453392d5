//! Five-tuple rule lists (`ClassBench` filters, network ACLs): prefixes on both sides, ports on both sides, protocol.
//!
//! A [`FiveTupleSet`] answers "the first rule that matches" for many headers at a time. Lists up to some thousand rules
//! become one matrix of classes; larger ones a forest of trees, with a matrix for the rules that are wide on both
//! sides. [`DualSet`] holds lists of both families; [`FiveTupleSet`] those of IPv4. [`first_match`] is the reference that every structure must agree with.

pub mod classbench;
mod forest;
mod matrix;
mod picked;
mod plan;
mod report;
mod rule;
mod v6;

pub use report::{PartReport, Report};
pub use rule::{FiveTuple, FiveTupleRule, MAX_RULES, NO_MATCH, Prefix, first_match};
pub use v6::{DualHeader, DualReport, DualRule, DualSet, FiveTuple6, FiveTupleRule6, Prefix6};

pub(in crate::compile) use forest::{Found, Line};

use super::simd::{self, Kernel, Path, Task};
use picked::Picked;
use plan::{Part, Plan};

/// Headers looked up together: every number of a byte, so that a place in the batch needs no check.
const BATCH: usize = 256;

/// How a list is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// By the shape of the list.
    #[default]
    Auto,
    /// One by one, as written: for a handful of rules, and to compare with.
    Linear,
    /// One matrix; the forest where its tables would be too large.
    Matrix,
    /// A forest.
    Forest,
}

/// A list that cannot be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rules} rules are more than the {MAX_RULES} that a list may have")]
pub struct TooManyRules {
    rules: usize,
}

/// A compiled list. Immutable data; scratch lives on the caller's stack.
#[derive(Debug, Clone)]
pub struct FiveTupleSet {
    engine: Engine,
    path: Path,
    rules: usize,
}

#[derive(Debug, Clone)]
enum Engine {
    Linear(Vec<FiveTupleRule>),
    Plan(Plan),
}

impl FiveTupleSet {
    /// Compiles a list; its order is the priority.
    pub fn new(rules: &[FiveTupleRule]) -> Result<Self, TooManyRules> {
        Self::with_strategy(rules, Strategy::Auto)
    }

    /// Compiles a list in a given way.
    pub fn with_strategy(rules: &[FiveTupleRule], strategy: Strategy) -> Result<Self, TooManyRules> {
        if rules.len() > MAX_RULES {
            return Err(TooManyRules { rules: rules.len() });
        }
        let engine = match strategy {
            Strategy::Linear => Engine::Linear(rules.to_vec()),
            Strategy::Auto => Engine::Plan(Plan::auto(rules)),
            Strategy::Matrix => Engine::Plan(Plan::matrix(rules).unwrap_or_else(|| Plan::forest(rules))),
            Strategy::Forest => Engine::Plan(Plan::forest(rules)),
        };
        Ok(Self { engine, path: Path::best(), rules: rules.len() })
    }

    /// The same set, looked up with these instructions (or the portable ones where the processor lacks them).
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// What the list was compiled into.
    pub fn report(&self) -> Report {
        Report::new(self)
    }

    /// Looks up one header: the index of the first rule that matches, or [`NO_MATCH`].
    pub fn lookup(&self, header: FiveTuple) -> u32 {
        match &self.engine {
            Engine::Linear(rules) => first_match(rules, header),
            Engine::Plan(plan) => plan.first_match(&header),
        }
    }

    /// Looks up many headers: `out` gets the index of the first rule that matches each, or [`NO_MATCH`].
    ///
    /// Any number will do; from 256 up, the loads of a batch overlap.
    ///
    /// # Panics
    ///
    /// When `headers` and `out` differ in length.
    pub fn lookup_batch(&self, headers: &[FiveTuple], out: &mut [u32]) {
        assert_eq!(headers.len(), out.len(), "one answer for each header");
        match &self.engine {
            Engine::Linear(rules) => {
                for (header, answer) in headers.iter().zip(out) {
                    *answer = first_match(rules, *header);
                }
            }
            Engine::Plan(plan) => simd::run(self.path, Lookup { plan, headers, out }),
        }
    }
}

struct Lookup<'a> {
    plan: &'a Plan,
    headers: &'a [FiveTuple],
    out: &'a mut [u32],
}

impl Task for Lookup<'_> {
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) {
        let (mut batch, mut best) = ([FiveTuple::default(); BATCH], [NO_MATCH; BATCH]);
        let mut answers = self.out.chunks_mut(BATCH);
        for headers in self.headers.chunks(BATCH) {
            let Some(answers) = answers.next() else { return };
            if let Ok(full) = <&[FiveTuple; BATCH]>::try_from(headers) {
                self.plan.lookup(kernel, full, BATCH, &mut best);
            } else {
                batch[..headers.len()].copy_from_slice(headers);
                self.plan.lookup(kernel, &batch, headers.len(), &mut best);
            }
            answers.copy_from_slice(&best[..headers.len()]);
        }
    }
}

impl Plan {
    /// Looks up the first `count` headers of one batch.
    #[inline(always)]
    fn lookup<K: Kernel>(
        &self,
        kernel: K,
        batch: &[FiveTuple; BATCH],
        count: usize,
        best: &mut [u32; BATCH],
    ) {
        best.fill(NO_MATCH);
        let mut asked = Picked::new();
        let (mut headers, mut answers) = ([FiveTuple::default(); BATCH], [NO_MATCH; BATCH]);
        for (first, part) in &self.parts {
            if *first == 0 {
                self.ask(kernel, part, batch, count, &mut answers);
                for (best, answer) in best.iter_mut().zip(&answers) {
                    *best = (*best).min(*answer);
                }
            } else {
                // Those that a better rule already decided are left out, the others moved together.
                asked.pick(kernel, best, count, *first);
                for (header, &at) in headers.iter_mut().zip(asked.places()) {
                    *header = batch[at as usize];
                }
                self.ask(kernel, part, &headers, asked.count, &mut answers);
                for (&at, answer) in asked.places().iter().zip(&answers) {
                    best[at as usize] = best[at as usize].min(*answer);
                }
            }
        }
    }
    /// Looks up the first `count` headers in one part.
    #[inline(always)]
    fn ask<K: Kernel>(
        &self,
        kernel: K,
        part: &Part,
        headers: &[FiveTuple; BATCH],
        count: usize,
        answers: &mut [u32; BATCH],
    ) {
        match part {
            Part::Tree(tree) => self.forest.lookup(kernel, tree, headers, count, answers),
            Part::Matrix(matrix) => matrix.lookup(kernel, headers, count, answers),
        }
    }
}
