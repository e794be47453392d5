//! Connections of one verdict, folded into the rows that people read, worst first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::packet::{PortRange, PortSet, Protocol, Service, Timestamp};
use crate::policy::{Direction, InterfaceId, RuleId};
use crate::replay::{Connection, ConnectionVerdict, Reason, Volume};

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
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub initiator: IpAddr,
    pub responder: IpAddr,
    /// Ascending; one, unless the row is a scan.
    pub services: Vec<Service>,
    /// The deciding step; `None` when no group was asked.
    pub step: At,
    pub reason: Reason,
    pub rules: BTreeSet<Rules>,
    /// How many connections it stands for.
    pub connections: u64,
    pub volume: Volume,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Row {
    fn add(&mut self, other: Self) {
        self.services.extend(other.services);
        self.rules.extend(other.rules);
        self.connections += other.connections;
        self.volume += other.volume;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// `tcp 10250 kubelet`, or `37 ports: tcp 21-23,…`.
    pub(super) fn service(&self) -> String {
        match self.services[..] {
            [service] => label::service(service),
            _ => scan(&self.services),
        }
    }

    /// `node-1 ingress`, or `-`.
    pub(super) fn step(&self, results: &Results<'_>) -> String {
        self.step.map_or_else(|| "-".into(), |(id, direction)| label::step(results.interface(id), direction))
    }

    /// The rules, `-` for none, `3 rules` for those of a scan.
    pub(super) fn rule(&self, results: &Results<'_>) -> String {
        match self.rules.iter().collect::<Vec<_>>()[..] {
            [[None, None]] => "-".into(),
            [rules] => {
                let names: Vec<_> = rules.iter().flatten().map(|&id| results.rule(id)).collect();
                names.join(" + ")
            }
            ref several => format!("{} rules", several.len()),
        }
    }
}

/// `37 ports: tcp 21-23,…`.
fn scan(services: &[Service]) -> String {
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
        services: vec![connection.service()],
        step: step.map(|step| (step.interface, step.direction)),
        reason: connection.reason,
        rules: BTreeSet::from([rules]),
        connections: 1,
        volume: connection.volume(),
        first: connection.first,
        last: connection.last,
    }
}

fn worst_first(rows: &mut [Row]) {
    // Stable: what is alike otherwise stays in the order of addresses and services.
    rows.sort_by_key(|row| std::cmp::Reverse((row.connections, row.volume.packets)));
}

/// The connections with this verdict, folded by (initiator address, responder address, service, step, reason,
/// rules): those of most connections first, then of most packets.
pub(super) fn folded(results: &Results<'_>, verdict: ConnectionVerdict) -> Vec<Row> {
    let mut rows: BTreeMap<_, Row> = BTreeMap::new();
    for connection in results.connections.iter().filter(|c| c.verdict() == verdict) {
        let new = row(connection);
        let key = (new.initiator, new.responder, new.services[0], new.step, new.reason, new.rules.clone());
        match rows.get_mut(&key) {
            Some(row) => {
                row.add(Row { services: vec![], ..new });
            }
            None => {
                rows.insert(key, new);
            }
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    worst_first(&mut rows);
    rows
}

/// Folds scans: the rows of one initiator, responder, step and reason, when they name many services.
pub(super) fn fold_scans(rows: Vec<Row>) -> Vec<Row> {
    let mut groups: BTreeMap<_, Vec<Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.initiator, row.responder, row.step, row.reason)).or_default().push(row);
    }
    let mut folded = Vec::new();
    for mut rows in groups.into_values() {
        let services: BTreeSet<_> = rows.iter().map(|row| row.services[0]).collect();
        if services.len() <= SCAN {
            folded.append(&mut rows);
            continue;
        }
        let whole = rows.into_iter().reduce(|mut scan, row| {
            scan.add(row);
            scan
        });
        folded.extend(whole.map(|scan| Row { services: services.into_iter().collect(), ..scan }));
    }
    worst_first(&mut folded);
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_told_in_few_words() {
        let tcp = |port| Service::Port(Protocol::TCP, port);
        let few: Vec<_> = [21, 22, 23, 80].into_iter().map(tcp).collect();
        assert_eq!(scan(&few), "4 ports: tcp 21-23,80");
        let many: Vec<_> = (0..30).map(|i| tcp(i * 100)).collect();
        assert_eq!(scan(&many), "30 ports: tcp 0,100,…");
        assert_eq!(scan(&[tcp(80), Service::Other(Protocol::GRE)]), "2 services: tcp 80, gre");
    }
}
