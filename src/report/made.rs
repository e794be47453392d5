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

/// A workload that was judged.
#[derive(Debug, Clone)]
pub struct JudgedWorkload {
    /// What was made.
    pub plan: Plan,
    /// What became of each flow of the plan, in its order.
    pub flows: Vec<FlowVerdicts>,
}

/// A flow of a judged workload.
#[derive(Clone, Copy)]
pub(super) struct JudgedFlow<'a> {
    pub name: &'a str,
    /// What it expects.
    pub expected: Option<ConnectionVerdict>,
    pub found: &'a FlowVerdicts,
}

impl JudgedFlow<'_> {
    /// Whether a flow that expects something got it, for every one of its connections; `None` when it expects nothing.
    pub(super) fn is_as_expected(self) -> Option<bool> {
        let wanted = self.expected?;
        Some(!ConnectionVerdict::ALL.iter().any(|&other| other != wanted && self.found.of(other) > 0))
    }
}

impl JudgedWorkload {
    /// The flows, in the order written.
    pub(super) fn flows(&self) -> impl Iterator<Item = JudgedFlow<'_>> {
        let verdict = |expected| match expected {
            Expected::Allowed => ConnectionVerdict::Allowed,
            Expected::Blocked => ConnectionVerdict::Blocked,
        };
        let judged = self.plan.flows.iter().zip(&self.flows);
        judged.map(move |(flow, found)| JudgedFlow {
            name: &flow.name,
            expected: flow.expect.map(verdict),
            found,
        })
    }

    /// Whether every flow got what it expects.
    pub fn is_as_expected(&self) -> bool {
        self.flows().all(|flow| flow.is_as_expected() != Some(false))
    }

    /// How it went, in a line.
    pub(super) fn headline(&self) -> String {
        let expecting = self.flows().filter(|flow| flow.expected.is_some()).count();
        let fine = self.flows().filter(|flow| flow.is_as_expected() == Some(true)).count();
        match expecting {
            0 => "connections by flow".to_owned(),
            _ => format!("{fine} of {expecting} flows got what it expects"),
        }
    }

    /// The flows that expect nothing, or got something else.
    pub(super) fn to_look_at(&self) -> impl Iterator<Item = JudgedFlow<'_>> {
        self.flows().filter(|flow| flow.is_as_expected() != Some(true))
    }
}

/// The columns of flows, as text and markdown have them.
pub(super) const COLUMNS: [&str; 7] =
    ["flow", "expected", ">allowed", ">blocked", ">assumed", ">undecided", ">outside"];

/// Writes what the groups said of each flow that expects nothing or something else.
pub(super) fn write(out: &mut dyn Write, workload: &JudgedWorkload) -> io::Result<()> {
    let mut table = Columns::new(&COLUMNS);
    for flow in workload.to_look_at() {
        let expect = flow.expected.map_or("-", ConnectionVerdict::code);
        let mut row = vec![Cell::new(flow.name), Cell::new(expect)];
        row.extend(ConnectionVerdict::ALL.map(|verdict| Cell::count(flow.found.of(verdict))));
        table.row(row);
    }
    writeln!(out, "\nWorkload: {}", workload.headline())?;
    if table.is_empty() { Ok(()) } else { table.write(out) }
}
