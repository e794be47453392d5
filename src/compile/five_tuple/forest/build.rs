//! Makes the trees.

use std::collections::HashMap;

use super::choose::{Limits, choose};
use super::line::Line;
use super::ternary::{Bits, Ternary};
use super::{Forest, INNER, Node, Tree};
use crate::compile::five_tuple::FiveTupleRule;

/// Prefixes at least this long are narrow.
const NARROW: u8 = 12;
/// Rules of a leaf that are not worth another node.
const LEAF: usize = 2;

pub(super) fn build(rules: &[FiveTupleRule]) -> Forest {
    let narrow = |rule: &FiveTupleRule| {
        let g = usize::from(rule.source.length() >= NARROW) + 2 * usize::from(rule.destination.length() >= NARROW);
        env("MAP", "0123").as_bytes()[g] as usize - 48
    };
    let mut lists: [Vec<u32>; 4] = Default::default();
    for (index, rule) in (0..).zip(rules) {
        lists[narrow(rule)].push(index);
    }
    let mut lists: Vec<_> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    // The tree with the best rule first, so that later trees can be left out.
    lists.sort_by_key(|list| list[0]);
    let mut builder = Builder {
        rules,
        ternary: rules.iter().map(Ternary::of).collect(),
        forest: Forest { trees: vec![], nodes: vec![], slots: vec![], lines: vec![Line::new(&[], false)] },
        leaves: HashMap::new(),
    };
    for list in lists {
        let limits = Limits { bits: 16, slots_per_rule: num("SPR", 1.0), copies: num("CPY", 3.0), gain: num("GAIN", 0.9) };
        let root = builder.node(&list, Ternary::default(), &limits);
        let root = root.unwrap_or_else(|| {
            let slot = builder.leaf(&list);
            builder.forest.slots.push(slot);
            Node { masks: [0, 0], base: builder.forest.slots.len() as u32 - 1, shift: 0 }
        });
        builder.forest.trees.push(Tree { root, best: list[0] });
    }
    builder.forest
}

struct Builder<'r> {
    rules: &'r [FiveTupleRule],
    ternary: Vec<Ternary>,
    forest: Forest,
    /// Leaves already made, by their rules.
    leaves: HashMap<Vec<u32>, u32>,
}

impl Builder<'_> {
    /// A node that splits the list, with everything below it; `None` when no bit splits it.
    fn node(&mut self, list: &[u32], known: Ternary, limits: &Limits) -> Option<Node> {
        let masks = choose(list, &self.ternary, &known, limits);
        let shift = masks[0].count_ones();
        let bits = shift + masks[1].count_ones();
        if bits == 0 {
            return None;
        }
        let mut children = vec![vec![]; 1 << bits];
        for &index in list {
            self.distribute(index, masks, &known, &mut children);
        }
        let base = self.forest.slots.len();
        self.forest.slots.resize(base + children.len(), 0);
        let inner = Limits { bits: 8, slots_per_rule: num("ISPR",2.0), copies: num("ICPY",3.0), gain: num("IGAIN",0.85) };
        for (child, mut list) in children.into_iter().enumerate() {
            let region = known.with(masks, spread(child as u64, masks));
            self.prune(&mut list, &region);
            let slot = self.slot(&list, region, &inner);
            self.forest.slots[base + child] = slot;
        }
        Some(Node { masks, base: base as u32, shift })
    }

    fn slot(&mut self, list: &[u32], region: Ternary, limits: &Limits) -> u32 {
        if list.len() > num("LEAF", LEAF as f64) as usize
            && let Some(node) = self.node(list, region, limits)
        {
            self.forest.nodes.push(node);
            return INNER | (self.forest.nodes.len() - 1) as u32;
        }
        self.leaf(list)
    }

    /// Appends the rule to every child that can see a header of it.
    fn distribute(&self, index: u32, masks: Bits, known: &Ternary, children: &mut [Vec<u32>]) {
        let (rule, ternary) = (&self.rules[index as usize], &self.ternary[index as usize]);
        let sure = gather([ternary.care[0] & masks[0], ternary.care[1] & masks[1]], masks);
        let value = gather(ternary.value, masks) & sure;
        let free = !sure & (children.len() as u64 - 1);
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

    /// Drops what no header of the region can reach: rules behind one that takes the whole region, or that are
    /// inside an earlier one.
    fn prune(&self, list: &mut Vec<u32>, region: &Ternary) {
        let takes_all = |&index: &u32| region.inside(&self.rules[index as usize], &self.ternary[index as usize]);
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
        self.forest
            .lines
            .extend(places.chunks(2).enumerate().map(|(at, pair)| Line::new(pair, at < last)));
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

fn env(k: &str, d: &str) -> String { std::env::var(k).unwrap_or(d.into()) }
fn num(k: &str, d: f64) -> f64 { env(k, "").parse().unwrap_or(d) }
