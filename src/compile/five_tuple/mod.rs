//! Five-tuple rule lists (`ClassBench` filters, network ACLs): prefixes on both sides, ports on both sides, protocol.

pub mod classbench;
mod forest;
mod matrix;
mod rule;

pub use rule::{FiveTuple, FiveTupleRule, MAX_RULES, NO_MATCH, Prefix, first_match};

pub(in crate::compile) use forest::Line;

use super::simd::{self, Kernel, Path, Task};
use forest::Forest;
use matrix::Matrix;

/// Headers looked up together; a power of two that fits a byte.
const BATCH: usize = 256;

/// A compiled list. Immutable data; scratch lives on the caller's stack.
#[derive(Debug, Clone)]
pub struct FiveTupleSet {
    forest: Forest,
    matrix: Option<Matrix>,
    path: Path,
}

impl FiveTupleSet {
    /// Compiles a list; its order is the priority.
    pub fn new(rules: &[FiveTupleRule]) -> Self {
        let list: Vec<u32> = (0..rules.len() as u32).collect();
        let matrix = if std::env::var("MATRIX").is_ok() { Matrix::new(rules, &list) } else { None };
        Self { forest: Forest::new(rules), matrix, path: Path::best() }
    }

    /// The same set, looked up with these instructions (or the portable ones where the processor lacks them).
    #[must_use]
    pub fn with_path(mut self, path: Path) -> Self {
        self.path = path;
        self
    }

    /// Scratch.
    pub fn profile(&self, headers: &[FiveTuple]) -> String { self.forest.profile(headers) }
    /// Sizes as text.
    pub fn describe(&self) -> String {
        if let Some(m) = &self.matrix { return format!("matrix {:?} {}", m.classes(), m.bytes()); }
        format!("{:?}", self.forest.sizes())
    }

    /// Looks up many headers: `out` gets the index of the first rule that matches each, or [`NO_MATCH`].
    ///
    /// # Panics
    ///
    /// When `headers` and `out` differ in length.
    pub fn lookup_batch(&self, headers: &[FiveTuple], out: &mut [u32]) {
        assert_eq!(headers.len(), out.len(), "one answer for each header");
        simd::run(self.path, Lookup { set: self, headers, out });
    }
}

struct Lookup<'a> {
    set: &'a FiveTupleSet,
    headers: &'a [FiveTuple],
    out: &'a mut [u32],
}

impl Task for Lookup<'_> {
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) {
        let (batches, rest) = self.headers.as_chunks::<BATCH>();
        let (answers, rest_out) = self.out.as_chunks_mut::<BATCH>();
        let mut everything = [0u8; BATCH];
        for (at, place) in everything.iter_mut().enumerate() {
            *place = at as u8;
        }
        if let Some(m) = &self.set.matrix {
            for (batch, best) in batches.iter().zip(answers) {
                best.fill(NO_MATCH);
                m.lookup(kernel, &everything, batch, best);
            }
            return;
        }
        for (batch, best) in batches.iter().zip(answers) {
            self.set.forest.lookup(kernel, batch, best);
        }
        if !rest.is_empty() {
            let (mut batch, mut best) = ([FiveTuple::default(); BATCH], [NO_MATCH; BATCH]);
            batch[..rest.len()].copy_from_slice(rest);
            self.set.forest.lookup(kernel, &batch, &mut best);
            rest_out.copy_from_slice(&best[..rest.len()]);
        }
    }
}
