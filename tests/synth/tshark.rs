//! tshark reads what was written, with checksums verified, and finds nothing wrong but what was asked for.

use std::io::BufWriter;
use std::path::PathBuf;
use std::process::Command;

use sgsim::capture::{CaptureFormat, CaptureWriter, LinkType};
use sgsim::synth::{Plan, Stream, Workload};

use crate::same::ODD;
use crate::support::{builtin, plan, scenario, shipped};

fn is_there() -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    if !found {
        #[allow(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: there is no tshark on the path");
        }
    }
    found
}

fn written(plan: &Plan, name: &str, format: CaptureFormat) -> (PathBuf, u64) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut writer = CaptureWriter::new(file, format, LinkType::ETHERNET, "a test").unwrap();
    let (mut bytes, mut count) = (Vec::new(), 0);
    for segment in Stream::new(plan) {
        bytes.clear();
        segment.write(&mut bytes);
        writer.write(segment.time, &bytes).unwrap();
        count += 1;
    }
    writer.finish().unwrap();
    (path, count)
}

fn tshark(path: &PathBuf, arguments: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(path);
    for protocol in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    let run = command.args(arguments).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// What tshark warns of: the protocol and the words.
fn warnings(path: &PathBuf) -> Vec<String> {
    let text = tshark(path, &["-q", "-z", "expert,warn"]);
    let is_row = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let words = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    text.lines().filter(is_row).map(words).collect()
}

fn frames(path: &PathBuf) -> u64 {
    let text = tshark(path, &["-q", "-z", "io,stat,0"]);
    let row = text.lines().find(|line| line.contains("<>")).unwrap();
    row.split('|').nth(2).unwrap().trim().parse().unwrap()
}

#[test]
fn built_in_workloads_raise_no_warning() {
    if !is_there() {
        return;
    }
    for (model, format) in
        [("vpc", CaptureFormat::Pcapng), ("tunnel", CaptureFormat::Pcap), ("turbo", CaptureFormat::Pcapng)]
    {
        let scenario = scenario(&shipped(&format!("cce-{model}")));
        let plan = plan(builtin(&format!("cce/{model}")), &scenario, 10);
        let (path, count) = written(&plan, &format!("{model}.capture"), format);
        assert_eq!(frames(&path), count);
        assert_eq!(warnings(&path), [""; 0], "{model}");
        std::fs::remove_file(path).unwrap();
    }
}

/// As much as a person would load into Wireshark: some twenty seconds.
#[test]
fn a_million_packets_raise_no_warning() {
    if !is_there() {
        return;
    }
    let scenario = scenario(&shipped("cce-tunnel"));
    let plan = plan(builtin("cce/tunnel"), &scenario, 600);
    let (path, count) = written(&plan, "million.pcap", CaptureFormat::Pcap);
    assert!(count > 1_000_000, "{count}");
    assert_eq!(frames(&path), count);
    assert_eq!(warnings(&path), [""; 0]);
    std::fs::remove_file(path).unwrap();
}

/// Each anomaly raises the warnings it stands for, and no other.
#[test]
fn anomalies_raise_their_own_warnings_alone() {
    if !is_there() {
        return;
    }
    let scenario = scenario(&shipped("cce-tunnel"));
    // Out of order and mid-stream, tshark has to guess what it did not see.
    let unseen = [
        "TCP Previous segment(s) not captured (common at capture start)",
        "TCP ACKed segment that wasn't captured (common at capture start)",
        "TCP This frame is a (suspected) out-of-order segment",
    ];
    let reset = "TCP Connection reset (RST)";
    let allowed: &[(&str, &[&str])] = &[
        ("fragment", &[]),
        ("retransmission", &unseen[2..]),
        ("half-open", &[]),
        ("icmp-error", &[]),
        ("spoofed", &[]),
        ("reset", &[reset]),
        ("scan", &[reset]),
        ("out-of-order", &unseen),
        ("mid-stream", &unseen),
    ];
    for (name, allowed) in allowed {
        let text = format!(
            "duration: 20s\ntraffic: {{ t: {{ from: outside, to: group node, service: tcp 10250, count: 200, \
             exchanges: 1-4, request: 100-5000, reply: log-normal 4k 1.0 most 60k, anomalies: {{ {name}: 30% }} }}, \
             u: {{ from: outside, to: group node, service: udp 20777, count: 50, request: 0-4000, anomalies: {{ {} }} }} }}\n",
            if ["fragment", "icmp-error", "spoofed"].contains(name) {
                format!("{name}: 30%")
            } else {
                String::new()
            }
        );
        let plan = plan(Workload::parse("anomaly", &text), &scenario, 1);
        let (path, count) = written(&plan, &format!("{name}.pcap"), CaptureFormat::Pcap);
        assert_eq!(frames(&path), count);
        for warning in warnings(&path) {
            let words = warning.split_once(' ').map_or("", |(_, words)| words);
            let known = |allowed: &&str| **allowed == warning || **allowed == format!("TCP {words}");
            assert!(allowed.iter().any(known), "{name}: {warning}");
        }
        std::fs::remove_file(path).unwrap();
    }
    // Everything at once is at least not malformed.
    let plan = plan(Workload::parse("odd", &ODD.replace("&tcp", "")), &scenario, 1);
    let (path, _) = written(&plan, "odd.pcap", CaptureFormat::Pcapng);
    // Of SSH whose packets come in another order it makes nonsense.
    let is_fault = |w: &String| w.contains("hecksum") || w.contains("alformed") && !w.starts_with("SSH");
    let malformed: Vec<_> = warnings(&path).into_iter().filter(is_fault).collect();
    assert_eq!(malformed, [""; 0]);
    std::fs::remove_file(path).unwrap();
}
