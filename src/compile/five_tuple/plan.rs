//! Which structure a list gets.
//!
//! Small lists become one matrix. The others are split by whether prefixes are long, and each part becomes a tree or
//! a matrix of its own. Several splits are built and the one with the least work is kept; "work" is counted on
//! headers made from the rules, never timed, so that the same list always gets the same structure.

use std::net::Ipv4Addr;

use super::forest::{Builder, Forest, OverBudget, Spending, Steps, Tree};
use super::matrix::Matrix;
use super::{FiveTuple, FiveTupleRule, NO_MATCH};
use crate::packet::Protocol;

/// Prefixes at least this long are narrow.
const NARROW: u8 = 12;
/// Most rules of a list that is tried as one matrix.
const MATRIX_RULES: usize = 2500;
/// Bytes a forest may take: these, and so many for each rule.
const BUDGET: usize = 1 << 20;
const BUDGET_PER_RULE: usize = 512;
/// What fits a core's own cache on most machines.
const NEAR: usize = 1 << 20;
/// Headers that a candidate is judged by.
const SAMPLE: usize = 4096;

/// One part of a compiled list.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Matrix(Box<Matrix>),
    Tree(Tree),
}

/// A compiled list: parts, best rule first, and what the trees share.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Each with the lowest index of its rules: a header that already has a better answer is not asked. Zero where
    /// nearly all are asked anyway, so that finding out whom to ask would cost more than it spares.
    pub(super) parts: Vec<(u32, Part)>,
    pub(super) forest: Forest,
}

/// Which part a rule goes to, by (source narrow) + 2 × (destination narrow).
type Split = [u8; 4];

/// The splits that are tried: wide rules always apart, rules with two long prefixes with one of their neighbours or
/// alone.
const SPLITS: [Split; 3] = [[0, 1, 2, 2], [0, 1, 2, 1], [0, 1, 2, 3]];

impl Plan {
    /// One matrix of all rules, where it can be built within its bounds.
    pub(super) fn matrix(rules: &[FiveTupleRule]) -> Option<Self> {
        let all: Vec<u32> = (0..).take(rules.len()).collect();
        let matrix = Matrix::new(rules, &all)?;
        let parts = vec![(0, Part::Matrix(Box::new(matrix)))];
        Some(Self { parts, forest: Builder::new(&[], 0).finish() })
    }

    /// The best structure for this list.
    pub(super) fn auto(rules: &[FiveTupleRule]) -> Self {
        (rules.len() <= MATRIX_RULES)
            .then(|| Self::matrix(rules))
            .flatten()
            .unwrap_or_else(|| Self::forest(rules))
    }

    /// Trees, with matrices for parts that allow it.
    pub(super) fn forest(rules: &[FiveTupleRule]) -> Self {
        let headers = headers(rules);
        let mut best: Option<(f64, Self)> = None;
        for split in SPLITS {
            for spending in [Spending::GENEROUS, Spending::MODEST] {
                let Ok(plan) = Self::split(rules, split, &spending) else { continue };
                let work = plan.work(&headers);
                if best.as_ref().is_none_or(|(least, _)| work < *least) {
                    best = Some((work, plan));
                }
            }
        }
        let mut plan = best.map_or_else(|| Self::without_copies(rules), |(_, plan)| plan);
        plan.ask_all_where_nearly_all(&headers);
        plan
    }

    /// The fallback for lists whose trees would grow over their budget: without copies they cannot.
    fn without_copies(rules: &[FiveTupleRule]) -> Self {
        let plan = Self::within(rules, SPLITS[2], &Spending::NONE, usize::MAX);
        plan.unwrap_or_else(|OverBudget| unreachable!("no budget is set"))
    }

    fn split(rules: &[FiveTupleRule], split: Split, spending: &Spending) -> Result<Self, OverBudget> {
        Self::within(rules, split, spending, BUDGET + rules.len() * BUDGET_PER_RULE)
    }

