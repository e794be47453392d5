//! Trees for large lists: wide nodes index their children with bits of the header, leaves hold two rules a cache line.
//!
//! Lookups go in waves: all headers of a batch take one step before any takes the next, so that their loads overlap,
//! and a header that is done leaves the list of those that are not, without a branch.

mod build;
mod choose;
mod line;
mod ternary;

pub(super) use build::{Builder, OverBudget, Spending};
pub(in crate::compile) use line::Line;

use super::{BATCH, FiveTuple};
use crate::compile::simd::{Kernel, Portable};

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

/// One tree of a forest.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: Node,
    /// What each byte of a header adds to the root's child, for processors that do not extract bits themselves.
    parts: Vec<BytePart>,
}

/// The bits of a node's child that one byte of the header gives.
#[derive(Debug, Clone)]
struct BytePart {
    /// Which word of the header, and where in it.
    word: usize,
    shift: u32,
    bits: Box<[u16; 256]>,
}

impl Tree {
    fn new(root: Node) -> Self {
        let bytes = (0..4).flat_map(|word| [0u32, 8, 16, 24].map(|shift| (word, shift)));
        let part = |(word, shift)| {
            let bits = std::array::from_fn(|byte| {
                let mut header = FiveTuple::default();
                header.0[word] = (byte as u32) << shift;
                // Roots have at most 16 bits.
                (root.slot(Portable, &header) - root.base as usize) as u16
            });
            BytePart { word, shift, bits: Box::new(bits) }
        };
        let parts = bytes.map(part).filter(|part| part.bits[255] != 0).collect();
        Self { root, parts }
    }

    /// The slot of the root's child.
    #[inline(always)]
    fn slot<K: Kernel>(&self, kernel: K, header: &FiveTuple) -> usize {
        if K::EXTRACTS {
            return self.root.slot(kernel, header);
        }
        let child = self.parts.iter().fold(0, |child, part| {
            child | part.bits[(header.0[part.word & 3] >> part.shift & 0xff) as usize]
        });
        self.root.base as usize + usize::from(child)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self) + self.parts.len() * size_of::<[u16; 256]>()
    }
}

/// What the trees of a forest are made of.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    nodes: Vec<Node>,
    /// Children of all nodes: a leaf's first line (0 for an empty leaf), or [`INNER`] and a node.
    slots: Vec<u32>,
    /// Leaves; line 0 never matches.
    lines: Vec<Line>,
}

/// Steps that lookups took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Steps {
    /// Nodes below the root.
    pub(super) nodes: u64,
    /// Lines behind the first of a leaf.
    pub(super) lines: u64,
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
        self.base as usize + (low | high << (self.shift & 63)) as usize
    }
}

impl Forest {
    /// How many nodes below roots, slots and lines there are.
    pub(super) const fn sizes(&self) -> [usize; 3] {
        [self.nodes.len(), self.slots.len(), self.lines.len()]
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.slots) + size_of_val(&*self.lines)
    }

    /// Looks up the headers named by `active` in one tree and keeps the better answers.
    #[inline(always)]
    pub(super) fn lookup<K: Kernel>(
        &self,
        kernel: K,
        tree: &Tree,
        active: &[u8],
        batch: &[FiveTuple; BATCH],
        best: &mut [u32; BATCH],
    ) {
        let (nodes, all_slots, lines) = (&*self.nodes, &*self.slots, &*self.lines);
        let mut slots = [0u32; BATCH];
        let mut waiting = [0u8; BATCH];
        let mut count = 0usize;
        for &at in active {
            let slot = all_slots[tree.slot(kernel, &batch[at as usize])];
            slots[at as usize] = slot;
            waiting[count & (BATCH - 1)] = at;
            count += (slot >> 31) as usize;
        }
        while count > 0 {
            let asked = count;
            count = 0;
            for i in 0..asked {
                let at = waiting[i & (BATCH - 1)];
                let node = &nodes[(slots[at as usize] & !INNER) as usize];
                let slot = all_slots[node.slot(kernel, &batch[at as usize])];
                slots[at as usize] = slot;
                waiting[count & (BATCH - 1)] = at;
                count += (slot >> 31) as usize;
            }
        }
        for &at in active {
            let line = &lines[slots[at as usize] as usize];
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
                let line = &lines[slots[at as usize] as usize];
                let found = kernel.compare(line, &batch[at as usize]);
                best[at as usize] = best[at as usize].min(line.index(found));
                waiting[count & (BATCH - 1)] = at;
                count += usize::from(line.more()) & usize::from(found == 0);
            }
        }
    }

    /// Looks up one header, slowly, and counts the steps.
    pub(super) fn walk(&self, tree: &Tree, header: &FiveTuple, steps: &mut Steps) -> u32 {
        let mut slot = self.slots[tree.slot(Portable, header)];
        while slot >= INNER {
            steps.nodes += 1;
            slot = self.slots[self.nodes[(slot & !INNER) as usize].slot(Portable, header)];
        }
        for line in &self.lines[slot as usize..] {
            let found = line.compare(header);
            if found != 0 || !line.more() {
                return line.index(found);
            }
            steps.lines += 1;
        }
        unreachable!("the last line of a leaf has no more")
    }
}
