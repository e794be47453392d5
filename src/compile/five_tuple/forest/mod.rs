//! Trees for large lists: wide nodes index their children with bits of the header, leaves hold two rules a cache line.
//!
//! Rules are split by whether their source and destination prefixes are long; each part gets a tree of its own,
//! so that short prefixes are not copied into the children of nodes that look at address bits. Trees are ordered by
//! their best rule: a header that already has a better answer is not looked up in later trees. Lookups go in waves:
//! all headers of a batch take one step before any takes the next, so that their loads overlap, and a header that is
//! done leaves the list of those that are not, without a branch.

mod build;
mod choose;
mod line;
mod ternary;

pub(in crate::compile) use line::Line;

use super::{BATCH, FiveTuple, FiveTupleRule, NO_MATCH};
use crate::compile::simd::Kernel;

/// In a slot: the rest is a node's index, not a leaf's first line.
const INNER: u32 = 1 << 31;

/// A node: which bits of the header pick the child, and where its children's slots start.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Node {
    masks: [u64; 2],
    base: u32,
    /// Bits picked from the first word.
    shift: u32,
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    root: Node,
    /// The lowest index of its rules.
    best: u32,
}

/// The compiled form of a large list.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    trees: Vec<Tree>,
    nodes: Vec<Node>,
    /// Children of all nodes: a leaf's first line (0 for an empty leaf), or [`INNER`] and a node.
    slots: Vec<u32>,
    /// Leaves; line 0 never matches.
    lines: Vec<Line>,
}

/// Sizes of a forest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) trees: usize,
    pub(super) nodes: usize,
    pub(super) lines: usize,
    pub(super) bytes: usize,
}

/// The header as two words of bits.
#[inline(always)]
const fn key(header: &FiveTuple) -> [u64; 2] {
    let [a, b, c, d] = header.0;
    [a as u64 | (b as u64) << 32, c as u64 | (d as u64) << 32]
}

impl Node {
    #[inline(always)]
    fn slot<K: Kernel>(&self, kernel: K, header: &FiveTuple) -> usize {
        let key = key(header);
        let low = kernel.extract(key[0], self.masks[0]);
        let high = kernel.extract(key[1], self.masks[1]);
        self.base as usize + (low | high << self.shift) as usize
    }
}

impl Forest {
    pub(super) fn new(rules: &[FiveTupleRule]) -> Self {
        build::build(rules)
    }

    pub(super) fn sizes(&self) -> Sizes {
        let bytes = size_of_val(&*self.nodes)
            + size_of_val(&*self.slots)
            + size_of_val(&*self.lines)
            + size_of_val(&*self.trees);
        Sizes { trees: self.trees.len(), nodes: self.nodes.len(), lines: self.lines.len(), bytes }
    }

    /// Looks up one batch; `best` gets the answers.
    #[inline(always)]
    pub(super) fn lookup<K: Kernel>(&self, kernel: K, batch: &[FiveTuple; BATCH], best: &mut [u32; BATCH]) {
        best.fill(NO_MATCH);
        let mut everything = [0u8; BATCH];
        for (at, place) in everything.iter_mut().enumerate() {
            *place = at as u8;
        }
        let Some((first, others)) = self.trees.split_first() else { return };
        self.climb(kernel, first, &everything, batch, best);
        let mut active = [0u8; BATCH];
        for tree in others {
            let mut count = 0;
            for at in 0..BATCH {
                active[count & (BATCH - 1)] = at as u8;
                count += usize::from(best[at] > tree.best);
            }
            self.climb(kernel, tree, &active[..count], batch, best);
        }
    }

    /// Looks up the headers named by `active` in one tree and keeps the better answers.
    #[inline(always)]
    fn climb<K: Kernel>(
        &self,
        kernel: K,
        tree: &Tree,
        active: &[u8],
        batch: &[FiveTuple; BATCH],
        best: &mut [u32; BATCH],
    ) {
        let mut slots = [0u32; BATCH];
        let mut waiting = [0u8; BATCH];
        let mut count = 0usize;
        for &at in active {
            let slot = self.slots[tree.root.slot(kernel, &batch[at as usize])];
            slots[at as usize] = slot;
            waiting[count & (BATCH - 1)] = at;
            count += (slot >> 31) as usize;
        }
        while count > 0 {
            let asked = count;
            count = 0;
            for i in 0..asked {
                let at = waiting[i & (BATCH - 1)];
                let node = &self.nodes[(slots[at as usize] & !INNER) as usize];
                let slot = self.slots[node.slot(kernel, &batch[at as usize])];
                slots[at as usize] = slot;
                waiting[count & (BATCH - 1)] = at;
                count += (slot >> 31) as usize;
            }
        }
        for &at in active {
            let line = &self.lines[slots[at as usize] as usize];
            let found = kernel.compare(line, &batch[at as usize]);
            best[at as usize] = best[at as usize].min(line.index(found));
            waiting[count & (BATCH - 1)] = at;
            count += usize::from(line.more()) & usize::from(found == 0);
        }
        while count > 0 {
            let asked = count;
            count = 0;
            for i in 0..asked {
                let at = waiting[i & (BATCH - 1)];
                slots[at as usize] += 1;
                let line = &self.lines[slots[at as usize] as usize];
                let found = kernel.compare(line, &batch[at as usize]);
                best[at as usize] = best[at as usize].min(line.index(found));
                waiting[count & (BATCH - 1)] = at;
                count += usize::from(line.more()) & usize::from(found == 0);
            }
        }
    }
}

impl Forest {
    pub(super) fn profile(&self, headers: &[FiveTuple]) -> String {
        let k = crate::compile::simd::Portable;
        let mut text = String::new();
        let mut best = vec![u32::MAX; headers.len()];
        for tree in &self.trees {
            let (mut act, mut inn, mut lin, mut empty) = (0, 0, 0, 0);
            let mut hist = [0usize; 8];
            for (h, b) in headers.iter().zip(&mut best) {
                if *b <= tree.best { continue; }
                act += 1;
                let mut slot = self.slots[tree.root.slot(k, h)];
                while slot >= INNER { inn += 1; slot = self.slots[self.nodes[(slot & !INNER) as usize].slot(k, h)]; }
                if slot == 0 { empty += 1; continue; }
                let mut n = 0;
                loop {
                    lin += 1; n += 1;
                    let line = &self.lines[slot as usize];
                    let f = line.compare(h);
                    *b = (*b).min(line.index(f));
                    if f != 0 || !line.more() { break; }
                    slot += 1;
                }
                hist[n.min(7)] += 1;
            }
            let n = headers.len() as f64;
            text += &format!("\n   tree best {} bits {} active {:.2} inner {:.2} lines {:.2} empty {:.2} hist {hist:?}", tree.best, (tree.root.masks[0].count_ones() + tree.root.masks[1].count_ones()), act as f64 / n, inn as f64 / n, lin as f64 / n, empty as f64 / n);
        }
        text
    }
}
