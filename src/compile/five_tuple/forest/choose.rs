//! Which bits of the header a node indexes its children with.

use super::ternary::{Bits, Ternary};

/// Lists longer than this are judged by an even sample: bits that split the sample split the list.
const SAMPLE: usize = 1 << 14;

/// Rules of a list that is worth cutting further where memory allows.
const FEW: u32 = 8;

/// What a choice may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Most bits of one node.
    pub(super) bits: u32,
    /// Children of a node per rule of its list, at most.
    pub(super) slots_per_rule: f64,
    /// Entries of all children's lists per rule of the list, at most.
    pub(super) copies: f64,
    /// A further bit must bring the expected length of a child's list down to this part.
    pub(super) gain: f64,
}

/// Picks bits one by one, each time the one that leaves the shortest expected list; none when no bit pays.
///
/// "Expected" weighs children by the length of their lists, as if headers came in proportion to the rules.
pub(super) fn choose(list: &[u32], rules: &[Ternary], known: &Ternary, limits: &Limits) -> Bits {
    let step = list.len().div_ceil(SAMPLE).max(1);
    let mut items: Vec<u32> = list.iter().copied().step_by(step).collect();
    let sampled = items.len();
    let mut ends = vec![items.len()];
    let mut chosen: Bits = [0, 0];
    // Long lists weigh most, so they are cut first; once that no longer pays, all lists over a few rules weigh alike.
    let mut most_weight = u32::MAX;
    let mut cost = weight(sampled as u32, most_weight);
    let mut bit = 1;
    while bit <= limits.bits {
        if f64::from(1u32 << bit) > (sampled as f64 * limits.slots_per_rule).max(2.0) {
            break;
        }
        let taken = [known.care[0] | chosen[0], known.care[1] | chosen[1]];
        let most = sampled as f64 * limits.copies;
        let best = best_bit(&items, &ends, rules, taken, most, most_weight);
        let Some((word, at, new_cost)) = best.filter(|&(.., new_cost)| new_cost <= cost * limits.gain) else {
            if most_weight == FEW {
                break;
            }
            most_weight = FEW;
            cost = lengths(&ends).map(|length| weight(length, FEW)).sum();
            continue;
        };
        bit += 1;
        cost = new_cost;
        chosen[word] |= 1 << at;
        (items, ends) = split(&items, &ends, rules, word, at);
    }
    chosen
}

/// How often each bit is known to be zero and one in a list.
struct Counts([[u32; 2]; 128]);

impl Counts {
    fn of(list: &[u32], rules: &[Ternary]) -> Self {
        let mut counts = [[0; 2]; 128];
        for &index in list {
            let rule = &rules[index as usize];
            for word in 0..2 {
                let mut care = rule.care[word];
                while care != 0 {
                    let at = care.trailing_zeros();
                    counts[word * 64 + at as usize][(rule.value[word] >> at & 1) as usize] += 1;
                    care &= care - 1;
                }
            }
        }
        Self(counts)
    }
}

/// The bit with the lowest cost (sum of squared list lengths) whose lists have at most `most` entries together.
fn best_bit(
    items: &[u32],
    ends: &[usize],
    rules: &[Ternary],
    taken: Bits,
    most: f64,
    most_weight: u32,
) -> Option<(usize, u32, f64)> {
    let mut costs = [0.0f64; 128];
    let mut entries = [0u64; 128];
    let mut start = 0;
    for &end in ends {
        let list = &items[start..end];
        start = end;
        if list.is_empty() {
            continue;
        }
        let counts = Counts::of(list, rules);
        let length = list.len() as u32;
        for (at, &[zeros, ones]) in counts.0.iter().enumerate() {
            // A child's list holds its own rules and those that do not know the bit.
            let (low, high) = (length - ones, length - zeros);
            costs[at] += weight(low, most_weight) + weight(high, most_weight);
            entries[at] += u64::from(low) + u64::from(high);
        }
    }
    let free = (0..128usize).filter(|&at| taken[at / 64] >> (at % 64) & 1 == 0);
    free.filter(|&at| entries[at] as f64 <= most)
        .min_by(|&a, &b| costs[a].total_cmp(&costs[b]))
        .map(|at| (at / 64, (at % 64) as u32, costs[at]))
}

fn split(items: &[u32], ends: &[usize], rules: &[Ternary], word: usize, at: u32) -> (Vec<u32>, Vec<usize>) {
    let (mut all, mut new_ends) =
        (Vec::with_capacity(items.len() * 5 / 4), Vec::with_capacity(ends.len() * 2));
    let mut start = 0;
    for &end in ends {
        for side in 0..2 {
            all.extend(items[start..end].iter().filter(|&&index| {
                let rule = &rules[index as usize];
                rule.care[word] >> at & 1 == 0 || rule.value[word] >> at & 1 == side
            }));
            new_ends.push(all.len());
        }
        start = end;
    }
    (all, new_ends)
}

/// What a list of this length costs: as if headers came in proportion to the rules.
fn weight(length: u32, most: u32) -> f64 {
    f64::from(length) * f64::from(length.min(most))
}

/// Lengths of the lists that end there.
fn lengths(ends: &[usize]) -> impl Iterator<Item = u32> {
    let starts = std::iter::once(&0).chain(ends);
    starts.zip(ends).map(|(start, end)| (end - start) as u32)
}
