//! A capture that is still being written: judged as it comes, told once a second, ended by Ctrl-C.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start() -> Child {
    Command::new(env!("CARGO_BIN_EXE_sgsim"))
        .args(["replay", "-", "-s", "captures/cce-tunnel.yaml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn capture() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/cce-tunnel.pcap")).unwrap()
}

fn send(signals: &[&str], child: &Child) {
    for signal in signals {
        let sent = Command::new("kill").args([signal, child.id().to_string().as_str()]).status().unwrap();
        assert!(sent.success());
    }
}

#[test]
fn packets_are_judged_while_the_capture_runs_and_ctrl_c_gives_the_report() {
    let mut child = start();
    let mut input = child.stdin.take().unwrap();
    let capture = capture();
    // Up to the middle of a record.
    input.write_all(&capture[..capture.len() / 2]).unwrap();
    input.flush().unwrap();

    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains(" packets, ") {
        assert!(errors.read_line(&mut told).unwrap() > 0, "ended with the capture still open: {told}");
    }
    assert!(told.contains("  blocked: "), "{told}");
    assert!(told.contains(" connections, "), "{told}");

    // Twice at once, as `timeout` does: to the program, and to its group.
    send(&["-INT", "-INT"], &child);
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert!(report.starts_with("Connections: "), "{report}");
    assert!(!report.contains("Capture error"), "Ctrl-C in the middle of a record is no error: {report}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(input);
}

#[test]
fn the_writer_has_the_last_word() {
    let mut child = start();
    let mut input = child.stdin.take().unwrap();
    let capture = capture();
    let (early, late) = capture.split_at(capture.len() / 2);
    input.write_all(early).unwrap();
    input.flush().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut String::new()).unwrap();
    // What stops a container.
    send(&["-TERM"], &child);
    // As tcpdump does, which gets the signal too.
    input.write_all(late).unwrap();
    drop(input);
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    assert!(report.starts_with("Connections: 125 allowed, 94 blocked"), "{report}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
