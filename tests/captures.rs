//! The shipped captures against the verdicts worked out by hand from the cloud's tables (`captures/expected/`).
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sgsim::capture::{Timeline, TunnelPorts};
use sgsim::compile::Linear;
use sgsim::diag::Style;
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
    let said = match connection.deciding_step() {
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

/// All connections of a capture under a scenario, counted by what is said of them.
fn replayed(scenario: &str, file: &str) -> BTreeMap<(Subject, [String; 3]), u64> {
    let loaded = Scenario::parse("a scenario made from a shipped one", scenario);
    let policy = loaded.policy().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)));
    let matcher = Linear::new(policy);
    let mut replay = Replay::new(policy, &matcher);
    let mut timeline = Timeline::open(&[folder().join(file)]);
    for next in timeline.by_ref() {
        replay.push(next.number, next.frame.packet, &mut (), &mut |_| ());
    }
    assert!(timeline.errors().is_empty());
    let mut found = BTreeMap::new();
    for connection in replay.connections() {
        *found.entry(said_of(policy, &connection)).or_default() += 1;
    }
    found
}

fn scenario(model: &str) -> String {
    fs::read_to_string(folder().join(format!("{model}.yaml"))).unwrap()
}

fn compare(table: &str, found: BTreeMap<(Subject, [String; 3]), u64>) {
    let mut differences = String::new();
    let mut expected = expected(table);
    for ((subject, said), connections) in found {
        match expected.remove(&subject) {
            Some(line) if line == (connections, said.clone()) => {}
            line => {
                writeln!(differences, "{subject:?}\n  expected {line:?}\n  found    {connections} {said:?}")
                    .unwrap();
            }
        }
    }
    for (subject, line) in expected {
        writeln!(differences, "{subject:?}\n  expected {line:?}\n  found    nothing").unwrap();
    }
    assert!(differences.is_empty(), "{table}:\n{differences}");
}

fn check(model: &str, file: &str) {
    compare(model, replayed(&scenario(model), file));
}

/// The hardened outbound list (T8) changes just what its table names.
fn check_hardened(model: &str, file: &str) {
    let default = scenario(model);
    let mut hardened = default.replace(
        &format!("preset: {}", model.replace('-', "/")),
        &format!("preset: {}-hardened", model.replace('-', "/")),
    );
    assert_ne!(hardened, default);
    let mut parameters = String::from(", dns: 100.125.1.250 }\n");
    if !default.contains("master: ") {
        parameters.insert_str(0, ", master: 192.168.0.8/29");
    }
    hardened = hardened.replacen(" }\n", &parameters, 1);
    let (before, mut found) = (replayed(&default, file), replayed(&hardened, file));
    found.retain(|said, count| {
        // Allowed traffic is let out by a narrower rule now; that is no change of its verdict.
        let (subject, [step, ..]) = said;
        let narrower = subject[4] == "allowed" && (step.ends_with("/egress") || before.contains_key(said));
        before.get(said) != Some(count) && !narrower
    });
    compare(&format!("{model}-hardened"), found);
}

#[test]
fn tunnel_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-tunnel", "cce-tunnel.pcap");
}

/// What a table says of the inside of tunnels: as [`Said`], and the ends of the outer connection.
type Inside = BTreeMap<Subject, (u64, [String; 3], [String; 2])>;

fn expected_inside() -> Inside {
    let text = fs::read_to_string(folder().join("expected/cce-tunnel-pods.tsv")).unwrap();
    let line = |line: &str| {
        let f: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [
            initiator,
            responder,
            protocol,
            service,
            connections,
            verdict,
            step,
            reason,
            rule,
            from,
            to,
            _why,
        ] = f.try_into().unwrap();
        let subject = [initiator, responder, protocol, service, verdict];
        (subject, (connections.parse().unwrap(), [step, reason, rule], [from, to]))
    };
    text.lines().skip(1).map(line).collect()
}

/// Worked out by hand from the scenario and tshark's list of what is inside, before it was replayed.
#[test]
fn the_inside_of_tunnels_has_the_verdicts_worked_out_by_hand() {
    let loaded = Scenario::parse("pods", &scenario("cce-tunnel-pods"));
    let policy = loaded.policy().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)));
    let matcher = Linear::new(policy);
    let mut replay = Replay::new(policy, &matcher);
    let file = folder().join("cce-tunnel.pcap");
    for next in Timeline::open_with(&[file], Some(TunnelPorts::default())) {
        for layer in next.layers() {
            replay.push_layer(next.number, &layer, &mut (), &mut |_| ());
        }
    }
    replay.finish(&mut |_| ());
    let mut found = Inside::new();
    let (connections, mut inside) = (replay.connections(), 0);
    for connection in connections.iter().filter(|connection| connection.domain.is_in_tunnel()) {
        let (subject, said) = said_of(policy, &connection);
        let outer = connections.get(connection.outer.unwrap()).unwrap();
        let ends = [outer.initiator, outer.responder].map(|end| end.address.to_string());
        let line = found.entry(subject).or_insert((0, said.clone(), ends.clone()));
        line.0 += 1;
        assert_eq!((&line.1, &line.2), (&said, &ends));
        assert_eq!(connection.domain.to_string(), "vxlan 4096");
        inside += 1;
    }
    let expected = expected_inside();
    for (subject, line) in &found {
        assert_eq!(Some(line), expected.get(subject), "{subject:?}");
    }
    assert_eq!(found.len(), expected.len());
    // tshark counts 289 VXLAN packets, none of them in fragments: 67 with ARP in them, 7 of these from node-3 to node-2; 13
    // with IP on that way; and a stranger's, which CCE lets in, with no IP in it.
    let tally = replay.tally();
    assert_eq!((tally.tunnels.inside.connections, tally.tunnels.inside.volume.packets), (inside, 289));
    assert_eq!((tally.tunnels.fragments, tally.tunnels.too_deep), (0, 0));
    assert_eq!(tally.reason(Reason::TunnelDropped).packets, 7 + 13);
    assert_eq!(tally.reason(Reason::NotIp).packets, 1);
}

#[test]
fn vpc_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-vpc", "cce-vpc.pcapng");
}

#[test]
fn turbo_capture_has_the_verdicts_worked_out_by_hand() {
    check("cce-turbo", "cce-turbo.pcap");
}

#[test]
fn hardened_tunnel_drops_exactly_what_was_worked_out_by_hand() {
    check_hardened("cce-tunnel", "cce-tunnel.pcap");
}

#[test]
fn hardened_vpc_drops_exactly_what_was_worked_out_by_hand() {
    check_hardened("cce-vpc", "cce-vpc.pcapng");
}

#[test]
fn hardened_turbo_drops_exactly_what_was_worked_out_by_hand() {
    check_hardened("cce-turbo", "cce-turbo.pcap");
}
