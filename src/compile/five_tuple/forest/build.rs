//! Makes trees, within a budget.

use hashbrown::HashMap;

use super::choose::{Limits, choose};
use super::line::Line;
use super::ternary::{Bits, Ternary};
use super::{Forest, INNER, INNER_BITS, Node, Tree};
use crate::compile::five_tuple::FiveTupleRule;

/// Rules of a leaf that are not worth another node: one line.
const LEAF: usize = 2;

/// How freely trees may copy rules to get shorter leaves and fewer nodes on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::compile::five_tuple) struct Spending {
    root: Limits,
    inner: Limits,
}

impl Spending {
    /// Large nodes and many copies: fewest steps.
    pub(in crate::compile::five_tuple) const GENEROUS: Self = Self {
        root: Limits { bits: 16, slots_per_rule: 8.0, copies: 20.0, gain: 0.95 },
        inner: Limits { bits: INNER_BITS as u32, slots_per_rule: 4.0, copies: 8.0, gain: 0.95 },
    };
    /// Small nodes and few copies: fits caches when lists are large.
    pub(in crate::compile::five_tuple) const MODEST: Self = Self {
        root: Limits { bits: 16, slots_per_rule: 1.0, copies: 3.0, gain: 0.9 },
        inner: Limits { bits: INNER_BITS as u32, slots_per_rule: 2.0, copies: 3.0, gain: 0.85 },
    };
    /// No copies at all: the fallback, which no list can blow up.
    pub(in crate::compile::five_tuple) const NONE: Self = Self {
        root: Limits { bits: 16, slots_per_rule: 1.0, copies: 1.0, gain: 0.9 },
        inner: Limits { bits: INNER_BITS as u32, slots_per_rule: 1.0, copies: 1.0, gain: 0.9 },
    };
}

/// The tree would need more memory than it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compile::five_tuple) struct OverBudget;

/// Makes the trees of one forest.
pub(in crate::compile::five_tuple) struct Builder<'r> {
    rules: &'r [FiveTupleRule],
    ternary: Vec<Ternary>,
    forest: Forest,
    /// Leaves already made, by their rules.
    leaves: HashMap<Vec<u32>, u32, foldhash::fast::FixedState>,
    /// Bytes that the forest may take.
    budget: usize,
}

impl<'r> Builder<'r> {
    /// A builder for these rules; its forest takes at most about `budget` bytes.
    pub(in crate::compile::five_tuple) fn new(rules: &'r [FiveTupleRule], budget: usize) -> Self {
        Self {
            rules,
            ternary: rules.iter().map(Ternary::of).collect(),
            forest: Forest { nodes: vec![], slots: vec![], lines: vec![Line::new(&[], false)] },
            leaves: HashMap::default(),
            budget,
        }
    }

    /// The tree of the rules named by `list`, best first.
    pub(in crate::compile::five_tuple) fn tree(
        &mut self,
        list: &[u32],
        spending: &Spending,
    ) -> Result<Tree, OverBudget> {
        let root = self.node(list, Ternary::default(), &spending.root, &spending.inner)?;
        let root = root.unwrap_or_else(|| {
            let slot = self.leaf(list);
            self.forest.slots.push(slot);
            Node::new([0, 0], self.forest.slots.len() - 1)
        });
        Ok(Tree::new(root))
    }

    /// What all trees share.
    pub(in crate::compile::five_tuple) fn finish(mut self) -> Forest {
        self.forest.nodes.shrink_to_fit();
        self.forest.slots.shrink_to_fit();
        self.forest.lines.shrink_to_fit();
        self.forest
    }

