//! From a number to the interval it lies in: a static search tree without pointers.
//!
//! The root tells 64, 128 or 256 parts apart, for sixteen numbers at once; below it, each level is one cache line of 15
//! keys and adds a digit in base 16 to the position among the sorted intervals. A level is never more than "how many of these
//! keys are below x", which SIMD does at once.

use super::simd::{Kernel, Keys, LANES, Root};

/// Most parts that a root tells apart.
const MOST_PARTS: usize = 256;
/// Children of a node below the root.
const FANOUT: usize = 16;

/// Most groups of numbers of one call.
pub(in crate::compile) const MOST_GROUPS: usize = 16;

/// Maps every `u32` to the value of the interval that holds it.
#[derive(Debug, Clone)]
pub(in crate::compile) struct SearchTree {
    root: AnyRoot,
    /// Nodes level by level.
    nodes: Vec<Keys>,
    /// Levels below the root.
    depth: u32,
    /// The one value that all numbers have.
    only: Option<u32>,
    /// Values by position, padded with the last.
    values: Vec<u32>,
}

/// The root that has as many parts as spare a level, and no more: each costs time.
#[derive(Debug, Clone)]
enum AnyRoot {
    Parts64(Box<Root<4>>),
    Parts128(Box<Root<8>>),
    Parts256(Box<Root<16>>),
}

impl AnyRoot {
    fn new(parts: usize, key: impl Fn(usize) -> u32) -> Self {
        match parts {
            0..=64 => Self::Parts64(Box::new(Root::new(key))),
            65..=128 => Self::Parts128(Box::new(Root::new(key))),
            _ => Self::Parts256(Box::new(Root::new(key))),
        }
    }

    const fn parts(&self) -> usize {
        match self {
            Self::Parts64(_) => 64,
            Self::Parts128(_) => 128,
            Self::Parts256(_) => MOST_PARTS,
        }
    }

    const fn bytes(&self) -> usize {
        match self {
            Self::Parts64(_) => size_of::<Root<4>>(),
            Self::Parts128(_) => size_of::<Root<8>>(),
            Self::Parts256(_) => size_of::<Root<16>>(),
        }
    }
}

/// The parts of all groups of numbers.
#[inline(always)]
fn parts<const LINES: usize, K: Kernel>(
    kernel: K,
    root: &Root<LINES>,
    numbers: &[[u32; LANES]],
    parts: &mut [[u32; LANES]; MOST_GROUPS],
) {
    for (lanes, parts) in numbers.iter().zip(parts) {
        *parts = kernel.parts(root, lanes);
    }
}

impl SearchTree {
    /// The map of these intervals, each its first number and its value: ascending, without doubles, from zero.
    pub(in crate::compile) fn new(intervals: &[(u32, u32)]) -> Self {
        assert!(intervals.first().is_some_and(|&(first, _)| first == 0), "the first interval starts at zero");
        let mut depth = 0;
        while MOST_PARTS * FANOUT.pow(depth) < intervals.len() {
            depth += 1;
        }
        // Keys are the last numbers of intervals. No number is above the padding, so nothing behind it is counted.
        let key = |at: usize| intervals.get(at).map_or(u32::MAX, |&(start, _)| start - 1);
        let below = FANOUT.pow(depth);
        let root = AnyRoot::new(intervals.len().div_ceil(below), |at| key((at + 1) * below));
        let parts = root.parts();
        let mut nodes = vec![];
        for level in 0..depth {
            let below = FANOUT.pow(depth - 1 - level);
            for node in 0..parts * FANOUT.pow(level) {
                let key =
                    |at| if at == FANOUT - 1 { u32::MAX } else { key((node * FANOUT + at + 1) * below) };
                nodes.push(Keys(std::array::from_fn(key)));
            }
        }
        let last = intervals[intervals.len() - 1].1;
        let values = (0..parts * below).map(|at| intervals.get(at).map_or(last, |&(_, value)| value));
        let only = (intervals.len() == 1).then_some(last);
        Self { root, nodes, depth, only, values: values.collect() }
    }

