//! What we find in captures against what tshark finds: the headers a security group sees, and the inside of tunnels; and
//! against how many packets tcpdump counts.
//!
//! `tests/public-captures.sh FOLDER` runs it over a folder and all in it. Without tshark or tcpdump on the path the tests say so
//! and pass.

// A helper that cannot do its work is a failed test.
#![allow(clippy::unwrap_used)]

mod counts;
mod inner;
mod outer;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What came of comparing a capture.
#[derive(Default)]
struct Compared {
    /// What differs, frame by frame.
    wrong: String,
    /// Frames that were compared.
    frames: usize,
}

/// tshark's fields, a line per frame, and what it has to complain about. Nothing is reassembled, and VXLAN is found on the
/// ports where we look for it.
fn fields(capture: &Path, fields: &[&str]) -> (String, Option<String>) {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "separator=|", "-E", "aggregator=;", "-r"]).arg(capture);
    for preference in ["ip.defragment", "ipv6.defragment", "tcp.desegment_tcp_streams"] {
        command.args(["-o", &format!("{preference}:FALSE")]);
    }
    command.args(["-d", "udp.port==8472,vxlan", "-d", "udp.port==4789,vxlan"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let complaint = (!output.status.success()).then(|| {
        let text = String::from_utf8_lossy(&output.stderr);
        text.lines().filter(|line| !line.starts_with("Running as user")).collect::<Vec<_>>().join(" ")
    });
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaint)
}

/// Whether a tool is there; a test that is skipped for the want of it says so.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not on the path");
    }
    found
}

/// Compares the shipped captures.
fn shipped(compared: impl Fn(&Path) -> Compared) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let captures = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "pcap" || ext == "pcapng");
    let mut captures: Vec<_> = captures.filter(is_capture).collect();
    captures.sort();
    let mut wrong = String::new();
    for capture in captures {
        let found = compared(&capture);
        assert!(found.frames > 0, "{}", capture.display());
        if !found.wrong.is_empty() {
            writeln!(wrong, "{}\n{}", capture.display(), found.wrong).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Compares all files of the folder in `SGSIM_CAPTURES`, if there is one, and of the folders in it. Those that `known`
/// names (a part of a file's name, a tab, why) may differ.
#[allow(clippy::print_stderr, reason = "tells how it stands; the folder may be large")]
fn of_folder(tool: &str, known: &str, counted: &str, compared: impl Fn(&Path) -> Compared) {
    let Some(folder) = std::env::var_os("SGSIM_CAPTURES") else { return };
    if !has(tool) {
        return;
    }
    let (mut folders, mut files) = (vec![PathBuf::from(folder)], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let known: Vec<_> = known.lines().filter_map(|line| line.split_once('\t')).collect();
    let (mut frames, mut captures, mut excepted, mut differing) = (0, 0, 0, 0);
    for file in &files {
        let found = compared(file);
        frames += found.frames;
        captures += usize::from(found.frames > 0);
        let name = file.file_name().unwrap().to_string_lossy();
        if found.wrong.is_empty() {
            continue;
        }
        if let Some((_, why)) = known.iter().find(|(part, _)| name.contains(part)) {
            excepted += 1;
            eprintln!("{name}: {why}");
        } else {
            differing += 1;
            eprintln!("{}\n{}", file.display(), found.wrong);
        }
    }
    eprintln!(
        "{frames} {counted} in {captures} of {} files, {excepted} that differ as known, {differing} others",
        files.len()
    );
    assert_eq!(differing, 0);
}
