//! The verdict tables of `tests/semantics/`, each through every matcher. The format is told in the README there.
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

#[path = "support/words.rs"]
mod words;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sgsim::compile::{Compiled, Linear, Matcher};
use sgsim::packet::Carries;
use sgsim::policy::{Policy, Scenario};

use sgsim::replay::{InOrder, Judged, Replay};

/// A file of the corpus.
struct Table {
    policy: Policy,
    packets: Vec<words::Line>,
    connections: Vec<String>,
}

fn read(path: &Path) -> Table {
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("=== scenario\n").expect("a scenario");
    let (scenario, rest) = rest.split_once("=== packets\n").expect("packets");
    let (packets, connections) = rest.split_once("=== connections\n").unwrap_or((rest, ""));
    let loaded = Scenario::parse(&path.display().to_string(), scenario);
    let policy = loaded.policy().unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).clone();
    let told = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let mut packets: Vec<_> = told(packets).iter().map(|line| words::parse(line)).collect();
    // What was found in a tunnel is what the packet in the line before carries.
    for at in 1..packets.len() {
        if packets[at].layer.is_inner() {
            packets[at - 1].layer.carries = Carries::Packet;
        }
    }
    Table { policy, packets, connections: told(connections) }
}

/// The outcome in the words of a table, the connection only where the table names it.
fn outcome(policy: &Policy, judged: &Judged, with_connection: bool) -> String {
    let judgement = &judged.judgement;
    let mut text = format!("{} {}", judgement.verdict(), judgement.reason);
    if with_connection {
        match judgement.connection {
            Some(id) => write!(text, " #{}", id.number()).unwrap(),
            None => text.push_str(" #none"),
        }
    }
    for step in judgement.steps.iter() {
        let rule = step.rule.map_or("-", |id| &policy.rule(id).name);
        let name = &policy.interface(step.interface).name;
        write!(text, "; {name} {} {} {rule}", step.direction, step.reason).unwrap();
    }
    text
}

fn check(path: &Path, table: &Table, engine: &str, matcher: &impl Matcher) {
    let mut replay = Replay::new(&table.policy, matcher);
    let (mut order, mut judged) = (InOrder::default(), Vec::new());
    let mut out = |frame| order.push(frame, &mut |frame| judged.push(frame));
    let mut number = 0;
    for line in &table.packets {
        number += u64::from(!line.layer.is_inner());
        replay.push_layer(number, &line.layer, &mut (), &mut out);
    }
    replay.finish(&mut out);
    assert_eq!(judged.len(), table.packets.len(), "every frame has one verdict: {}", path.display());
    let mut wrong = String::new();
    for (line, judged) in table.packets.iter().zip(&judged) {
        let found = outcome(&table.policy, judged, line.expected.contains('#'));
        if found != line.expected {
            writeln!(wrong, "{}\n  expected {}\n  found    {found}", line.text, line.expected).unwrap();
        }
    }
    for line in &table.connections {
        let (number, expected) = line.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        let connection = replay.connections().iter().nth(number - 1).unwrap();
        let (from, to) = (connection.initiator.address, connection.responder.address);
        let found = format!("{} {from} > {to}", connection.verdict());
        if found != expected {
            writeln!(wrong, "connection {number}\n  expected {expected}\n  found    {found}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} by {engine}:\n{wrong}", path.display());
}

#[test]
fn verdict_tables_hold_for_every_matcher() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/semantics");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert!(paths.len() >= 18, "the tables are there");
    for path in paths {
        let table = read(&path);
        check(&path, &table, "linear", &Linear::new(&table.policy));
        check(&path, &table, "compiled", &Compiled::new(&table.policy));
    }
}
