//! A summary for a comment on a pull request: short first, details folded away.
//!
//! Names stand in code spans, where they can neither mention anybody nor become links or HTML.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::replay::{ConnectionVerdict, Verdict};

use super::made::{COLUMNS, JudgedWorkload};
use super::matrix::Matrix;
use super::rows::{Row, Worst, all_or_worst, folded};
use super::{Options, Results, label, notes, time};

/// Blocked rows that are shown unasked.
const TOP: usize = 20;

/// Writes the summary.
pub fn write(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    headline(results, out)?;
    if results.tally.frames.packets == 0 {
        return note_list(&notes::captures(results), out);
    }
    if let Some(judged) = results.workload {
        workload(judged, out)?;
    }
    blocked(results, options, out)?;
    for verdict in ConnectionVerdict::ALL {
        if verdict != ConnectionVerdict::Blocked && options.show.contains(verdict) {
            connections(&format!("Connections: {verdict}"), results, &folded(results, verdict), out)?;
        }
    }
    groups(results, out)?;
    if options.matrix {
        matrix(results, out)?;
    }
    rules(results, out)?;
    note_list(&notes::all(results), out)
}

/// A name as a code span.
pub(super) fn code(name: &str) -> String {
    let safe = label::escape(name);
    let longest = safe.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A span may not begin or end with the fence's own character; one space on both sides is not shown.
    let pad = if safe.is_empty() || safe.starts_with('`') || safe.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{safe}{pad}{fence}")
}

/// Markdown that may stand in a table, where even a code span ends at a bar.
pub(super) fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 4);
    let mut backslashes = 0;
    for c in text.chars() {
        if c == '|' {
            // A table reads `\|` as the bar, and `\\` as one backslash: those before a bar are doubled.
            safe.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        safe.push(c);
    }
    safe
}

fn code_or_dash(name: &str) -> String {
    if name == "-" { "-".into() } else { code(name) }
}

/// A table; heads that start with `>` are of numbers.
fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
    let (mut names, mut rule) = (String::from("|"), String::from("|"));
    for head in heads {
        let (name, dashes) = head.strip_prefix('>').map_or((*head, " --- "), |name| (name, " ---: "));
        let _ = write!(names, " {} |", cell(name));
        let _ = write!(rule, "{dashes}|");
    }
    writeln!(out, "{names}\n{rule}")?;
    for row in rows {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        writeln!(out, "| {} |", cells.join(" | "))?;
    }
    writeln!(out)
}

fn headline(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tally = results.tally;
    let blocked = tally.connections(ConnectionVerdict::Blocked).connections;
    let title = match (tally.frames.packets, blocked) {
        (0, _) => "no packets, nothing was judged".to_owned(),
        (_, 0) => "nothing was blocked".to_owned(),
        (_, count) => format!("{} blocked", label::plural(count, "connection")),
    };
    writeln!(out, "### sgsim: {title}\n")?;
    let mut from = format!("Scenario {}", code(results.scenario));
    if let (Some(first), Some(last), [_, ..]) = (tally.first, tally.last, results.captures) {
        let names: Vec<_> = results.captures.iter().map(|capture| code(&capture.name)).collect();
        let _ = write!(from, ", {}, {}", names.join(", "), time::span(first, last));
    }
    writeln!(out, "{from}\n")?;
    if tally.frames.packets == 0 {
        return Ok(());
    }
    let rows = ConnectionVerdict::ALL.map(|verdict| {
        let count = tally.connections(verdict);
        let volume = count.volume;
        let size = label::bytes(volume.bytes);
        vec![verdict.to_string(), count.connections.to_string(), volume.packets.to_string(), size]
    });
    table(&["verdict", ">connections", ">packets", ">bytes"], rows.into_iter(), out)?;
    let packets = Verdict::ALL.map(|verdict| format!("{} {verdict}", tally.verdict(verdict).packets));
    writeln!(out, "{}: {}.\n", label::plural(tally.frames.packets, "packet"), packets.join(", "))
}

fn blocked(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    let all = options.show.contains(ConnectionVerdict::Blocked);
    let blocked = ConnectionVerdict::Blocked;
    let Worst { rows, more, .. } = all_or_worst(results, blocked, all, TOP);
    if rows.is_empty() {
        return Ok(());
    }
    connections("Blocked, worst first", results, &rows, out)?;
    if more == 0 {
        return Ok(());
    }
    writeln!(out, "... and {more} more; `--show blocked` lists them all.\n")
}

fn connections(title: &str, results: &Results<'_>, rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "#### {title}\n")?;
    if rows.is_empty() {
        return writeln!(out, "None.\n");
    }
    let heads =
        [">connections", ">packets", "initiator", "responder", "service", "step", "reason", "rule", "tunnel"];
    let heads = if results.opened_tunnels { &heads[..] } else { &heads[..8] };
    let cells = |row: &Row| {
        let mut cells = vec![
            row.connections.to_string(),
            row.volume.packets.to_string(),
            row.initiator.to_string(),
            row.responder.to_string(),
            row.service(),
            code_or_dash(&row.step(results)),
            row.reason.to_string(),
            code_or_dash(&row.rule(results)),
        ];
        cells.extend(results.opened_tunnels.then(|| row.tunnel()));
        cells
    };
    table(heads, rows.iter().map(cells), out)
}

