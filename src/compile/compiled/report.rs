//! What a policy was compiled into, for `explain --engine`.

use std::fmt;

use super::lists::List;
use super::{Compiled, Layout, Strategy};
use crate::compile::Path;
use crate::compile::five_tuple::DualReport;
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
    /// How they are looked up.
    pub structure: Structure,
}

/// The structure that looks up the rules of some groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Structure {
    /// A decision table with so many different rows and columns.
    Table {
        /// Classes of remotes.
        rows: usize,
        /// Classes of services.
        columns: usize,
    },
    /// A table would be too large: what each group's rules were compiled into, in the order bound.
    Lists(Vec<DualReport>),
    /// Even lists would be too large: the rules are tried one by one.
    Linear,
}

impl fmt::Display for Structure {
    /// Writes `decision table of 18 x 16 cells`, or what stands in its place, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { rows, columns } => write!(f, "decision table of {rows} x {columns} cells"),
            Self::Lists(lists) => {
                f.write_str("lists, because a table would be too large")?;
                for list in lists {
                    write!(f, "; IPv4 entries: {}", list.v4)?;
                    match &list.v6 {
                        Some(v6) if v6.rules == 0 => {}
                        Some(v6) => write!(f, "; IPv6 entries as codes: {v6}")?,
                        None => {
                            f.write_str("; IPv6 entries: linear, because their prefixes nest too deeply")?;
                        }
                    }
                }
                Ok(())
            }
            Self::Linear => f.write_str("linear, because neither a table nor lists would stay within bounds"),
        }
    }
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
            bytes: of_tables
                + self.lists.iter().map(List::bytes).sum::<usize>()
                + shared.map_or(0, |(a, s)| a.bytes() + s.bytes()),
            path: self.path,
            tables: self
                .places
                .iter()
                .map(|place| TableReport {
                    groups: place.groups.clone(),
                    direction: place.direction,
                    rules: place.rules,
                    structure: match &place.strategy {
                        Strategy::Table(Layout { size: [rows, columns], .. }) => {
                            Structure::Table { rows: *rows, columns: *columns }
                        }
                        Strategy::Lists(lists) => {
                            let report = |&list: &u32| self.lists[list as usize].report();
                            Structure::Lists(lists.iter().map(report).collect())
                        }
                        Strategy::Linear => Structure::Linear,
                    },
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
            let TableReport { groups, direction, rules, structure } = table;
            write!(f, "\n{direction} of {} groups, {rules} rules: {structure}", groups.len())?;
        }
        Ok(())
    }
}
