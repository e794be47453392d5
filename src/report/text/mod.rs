//! The report for a terminal. Made to be read: programs should ask for JSON.
//!
//! Colour is written as ANSI escapes always; `anstream` strips them where they are not wanted. Nothing is told by
//! colour alone.

pub(super) mod columns;
mod flows;
mod groups;
mod headline;
mod matrix;
mod notes;
mod rules;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::replay::ConnectionVerdict;

use super::{Options, Results, made};

/// How wide lists may get before they are wrapped.
const WIDTH: usize = 100;

const HEADING: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Writes the report.
pub fn write(results: &Results<'_>, options: Options, out: &mut dyn Write) -> io::Result<()> {
    headline::write(results, out)?;
    if results.tally.frames.packets == 0 {
        return notes::captures(results, out);
    }
    groups::write(results, out)?;
    if options.matrix {
        matrix::write(results, out)?;
    }
    flows::write(results, options.show, out)?;
    rules::write(results, out)?;
    notes::write(results, out)?;
    results.workload.map_or(Ok(()), |workload| made::write(out, workload))
}

/// A blank line, then a heading.
fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{HEADING}{text}{HEADING:#}")
}

/// The style of a connection verdict.
const fn verdict_style(verdict: ConnectionVerdict) -> Style {
    let colour = match verdict {
        ConnectionVerdict::Allowed => AnsiColor::Green,
        ConnectionVerdict::Blocked => AnsiColor::Red,
        ConnectionVerdict::Assumed => AnsiColor::Yellow,
        ConnectionVerdict::Undecided => AnsiColor::Magenta,
        ConnectionVerdict::Outside => AnsiColor::Cyan,
    };
    colour.on_default()
}

/// Writes `lead` and then the words, separated by commas and wrapped under each other.
fn word_list(out: &mut dyn Write, lead: &str, words: impl Iterator<Item = String>) -> io::Result<()> {
    write!(out, "{lead}")?;
    let mut words = words.peekable();
    let listed = std::iter::from_fn(|| {
        let word = words.next()?;
        Some(if words.peek().is_some() { format!("{word},") } else { word })
    });
    wrapped(out, columns::width(lead), listed)
}

/// Ends a line that is `column` wide already with these words, wrapped.
fn wrapped(
    out: &mut dyn Write,
    mut column: usize,
    words: impl Iterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    for word in words {
        let word = word.as_ref();
        let needed = 1 + columns::width(word);
        if column + needed > WIDTH {
            write!(out, "\n ")?;
            column = 1;
        }
        write!(out, " {word}")?;
        column += needed;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::super::Show;
    use super::super::fixture::Sample;
    use super::*;

    fn text(sample: &Sample, options: Options) -> String {
        sample.written(|results, out| write(results, options, out))
    }

    /// By hand, from the frames of the fixture:
    ///
    /// - allowed: 1-3 (kubelet), 4-6 (ssh), 12 (ping); blocked: 7+8, 9 (kubelet), 10 (mysql), 21 (ping), 22-33 (12
    ///   ports of the scan): 16; assumed: 11; undecided: 19+20; outside: 13, 14, 15;
    /// - packets allowed: 1-5, 11, 12: 7; dropped: 6-10, 21-33: 18; undecided: 18-20: 3; no group: 13-17: 5;
    /// - node ingress would allow kubelet and ssh (74 + 74 + 1000 + 74 + 74 + 70 = 1366 bytes) and drop the 16 blocked
    ///   ones in 17 packets; its egress was asked about 11 and 12; extra would drop all of these;
    /// - dropped later: 6; after a block: 8.
    #[test]
    fn cluster() {
        insta::assert_snapshot!(text(&Sample::cluster(), Options::default()));
    }

    #[test]
    fn everything_shown() {
        insta::assert_snapshot!(text(&Sample::cluster(), Options { show: Show::ALL, matrix: true }));
    }

    /// By hand, from the frames of the fixture: 2 + 1 outer connections of VXLAN, of which a stranger's is blocked; inside
    /// the request in VNI 7 (carried by #1), in VNI 8 and outside of both: three connections, allowed; a ping that the pod drops;
    /// the stranger's request is the connection of VNI 7 again, and drops inside it; its ARP is dropped too.
    #[test]
    fn the_inside_of_tunnels() {
        insta::assert_snapshot!(text(&Sample::tunnels(), Options { show: Show::ALL, matrix: true }));
    }

    #[test]
    fn a_workload() {
        insta::assert_snapshot!(text(&Sample::made(), Options::default()));
    }

    #[test]
    fn nothing_to_say() {
        insta::assert_snapshot!(text(&Sample::nothing(), Options::default()));
    }

    #[test]
    fn nothing_blocked() {
        let text = text(&Sample::of_flows(&["tcp 203.0.113.9 > 192.168.0.21:22"]), Options::default());
        assert!(text.contains("\nBlocked\nNothing was blocked.\n"), "{text}");
        assert!(!text.contains("first seen"), "written flows have no time: {text}");
        assert!(!text.contains("\nNotes"), "{text}");
    }

    #[test]
    fn outside_only() {
        let text = text(&Sample::of_flows(&["tcp 8.8.8.8 > 9.9.9.9:22"]), Options::default());
        assert!(text.contains("No packet met a group.\nMet nothing: node, extra, control, eni\n"), "{text}");
        assert!(text.contains("No rule decided anything.\nNever hit (8 of 8): "), "{text}");
    }

    #[test]
    fn long_lists_are_cut_unless_asked_for() {
        // 25 strangers, each at 3 services: 75 rows, of which 20 are shown; no scan.
        let flows = (1..=25)
            .flat_map(|host| (1..=3).map(move |port| format!("tcp 198.51.100.{host} > 192.168.0.21:{port}")));
        let flows: Vec<_> = flows.collect();
        let flows: Vec<_> = flows.iter().map(String::as_str).collect();
        let sample = Sample::of_flows(&flows);
        let rows = |text: &str| text.lines().filter(|line| line.contains("no-rule")).count();
        let short = text(&sample, Options::default());
        assert_eq!(rows(&short), 20);
        assert!(short.contains("\n... and 55 more with 55 connections; --show blocked lists them all\n"));
        let long = text(&sample, Options { show: Show::of(ConnectionVerdict::Blocked), matrix: false });
        assert_eq!(rows(&long), 75);
        assert!(!long.contains("more with"));
    }

    /// So many that most are let go of while they are folded: the worst, scattered among them, are shown nevertheless.
    #[test]
    fn of_very_many_rows_the_worst_are_shown() {
        let host = |at: u32| format!("198.18.{}.{}", at / 250, at % 250 + 1);
        let once = (0..3000).map(|at| format!("tcp {}:40000 > 192.168.0.21:22", host(at)));
        let twice = (0..15).map(|at| format!("tcp {}:40001 > 192.168.0.21:22", host(at * 200)));
        let flows: Vec<_> = once.chain(twice).collect();
        let flows: Vec<_> = flows.iter().map(String::as_str).collect();
        let text = text(&Sample::of_flows(&flows), Options::default());
        let shown: Vec<_> = text.lines().filter(|line| line.contains("no-rule")).collect();
        assert_eq!(shown.len(), 20);
        for (at, line) in (0..15).zip(&shown) {
            assert!(line.contains(&format!("{} ", host(at * 200))), "{line}");
        }
        assert!(
            text.contains("\n... and 2980 more with 2980 connections; --show blocked lists them all\n"),
            "{text}"
        );
    }

    #[test]
    fn hostile_names() {
        insta::assert_snapshot!(text(&Sample::hostile(), Options { show: Show::ALL, matrix: true }));
    }
}
