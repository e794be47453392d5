//! Tables for lists up to some thousand rules: classes of addresses and services, and a cell for each combination.
//!
//! (source class, destination class) gives a row, (row, service class) a cell. A cell is the rule that decides; where
//! source ports matter it is flagged and leads to a second, short row by source port class. Equal rows are
//! stored once. No rule is compared at lookup, so the time does not depend on what the rules are.

mod build;

use super::{BATCH, FiveTuple, FiveTupleRule, NO_MATCH};
use crate::compile::search::SearchTree;
use crate::compile::service::ServiceMap;
use crate::compile::simd::{Kernel, LANES, Portable};

/// In a cell: the rest is the start of a second row. [`NO_MATCH`] itself is not flagged.
const FLAGGED: u32 = 1 << 31;

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
        let (mut batch, mut best) = ([FiveTuple::default(); BATCH], [NO_MATCH; BATCH]);
        batch[0] = *header;
        self.lookup(Portable, &[0], &batch, &mut best);
        best[0]
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

    /// Looks up the headers named by `active` and keeps the better answers.
    #[inline(always)]
    pub(super) fn lookup<K: Kernel>(
        &self,
        kernel: K,
        active: &[u8],
        batch: &[FiveTuple; BATCH],
        best: &mut [u32; BATCH],
    ) {
        let count = active.len().min(BATCH);
        let groups = count.div_ceil(LANES);
        let mut sources = [[0u32; LANES]; BATCH / LANES];
        let mut destinations = [[0u32; LANES]; BATCH / LANES];
        let places = sources.as_flattened_mut().iter_mut().zip(destinations.as_flattened_mut());
        for ((source, destination), &at) in places.zip(active) {
            [*source, *destination, ..] = batch[at as usize].0;
        }
        self.sources.replace(kernel, &mut sources[..groups]);
        self.destinations.replace(kernel, &mut destinations[..groups]);
        let (rows, protocols, services) = (&*self.rows, &self.protocols, self.services.view());
        let all_cells = &*self.cells;
        let mut cells = [0u32; BATCH];
        let pairs = sources.as_flattened().iter().zip(destinations.as_flattened());
        for ((&at, (&source, &destination)), place) in active.iter().zip(pairs).zip(&mut cells) {
            let header = &batch[at as usize];
            let protocol = protocols[(header.0[3] & 0xff) as usize];
            let service = services.get(usize::from(protocol), header.destination_port());
            *place = rows[(source + destination) as usize] + u32::from(service);
        }
        if self.by_source_port.is_empty() {
            for (&at, place) in active.iter().zip(&cells) {
                best[at as usize] = best[at as usize].min(all_cells[*place as usize]);
            }
            return;
        }
        let mut flagged = [0u8; BATCH];
        let mut count = 0usize;
        for (i, (&at, place)) in active.iter().zip(&mut cells).enumerate() {
            let cell = all_cells[*place as usize];
            *place = cell;
            let is_flagged = cell.wrapping_sub(FLAGGED) < NO_MATCH - FLAGGED;
            flagged[count & (BATCH - 1)] = i as u8;
            count += usize::from(is_flagged);
            let answer = if is_flagged { NO_MATCH } else { cell };
            best[at as usize] = best[at as usize].min(answer);
        }
        for &i in &flagged[..count.min(BATCH)] {
            let at = active[i as usize];
            let class = self.source_ports.view().get(0, batch[at as usize].source_port());
            let answer = self.by_source_port[(cells[i as usize] & !FLAGGED) as usize + usize::from(class)];
            best[at as usize] = best[at as usize].min(answer);
        }
    }
}
