//! Flow records of made traffic, and what the groups said of each flow of a workload.

use std::io::{self, Write};

use crate::replay::ConnectionVerdict;
use crate::synth::{Expected, Plan, Record};

use super::text::columns::{Cell, Columns};
use super::time;

/// Writes flow records as CSV: `docs/output.md` has the columns.
#[derive(Debug)]
pub struct FlowWriter<W: Write>(csv::Writer<W>);

impl<W: Write> FlowWriter<W> {
    /// Starts with the names of the columns.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record([
            "flow",
            "expected",
            "protocol",
            "source",
            "source_port",
            "destination",
            "destination_port",
            "outer_source",
            "outer_destination",
            "first",
            "last",
            "sent_packets",
            "sent_bytes",
            "received_packets",
            "received_bytes",
        ])?;
        Ok(Self(writer))
    }

    /// Writes a record.
    pub fn write(&mut self, plan: &Plan, record: &Record) -> io::Result<()> {
        let flow = &plan.flows[record.flow as usize];
        let port = |port: u16| if record.protocol.has_ports() { port.to_string() } else { String::new() };
        let outer = |end: fn(crate::packet::AddressPair) -> std::net::IpAddr| {
            record.outer.map_or_else(String::new, |pair| end(pair).to_string())
        };
        let fields = [
            flow.name.clone(),
            flow.expect.map_or_else(String::new, |expect| expect.to_string()),
            record.protocol.to_string(),
            record.addresses.source().to_string(),
            port(record.ports.0),
            record.addresses.destination().to_string(),
            port(record.ports.1),
            outer(crate::packet::AddressPair::source),
            outer(crate::packet::AddressPair::destination),
            time::Rfc3339(record.first).to_string(),
            time::Rfc3339(record.last).to_string(),
            record.packets[0].to_string(),
            record.bytes[0].to_string(),
            record.packets[1].to_string(),
            record.bytes[1].to_string(),
        ];
        Ok(self.0.write_record(fields)?)
    }

    /// Writes what is still held back.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What became of the connections of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowVerdicts {
    /// Connections by verdict, in the order of [`ConnectionVerdict::ALL`].
    pub verdicts: [u64; 5],
}

impl FlowVerdicts {
    /// Connections of this verdict.
    pub const fn of(&self, verdict: ConnectionVerdict) -> u64 {
        self.verdicts[verdict as usize]
    }
}

const fn verdict(expected: Expected) -> ConnectionVerdict {
    match expected {
        Expected::Allowed => ConnectionVerdict::Allowed,
        Expected::Blocked => ConnectionVerdict::Blocked,
    }
}

/// Whether a flow that expects something got it, for every one of its connections; `None` when it expects nothing.
fn is_as_expected(expect: Option<Expected>, flow: &FlowVerdicts) -> Option<bool> {
    let wanted = verdict(expect?);
    Some(!ConnectionVerdict::ALL.iter().any(|&other| other != wanted && flow.of(other) > 0))
}

/// Whether every flow of a workload got what it expects.
pub fn are_as_expected(plan: &Plan, flows: &[FlowVerdicts]) -> bool {
    plan.flows.iter().zip(flows).all(|(flow, found)| is_as_expected(flow.expect, found) != Some(false))
}

/// Writes what the groups said of each flow that expects nothing or something else.
pub fn write_verdicts(out: &mut dyn Write, plan: &Plan, flows: &[FlowVerdicts]) -> io::Result<()> {
    let wanted = |at: usize| plan.flows[at].expect.map(verdict);
    let is_as_expected = |at: usize| is_as_expected(plan.flows[at].expect, &flows[at]) == Some(true);
    let heads = ["flow", "expected", ">allowed", ">blocked", ">assumed", ">undecided", ">outside"];
    let mut table = Columns::new(&heads);
    for at in (0..flows.len()).filter(|&at| !is_as_expected(at)) {
        let expect = wanted(at).map_or("-", ConnectionVerdict::code);
        let mut row = vec![Cell::new(&plan.flows[at].name), Cell::new(expect)];
        row.extend(ConnectionVerdict::ALL.map(|verdict| Cell::count(flows[at].of(verdict))));
        table.row(row);
    }
    let expecting = plan.flows.iter().filter(|flow| flow.expect.is_some()).count();
    let fine = (0..flows.len()).filter(|&at| is_as_expected(at)).count();
    if expecting > 0 {
        writeln!(out, "\nWorkload: {fine} of {expecting} flows got what it expects")?;
    } else {
        writeln!(out, "\nWorkload: connections by flow")?;
    }
    if table.is_empty() { Ok(()) } else { table.write(out) }
}
