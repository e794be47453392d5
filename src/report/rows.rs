//! Connections of one verdict, folded into the rows that people read, worst first.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rayon::prelude::*;

use crate::packet::{Domain, PortRange, PortSet, Protocol, Service, Timestamp};
use crate::policy::{Direction, InterfaceId, RuleId};
use crate::replay::{Connection, ConnectionId, ConnectionVerdict, Group, Reason, Volume};

use super::{Results, label};

/// A responder blocked for one initiator on more services than this at one step is a scan, and one row.
const SCAN: usize = 8;
/// How long the list of a scan's ports may get: the column should stay as narrow as that of the longest service.
const SCAN_WIDTH: usize = 13;

/// The rules that a connection's outcome is owed to: at the deciding step of a blocked one, else at each step.
pub(super) type Rules = [Option<RuleId>; 2];

/// Where the fate of a connection was decided.
pub(super) type At = Option<(InterfaceId, Direction)>;

/// Connections that differ in nothing a reader would act on.
///
/// There may be many of them before scans are folded, so a row of one service owns no memory of its own.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub initiator: IpAddr,
    pub responder: IpAddr,
    /// The service; of a scan the first.
    pub service: Service,
    /// The deciding step; `None` when no group was asked.
    pub step: At,
    pub reason: Reason,
    /// The rules; of a scan those of the first service.
    pub rules: Rules,
    /// For what comes from the inside of tunnels. Apart: with it a row would be too long to be written in place.
    inside: Option<Box<Inside>>,
    /// How many connections it stands for.
    pub connections: u64,
    pub volume: Volume,
    pub first: Timestamp,
    pub last: Timestamp,
    scan: Option<Box<Scan>>,
}

/// Where what comes from the inside of tunnels was found.
#[derive(Debug, Clone)]
struct Inside {
    within: Domain,
    /// The connection that carried it, the lowest where several did.
    outer: ConnectionId,
    several: bool,
}

/// What a scan was after.
#[derive(Debug, Clone, Default)]
struct Scan {
    services: BTreeSet<Service>,
    rules: BTreeSet<Rules>,
}

