//! Results to the types of the schema.

use serde::Serialize;

use crate::policy::{Direction, RuleId};
use crate::replay::{self, ConnectionId, ConnectionVerdict, ControlTraffic, Reason, Verdict};

use super::super::made::JudgedFlow;
use super::super::matrix::Matrix;
use super::super::rows::{Row, folded};
use super::super::time::Rfc3339;
use super::super::{Options, Results};
use super::SCHEMA;
use super::schema::{
    Assumptions, Blocked, ByConnectionVerdict, ByVerdict, Capture, Connection, Count, Document, Group,
    Header, LaterDrops, LetGo, List, MadeFlow, MatrixCell, MatrixRow, Outside, ReasonCount, Repeats, Rule,
    Scenario, Step, Summary, Text, Tunnels, Unsupported, Volume, Workload, tunnels,
};
use super::step;

/// The whole document.
pub(in super::super) fn document<'r>(results: &'r Results<'_>, options: Options) -> impl Serialize + 'r {
    Document {
        schema: SCHEMA,
        scenario: scenario(results),
        captures: captures(results),
        summary: summary(results),
        groups: List(move || groups(results)),
        rules: List(move || rules(results)),
        blocked: List(move || {
            folded(results, ConnectionVerdict::Blocked).into_iter().map(move |row| blocked(results, &row))
        }),
        outside: List(move || outside(results)),
        matrix: options.matrix.then(|| matrix_rows(results)),
        workload: workload(results),
        connections: List(move || connections(results)),
    }
}

pub(in super::super) fn header<'a>(results: &Results<'a>) -> Header<'a> {
    Header { schema: SCHEMA, scenario: scenario(results), captures: captures(results) }
}

pub(in super::super) fn workload<'a>(results: &Results<'a>) -> Option<Workload<'a>> {
    let judged = results.workload?;
    let flow = |flow: JudgedFlow<'a>| MadeFlow {
        flow: flow.name,
        expected: flow.expected.map(ConnectionVerdict::code),
        as_expected: flow.is_as_expected(),
        allowed: flow.found.of(ConnectionVerdict::Allowed),
        blocked: flow.found.of(ConnectionVerdict::Blocked),
        assumed: flow.found.of(ConnectionVerdict::Assumed),
        undecided: flow.found.of(ConnectionVerdict::Undecided),
        outside: flow.found.of(ConnectionVerdict::Outside),
    };
    Some(Workload {
        seed: judged.plan.seed,
        as_expected: judged.is_as_expected(),
        flows: judged.flows().map(flow).collect(),
    })
}

fn scenario<'a>(results: &Results<'a>) -> Scenario<'a> {
    let policy = results.policy;
    Scenario {
        name: results.scenario,
        dialect: Text(policy.dialect),
        state: policy.state.name,
        midstream: Text(policy.midstream),
    }
}

fn captures<'a>(results: &Results<'a>) -> Vec<Capture<'a>> {
    let one = |capture: &'a super::super::CaptureSummary| Capture {
        name: &capture.name,
        frames: capture.frames,
        first: capture.first.map(Rfc3339),
        last: capture.last.map(Rfc3339),
        unsupported: capture
            .unsupported
            .iter()
            .map(|link| Unsupported { link_type: link.link_type, frames: link.frames })
            .collect(),
        error: capture.error.as_deref(),
    };
    results.captures.iter().map(one).collect()
}

pub(in super::super) fn summary(results: &Results<'_>) -> Summary {
    let tally = results.tally;
    let of = |verdict| Count::from(tally.connections(verdict));
    let control = |kind| tally.control.get(&kind).copied().unwrap_or(0);
    let (packets, connections) = results.later_drops();
    let reason = |&reason: &Reason| {
        let volume = tally.reason(reason);
        ReasonCount {
            reason: reason.code(),
            verdict: reason.verdict().code(),
            packets: volume.packets,
            bytes: volume.bytes,
        }
    };
    Summary {
        total: tally.frames.into(),
        first: tally.first.map(Rfc3339),
        last: tally.last.map(Rfc3339),
        connections: ByConnectionVerdict {
            allowed: of(ConnectionVerdict::Allowed),
            blocked: of(ConnectionVerdict::Blocked),
            assumed: of(ConnectionVerdict::Assumed),
            undecided: of(ConnectionVerdict::Undecided),
            outside: of(ConnectionVerdict::Outside),
        },
        packets: by_verdict(|verdict| tally.verdict(verdict)),
        reasons: Reason::ALL.iter().map(reason).collect(),
        later_drops: LaterDrops { connections, packets },
        after_blocked: by_verdict(|verdict| tally.after_blocked.get(&verdict).copied().unwrap_or_default()),
        assumptions: Assumptions {
            arp: control(ControlTraffic::Arp),
            neighbour_discovery: control(ControlTraffic::NeighbourDiscovery),
            dhcp: control(ControlTraffic::Dhcp),
            connections: tally.connections(ConnectionVerdict::Assumed).connections,
        },
        let_go: LetGo {
            connections: tally.kept.let_go,
            outside: tally.kept.pairs_let_go,
            most: tally.kept.most,
        },
        repeats: Repeats {
            looked: results.repeats.seen.looked,
            repeated: results.repeats.seen.repeated,
            left_out: results.repeats.left_out,
        },
        tunnels: results.opened_tunnels.then(|| Tunnels {
            inside: tally.tunnels.inside.into(),
            fragments: tally.tunnels.fragments,
            too_deep: tally.tunnels.too_deep,
        }),
    }
}

