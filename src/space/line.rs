//! Sets of numbers on one line: what all dimensions of the header space are made of.

/// A set of numbers as sorted inclusive intervals that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Line(Vec<(u128, u128)>);

impl Line {
    /// All numbers from `first` to `last`.
    pub(super) fn interval(first: u128, last: u128) -> Self {
        if first <= last { Self(vec![(first, last)]) } else { Self::default() }
    }

    /// The intervals, ascending.
    pub(super) fn intervals(&self) -> &[(u128, u128)] {
        &self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, number: u128) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after > 0 && number <= self.0[after - 1].1
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut common, mut a, mut b) = (vec![], 0, 0);
        while let (Some(&(first, last)), Some(&(other_first, other_last))) = (self.0.get(a), other.0.get(b)) {
            let both = (first.max(other_first), last.min(other_last));
            if both.0 <= both.1 {
                common.push(both);
            }
            if last < other_last { a += 1 } else { b += 1 }
        }
        Self(common)
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut left = vec![];
        for &(first, last) in &self.0 {
            // The first number that is not decided yet; `None` is behind the end of the interval.
            let mut next = Some(first);
            let from = other.0.partition_point(|&(_, end)| end < first);
            for &(start, end) in other.0[from..].iter().take_while(|&&(start, _)| start <= last) {
                if let Some(next) = next.filter(|&next| next < start) {
                    left.push((next, start - 1));
                }
                next = end.checked_add(1).filter(|&behind| behind <= last);
            }
            left.extend(next.map(|next| (next, last)));
        }
        Self(left)
    }
}

impl FromIterator<(u128, u128)> for Line {
    /// The union of inclusive intervals, in any order.
    fn from_iter<I: IntoIterator<Item = (u128, u128)>>(intervals: I) -> Self {
        let mut sorted: Vec<_> = intervals.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(bits: u16) -> Line {
        (0..16u128).filter(|at| bits >> at & 1 == 1).map(|at| (at, at)).collect()
    }

    proptest! {
        #[test]
        fn lines_behave_as_sets_of_bits(a in any::<u16>(), b in any::<u16>()) {
            let (x, y) = (line(a), line(b));
            prop_assert_eq!(x.union(&y), line(a | b));
            prop_assert_eq!(x.intersection(&y), line(a & b));
            prop_assert_eq!(x.difference(&y), line(a & !b));
            prop_assert_eq!(x.is_empty(), a == 0);
            for at in 0..16 {
                prop_assert_eq!(x.contains(at), a >> at & 1 == 1);
            }
        }
    }

    #[test]
    fn the_end_of_the_line_is_a_number_like_any_other() {
        let all = Line::interval(0, u128::MAX);
        assert_eq!(all.difference(&Line::interval(5, u128::MAX)), Line::interval(0, 4));
        assert_eq!(all.difference(&Line::interval(0, 4)), Line::interval(5, u128::MAX));
        assert_eq!(Line::interval(0, 4).union(&Line::interval(5, u128::MAX)), all);
        assert!(all.difference(&all).is_empty());
    }
}