    fn within(
        rules: &[FiveTupleRule],
        split: Split,
        spending: &Spending,
        budget: usize,
    ) -> Result<Self, OverBudget> {
        let mut lists: [Vec<u32>; 4] = Default::default();
        for (index, rule) in (0..).zip(rules) {
            let narrow = usize::from(rule.source.length() >= NARROW)
                + 2 * usize::from(rule.destination.length() >= NARROW);
            lists[usize::from(split[narrow])].push(index);
        }
        let mut builder = Builder::new(rules, budget);
        let mut parts = vec![];
        for (at, list) in lists.iter().enumerate() {
            let Some(&first) = list.first() else { continue };
            // Rules with two short prefixes have few address classes, and leaves that no address bit splits.
            let matrix = (at == 0 && list.len() <= MATRIX_RULES).then(|| Matrix::new(rules, list)).flatten();
            let part = match matrix {
                Some(matrix) => Part::Matrix(Box::new(matrix)),
                None => Part::Tree(builder.tree(list, spending)?),
            };
            parts.push((first, part));
        }
        // The best rule first: a header that has a better answer is not looked up in later parts.
        parts.sort_by_key(|&(first, _)| first);
        Ok(Self { parts, forest: builder.finish() })
    }

    /// Stops sorting out headers before parts that nearly all of them are asked.
    fn ask_all_where_nearly_all(&mut self, headers: &[FiveTuple]) {
        let mut asked = vec![0; self.parts.len()];
        for header in headers {
            let mut best = NO_MATCH;
            for ((first, part), asked) in self.parts.iter().zip(&mut asked) {
                if best <= *first {
                    break;
                }
                *asked += 1;
                best = best.min(self.find(part, header, &mut Steps::default()));
            }
        }
        for ((first, _), asked) in self.parts.iter_mut().zip(asked) {
            if asked * 10 > headers.len() * 9 {
                *first = 0;
            }
        }
    }

    /// Looks up one header.
    pub(super) fn first_match(&self, header: &FiveTuple) -> u32 {
        let mut best = NO_MATCH;
        for (first, part) in &self.parts {
            if best > *first {
                best = best.min(self.find(part, header, &mut Steps::default()));
            }
        }
        best
    }

    /// Looks one header up in one part, slowly.
    fn find(&self, part: &Part, header: &FiveTuple, steps: &mut Steps) -> u32 {
        match part {
            Part::Tree(tree) => self.forest.walk(tree, header, steps),
            Part::Matrix(matrix) => matrix.find(header),
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        let of_part = |part: &Part| match part {
            Part::Matrix(matrix) => matrix.bytes(),
            Part::Tree(tree) => tree.bytes(),
        };
        self.forest.bytes() + self.parts.iter().map(|(_, part)| of_part(part)).sum::<usize>()
    }

    /// The work of looking these headers up, in steps of one node.
    fn work(&self, headers: &[FiveTuple]) -> f64 {
        let (mut trees, mut matrices, mut steps) = (0, 0, Steps::default());
        for header in headers {
            let mut best = NO_MATCH;
            for (first, part) in &self.parts {
                if best < *first {
                    break;
                }
                match part {
                    Part::Tree(_) => trees += 1,
                    Part::Matrix(_) => matrices += 1,
                }
                best = best.min(self.find(part, header, &mut steps));
            }
        }
        // A root and a line cost two steps; a matrix about three. Steps get longer as less of the forest is near: by
        // about a sixth for each doubling, as measured between 0.5 and 8 MiB.
        let far = 1.0 + (self.bytes() as f64 / NEAR as f64).log2().max(0.0) / 6.0;
        (2.0 * f64::from(trees) + steps.nodes as f64 + steps.lines as f64) * far + 3.0 * f64::from(matrices)
    }
}

/// Headers spread evenly over the rules, each somewhere inside its rule.
fn headers(rules: &[FiveTupleRule]) -> Vec<FiveTuple> {
    // A fixed linear congruential generator (Knuth's MMIX constants): the same list, the same headers.
    let mut state = 1u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut within = |low: u32, high: u32| low + next(u64::from(high - low) + 1) as u32;
    let count = if rules.is_empty() { 0 } else { SAMPLE };
    let sample = (0..count).map(|i| &rules[i * rules.len() / SAMPLE]);
    sample
        .map(|rule| {
            let source = within(rule.source.first(), rule.source.last());
            let destination = within(rule.destination.first(), rule.destination.last());
            let mut port = |range: crate::packet::PortRange| {
                within(u32::from(range.first()), u32::from(range.last())) as u16
            };
            let ports = (port(rule.source_ports), port(rule.destination_ports));
            let protocol = rule.protocol.unwrap_or(Protocol::TCP);
            let (source, destination) = (Ipv4Addr::from_bits(source), Ipv4Addr::from_bits(destination));
            FiveTuple::new(source, destination, ports.0, ports.1, protocol)
        })
        .collect()
}
