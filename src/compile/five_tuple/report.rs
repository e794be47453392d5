//! What a list was compiled into, for people.

use std::fmt;

use super::plan::Part;
use super::{Engine, FiveTupleSet};
use crate::compile::Path;

/// Strategy and sizes of a compiled list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Rules of the list.
    pub rules: usize,
    /// Bytes of memory.
    pub bytes: usize,
    /// The instructions lookups use.
    pub path: Path,
    /// The structures, in the order they are asked; none for a list that is tried one by one.
    pub parts: Vec<PartReport>,
    /// Nodes below the roots of all trees.
    pub nodes: usize,
    /// Children of all nodes.
    pub slots: usize,
    /// Cache lines of rules.
    pub lines: usize,
}

/// One structure of a compiled list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartReport {
    /// A table of classes.
    Matrix {
        /// Classes of source addresses.
        sources: usize,
        /// Classes of destination addresses.
        destinations: usize,
        /// Classes of protocol and destination port.
        services: usize,
        /// Classes of source ports.
        source_ports: usize,
        /// Bytes of memory.
        bytes: usize,
    },
    /// A tree; its size is in that of the forest.
    Tree,
}

impl Report {
    pub(super) fn new(set: &FiveTupleSet) -> Self {
        let mut report =
            Self { rules: set.rules, bytes: 0, path: set.path, parts: vec![], nodes: 0, slots: 0, lines: 0 };
        match &set.engine {
            Engine::Linear(rules) => report.bytes = size_of_val(&**rules),
            Engine::Plan(plan) => {
                report.bytes = plan.bytes();
                [report.nodes, report.slots, report.lines] = plan.forest.sizes();
                let part = |(_, part): &(u32, Part)| match part {
                    Part::Tree(_) => PartReport::Tree,
                    Part::Matrix(matrix) => {
                        let [sources, destinations, services, source_ports] = matrix.classes();
                        let bytes = matrix.bytes();
                        PartReport::Matrix { sources, destinations, services, source_ports, bytes }
                    }
                };
                report.parts = plan.parts.iter().map(part).collect();
            }
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules, {} bytes: ", self.rules, self.bytes)?;
        if self.parts.is_empty() {
            return f.write_str("linear");
        }
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str(" + ")?;
            }
            match part {
                PartReport::Tree => f.write_str("tree")?,
                PartReport::Matrix { sources, destinations, services, source_ports, .. } => {
                    write!(f, "matrix of {sources} x {destinations} x {services} x {source_ports} classes")?;
                }
            }
        }
        if self.parts.contains(&PartReport::Tree) {
            write!(f, " ({} nodes, {} slots, {} lines)", self.nodes, self.slots, self.lines)?;
        }
        Ok(())
    }
}