    /// A node that splits the list, with everything below it; `None` when no bit splits it.
    fn node(
        &mut self,
        list: &[u32],
        known: Ternary,
        limits: &Limits,
        below: &Limits,
    ) -> Result<Option<Node>, OverBudget> {
        let masks = choose(list, &self.ternary, &known, limits);
        let bits = masks[0].count_ones() + masks[1].count_ones();
        if bits == 0 {
            return Ok(None);
        }
        let mut children = vec![vec![]; 1 << bits];
        for &index in list {
            self.distribute(index, masks, &known, &mut children);
        }
        let base = self.forest.slots.len();
        self.forest.slots.resize(base + children.len(), 0);
        if self.forest.bytes() > self.budget {
            return Err(OverBudget);
        }
        for (child, mut list) in children.into_iter().enumerate() {
            let region = known.with(masks, spread(child as u64, masks));
            self.prune(&mut list, &region);
            self.forest.slots[base + child] = self.slot(&list, region, below)?;
        }
        Ok(Some(Node::new(masks, base)))
    }

    fn slot(&mut self, list: &[u32], region: Ternary, limits: &Limits) -> Result<u32, OverBudget> {
        if list.len() > LEAF
            && let Some(node) = self.node(list, region, limits, limits)?
        {
            self.forest.nodes.push(node);
            return Ok(INNER | (self.forest.nodes.len() - 1) as u32);
        }
        Ok(self.leaf(list))
    }

    /// Appends the rule to every child that can see a header of it.
    fn distribute(&self, index: u32, masks: Bits, known: &Ternary, children: &mut [Vec<u32>]) {
        let (rule, ternary) = (&self.rules[index as usize], &self.ternary[index as usize]);
        let sure = gather(ternary.care, masks);
        let value = gather(ternary.value, masks) & sure;
        let free = !sure & (children.len() as u64 - 1);
        // Only ranges of ports are wider than their bits say.
        let ports = masks[1] as u32 != 0;
        let mut part = 0u64;
        loop {
            let child = value | part;
            let meets = !ports || {
                let region = known.with(masks, spread(child, masks));
                region.meets(rule.source_ports, 0) && region.meets(rule.destination_ports, 16)
            };
            if meets {
                children[child as usize].push(index);
            }
            part = part.wrapping_sub(free) & free;
            if part == 0 {
                break;
            }
        }
    }

    /// Drops the rules behind one that takes the whole region: no header reaches them.
    fn prune(&self, list: &mut Vec<u32>, region: &Ternary) {
        let takes_all =
            |&index: &u32| region.inside(&self.rules[index as usize], &self.ternary[index as usize]);
        if let Some(at) = list.iter().position(takes_all) {
            list.truncate(at + 1);
        }
    }

    fn leaf(&mut self, list: &[u32]) -> u32 {
        if list.is_empty() {
            return 0;
        }
        if let Some(&slot) = self.leaves.get(list) {
            return slot;
        }
        let slot = self.forest.lines.len() as u32;
        let places: Vec<_> = list.iter().map(|&index| (index, &self.rules[index as usize])).collect();
        let last = places.len().div_ceil(2) - 1;
        let lines = places.chunks(2).enumerate().map(|(at, pair)| Line::new(pair, at < last));
        self.forest.lines.extend(lines);
        self.leaves.insert(list.to_vec(), slot);
        slot
    }
}

/// The bits at the masks' ones, moved together: the child a key belongs to.
fn gather(key: Bits, masks: Bits) -> u64 {
    let (mut bits, mut at) = (0, 0);
    for word in 0..2 {
        let mut mask = masks[word];
        while mask != 0 {
            bits |= (key[word] >> mask.trailing_zeros() & 1) << at;
            at += 1;
            mask &= mask - 1;
        }
    }
    bits
}

/// The inverse of [`gather`].
fn spread(mut bits: u64, masks: Bits) -> Bits {
    let mut key = [0, 0];
    for word in 0..2 {
        let mut mask = masks[word];
        while mask != 0 {
            key[word] |= (bits & 1) << mask.trailing_zeros();
            bits >>= 1;
            mask &= mask - 1;
        }
    }
    key
}