fn details(title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<details><summary>{title}</summary>\n")
}

fn end(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</details>\n")
}

fn groups(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    details("What each group alone would say (connections)", out)?;
    let in_doubt = results.has_doubtful_groups();
    let asked = results.tally.groups.iter().filter(|tally| Results::was_asked(tally));
    let rows = asked.map(|tally| {
        let open = in_doubt.then_some(tally.undecided);
        let counts =
            [tally.allows, tally.drops, tally.assumed].into_iter().chain(open).chain([tally.blocked]);
        let mut cells = vec![code(&results.policy.group(tally.group).name), tally.direction.to_string()];
        cells.extend(counts.map(|count| count.connections.to_string()));
        cells
    });
    let mut heads = vec!["group", "direction", ">would allow", ">would drop", ">assumed", ">blocked"];
    if in_doubt {
        heads.insert(5, ">undecided");
    }
    table(&heads, rows, out)?;
    let idle: Vec<_> = results.idle_groups().iter().map(|name| code(name)).collect();
    if !idle.is_empty() {
        writeln!(out, "Met nothing: {}\n", idle.join(", "))?;
    }
    end(out)
}

fn matrix(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    let matrix = Matrix::new(results);
    details("Connections allowed/blocked by group and peer", out)?;
    let seen: Vec<_> = (0..matrix.peers.len()).filter(|&column| !matrix.is_empty_column(column)).collect();
    let outside = matrix.peers.len() - 1;
    let peers = seen.iter().map(|&column| {
        let name = matrix.peers[column];
        if column == outside { format!(">{name}") } else { format!(">{}", code(name)) }
    });
    let heads: Vec<_> = ["group", "direction"].map(String::from).into_iter().chain(peers).collect();
    let heads: Vec<_> = heads.iter().map(String::as_str).collect();
    let rows = matrix.rows.iter().map(|(group, direction, cells)| {
        let mut row = vec![code(&results.policy.group(*group).name), direction.to_string()];
        row.extend(seen.iter().map(|&column| cells[column].to_string()));
        row
    });
    table(&heads, rows, out)?;
    end(out)
}

fn rules(results: &Results<'_>, out: &mut dyn Write) -> io::Result<()> {
    details("Rules", out)?;
    let rows = results.hit().map(|(id, hits)| {
        vec![
            code(results.rule(id)),
            results.policy.rule(id).action.to_string(),
            hits.connections.to_string(),
            hits.volume.packets.to_string(),
            label::bytes(hits.volume.bytes),
        ]
    });
    table(&["rule", "action", ">connections", ">packets", ">bytes"], rows, out)?;
    let never: Vec<_> = results.never_hit().map(|id| code(results.rule(id))).collect();
    if !never.is_empty() {
        writeln!(out, "Never hit: {}\n", never.join(", "))?;
    }
    end(out)
}

/// What the groups said of each flow that expects nothing or something else.
fn workload(judged: &JudgedWorkload, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Workload: {}\n", judged.headline())?;
    let rows = judged.to_look_at().map(|flow| {
        let mut row = vec![code(flow.name), flow.expected.map_or("-", ConnectionVerdict::code).to_owned()];
        row.extend(ConnectionVerdict::ALL.map(|verdict| flow.found.of(verdict).to_string()));
        row
    });
    let mut rows = rows.peekable();
    if rows.peek().is_none() { Ok(()) } else { table(&COLUMNS, rows, out) }
}

fn note_list(notes: &[notes::Note], out: &mut dyn Write) -> io::Result<()> {
    for note in notes {
        writeln!(out, "- **{}**: {}", note.topic, plain(&note.text))?;
        for line in &note.lines {
            writeln!(out, "  - {}", plain(line))?;
        }
    }
    Ok(())
}

/// Plain text in which nothing is markup: notes name captures and carry messages of the system.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A zero-width character would do as well, but would be copied along.
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::Show;
    use super::super::fixture::Sample;
    use super::*;

    fn markdown(sample: &Sample, options: Options) -> String {
        sample.written(|results, out| write(results, options, out))
    }

    #[test]
    fn cluster() {
        insta::assert_snapshot!(markdown(&Sample::cluster(), Options { show: Show::NONE, matrix: true }));
    }

    #[test]
    fn a_workload() {
        insta::assert_snapshot!(markdown(&Sample::made(), Options::default()));
    }

    #[test]
    fn nothing_to_say() {
        let text = markdown(&Sample::nothing(), Options::default());
        assert_eq!(text, "### sgsim: no packets, nothing was judged\n\nScenario `cluster.yaml`\n\n");
    }

    #[test]
    fn hostile_names() {
        let text = markdown(&Sample::hostile(), Options { show: Show::ALL, matrix: true });
        insta::assert_snapshot!(text);
        // Every row of a table has as many cells as its head.
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
            assert_eq!(bars(pair[0]), bars(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn names_stay_inside_their_span() {
        assert_eq!(cell(&code("a|b")), r"`a\|b`");
        assert_eq!(cell(&code(r"a\|b")), r"`a\\\|b`");
        assert_eq!(code("`x``y"), "``` `x``y ```");
        assert_eq!(code("@team #1 <b>"), "`@team #1 <b>`");
        assert_eq!(plain("<b> *x* @team"), r"&lt;b&gt; \*x\* &#64;team");
    }
}