    /// Replaces every number of up to [`MOST_GROUPS`] groups by the value of the interval that holds it.
    #[inline(always)]
    pub(in crate::compile) fn replace<K: Kernel>(&self, kernel: K, numbers: &mut [[u32; LANES]]) {
        if let Some(value) = self.only {
            numbers.as_flattened_mut().fill(value);
            return;
        }
        // The depth is decided once, outside the loops.
        match self.depth {
            0 => self.replace_at::<0, K>(kernel, numbers),
            1 => self.replace_at::<1, K>(kernel, numbers),
            2 => self.replace_at::<2, K>(kernel, numbers),
            3 => self.replace_at::<3, K>(kernel, numbers),
            4 => self.replace_at::<4, K>(kernel, numbers),
            5 => self.replace_at::<5, K>(kernel, numbers),
            // 256 * 16^6 parts are as many as there are numbers.
            _ => self.replace_at::<6, K>(kernel, numbers),
        }
    }

    #[inline(always)]
    fn replace_at<const DEPTH: usize, K: Kernel>(&self, kernel: K, numbers: &mut [[u32; LANES]]) {
        let (nodes, values) = (&*self.nodes, &*self.values);
        // All roots first: a search in the root is one long chain of steps, and many of them overlap.
        let mut all = [[0; LANES]; MOST_GROUPS];
        match &self.root {
            AnyRoot::Parts64(root) => parts(kernel, root, numbers, &mut all),
            AnyRoot::Parts128(root) => parts(kernel, root, numbers, &mut all),
            AnyRoot::Parts256(root) => parts(kernel, root, numbers, &mut all),
        }
        let most = self.root.parts();
        for (lanes, parts) in numbers.iter_mut().zip(&all) {
            for (number, &part) in lanes.iter_mut().zip(parts) {
                let (mut at, mut level, mut width) = (part as usize, 0, most);
                for _ in 0..DEPTH {
                    let next = kernel.count_below(&nodes[level + at], *number) as usize;
                    at = at * FANOUT + next;
                    level += width;
                    width *= FANOUT;
                }
                *number = values[at];
            }
        }
    }

    /// Bytes of memory.
    pub(in crate::compile) fn bytes(&self) -> usize {
        self.root.bytes() + size_of_val(&*self.nodes) + size_of_val(&*self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::simd::{self, Path, Task};

    fn check(kernel: impl Kernel, count: usize) {
        let step = u32::MAX / count as u32;
        let mut intervals: Vec<_> = (0..count as u32).map(|i| (i * step, i * 3)).collect();
        if count > 1 {
            intervals[count - 1].0 = u32::MAX;
        }
        let tree = SearchTree::new(&intervals);
        let mut asked = vec![(u32::MAX, intervals[count - 1].1)];
        for (at, &(start, value)) in intervals.iter().enumerate() {
            asked.push((start, value));
            if at > 0 {
                asked.push((start - 1, intervals[at - 1].1));
            }
        }
        for part in asked.chunks(LANES) {
            let mut numbers = [[0; LANES]];
            for (number, &(x, _)) in numbers[0].iter_mut().zip(part) {
                *number = x;
            }
            tree.replace(kernel, &mut numbers);
            for (&(x, value), &found) in part.iter().zip(&numbers[0]) {
                assert_eq!(found, value, "{x} of {count}");
            }
        }
    }

    /// The same check for every path of this machine.
    struct Check(usize);

    impl Task for Check {
        fn run<K: Kernel>(self, kernel: K) {
            check(kernel, self.0);
        }
    }

    #[test]
    fn every_interval_is_found_at_every_depth_on_every_path() {
        for path in Path::ALL {
            for count in [1usize, 2, 16, 63, 64, 65, 128, 129, 256, 257, 1024, 1025, 2049, 4096, 4097, 65_537]
            {
                simd::run(path, Check(count));
            }
        }
    }
}
