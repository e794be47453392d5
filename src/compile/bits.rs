//! Sets of rules as bits, by place in the evaluation order, and the interning of what repeats.

use std::hash::BuildHasher;

use hashbrown::HashTable;

/// A set of rules; bit 0 is the rule that is asked first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RuleBits(Box<[u64]>);

impl RuleBits {
    /// The empty set with room for `rules`.
    pub(crate) fn none(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)].into())
    }

    /// Adds the rule, or takes it away.
    pub(crate) fn flip(&mut self, rule: usize) {
        self.0[rule / 64] ^= 1 << (rule % 64);
    }

    /// Adds the rule.
    pub(crate) fn add(&mut self, rule: usize) {
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    /// Whether the rule is in it.
    pub(crate) fn has(&self, rule: usize) -> bool {
        self.0[rule / 64] >> (rule % 64) & 1 != 0
    }

    /// Makes this the intersection of two sets.
    pub(crate) fn set_to_both(&mut self, a: &Self, b: &Self) {
        for ((to, a), b) in self.0.iter_mut().zip(&a.0).zip(&b.0) {
            *to = a & b;
        }
    }

    /// The rules that are in both sets, in order.
    pub(crate) fn both<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = usize> + 's {
        self.0.iter().zip(&other.0).enumerate().flat_map(|(at, (a, b))| {
            let mut word = a & b;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

/// Gives equal values the same number, counting from zero in the order first seen. Holds each once.
#[derive(Debug)]
pub(crate) struct Interner<T> {
    /// Numbers, found by the hash of their value.
    numbers: HashTable<u32>,
    values: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    pub(crate) const fn new() -> Self {
        Self { numbers: HashTable::new(), values: vec![] }
    }

    /// The number of this value.
    pub(crate) fn number(&mut self, value: &T) -> u32 {
        let hash = |value: &T| foldhash::fast::FixedState::default().hash_one(value);
        let Self { numbers, values } = self;
        let known = numbers.find(hash(value), |&number| values[number as usize] == *value);
        if let Some(&number) = known {
            return number;
        }
        let number = values.len() as u32;
        numbers.insert_unique(hash(value), number, |&number| hash(&values[number as usize]));
        values.push(value.clone());
        number
    }

    /// How many different values there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values by number.
    pub(crate) fn into_values(self) -> Vec<T> {
        self.values
    }
}

/// Cuts a line of numbers at the ends of ranges and gives every piece the set of rules that cover it.
///
/// `ranges` are inclusive, with the rule each belongs to; a rule's own ranges must not overlap. Numbers are
/// `0..=last`. Pieces that the same rules cover share a class: the answer is the classes by first number of each
/// piece, neighbours merged.
pub(crate) fn cut(
    ranges: &[(u128, u128, usize)],
    last: u128,
    rules: usize,
    classes: &mut Interner<RuleBits>,
) -> Vec<(u128, u32)> {
    let mut events: Vec<(u128, usize)> = Vec::with_capacity(ranges.len() * 2);
    for &(low, high, rule) in ranges {
        events.push((low, rule));
        if high < last {
            events.push((high + 1, rule));
        }
    }
    events.sort_unstable();
    let mut covering = RuleBits::none(rules);
    let mut pieces: Vec<(u128, u32)> = vec![];
    let mut at = 0;
    let mut start = 0;
    loop {
        while at < events.len() && events[at].0 == start {
            covering.flip(events[at].1);
            at += 1;
        }
        let class = classes.number(&covering);
        if pieces.last().is_none_or(|&(_, before)| before != class) {
            pieces.push((start, class));
        }
        match events.get(at) {
            Some(&(next, _)) => start = next,
            None => return pieces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_know_the_rules_that_cover_them() {
        let mut classes = Interner::new();
        let pieces = cut(&[(10, 19, 0), (15, 255, 1), (30, 30, 0)], 255, 2, &mut classes);
        let sets = classes.into_values();
        let everything = {
            let mut all = RuleBits::none(2);
            all.add(0);
            all.add(1);
            all
        };
        let shown: Vec<_> = pieces
            .iter()
            .map(|&(start, class)| (start, sets[class as usize].both(&everything).collect::<Vec<_>>()))
            .collect();
        assert_eq!(
            shown,
            [(0, vec![]), (10, vec![0]), (15, vec![0, 1]), (20, vec![1]), (30, vec![0, 1]), (31, vec![1])]
        );
        assert_eq!(sets.len(), 4, "pieces with the same rules share a class");
    }
}
