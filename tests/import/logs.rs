//! Flow logs: read as what opened each flow, and compared with the model.

use std::io::Write;
use std::path::{Path, PathBuf};

use sgsim::analyze::{Cause, Fidelity};
use sgsim::capture::{FlowLog, Logged};
use sgsim::compile::Compiled;
use sgsim::policy::Scenario;
use sgsim::replay::FirstPackets;

use crate::support::{inputs, policy};

fn path(name: &str) -> PathBuf {
    inputs(&[&format!("flow-logs/{name}")], &[]).files.remove(0)
}

fn read(path: &Path) -> FlowLog {
    assert!(FlowLog::is_one(path), "{}", path.display());
    let (log, read) = FlowLog::open(path);
    read.unwrap();
    log
}

/// A log in words: what was opened, what was logged, whether the direction is inferred.
fn told(path: &Path) -> Vec<String> {
    let words = |flow: &sgsim::capture::LoggedFlow| {
        let logged = flow.logged.map_or("-".to_owned(), |logged| logged.to_string());
        let how = if flow.inferred { "inferred" } else { "known" };
        format!("{} {} {logged} {how}", flow.time.0 / 1_000_000_000 - 1_767_225_600, flow.flow)
    };
    read(path).flows.iter().map(words).collect()
}

#[test]
fn every_format_is_read() {
    assert_eq!(
        told(&path("aws-custom.log")),
        [
            "0 tcp 10.0.0.5:60000 > 192.168.0.21:33000 REJECT known",
            "1 udp 10.0.0.5:60001 > 192.168.0.21:53 ACCEPT inferred",
        ],
        "flags tell who opened it, and the packet's address goes before the interface's"
    );
    assert_eq!(
        told(&path("huawei.log")),
        [
            "0 udp 10.0.0.53:38929 > 192.168.0.21:53 ACCEPT inferred",
            "0 tcp 203.0.113.9:38930 > 192.168.0.21:22 ACCEPT inferred",
            "0 icmp 198.51.100.1 > 192.168.0.21 8/0 REJECT inferred",
        ]
    );
    assert_eq!(
        told(&path("azure.json")),
        [
            "0 tcp 198.51.100.8:40200 > 192.168.0.21:443 ACCEPT known",
            "1 tcp 198.51.100.8:40201 > 192.168.0.21:8080 REJECT known",
        ]
    );
    assert_eq!(
        told(&path("conn.log")),
        [
            "0 tcp 203.0.113.9:51000 > 192.168.0.21:22 - known",
            "1 icmp 198.51.100.9 > 192.168.0.21 3/1 - known",
            "2 udp 192.168.0.21:443 > 10.0.0.5:55000 - known",
        ]
    );
    assert_eq!(
        told(&path("flows.csv")),
        [
            "0 tcp 203.0.113.9:51000 > 192.168.0.21:22 ACCEPT inferred",
            "1 tcp 198.51.100.9:51000 > 192.168.0.31:5432 REJECT inferred",
            "2 gre 192.168.0.21 > 10.0.0.9 ACCEPT inferred",
        ]
    );
    let log = read(&path("huawei.log"));
    assert_eq!((log.records, log.empty, log.assumed_echo), (4, 1, 1));
}

