//! Connections: the blocked ones worst first, the others when asked for.

use std::io::{self, Write};

use crate::replay::ConnectionVerdict;

use super::super::rows::{Row, Worst, all_or_worst, folded};
use super::super::{Results, Show, label, time};
use super::columns::{Cell, Columns};
use super::{heading, verdict_style, word_list};

/// Blocked rows that are shown unasked.
const TOP: usize = 20;
/// Services that the summary of allowed traffic names.
const TOP_SERVICES: usize = 6;

pub(super) fn write(results: &Results<'_>, show: Show, out: &mut dyn Write) -> io::Result<()> {
    blocked(results, show.contains(ConnectionVerdict::Blocked), out)?;
    for verdict in ConnectionVerdict::ALL {
        if verdict == ConnectionVerdict::Blocked {
            continue;
        }
        let title = match verdict {
            ConnectionVerdict::Outside => "Outside the scenario".to_owned(),
            ConnectionVerdict::Undecided => "Undecided connections".to_owned(),
            verdict => capitalised(verdict.code()),
        };
        if show.contains(verdict) {
            heading(out, &format!("{title}, most first"))?;
            table(results, &folded(results, verdict), verdict, out)?;
        } else if verdict == ConnectionVerdict::Allowed {
            allowed(results, out)?;
        }
    }
    Ok(())
}

fn blocked(results: &Results<'_>, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let blocked = ConnectionVerdict::Blocked;
    let Worst { rows, more, more_connections } = all_or_worst(results, blocked, all, TOP);
    heading(out, if rows.is_empty() { "Blocked" } else { "Blocked, worst first" })?;
    table(results, &rows, ConnectionVerdict::Blocked, out)?;
    if more == 0 {
        return Ok(());
    }
    let connections = label::plural(more_connections, "connection");
    writeln!(out, "... and {more} more with {connections}; --show blocked lists them all")
}

/// One row of `Allowed by service: tcp 10250 kubelet (12), ...`.
fn allowed(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let services = &results.tally.allowed;
    if services.is_empty() {
        return Ok(());
    }
    let mut services: Vec<_> = services.iter().map(|(&service, &count)| (service, count)).collect();
    services.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let more = services.len().saturating_sub(TOP_SERVICES);
    let more = (more > 0).then(|| label::plural(more as u64, "more service"));
    let words = services.into_iter().take(TOP_SERVICES);
    let words = words.map(|(service, count)| format!("{} ({count})", label::service(service)));
    heading(out, "Allowed")?;
    word_list(out, "By service:", words.chain(more))
}

fn table(
    results: &Results<'_>,
    rows: &[Row],
    verdict: ConnectionVerdict,
    out: &mut dyn Write,
) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(
            out,
            "{}",
            match verdict {
                ConnectionVerdict::Blocked => "Nothing was blocked.",
                _ => "None.",
            }
        );
    }
    let heads =
        [">conns", ">packets", "initiator", "responder", "service", "step", "reason", "rule", "tunnel"];
    // What is the same for all is not worth a column.
    let heads = if results.opened_tunnels { &heads[..] } else { &heads[..8] };
    let mut table = Columns::new(heads);
    for row in rows {
        let mut cells = vec![
            Cell::new(row.connections),
            Cell::new(row.volume.packets),
            Cell::new(row.initiator),
            Cell::new(row.responder),
            Cell::new(row.service()),
            Cell::new(row.step(results)),
            Cell::new(row.reason).styled(verdict_style(verdict)),
            Cell::new(row.rule(results)),
        ];
        cells.extend(results.opened_tunnels.then(|| Cell::new(row.tunnel())));
        table.row(cells);
    }
    table.write(out)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// A time of day, with its date when the capture covers more than one.
pub(super) fn clock(results: &Results<'_>, at: crate::packet::Timestamp) -> String {
    let (first, last) = (results.tally.first.unwrap_or(at), results.tally.last.unwrap_or(at));
    if time::date(first) == time::date(last) { time::time_of_day(at) } else { time::date_and_time(at) }
}
