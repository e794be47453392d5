//! What a policy was compiled into, for `explain --engine`.

use std::fmt;

use super::Compiled;
use crate::compile::Path;
use crate::policy::{Direction, GroupId};

/// Strategy and sizes of a compiled policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledReport {
    /// Address classes of IPv4 and IPv6, shared by all tables.
    pub addresses: [usize; 2],
    /// Service classes, shared by all tables.
    pub services: usize,
    /// Different answers: the deciding rule with each group's first match.
    pub outcomes: usize,
    /// Bytes of memory that lookups use.
    pub bytes: usize,
    /// The instructions that batches use.
    pub path: Path,
    /// One for each distinct (ordered groups, direction).
    pub tables: Vec<TableReport>,
}

/// One decision table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// The groups, in the order bound.
    pub groups: Vec<GroupId>,
    /// The direction.
    pub direction: Direction,
    /// Enabled rules of all groups.
    pub rules: usize,
    /// Different rows and columns; `None` when the rules are tried one by one because a table would be too large.
    pub size: Option<[usize; 2]>,
}

impl Compiled<'_> {
    /// What the policy was compiled into.
    pub fn report(&self) -> CompiledReport {
        let shared = self.shared.as_ref();
        let words = self.row_of.len() + self.cells.len() + self.outcomes.len() + self.decided.len();
        let of_tables = (words + self.records.len()) * size_of::<u32>() + size_of_val(&*self.column_of);
        CompiledReport {
            addresses: shared.map_or([0; 2], |(a, _)| [a.v4_len(), a.len() - a.v4_len()]),
            services: shared.map_or(0, |(_, services)| services.len()),
            outcomes: self.outcomes.len(),
            bytes: of_tables + shared.map_or(0, |(a, s)| a.bytes() + s.bytes()),
            path: self.path,
            tables: self
                .places
                .iter()
                .map(|place| TableReport {
                    groups: place.groups.clone(),
                    direction: place.direction,
                    rules: place.rules,
                    size: place.layout.map(|layout| layout.size),
                })
                .collect(),
        }
    }
}

impl fmt::Display for CompiledReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [v4, v6] = self.addresses;
        write!(
            f,
            "{v4} IPv4 and {v6} IPv6 address classes, {} service classes, {} outcomes, {} bytes",
            self.services, self.outcomes, self.bytes
        )?;
        for table in &self.tables {
            let TableReport { groups, direction, rules, size } = table;
            write!(f, "\n{direction} of {} groups, {rules} rules: ", groups.len())?;
            match size {
                Some([rows, columns]) => write!(f, "table of {rows} x {columns} cells")?,
                None => f.write_str("linear, because a table would be too large")?,
            }
        }
        Ok(())
    }
}
