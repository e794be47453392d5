//! Groups against peers: who got through where a group is bound, and who did not.

use crate::policy::{Direction, GroupId};
use crate::replay::Verdict;

use super::Results;

/// What stands for every address that belongs to no interface.
pub(super) const OUTSIDE: &str = "outside";

/// Connections between the interfaces of a group and one peer, by what became of them at the group's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    /// Let through, by a rule, by state or by assumption.
    pub allowed: u64,
    /// Dropped.
    pub blocked: u64,
}

impl Cell {
    pub(super) const fn is_empty(self) -> bool {
        self.allowed == 0 && self.blocked == 0
    }
}

impl std::fmt::Display for Cell {
    /// Writes `12/3`, or `-` when nothing was seen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() { f.write_str("-") } else { write!(f, "{}/{}", self.allowed, self.blocked) }
    }
}

/// The table: a row for each group and direction, a column for each peer.
#[derive(Debug)]
pub(super) struct Matrix<'a> {
    /// The interfaces in scenario order, then what is outside.
    pub peers: Vec<&'a str>,
    /// As [`crate::replay::Tally::groups`] has them: groups as written, ingress before egress.
    pub rows: Vec<(GroupId, Direction, Vec<Cell>)>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(results: &Results<'a>) -> Self {
        let policy = results.policy;
        let mut peers: Vec<&str> =
            policy.interfaces.iter().map(|interface| interface.name.as_str()).collect();
        peers.push(OUTSIDE);
        let groups = (0..).map(GroupId).take(policy.groups.len());
        let row = |group, direction| (group, direction, vec![Cell::default(); peers.len()]);
        let mut rows: Vec<_> =
            groups.flat_map(|g| Direction::BOTH.map(|direction| row(g, direction))).collect();
        for connection in results.connections {
            for step in connection.steps.own() {
                let far = policy.owners.of(connection.header_at(step).remote);
                let column = far.map_or(peers.len() - 1, |id| id.0 as usize);
                for &group in &policy.interface(step.interface).groups {
                    let row = group.0 as usize * 2 + usize::from(step.direction == Direction::Egress);
                    let cell = &mut rows[row].2[column];
                    match step.reason.verdict() {
                        Verdict::Allow => cell.allowed += 1,
                        Verdict::Drop => cell.blocked += 1,
                        Verdict::Undecided | Verdict::NotSubject => {}
                    }
                }
            }
        }
        Self { peers, rows }
    }

    /// The columns in which nothing was seen.
    pub(super) fn is_empty_column(&self, column: usize) -> bool {
        self.rows.iter().all(|(_, _, cells)| cells[column].is_empty())
    }
}
