//! The decision table of one list of groups in one direction.

use super::addresses::Addresses;
use super::services::Services;
use crate::compile::bits::{Interner, RuleBits, cut};
use crate::packet::{AddressRange, Family};
use crate::policy::{Dialect, Direction, GroupId, Policy, RuleId};

/// No rule: the default drop.
pub(super) const NO_RULE: u32 = u32::MAX;
/// Most words of rule sets that are held while a table is built: 8 MiB.
const MOST_WORDS: usize = 1 << 20;
/// Most words that are looked at to fill a table: about a tenth of a second.
const MOST_WORK: usize = 1 << 27;
/// Most cells of a table: 4 MiB.
const MOST_CELLS: usize = 1 << 20;

/// What a cell says: the rule that decides, then the first match of each group; [`NO_RULE`] for none.
pub(super) type Outcome = Vec<u32>;

/// Why a list gets no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// A table before it is put with the others.
#[derive(Debug)]
pub(super) struct Table {
    /// By address class: the row.
    pub(super) row_of: Vec<u32>,
    /// By service class: the column.
    pub(super) column_of: Vec<u16>,
    /// Cells, row by row: numbers of outcomes.
    pub(super) cells: Vec<u32>,
    pub(super) columns: usize,
}

/// The rules of some groups in the order they are asked, each with the place of its group.
pub(super) fn in_order(policy: &Policy, groups: &[GroupId], direction: Direction) -> Vec<(usize, RuleId)> {
    let rank = |&(_, id): &(usize, RuleId)| (policy.rule(id).priority, policy.rule(id).action);
    let mut all = vec![];
    for (place, &group) in groups.iter().enumerate() {
        let mut rules: Vec<_> = policy.group(group).rules(direction).iter().map(|&id| (place, id)).collect();
        // "Lower priority number first, deny before allow at the same number, then the order written."
        rules.sort_by_key(rank);
        all.extend(rules);
    }
    if policy.dialect == Dialect::Union {
        // Stable: ties stay in the order of the groups, then of the rules.
        all.sort_by_key(rank);
    }
    all.retain(|&(_, id)| policy.rule(id).enabled);
    all
}

impl Table {
    pub(super) fn new(
        policy: &Policy,
        groups: &[GroupId],
        direction: Direction,
        addresses: &Addresses,
        services: &Services,
        outcomes: &mut Interner<Outcome>,
    ) -> Result<Self, TooLarge> {
        let list = in_order(policy, groups, direction);
        let words = list.len().div_ceil(64);
        let ranges = |family| -> Vec<(u128, u128, usize)> {
            let of_rule = |(at, &(_, id)): (usize, &(usize, RuleId))| {
                let rule = policy.rule(id);
                let wanted = rule.family.is_none_or(|asked| asked == family);
                let ranges = rule.remote.ranges().iter().filter(move |r| wanted && r.family() == family);
                ranges.map(move |range| match *range {
                    AddressRange::V4(first, last) => (first.to_bits().into(), last.to_bits().into(), at),
                    AddressRange::V6(first, last) => (first.to_bits(), last.to_bits(), at),
                })
            };
            list.iter().enumerate().flat_map(of_rule).collect()
        };
        let mut remotes = Interner::new();
        let mut class_of = vec![0u32; addresses.len()];
        for (family, last) in [(Family::V4, u128::from(u32::MAX)), (Family::V6, u128::MAX)] {
            let ranges = ranges(family);
            if (2 * ranges.len() + 1) * words > MOST_WORDS {
                return Err(TooLarge);
            }
            let pieces = cut(&ranges, last, list.len(), &mut remotes);
            let (firsts, base) = addresses.pieces(family);
            let mut at = 0;
            for (class, first) in class_of[base..].iter_mut().zip(firsts) {
                while pieces.get(at + 1).is_some_and(|&(next, _)| next <= first) {
                    at += 1;
                }
                *class = pieces[at].1;
            }
        }
        let wanted = list.iter().map(|&(_, id)| &policy.rule(id).service);
        if services.len() * words > MOST_WORDS {
            return Err(TooLarge);
        }
        let mut columns = Interner::new();
        let column_of: Vec<u32> =
            services.columns(wanted, list.len()).iter().map(|set| columns.number(set)).collect();
        let (remotes, columns) = (remotes.into_values(), columns.into_values());
        if remotes.len() * columns.len() * words > MOST_WORK {
            return Err(TooLarge);
        }

        let mut rows: Interner<Vec<u32>> = Interner::new();
        let mut row_of_class = Vec::with_capacity(remotes.len());
        for remote in &remotes {
            let row: Vec<u32> = columns
                .iter()
                .map(|column| outcomes.number(&outcome(remote, column, &list, groups.len())))
                .collect();
            row_of_class.push(rows.number(&row));
            if rows.len() * columns.len() > MOST_CELLS {
                return Err(TooLarge);
            }
        }
        let (rows, column_of, columns) = merge_columns(&rows.into_values(), &column_of, columns.len());
        Ok(Self {
            row_of: class_of.iter().map(|&class| row_of_class[class as usize]).collect(),
            column_of,
            cells: rows.concat(),
            columns,
        })
    }
}

fn outcome(remote: &RuleBits, service: &RuleBits, list: &[(usize, RuleId)], groups: usize) -> Outcome {
    let mut outcome = vec![NO_RULE; groups + 1];
    let mut open = groups;
    for at in remote.both(service) {
        let (place, RuleId(id)) = list[at];
        if outcome[0] == NO_RULE {
            outcome[0] = id;
        }
        if outcome[place + 1] == NO_RULE {
            outcome[place + 1] = id;
            open -= 1;
            if open == 0 {
                break;
            }
        }
    }
    outcome
}

/// Stores columns that say the same once.
fn merge_columns(rows: &[Vec<u32>], column_of: &[u32], columns: usize) -> (Vec<Vec<u32>>, Vec<u16>, usize) {
    let mut distinct: Interner<Vec<u32>> = Interner::new();
    let merged: Vec<u32> =
        (0..columns).map(|column| distinct.number(&rows.iter().map(|row| row[column]).collect())).collect();
    let distinct = distinct.into_values();
    let rows = (0..rows.len()).map(|row| distinct.iter().map(|column| column[row]).collect());
    // The services have at most 65536 classes, so the columns have.
    let column_of = column_of.iter().map(|&column| merged[column as usize] as u16).collect();
    (rows.collect(), column_of, distinct.len())
}
