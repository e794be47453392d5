//! No input makes a panic, and none is passed over in silence: damaged exports give a policy or findings.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::{Index, select};

use sgsim::capture::FlowLog;
use sgsim::diag::Style;
use sgsim::policy::{Scenario, Target};

fn fixtures() -> Vec<Vec<u8>> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let mut files = vec![];
    walk(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import"), &mut files);
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// What the fuzz target asks.
fn ask(first: &[u8], second: &[u8]) {
    let loaded = Scenario::parse_all(&[("first.json", first), ("second.json", second)]);
    let findings = loaded.render(Style::Plain);
    let Some(scenario) = &loaded.scenario else {
        assert!(!findings.is_empty(), "without a policy there is a finding");
        return;
    };
    let yaml = scenario.export(Target::Scenario, &[findings]).unwrap();
    let again = Scenario::parse("again.yaml", &yaml);
    assert!(again.policy().is_some(), "{yaml}\n{}", again.render(Style::Plain));
    for (_, target) in Target::ALL {
        let _ = scenario.export(target, &[]);
    }
}

/// Values that stand where others are expected.
const PIECES: &[&str] = &[
    "null",
    "\"\"",
    "-1",
    "0",
    "99999999999999999999",
    "[]",
    "{}",
    "\"any\"",
    "\"10.0.0.1/0\"",
    "\"\\ud83d\\ude00\"",
    "true",
    "\"a/b~c\"",
    "\"::ffff:1.2.3.4/96\"",
    "\"icmp\"",
    "[[[[",
    "\"1-\"",
    "\"type=:code=\"",
    "\u{0}",
    "\"ü\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_exports(
        pick in any::<(Index, Index)>(),
        damage in prop::collection::vec((any::<(Index, Index)>(), select(PIECES)), 0..4),
        cut in prop::option::weighted(0.2, any::<Index>()),
    ) {
        let all = fixtures();
        let (mut first, second) = (pick.0.get(&all).clone(), pick.1.get(&all));
        for ((at, other), piece) in damage {
            // Whole values go as often as bytes do: from a colon or comma to the next.
            let marks: Vec<usize> = (0..first.len()).filter(|&at| b":,[".contains(&first[at])).collect();
            if marks.is_empty() {
                break;
            }
            let start = *at.get(&marks) + 1;
            let end = (start + other.index(24)).min(first.len());
            let end = first[start..].iter().position(|byte| b",}]\n".contains(byte)).map_or(end, |length| start + length);
            first.splice(start..end, piece.bytes());
        }
        if let Some(cut) = cut {
            first.truncate(cut.index(first.len() + 1));
        }
        ask(&first, second);
        let _ = FlowLog::read("log", &first[..]);
    }
}

#[test]
fn fixtures_beside_each_other() {
    let all = fixtures();
    for (at, first) in all.iter().enumerate() {
        ask(first, &all[(at * 7 + 3) % all.len()]);
    }
}