impl Row {
    fn add(&mut self, other: &Self) {
        match (&mut self.inside, &other.inside) {
            (Some(inside), Some(other)) => {
                inside.several |= other.several || inside.outer != other.outer;
                inside.outer = inside.outer.min(other.outer);
            }
            (inside, other) => *inside = inside.take().or_else(|| other.clone()),
        }
        self.connections += other.connections;
        self.volume += other.volume;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// The tunnels it was found in.
    pub(super) fn within(&self) -> Domain {
        self.inside.as_ref().map_or(Domain::NONE, |inside| inside.within)
    }

    /// What rows of one scan have in common, then what tells them apart.
    fn scan_order(&self) -> impl Ord + use<> {
        ((self.initiator, self.responder, self.within(), self.step, self.reason), (self.service, self.rules))
    }

    fn order(&self) -> impl Ord + use<> {
        (self.initiator, self.responder, self.within(), self.service, self.step, self.reason, self.rules)
    }

    /// `tcp 10250 kubelet`, or `37 ports: tcp 21-23,…`.
    pub(super) fn service(&self) -> String {
        match &self.scan {
            None => label::service(self.service),
            Some(scan) => scan.words(),
        }
    }

    /// `vxlan 7 in #12`, with a mark where more connections than that one carry it; or `-`.
    pub(super) fn tunnel(&self) -> String {
        let Some(inside) = &self.inside else { return "-".into() };
        let more = if inside.several { ", …" } else { "" };
        format!("{} in #{}{more}", label::Tunnels(inside.within), inside.outer.number())
    }

    /// The lowest number of the connections that carry it.
    pub(super) fn outer(&self) -> Option<u64> {
        self.inside.as_ref().map(|inside| inside.outer.number())
    }

    /// `node-1 ingress`, or `-`.
    pub(super) fn step(&self, results: &Results<'_>) -> String {
        self.step.map_or_else(|| "-".into(), |(id, direction)| label::step(results.interface(id), direction))
    }

    /// The rules, `-` for none, `3 rules` for those of a scan.
    pub(super) fn rule(&self, results: &Results<'_>) -> String {
        match &self.scan {
            Some(scan) if scan.rules.len() > 1 => format!("{} rules", scan.rules.len()),
            _ if self.rules == [None, None] => "-".into(),
            _ => {
                let names: Vec<_> = self.rules.iter().flatten().map(|&id| results.rule(id)).collect();
                names.join(" + ")
            }
        }
    }
}

impl Scan {
    /// `37 ports: tcp 21-23,…`.
    fn words(&self) -> String {
        scan(&self.services)
    }
}

fn scan(services: &BTreeSet<Service>) -> String {
    let mut ports: BTreeMap<Protocol, Vec<PortRange>> = BTreeMap::new();
    let mut others = Vec::new();
    for &service in services {
        match service {
            Service::Port(protocol, port) => {
                ports.entry(protocol).or_default().extend(PortRange::new(port, port));
            }
            other => others.push(other.to_string()),
        }
    }
    let noun = if others.is_empty() { "ports" } else { "services" };
    let lists = ports.into_iter().map(|(protocol, ports)| {
        let ports: PortSet = ports.into_iter().collect();
        format!("{protocol} {ports}")
    });
    let mut list = lists.chain(others).collect::<Vec<_>>().join(", ");
    if list.len() > SCAN_WIDTH {
        // Cut behind a whole port.
        let cut = list[..SCAN_WIDTH].rfind(',').unwrap_or(SCAN_WIDTH);
        list.truncate(cut + 1);
        list.push('…');
    }
    format!("{} {noun}: {list}", services.len())
}

#[inline]
fn row(connection: &Connection) -> Row {
    let step = connection.deciding_step();
    let credited = crate::replay::StepVerdict::credited;
    let rules = if let (ConnectionVerdict::Blocked, Some(step)) = (connection.verdict(), step) {
        [step.rule, None]
    } else {
        let steps = &connection.steps;
        [steps.egress.as_ref().and_then(credited), steps.ingress.as_ref().and_then(credited)]
    };
    Row {
        initiator: connection.initiator.address,
        responder: connection.responder.address,
        service: connection.service(),
        inside: connection
            .outer
            .map(|outer| Box::new(Inside { within: connection.domain, outer, several: false })),
        step: step.map(|step| (step.interface, step.direction)),
        reason: connection.reason,
        rules,
        connections: 1,
        volume: connection.volume(),
        first: connection.first,
        last: connection.last,
        scan: None,
    }
}

/// Most connections first, then most packets.
fn worst_first(a: &Row, b: &Row) -> Ordering {
    (b.connections, b.volume.packets).cmp(&(a.connections, a.volume.packets))
}

/// Adds a row for those of some connections that are equal in the order of scans.
fn add_rows(connections: Group<'_>, rows: &mut Vec<Row>) {
    let start = rows.len();
    rows.extend(connections.map(|connection| row(&connection)));
    let new = &mut rows[start..];
    if new.len() < 2 {
        return;
    }
    new.sort_unstable_by_key(Row::scan_order);
    let mut kept = 0;
    for at in 1..new.len() {
        let (before, next) = new.split_at_mut(at);
        if before[kept].scan_order() == next[0].scan_order() {
            before[kept].add(&next[0]);
        } else {
            kept += 1;
            new.swap(kept, at);
        }
    }
    rows.truncate(start + kept + 1);
}

/// The same with scans folded too.
fn add_rows_and_scans(connections: Group<'_>, rows: &mut Vec<Row>) {
    let start = rows.len();
    add_rows(connections, rows);
    if rows.len() - start <= SCAN {
        return;
    }
    let together = |a: &Row, b: &Row| {
        (a.initiator, a.responder, a.within(), a.step, a.reason)
            == (b.initiator, b.responder, b.within(), b.step, b.reason)
    };
    let mut new = rows.split_off(start);
    for group in new.chunk_by_mut(together) {
        let services = group.chunk_by(|a, b| a.service == b.service).count();
        if services <= SCAN {
            continue;
        }
        let scan = Scan {
            services: group.iter().map(|row| row.service).collect(),
            rules: group.iter().map(|row| row.rules).collect(),
        };
        if let Some((first, rest)) = group.split_first_mut() {
            for row in rest {
                first.add(row);
                // It is told with the first.
                row.connections = 0;
            }
            first.scan = Some(Box::new(scan));
        }
    }
    rows.extend(new.into_iter().filter(|row| row.connections > 0));
}

/// The connections with this verdict, folded by (initiator address, responder address, service, step, reason,
/// rules): those of most connections first, then of most packets.
pub(super) fn folded(results: &Results<'_>, verdict: ConnectionVerdict) -> Vec<Row> {
    let fold = |rows: &mut Vec<Row>, connections: Group<'_>| add_rows(connections, rows);
    let append = |mut rows: Vec<Row>, mut more: Vec<Row>| {
        rows.append(&mut more);
        rows
    };
    let mut rows = results.connections.fold_by_hosts(verdict, fold, append);
    rows.par_sort_unstable_by(|a, b| worst_first(a, b).then_with(|| a.order().cmp(&b.order())));
    rows
}

/// The first rows, and how much there is beside them.
#[derive(Debug, Default)]
pub(super) struct Worst {
    pub rows: Vec<Row>,
    /// Rows that are not shown.
    pub more: usize,
    /// Their connections.
    pub more_connections: u64,
}

impl Worst {
    /// Rows that may wait beside those that are kept, before it is looked which are worst.
    const SPARE: usize = 128;

