//! What came of it, in three lines.

use std::io::{self, Write};

use crate::replay::{ConnectionVerdict, Verdict};

use super::super::{Results, label, time};
use super::{HEADING, verdict_style};

pub(super) fn write(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tally = results.tally;
    if tally.frames.packets == 0 {
        writeln!(out, "{HEADING}No packets: nothing was judged.{HEADING:#}")?;
    } else {
        write!(out, "{HEADING}Connections:{HEADING:#} ")?;
        for (i, verdict) in ConnectionVerdict::ALL.into_iter().enumerate() {
            let count = tally.connections(verdict).connections;
            let style = if count == 0 { super::QUIET } else { verdict_style(verdict) };
            let comma = if i == 0 { "" } else { ", " };
            let words = match verdict {
                ConnectionVerdict::Outside => "outside the scenario",
                verdict => verdict.code(),
            };
            write!(out, "{comma}{style}{count} {words}{style:#}")?;
        }
        write!(out, "\nPackets: {} ({}): ", tally.frames.packets, label::bytes(tally.frames.bytes))?;
        for (i, verdict) in Verdict::ALL.into_iter().enumerate() {
            let words = match verdict {
                Verdict::Allow => "allowed",
                Verdict::Drop => "dropped",
                Verdict::Undecided => "undecided",
                Verdict::NotSubject => "not subject to any group",
            };
            let comma = if i == 0 { "" } else { ", " };
            write!(out, "{comma}{} {words}", tally.verdict(verdict).packets)?;
        }
        writeln!(out)?;
        if results.opened_tunnels {
            let inside = tally.tunnels.inside;
            let connections = label::plural(inside.connections, "connection");
            let (packets, bytes) = (label::plural(inside.volume.packets, "packet"), inside.volume.bytes);
            writeln!(out, "Inside tunnels: {connections} and {packets} ({}) of these", label::bytes(bytes))?;
        }
    }
    let policy = results.policy;
    writeln!(
        out,
        "Scenario: {}, {} dialect, {} state, midstream {}",
        label::escape(results.scenario),
        policy.dialect,
        policy.state.name,
        policy.midstream
    )?;
    match results.captures {
        [] => {}
        [one] => writeln!(out, "Capture: {}", label::escape(&one.name))?,
        several => {
            let names: Vec<_> = several.iter().map(|capture| label::escape(&capture.name)).collect();
            writeln!(out, "Captures: {}", names.join(", "))?;
        }
    }
    if let (Some(first), Some(last), false) = (tally.first, tally.last, results.captures.is_empty()) {
        writeln!(out, "Time: {}", time::span(first, last))?;
    }
    Ok(())
}
