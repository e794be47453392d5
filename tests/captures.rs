//! The shipped captures against the verdicts worked out by hand from the cloud's tables (`captures/expected/`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sgsim::capture::Timeline;
use sgsim::compile::Linear;
use sgsim::packet::Service;
use sgsim::policy::{Policy, Scenario};
use sgsim::replay::{Connection, Reason, Replay};

/// What a line of a table is about: initiator, responder, protocol, service, verdict.
type Subject = [String; 5];
/// What it says: connections, step, reason, rule.
type Said = (u64, [String; 3]);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn expected(model: &str) -> BTreeMap<Subject, Said> {
    let text = fs::read_to_string(folder().join(format!("expected/{model}.tsv"))).unwrap();
    let mut lines = BTreeMap::new();
    for line in text.lines().skip(1) {
        let f: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [initiator, responder, protocol, service, connections, verdict, step, reason, rule, _why] =
            f.try_into().unwrap();
        if verdict == "link-local" {
            continue;
        }
        let subject = [initiator, responder, protocol, service, verdict];
        let said = (connections.parse().unwrap(), [step, reason, rule]);
        assert!(lines.insert(subject.clone(), said).is_none(), "{subject:?} stands twice");
    }
    lines
}

fn said_of(policy: &Policy, connection: &Connection) -> (Subject, [String; 3]) {
    let service = match connection.service() {
        Service::Port(_, port) => port.to_string(),
        Service::Icmp { kind, .. } => kind.to_string(),
        Service::Other(_) => "-".to_owned(),
    };
    let (initiator, responder) = (connection.initiator.address, connection.responder.address);
    let verdict = match connection.reason {
        Reason::SameInterface => "same-interface".to_owned(),
        _ => connection.verdict().to_string(),
    };
    let subject =
        [initiator.to_string(), responder.to_string(), connection.protocol.to_string(), service, verdict];
    // The tables name the last step; an assumption is named where it was made, with the rule it rests on.
    let assumed = connection.steps.iter().find(|step| step.reason == Reason::AssumedEstablished);
    let said = match assumed.or(connection.deciding_step()) {
        Some(step) => {
            let rule = step.rule.or(step.opened_by).map_or("-", |id| &policy.rule(id).name);
            [
                format!("{}/{}", policy.interface(step.interface).name, step.direction),
                step.reason.to_string(),
                rule.to_owned(),
            ]
        }
        None => ["-".to_owned(), connection.reason.to_string(), "-".to_owned()],
    };
    (subject, said)
}

fn check(model: &str, file: &str) {
    let loaded = Scenario::load(&folder().join(format!("{model}.yaml")));
    let policy = loaded.policy().expect("the shipped scenario is right");
    let matcher = Linear::new(policy);
    let mut replay = Replay::new(policy, &matcher);
    let mut timeline = Timeline::open(&[folder().join(file)]);
    for next in timeline.by_ref() {
        replay.push(next.number, next.frame.packet, &mut (), &mut |_| ());
    }
    assert!(timeline.errors().is_empty());
    let mut found: BTreeMap<(Subject, [String; 3]), u64> = BTreeMap::new();
    for connection in replay.connections() {
        *found.entry(said_of(policy, connection)).or_default() += 1;
    }
    let mut differences = String::new();
    let mut expected = expected(model);
    for ((subject, said), connections) in found {
        match expected.remove(&subject) {
            Some(line) if line == (connections, said.clone()) => {}
            line => {
                writeln!(differences, "{subject:?}\n  expected {line:?}\n  found    {connections} {said:?}")
                    .unwrap()
            }
        }
    }
    for (subject, line) in expected {
        writeln!(differences, "{subject:?}\n  expected {line:?}\n  found    nothing").unwrap();
    }
    assert!(differences.is_empty(), "{model}:\n{differences}");
}

#[test]
fn tunnel_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-tunnel", "cce-tunnel.pcap");
}

#[test]
fn vpc_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-vpc", "cce-vpc.pcapng");
}

#[test]
fn turbo_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-turbo", "cce-turbo.pcap");
}
