//! The same bytes come out for any number of threads and any size of blocks.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Everything a replay can write.
const OUTPUTS: [&[&str]; 7] = [
    &["--show", "all", "--matrix"],
    &["--format", "json"],
    &["--format", "ndjson"],
    &["--format", "csv"],
    &["--format", "markdown"],
    &["--connections", "-"],
    &["--packets", "-"],
];
const THREADS: [&str; 4] = ["1", "2", "3", "8"];
const BLOCKS: [&str; 3] = ["1000", "65536", "1048576"];

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn replay(capture: &Path, scenario: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgsim"));
    command.arg("replay").arg(capture).arg("-s").arg(scenario).args(options);
    command.output().unwrap()
}

/// The records of all packets, read by one thread from standard input.
fn from_stream(capture: &Path, scenario: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgsim"));
    command.args(["replay", "-", "--packets", "-"]).args(options).arg("-s").arg(scenario);
    command.stdin(Stdio::from(fs::File::open(capture).unwrap())).output().unwrap()
}

/// Everything that a replay with these options can write, and how.
fn check_with(capture: &Path, scenario: &Path, options: &[&str]) -> Vec<Output> {
    let output = |output: &&[&str]| {
        let options = [output, options].concat();
        let first = replay(capture, scenario, &[&options[..], &["-j", "1"]].concat());
        assert!(first.stdout.len() > 500, "{options:?}: {}", String::from_utf8_lossy(&first.stderr));
        for threads in THREADS {
            for block in BLOCKS {
                let options = [&options[..], &["-j", threads, "--block-size", block]].concat();
                assert!(replay(capture, scenario, &options) == first, "{} {options:?}", capture.display());
            }
        }
        first
    };
    let outputs = OUTPUTS.iter().map(output).collect();
    let file = replay(capture, scenario, &[&["--packets", "-"], options].concat());
    let stream = from_stream(capture, scenario, options);
    assert!(file.stdout == stream.stdout, "{} read as a stream", capture.display());
    outputs
}

fn check(capture: &Path, scenario: &Path) {
    check_with(capture, scenario, &[]);
}

fn shipped(capture: &str, scenario: &str) {
    check(&captures().join(capture), &captures().join(scenario));
}

#[test]
fn tunnel_capture_is_the_same_for_any_split() {
    shipped("cce-tunnel.pcap", "cce-tunnel.yaml");
}

#[test]
fn the_inside_of_tunnels_is_the_same_for_any_split() {
    let (capture, scenario) = (captures().join("cce-tunnel.pcap"), captures().join("cce-tunnel-pods.yaml"));
    for output in check_with(&capture, &scenario, &["--inner"]) {
        assert!(String::from_utf8_lossy(&output.stdout).contains("vxlan"), "{output:?}");
    }
    let verified = replay(&capture, &scenario, &["--inner", "--verify", "-j", "2"]);
    let told = String::from_utf8(verified.stderr).unwrap();
    assert!(told.contains("verified: the reference agrees on 1872 frames"), "{told}");
}

