//! Trees for large lists: wide nodes index their children with bits of the header, leaves hold two rules a cache line.
//!
//! Lookups go in waves: all headers of a batch take one step before any takes the next, so that their loads overlap,
//! and a header that is done leaves the list of those that are not, without a branch.

mod build;
mod choose;
mod line;
mod ternary;

pub(super) use build::{Builder, OverBudget, Spending};
pub(in crate::compile) use line::{Found, Line};

use line::NOTHING;

use super::picked::Picked;
use super::{BATCH, FiveTuple, NO_MATCH};
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
    /// The first eight bits picked, by number in the header, for processors that do not extract bits themselves; a
    /// number that no header has set stands for none.
    picks: [u8; INNER_BITS],
}

/// Most bits that nodes below roots pick.
const INNER_BITS: usize = 8;

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
    /// A node that picks these bits.
    fn new(masks: [u64; 2], base: usize) -> Self {
        // The protocol is a byte: the highest bit of its word is never set.
        let mut picks = [127; INNER_BITS];
        let bits = (0..128u8).filter(|&bit| masks[usize::from(bit / 64)] >> (bit % 64) & 1 != 0);
        for (pick, bit) in picks.iter_mut().zip(bits) {
            *pick = bit;
        }
        Self { masks, base: base as u32, shift: masks[0].count_ones(), picks }
    }

    /// The slot of the child; for a node that picks at most [`INNER_BITS`].
    #[inline(always)]
    fn inner_slot<K: Kernel>(&self, kernel: K, header: &FiveTuple) -> usize {
        if K::EXTRACTS {
            return self.slot(kernel, header);
        }
        // Always eight: how many there are cannot be foreseen.
        let mut child = 0;
        for (at, &pick) in self.picks.iter().enumerate() {
            child |= (header.0[usize::from(pick >> 5 & 3)] >> (pick & 31) & 1) << at;
        }
        self.base as usize + child as usize
    }

    /// The slot of the child.
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

    /// Looks up the first `count` headers in one tree.
    #[inline(always)]
    pub(super) fn lookup<K: Kernel>(
        &self,
        kernel: K,
        tree: &Tree,
        headers: &[FiveTuple; BATCH],
        count: usize,
        answers: &mut [u32; BATCH],
    ) {
        let (nodes, all_slots, lines) = (&*self.nodes, &*self.slots, &*self.lines);
        let mut slots = [0u32; BATCH];
        for (slot, header) in slots.iter_mut().zip(&headers[..count]) {
            *slot = all_slots[tree.slot(kernel, header)];
        }
        let mut waiting = Picked::new();
        waiting.pick(kernel, &slots, count, INNER - 1);
        while waiting.count > 0 {
            let mut kept = 0;
            for i in 0..waiting.count {
                let at = waiting.place(i);
                let node = &nodes[(slots[at] & !INNER) as usize];
                slots[at] = all_slots[node.inner_slot(kernel, &headers[at])];
                kept = waiting.keep(kept, at, slots[at] >> 31);
            }
            waiting.count = kept;
        }
        for ((answer, header), &slot) in answers.iter_mut().zip(&headers[..count]).zip(&slots) {
            let line = &lines[slot as usize];
            *answer = line.rule(kernel.find(line, header));
        }
        waiting.pick(kernel, answers, count, NOTHING - 1);
        let mut kept = 0;
        for i in 0..waiting.count {
            let at = waiting.place(i);
            kept = waiting.keep(kept, at, u32::from(lines[slots[at] as usize].more()));
        }
        waiting.count = kept;
        while waiting.count > 0 {
            let mut kept = 0;
            for i in 0..waiting.count {
                let at = waiting.place(i);
                slots[at] += 1;
                let line = &lines[slots[at] as usize];
                answers[at] = line.rule(kernel.find(line, &headers[at]));
                kept = waiting.keep(kept, at, u32::from(line.more()) & u32::from(answers[at] == NOTHING));
            }
            waiting.count = kept;
        }
        for answer in answers {
            *answer = if *answer == NOTHING { NO_MATCH } else { *answer };
        }
    }

    /// Looks up one header, slowly, and counts the steps.
    pub(super) fn walk(&self, tree: &Tree, header: &FiveTuple, steps: &mut Steps) -> u32 {
        let mut slot = self.slots[tree.slot(Portable, header)];
        while slot >= INNER {
            steps.nodes += 1;
            slot = self.slots[self.nodes[(slot & !INNER) as usize].inner_slot(Portable, header)];
        }
        for line in &self.lines[slot as usize..] {
            let rule = line.rule(line.find(header));
            if rule != NOTHING || !line.more() {
                return if rule == NOTHING { NO_MATCH } else { rule };
            }
            steps.lines += 1;
        }
        unreachable!("the last line of a leaf has no more")
    }
}