#[test]
fn compressed_logs_and_cloudwatch_times() {
    let plain = std::fs::read_to_string(path("aws.log")).unwrap();
    let lines: Vec<_> = plain.lines().map(|line| format!("2026-01-01T00:00:00.000Z {line}")).collect();
    let with_times = lines.join("\n");
    let folder = std::env::temp_dir().join(format!("sgsim-logs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("aws.log.gz");
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(&file).unwrap(), flate2::Compression::fast());
    gzip.write_all(with_times.as_bytes()).unwrap();
    gzip.finish().unwrap();
    let (zipped, plain) = (told(&file), told(&path("aws.log")));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(zipped, plain);
}

#[test]
fn mistakes_name_the_line() {
    let wrong = |text: &str| FlowLog::read("f.log", text.as_bytes()).1.unwrap_err().to_string();
    let first = "2 1 eni 10.0.0.1 10.0.0.2 1 2 6 1 1 1 1 ACCEPT OK\n";
    assert_eq!(
        wrong(&format!("{first}2 1 eni 10.0.0.1\n")),
        "read f.log at line 2: expected 14 fields, found 4"
    );
    let action = first.replace("ACCEPT", "PERHAPS");
    assert!(
        wrong(&format!("{first}{action}")).ends_with("line 2: expected ACCEPT or REJECT, found 'PERHAPS'")
    );
    let port = first.replace(" 1 2 6", " 70000 2 6");
    assert!(wrong(&format!("{first}{port}")).ends_with("line 2: expected a port, found '70000'"));
    let portless = wrong("src,dst,proto\n1.2.3.4,192.168.0.21,tcp\n");
    assert_eq!(portless, "read f.log at line 2: expected a destination port, as tcp has, found none");
    let mixed = wrong(&first.replace("10.0.0.2", "fd00::2"));
    assert!(mixed.ends_with("line 1: expected two addresses of one family, found 10.0.0.1 and fd00::2"));
    assert!(wrong("{\"records\": [").contains("at line 1"));
    assert!(wrong("hello\n").ends_with("expected a flow log"));
    assert!(!FlowLog::is_one(&path("../same.yaml")) && !FlowLog::is_one(&path("missing")));
}

/// What a text gives before the error that ends it.
fn cut_short(text: &str) -> (usize, String) {
    let (log, read) = FlowLog::read("f", text.as_bytes());
    (log.flows.len(), read.unwrap_err().to_string())
}

#[test]
fn what_comes_before_a_mistake_is_read() {
    let csv = "src,dst,protocol,dport\n10.0.0.1,10.0.0.2,tcp,22\n10.0.0.1,10.0.0.2,tcp,x\n";
    assert_eq!(cut_short(csv), (1, "read f at line 3: expected a port, found 'x'".to_owned()));
    let endless = format!("src,dst,protocol,dport\n10.0.0.1,10.0.0.2,tcp,22\n{}", " ".repeat(2 << 20));
    let (flows, error) = cut_short(&endless);
    assert_eq!(flows, 1);
    assert!(
        error.starts_with("read f at line 3: expected a line of at most 1 MiB, found a longer"),
        "{error}"
    );
    let zeek =
        "#fields\tid.orig_h\tid.resp_h\tid.resp_p\tproto\n1.0.0.1\t1.0.0.2\t1\ttcp\n1.0.0.1\tx\t1\ttcp\n";
    assert_eq!(cut_short(zeek), (1, "read f at line 3: expected an address, found 'x'".to_owned()));
    let azure = std::fs::read_to_string(path("azure.json")).unwrap().replace("8080,T", "8080,X");
    let tuple = "1767225601,198.51.100.8,192.168.0.21,40201,8080,X,I,D,B,,,,";
    let place = "/records/0/properties/flows/1/flows/0/flowTuples/0";
    let error = format!("read f at {place}: expected the protocol T or U in the flow tuple '{tuple}'");
    assert_eq!(cut_short(&azure), (1, error));
}

/// The fields that `aws logs filter-log-events` prints, and `get-log-events`.
fn events(messages: &[&str]) -> String {
    let event = |message: &&str| {
        format!(
            r#"  {{"logStreamName": "eni-all", "timestamp": 1767225600000, "message": "{message}",
            "ingestionTime": 1767225661000, "eventId": "1"}}"#
        )
    };
    let events: Vec<_> = messages.iter().map(event).collect();
    format!("{{\n \"events\": [\n{}],\n \"searchedLogStreams\": []\n}}", events.join(",\n"))
}

#[test]
fn events_of_cloudwatch() {
    let plain = std::fs::read_to_string(path("aws.log")).unwrap();
    let enveloped = events(&plain.lines().collect::<Vec<_>>());
    let (log, read) = FlowLog::read("events.json", enveloped.as_bytes());
    read.unwrap();
    let (same, _) = FlowLog::read("aws.log", plain.as_bytes());
    let flows = |log: &FlowLog| log.flows.iter().map(|f| (f.flow, f.time, f.logged)).collect::<Vec<_>>();
    assert_eq!((flows(&log), log.records, log.empty), (flows(&same), same.records, same.empty));
    let first = plain.lines().next().unwrap();
    let (flows, error) = cut_short(&events(&[first, "START RequestId: 1 Version: 2"]));
    assert_eq!((flows, &*error), (1, "read f at /events/1/message: expected 14 fields, found 5"));
    let (_, error) = cut_short(&events(&["10.0.0.1 10.0.0.2 6"]));
    assert!(
        error.starts_with("read f at /events/0/message: expected a record of the default columns"),
        "{error}"
    );
    let (_, error) = cut_short(r#"{"events": [{"timestamp": 1}]}"#);
    assert_eq!(error, "read f at line 1: missing field `message` (column 28)");
    let (_, error) = cut_short(&enveloped[..enveloped.len() / 2]);
    assert!(error.contains("EOF while parsing"), "{error}");
}

#[test]
fn fidelity_against_the_log() {
    let loaded = Scenario::load_all(&inputs(&["same.yaml"], &[]));
    let policy = policy(&loaded);
    let matcher = Compiled::new(policy);
    let judge = FirstPackets::new(policy, &matcher);
    let mut fidelity = Fidelity::default();
    for flow in &read(&path("aws.log")).flows {
        fidelity.add(&judge, 0, flow);
    }
    let found: Vec<_> = fidelity
        .disagreements
        .iter()
        .map(|found| (found.flow.line, found.flow.logged.unwrap(), found.cause))
        .collect();
    // Worked by hand from same.yaml: ssh from the office, ssh from elsewhere, https and the database agree.
    assert_eq!((fidelity.compared, fidelity.agreed), (7, 4));
    assert_eq!(
        found,
        [
            (8, Logged::Reject, Cause::NetworkAcl),
            (9, Logged::Accept, Cause::Changed),
            (10, Logged::Reject, Cause::InterfaceMissing),
        ]
    );
}
