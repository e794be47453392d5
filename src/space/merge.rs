//! Cells of one outcome back into few regions.

use std::collections::BTreeMap;

use crate::packet::Family;

use super::cells::Cell;
use super::line::Line;
use super::{PacketSet, Region};

/// Collects cells by outcome. They come sorted: sources outermost, services innermost.
pub(super) struct Merger<K> {
    /// The family and the sources that came last.
    current: Option<(Family, Line)>,
    /// What they did: by outcome, destinations and their services.
    rows: BTreeMap<K, Vec<(Line, Line)>>,
    /// By outcome: what is complete.
    planes: BTreeMap<K, Vec<Region>>,
}

impl<K: Ord + Clone> Merger<K> {
    pub(super) const fn new() -> Self {
        Self { current: None, rows: BTreeMap::new(), planes: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, outcome: K, cell: &Cell<'_>) {
        if self.current.as_ref().is_none_or(|(family, line)| *family != cell.family || line != cell.sources) {
            self.end_sources();
            self.current = Some((cell.family, cell.sources.clone()));
        }
        let rows = self.rows.entry(outcome).or_default();
        match rows.last_mut() {
            Some((destinations, services)) if destinations == cell.destinations => {
                *services = services.union(cell.services);
            }
            _ => rows.push((cell.destinations.clone(), cell.services.clone())),
        }
    }

    /// Puts destinations together that are reached for the same services, then sources that do the same.
    fn end_sources(&mut self) {
        let Some((family, sources)) = self.current.take() else { return };
        for (outcome, rows) in std::mem::take(&mut self.rows) {
            let mut by_services: BTreeMap<Line, Vec<(u128, u128)>> = BTreeMap::new();
            for (destinations, services) in rows {
                by_services.entry(services).or_default().extend(destinations.intervals());
            }
            let known = self.planes.entry(outcome).or_default();
            for (services, destinations) in by_services {
                let destinations: Line = destinations.into_iter().collect();
                let same = |region: &&mut Region| {
                    region.family == family
                        && region.destinations == destinations
                        && region.services == services
                };
                if let Some(region) = known.iter_mut().find(same) {
                    region.sources = region.sources.union(&sources);
                } else {
                    let sources = sources.clone();
                    known.push(Region { family, sources, destinations, services });
                }
            }
        }
    }

    /// The packets of each outcome, in the order of outcomes.
    pub(super) fn finish(mut self) -> BTreeMap<K, PacketSet> {
        self.end_sources();
        self.planes.into_iter().map(|(outcome, regions)| (outcome, regions.into_iter().collect())).collect()
    }
}