fn by_verdict(volume: impl Fn(Verdict) -> replay::Volume) -> ByVerdict {
    let of = |verdict| Volume::from(volume(verdict));
    ByVerdict {
        allow: of(Verdict::Allow),
        drop: of(Verdict::Drop),
        undecided: of(Verdict::Undecided),
        not_subject: of(Verdict::NotSubject),
    }
}

/// Every group and direction, those that met nothing included.
pub(in super::super) fn groups<'a>(results: &Results<'a>) -> impl Iterator<Item = Group<'a>> {
    let policy = results.policy;
    results.tally.groups.iter().map(move |tally| Group {
        group: &policy.group(tally.group).name,
        direction: Text(tally.direction),
        allows: tally.allows.into(),
        drops: tally.drops.into(),
        assumed: tally.assumed.into(),
        undecided: tally.undecided.into(),
        passed: tally.passed.into(),
        blocked: tally.blocked.into(),
    })
}

/// Every rule, those never hit included.
pub(in super::super) fn rules<'a>(results: &Results<'a>) -> impl Iterator<Item = Rule<'a>> {
    let policy = results.policy;
    (0..).zip(&results.tally.rules).map(move |(index, hits)| {
        let rule = policy.rule(RuleId(index));
        Rule {
            rule: &rule.name,
            group: &policy.group(rule.group).name,
            direction: Text(rule.direction),
            action: Text(rule.action),
            words: rule.words(),
            description: &rule.description,
            enabled: rule.enabled,
            connections: hits.connections,
            packets: hits.volume.packets,
            bytes: hits.volume.bytes,
            first: hits.first.map(Rfc3339),
            last: hits.last.map(Rfc3339),
        }
    })
}

fn blocked<'a>(results: &Results<'a>, row: &Row) -> Blocked<'a> {
    Blocked {
        attempts: row.connections,
        packets: row.volume.packets,
        bytes: row.volume.bytes,
        initiator: row.initiator,
        responder: row.responder,
        service: row.service.to_string(),
        service_name: row.service.name(),
        interface: row.step.map(|(id, _)| results.interface(id)),
        direction: row.step.map(|(_, direction)| Text(direction)),
        reason: row.reason.code(),
        rule: row.rules.iter().flatten().map(|&id| results.rule(id)).next(),
        first: Rfc3339(row.first),
        last: Rfc3339(row.last),
        tunnels: tunnels(row.within()),
        outer: row.outer(),
    }
}

/// The address pairs outside the scenario, most packets first.
pub(in super::super) fn outside(results: &Results<'_>) -> impl Iterator<Item = Outside> {
    results.tally.outside.iter().map(pair)
}

fn pair(pair: &replay::PairTally) -> Outside {
    Outside {
        low: pair.low,
        high: pair.high,
        connections: pair.count.connections,
        packets: pair.count.volume.packets,
        bytes: pair.count.volume.bytes,
    }
}

pub(in super::super) fn matrix_rows<'a>(results: &Results<'a>) -> Vec<MatrixRow<'a>> {
    let matrix = Matrix::new(results);
    let outside = matrix.peers.len() - 1;
    let row = |(group, direction, cells): &(_, Direction, Vec<_>)| MatrixRow {
        group: &results.policy.group(*group).name,
        direction: Text(*direction),
        cells: (0..)
            .zip(cells)
            .map(|(column, cell): (usize, &super::super::matrix::Cell)| MatrixCell {
                peer: (column != outside).then(|| matrix.peers[column]),
                allowed: cell.allowed,
                blocked: cell.blocked,
            })
            .collect(),
    };
    matrix.rows.iter().map(row).collect()
}

/// Every connection, in the order of their first packets.
pub(in super::super) fn connections<'a>(results: &Results<'a>) -> impl Iterator<Item = Connection<'a>> {
    let results = *results;
    let connections = results.connections.numbered();
    connections.map(move |(id, connection)| one(&results, id.number(), &connection))
}

fn one<'a>(results: &Results<'a>, number: u64, connection: &replay::Connection) -> Connection<'a> {
    let port = |port| connection.protocol.has_ports().then_some(port);
    let decided = connection.deciding_step();
    let (initiator, responder) = (connection.initiator, connection.responder);
    let volume = connection.volume();
    let step = |step: &replay::StepVerdict| {
        let header = connection.header_at(step);
        let groups = step::groups(results.policy, results.matcher, step, Some(&header));
        Step {
            opened_by: step.opened_by.map(|id| results.rule(id)),
            ..step::packet_step(results.policy, step, groups)
        }
    };
    Connection {
        connection: number,
        verdict: connection.verdict().code(),
        reason: connection.reason.code(),
        protocol: Text(connection.protocol),
        initiator: initiator.address,
        initiator_port: port(initiator.port),
        initiator_interface: results.owner(initiator.address),
        responder: responder.address,
        responder_port: port(responder.port),
        responder_interface: results.owner(responder.address),
        service: Text(connection.service()),
        service_name: connection.service().name(),
        vlans: connection.domain.vlans().collect(),
        tunnels: tunnels(connection.domain),
        outer: connection.outer.map(ConnectionId::number),
        first: Rfc3339(connection.first),
        last: Rfc3339(connection.last),
        packets: volume.packets,
        bytes: volume.bytes,
        sent: connection.sent.into(),
        received: connection.received.into(),
        later_drops: connection.later_drops,
        later_undecided: connection.later_undecided,
        interface: decided.map(|step| results.interface(step.interface)),
        direction: decided.map(|step| Text(step.direction)),
        rule: decided.and_then(|step| step.rule).map(|id| results.rule(id)),
        steps: connection.steps.iter().map(step).collect(),
    }
}