    /// Keeps the worst rows only.
    fn cut(&mut self, most: usize) {
        if self.rows.len() <= most {
            return;
        }
        self.rows.select_nth_unstable_by(most, Self::order);
        self.more += self.rows.len() - most;
        self.more_connections += self.rows.drain(most..).map(|row| row.connections).sum::<u64>();
    }

    fn order(a: &Row, b: &Row) -> Ordering {
        worst_first(a, b).then_with(|| a.scan_order().cmp(&b.scan_order()))
    }
}

/// The same with scans folded too: the rows of one initiator, responder, step and reason, when they name many
/// services. Only the first `most` are kept: there may be a million.
fn folded_with_scans(results: &Results<'_>, verdict: ConnectionVerdict, most: usize) -> Worst {
    let fold = |worst: &mut Worst, connections: Group<'_>| {
        add_rows_and_scans(connections, &mut worst.rows);
        if worst.rows.len() > most + Worst::SPARE {
            worst.cut(most);
        }
    };
    let join = |mut worst: Worst, mut other: Worst| {
        worst.rows.append(&mut other.rows);
        worst.more += other.more;
        worst.more_connections += other.more_connections;
        worst
    };
    let mut worst = results.connections.fold_by_hosts(verdict, fold, join);
    worst.cut(most);
    worst.rows.sort_unstable_by(Worst::order);
    worst
}

/// All rows, or those that are shown unasked.
pub(super) fn all_or_worst(
    results: &Results<'_>,
    verdict: ConnectionVerdict,
    all: bool,
    most: usize,
) -> Worst {
    if all {
        Worst { rows: folded(results, verdict), ..Worst::default() }
    } else {
        folded_with_scans(results, verdict, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_told_in_few_words() {
        let tcp = |port| Service::Port(Protocol::TCP, port);
        let few: BTreeSet<_> = [21, 22, 23, 80].into_iter().map(tcp).collect();
        assert_eq!(scan(&few), "4 ports: tcp 21-23,80");
        let many: BTreeSet<_> = (0..30).map(|i| tcp(i * 100)).collect();
        assert_eq!(scan(&many), "30 ports: tcp 0,100,…");
        assert_eq!(
            scan(&BTreeSet::from([tcp(80), Service::Other(Protocol::GRE)])),
            "2 services: tcp 80, gre"
        );
    }
}
