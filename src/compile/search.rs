//! From a number to the interval it lies in: a static 17-ary tree with one cache line of keys a node.
//!
//! The answer of each level is a digit in base 17 of the position among the sorted starts; there are no pointers and
//! no comparisons but "how many of these 16 keys are at most x", which SIMD does at once.

use super::simd::{Kernel, Keys};

/// Children of a node: one more than it has keys.
const FANOUT: usize = 17;
/// Levels that every set of `u32` fits in.
const MOST_DEPTH: usize = 8;

/// Maps every `u32` to the value of the interval that holds it.
#[derive(Debug, Clone)]
pub(in crate::compile) struct SearchTree {
    /// Nodes level by level, the root first.
    nodes: Vec<Keys>,
    depth: usize,
    /// Values by position, padded with the last.
    values: Vec<u32>,
}

impl SearchTree {
    /// The map of these intervals: `starts` ascending and without doubles, the first interval starting at zero
    /// whether listed or not.
    pub(in crate::compile) fn new(intervals: &[(u32, u32)]) -> Self {
        let Some((&(zero, _), _)) = intervals.split_first() else {
            return Self::new(&[(0, 0)]);
        };
        debug_assert_eq!(zero, 0, "the first interval starts at zero");
        let starts: Vec<u32> = intervals[1..].iter().map(|&(start, _)| start).collect();
        let mut depth = 1;
        while FANOUT.pow(depth) < intervals.len() {
            depth += 1;
        }
        let mut nodes = vec![];
        for level in 0..depth {
            let below = FANOUT.pow(depth - 1 - level);
            // Nodes behind the last key are never visited but by numbers that equal the padding.
            for node in 0..FANOUT.pow(level) {
                let key = |at: usize| starts.get((node * FANOUT + at + 1) * below - 1).copied();
                nodes.push(Keys(std::array::from_fn(|at| key(at).unwrap_or(u32::MAX))));
            }
        }
        let last = intervals[intervals.len() - 1].1;
        let values = (0..FANOUT.pow(depth)).map(|at| intervals.get(at).map_or(last, |&(_, value)| value));
        Self { nodes, depth: depth as usize, values: values.collect() }
    }

    /// Calls `found` with the index and value of every number; the depth is decided once, outside the loop.
    #[inline(always)]
    pub(in crate::compile) fn each<K: Kernel>(
        &self,
        kernel: K,
        numbers: impl Iterator<Item = u32>,
        found: impl FnMut(usize, u32),
    ) {
        match self.depth {
            1 => self.each_at::<1, K>(kernel, numbers, found),
            2 => self.each_at::<2, K>(kernel, numbers, found),
            3 => self.each_at::<3, K>(kernel, numbers, found),
            4 => self.each_at::<4, K>(kernel, numbers, found),
            5 => self.each_at::<5, K>(kernel, numbers, found),
            _ => self.each_at::<MOST_DEPTH, K>(kernel, numbers, found),
        }
    }

    #[inline(always)]
    fn each_at<const DEPTH: usize, K: Kernel>(
        &self,
        kernel: K,
        numbers: impl Iterator<Item = u32>,
        mut found: impl FnMut(usize, u32),
    ) {
        let (nodes, values) = (&*self.nodes, &*self.values);
        for (i, x) in numbers.enumerate() {
            let (mut at, mut level) = (0, 0);
            for _ in 0..DEPTH {
                let next = kernel.count_at_most(&nodes[level + at], x) as usize;
                at = at * FANOUT + next;
                level = level * FANOUT + 1;
            }
            found(i, values[at]);
        }
    }

    /// Bytes of memory.
    pub(in crate::compile) fn bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::simd::Portable;

    fn get(tree: &SearchTree, x: u32) -> u32 {
        let mut value = 0;
        tree.each(Portable, std::iter::once(x), |_, v| value = v);
        value
    }

    #[test]
    fn every_position_is_found_at_every_depth() {
        for count in [1usize, 2, 16, 17, 18, 289, 290, 5000] {
            let step = u32::MAX / count as u32;
            let mut intervals: Vec<_> = (0..count as u32).map(|i| (i * step, i * 3)).collect();
            if count > 1 {
                intervals[count - 1].0 = u32::MAX;
            }
            let tree = SearchTree::new(&intervals);
            for (at, &(start, value)) in intervals.iter().enumerate() {
                assert_eq!(get(&tree, start), value, "{count}");
                if at > 0 {
                    assert_eq!(get(&tree, start - 1), intervals[at - 1].1, "{count}");
                }
            }
            assert_eq!(get(&tree, u32::MAX), intervals[count - 1].1, "{count}");
        }
    }
}