/// Few connections are kept, looked at every 256 packets: 246 are let go, and every output says so.
#[test]
fn what_is_let_go_is_the_same_for_any_split_and_told() {
    let (capture, scenario) = (captures().join("cce-tunnel.pcap"), captures().join("cce-tunnel.yaml"));
    let outputs = check_with(&capture, &scenario, &["--max-connections", "10"]);
    for (options, output) in OUTPUTS.iter().zip(outputs) {
        let [report, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let (place, words) = match options {
            [_, "json"] => (&report, "\"let_go\": {\n      \"connections\": 246,"),
            [_, "ndjson"] => (&report, "\"let_go\":{\"connections\":246,"),
            [_, "csv"] | ["--connections" | "--packets", _] => (&told, "246 connections seen longest ago"),
            _ => (&report, "246 connections seen longest ago"),
        };
        assert!(place.contains(words), "{options:?}: {report}{told}");
    }
    let unless_told = replay(&capture, &scenario, &["--format", "json"]);
    let unless_told: serde_json::Value = serde_json::from_slice(&unless_told.stdout).unwrap();
    assert_eq!(unless_told["summary"]["let_go"]["most"], 1 << 20);
    let verified = replay(&capture, &scenario, &["--max-connections", "10", "--verify", "-j", "2"]);
    let told = String::from_utf8(verified.stderr).unwrap();
    assert!(told.contains("verified: the reference agrees on 15"), "{told}");
}

#[test]
fn vpc_capture_is_the_same_for_any_split() {
    shipped("cce-vpc.pcapng", "cce-vpc.yaml");
}

#[test]
fn turbo_capture_is_the_same_for_any_split() {
    shipped("cce-turbo.pcap", "cce-turbo.yaml");
}

/// A file that is gone when the test is over.
struct Made(PathBuf);

impl Made {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("sgsim-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = fs::remove_file(&self.0);
    }
}

/// The shipped capture, cut into the payloads of UDP packets, record headers and all.
fn capture_in_a_capture() -> Vec<u8> {
    let inner = fs::read(captures().join("cce-tunnel.pcap")).unwrap();
    let mut outer = inner[..24].to_vec();
    for (number, payload) in (0_u32..).zip(inner.chunks(8000)) {
        let length = u32::try_from(42 + payload.len()).unwrap();
        outer.extend_from_slice(&inner[24..28]);
        outer.extend_from_slice(&number.to_le_bytes());
        outer.extend_from_slice(&length.to_le_bytes());
        outer.extend_from_slice(&length.to_le_bytes());
        outer.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        let total = u16::try_from(28 + payload.len()).unwrap().to_be_bytes();
        outer.extend_from_slice(&[0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0]);
        outer.extend_from_slice(&[192, 168, 0, 21, 192, 168, 0, 22]);
        let udp = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
        let port = 1000 + u16::try_from(number).unwrap();
        outer.extend_from_slice(&port.to_be_bytes());
        outer.extend_from_slice(&[0x12, 0xb5, udp[0], udp[1], 0, 0]);
        outer.extend_from_slice(payload);
    }
    outer
}

#[test]
fn a_capture_whose_payload_is_a_capture_is_the_same_for_any_split() {
    let bytes = capture_in_a_capture();
    let made = Made::new("nested.pcap", &bytes);
    check(&made.0, &captures().join("cce-tunnel.yaml"));
    let lines =
        replay(&made.0, &captures().join("cce-tunnel.yaml"), &["--packets", "-", "--block-size", "1000"]);
    let lines = String::from_utf8(lines.stdout).unwrap();
    assert_eq!(lines.lines().count(), 320_116_usize.div_ceil(8000), "no packet of the inner capture is told");
}

/// The shipped capture with frames among the others that are longer than what is read of a block at once.
fn long_frames() -> Vec<u8> {
    let bytes = fs::read(captures().join("cce-tunnel.pcap")).unwrap();
    let (header, mut rest) = bytes.split_at(24);
    let mut long = header.to_vec();
    for number in 1.. {
        let Some(captured) = rest.get(8..12) else { break };
        let captured = u32::from_le_bytes(captured.try_into().unwrap());
        let (record, behind) = rest.split_at(16 + captured as usize);
        let length = if number % 100 == 0 { 200_000 } else { captured };
        long.extend_from_slice(&record[..8]);
        long.extend_from_slice(&[length.to_le_bytes(); 2].concat());
        long.extend_from_slice(&record[16..]);
        long.resize(long.len() + (length - captured) as usize, 0xee);
        rest = behind;
    }
    long
}

#[test]
fn frames_longer_than_what_is_read_at_once_are_the_same_for_any_split() {
    let made = Made::new("long.pcap", &long_frames());
    let scenario = captures().join("cce-tunnel.yaml");
    let whole = replay(&made.0, &scenario, &["--packets", "-"]);
    assert_eq!(String::from_utf8(whole.stdout).unwrap().lines().count(), 1583);
    check(&made.0, &scenario);
}

#[test]
fn a_cut_capture_is_told_at_its_byte_for_any_split() {
    let bytes = fs::read(captures().join("cce-turbo.pcap")).unwrap();
    let made = Made::new("cut.pcap", &bytes[..200_001]);
    check(&made.0, &captures().join("cce-turbo.yaml"));
    let failed = replay(&made.0, &captures().join("cce-turbo.yaml"), &["--block-size", "1000", "-j", "2"]);
    let told = String::from_utf8(failed.stderr).unwrap();
    assert!(told.contains("the file ends inside a record"), "{told}");
    assert_eq!(failed.status.code(), Some(2));
}

#[test]
fn several_captures_are_the_same_for_any_number_of_threads() {
    let scenario = captures().join("cce-tunnel.yaml");
    let both = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sgsim"));
        command.arg("replay").arg(captures().join("cce-tunnel.pcap")).arg(captures().join("cce-turbo.pcap"));
        command.arg("-s").arg(&scenario).args(options).output().unwrap()
    };
    for output in OUTPUTS {
        let first = both(&[output, &["-j", "1"]].concat());
        for threads in THREADS {
            assert!(both(&[output, &["-j", threads]].concat()) == first, "{output:?} {threads}");
        }
    }
}

#[test]
fn the_reference_agrees() {
    for (capture, model) in
        [("cce-tunnel.pcap", "cce-tunnel"), ("cce-vpc.pcapng", "cce-vpc"), ("cce-turbo.pcap", "cce-turbo")]
    {
        let scenario = captures().join(format!("{model}.yaml"));
        let verified = replay(&captures().join(capture), &scenario, &["--verify", "-j", "2"]);
        let told = String::from_utf8(verified.stderr).unwrap();
        assert!(verified.status.success() && told.contains("verified: the reference agrees on 1"), "{told}");
    }
    let stream = replay(Path::new("-"), &captures().join("cce-tunnel.yaml"), &["--verify"]);
    assert_eq!(stream.status.code(), Some(2), "a stream cannot be read twice");
}
