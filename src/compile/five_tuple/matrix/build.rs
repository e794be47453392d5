//! Makes the tables.

use super::{FLAGGED, Matrix, NOTHING};
use crate::compile::bits::{Interner, RuleBits, cut};
use crate::compile::five_tuple::{FiveTupleRule, NO_MATCH};
use crate::compile::search::SearchTree;
use crate::compile::service::ServiceMap;

/// Most pairs of a source and a destination class: 4 bytes each.
const MOST_PAIRS: usize = 1 << 21;
/// Most words of bit sets that may be looked at to find the rows: keeps the build well under a second.
const MOST_WORK: usize = 1 << 27;
/// Most cells: 4 bytes each.
const MOST_CELLS: usize = 1 << 21;

/// The rules named by `list`, in its order; `None` when one of the bounds above is met.
pub(super) fn build(rules: &[FiveTupleRule], list: &[u32]) -> Option<Matrix> {
    let rule = |at: usize| &rules[list[at] as usize];
    let count = list.len();
    let words = count.div_ceil(64);
    let everywhere = |ranges: &dyn Fn(&FiveTupleRule) -> (u32, u32)| -> Vec<(u128, u128, usize)> {
        (0..count)
            .map(|at| {
                let (low, high) = ranges(rule(at));
                (u128::from(low), u128::from(high), at)
            })
            .collect()
    };
    let mut sources = Interner::new();
    let source_cuts =
        cut(&everywhere(&|r| (r.source.first(), r.source.last())), u128::from(u32::MAX), count, &mut sources);
    let mut destinations = Interner::new();
    let destination_cuts = cut(
        &everywhere(&|r| (r.destination.first(), r.destination.last())),
        u128::from(u32::MAX),
        count,
        &mut destinations,
    );
    let width = destinations.len();
    let pairs = sources.len() * width;
    if pairs > MOST_PAIRS || pairs * words > MOST_WORK {
        return None;
    }

    // Services: a row for every protocol that a rule names, and one for the rest.
    let mut services = Interner::new();
    let mut protocols = [0u8; 256];
    let mut service_rows = vec![];
    let mut named: Vec<u8> =
        (0..count).filter_map(|at| rule(at).protocol).map(|protocol| protocol.0).collect();
    named.sort_unstable();
    named.dedup();
    for protocol in std::iter::once(None).chain(named.into_iter().map(Some)) {
        if let Some(protocol) = protocol {
            protocols[usize::from(protocol)] = u8::try_from(service_rows.len()).ok()?;
        }
        let ranges: Vec<_> = (0..count)
            .filter(|&at| rule(at).protocol.is_none_or(|asked| Some(asked.0) == protocol))
            .map(|at| {
                let ports = rule(at).destination_ports;
                (u128::from(ports.first()), u128::from(ports.last()), at)
            })
            .collect();
        service_rows.push(cut(&ranges, 0xffff, count, &mut services));
    }
    let service_map = ServiceMap::new(&service_rows)?;
    let services = services.into_values();

    let mut source_ports = Interner::new();
    let port_ranges = everywhere(&|r| (u32::from(r.source_ports.first()), u32::from(r.source_ports.last())));
    let source_port_cuts = cut(&port_ranges, 0xffff, count, &mut source_ports);
    let source_port_map = ServiceMap::new(&[source_port_cuts])?;
    let source_ports = source_ports.into_values();
    let any_port: Vec<bool> = (0..count)
        .map(|at| u16::MAX == rule(at).source_ports.last() - rule(at).source_ports.first())
        .collect();

    // Rows: pairs of address classes, first by the rules that remain, then by what they decide.
    let (source_sets, destination_sets) = (sources.into_values(), destinations.into_values());
    let mut remaining = Interner::new();
    let mut both = RuleBits::none(count);
    let mut rows = Vec::with_capacity(pairs);
    for source in &source_sets {
        for destination in &destination_sets {
            both.set_to_both(source, destination);
            rows.push(remaining.number(&both));
        }
        if remaining.len() * services.len() * words > MOST_WORK * 4 {
            return None;
        }
    }
    let mut second: Interner<Vec<u32>> = Interner::new();
    let mut decided: Interner<Vec<u32>> = Interner::new();
    let decide = |set: &RuleBits, service: &RuleBits, second: &mut Interner<Vec<u32>>| -> u32 {
        let mut candidates = set.both(service);
        let Some(first) = candidates.next() else { return NO_MATCH };
        if any_port[first] {
            return list[first];
        }
        // By source port: what the rules up to the first that takes any port say.
        let mut asked = vec![first];
        for at in candidates {
            asked.push(at);
            if any_port[at] {
                break;
            }
        }
        let by_port: Vec<u32> = source_ports
            .iter()
            .map(|ports| asked.iter().find(|&&at| ports.has(at)).map_or(NO_MATCH, |&at| list[at]))
            .collect();
        if by_port.iter().all(|&rule| rule == by_port[0]) {
            return by_port[0];
        }
        FLAGGED | second.number(&by_port)
    };
    let mut merged = vec![];
    for set in &remaining.into_values() {
        let row: Vec<u32> = services.iter().map(|service| decide(set, service, &mut second)).collect();
        merged.push(decided.number(&row));
        if decided.len() * services.len() > MOST_CELLS {
            return None;
        }
    }
    for row in &mut rows {
        *row = merged[*row as usize] * services.len() as u32;
    }
    if second.len() * source_ports.len() > MOST_CELLS {
        return None;
    }
    let tree = |cuts: &[(u128, u32)], scale: usize| {
        let intervals: Vec<_> =
            cuts.iter().map(|&(start, class)| (start as u32, class * scale as u32)).collect();
        SearchTree::new(&intervals)
    };
    let mut cells: Vec<u32> = decided.into_values().concat();
    if second.len() > 0 {
        for cell in &mut cells {
            *cell = match *cell {
                NO_MATCH => NOTHING,
                FLAGGED.. => FLAGGED | ((*cell & !FLAGGED) * source_ports.len() as u32),
                rule => rule,
            };
        }
    }
    Some(Matrix {
        sources: tree(&source_cuts, width),
        destinations: tree(&destination_cuts, 1),
        rows,
        protocols,
        services: service_map,
        cells,
        source_ports: source_port_map,
        by_source_port: second.into_values().concat(),
        classes: [source_sets.len(), destination_sets.len(), services.len(), source_ports.len()],
    })
}
