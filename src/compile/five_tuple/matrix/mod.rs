//! Tables for lists up to some thousand rules: classes of addresses and services, and a cell for each combination.
//!
//! (source class, destination class) gives a row, (row, service class) a cell. A cell is the rule that decides; where
//! source ports matter it is flagged and leads to a second, short row by source port class. Equal rows are
//! stored once. No rule is compared at lookup, so the time does not depend on what the rules are.

mod build;

use super::picked::Picked;
use super::{BATCH, FiveTuple, FiveTupleRule, NO_MATCH};
use crate::compile::search::SearchTree;
use crate::compile::service::ServiceMap;
use crate::compile::simd::{Kernel, LANES, Portable};

/// In a cell: the rest is the start of a second row.
const FLAGGED: u32 = 1 << 31;
/// In a cell where others are flagged: no rule matches. [`NO_MATCH`] would be flagged.
const NOTHING: u32 = FLAGGED - 1;

/// The compiled form of a small list.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    /// Address to class, times the number of destination classes.
    sources: SearchTree,
    /// Address to class.
    destinations: SearchTree,
    /// By source and destination class: where the row of cells starts.
    rows: Vec<u32>,
    /// Protocol to row of `services`.
    protocols: [u8; 256],
    /// (Protocol, destination port) to class.
    services: ServiceMap,
    cells: Vec<u32>,
    source_ports: ServiceMap,
    by_source_port: Vec<u32>,
    /// Classes of sources, destinations, services and source ports.
    classes: [usize; 4],
}

impl Matrix {
    /// Compiles the rules named by `list`, best first; `None` when the tables would be too large.
    pub(super) fn new(rules: &[FiveTupleRule], list: &[u32]) -> Option<Self> {
        build::build(rules, list)
    }

    /// Looks up one header, slowly.
    pub(super) fn find(&self, header: &FiveTuple) -> u32 {
        let class = |tree: &SearchTree, address| {
            let mut numbers = [[address; LANES]];
            tree.replace(Portable, &mut numbers);
            numbers[0][0]
        };
        let (source, destination) =
            (class(&self.sources, header.0[0]), class(&self.destinations, header.0[1]));
        let row = self.rows[(source + destination) as usize];
        let protocol = usize::from(self.protocols[usize::from(header.protocol().0)]);
        let service = self.services.view().get(protocol, header.destination_port());
        let cell = self.cells[row as usize + usize::from(service)];
        if self.by_source_port.is_empty() {
            return cell;
        }
        let answer = if cell < FLAGGED {
            cell
        } else {
            let class = self.source_ports.view().get(0, header.source_port());
            self.by_source_port[(cell & !FLAGGED) as usize + usize::from(class)]
        };
        if answer == NOTHING { NO_MATCH } else { answer }
    }

    /// Classes of sources, destinations, services and source ports.
    pub(super) const fn classes(&self) -> [usize; 4] {
        self.classes
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.sources.bytes()
            + self.destinations.bytes()
            + self.services.bytes()
            + self.source_ports.bytes()
            + size_of_val(&*self.rows)
            + size_of_val(&*self.cells)
            + size_of_val(&*self.by_source_port)
            + size_of_val(&self.protocols)
    }

    /// Looks up the first `count` headers.
    #[inline(always)]
    pub(super) fn lookup<K: Kernel>(
        &self,
        kernel: K,
        headers: &[FiveTuple; BATCH],
        count: usize,
        answers: &mut [u32; BATCH],
    ) {
        let groups = count.div_ceil(LANES);
        let headers = &headers[..count.min(BATCH)];
        let mut sources = [[0u32; LANES]; BATCH / LANES];
        let mut destinations = [[0u32; LANES]; BATCH / LANES];
        let places = sources.as_flattened_mut().iter_mut().zip(destinations.as_flattened_mut());
        for ((source, destination), header) in places.zip(headers) {
            [*source, *destination, ..] = header.0;
        }
        self.sources.replace(kernel, &mut sources[..groups]);
        self.destinations.replace(kernel, &mut destinations[..groups]);
        let (rows, protocols, services) = (&*self.rows, &self.protocols, self.services.view());
        let cells = &*self.cells;
        let pairs = sources.as_flattened().iter().zip(destinations.as_flattened());
        for ((header, (&source, &destination)), place) in headers.iter().zip(pairs).zip(&mut *answers) {
            let protocol = protocols[(header.0[3] & 0xff) as usize];
            let service = services.get(usize::from(protocol), header.destination_port());
            *place = rows[(source + destination) as usize] + u32::from(service);
        }
        for (_, place) in headers.iter().zip(&mut *answers) {
            *place = cells[*place as usize];
        }
        if self.by_source_port.is_empty() {
            return;
        }
        let mut flagged = Picked::new();
        flagged.pick(kernel, answers, count, FLAGGED - 1);
        let source_ports = self.source_ports.view();
        for &at in flagged.places() {
            let class = source_ports.get(0, headers[at as usize].source_port());
            let cell = (answers[at as usize] & !FLAGGED) as usize + usize::from(class);
            answers[at as usize] = self.by_source_port[cell];
        }
        for answer in answers {
            *answer = if *answer == NOTHING { NO_MATCH } else { *answer };
        }
    }
}
