//! The commands: what they write, how they end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sgsim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sgsim"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn told(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

/// With and without a file between, on any number of threads: the same verdict for every packet.
#[test]
fn straight_into_replay_is_the_same_as_by_a_capture() {
    let capture = temporary("straight.pcapng");
    let path = capture.to_str().unwrap();
    let made = sgsim(&["synth", "cce/tunnel", "-s", "captures/cce-tunnel.yaml", "--seed", "5", "-o", path]);
    assert!(made.status.success() && told(&made).contains("seed 5: "), "{}", told(&made));
    let by_file = sgsim(&["replay", path, "-s", "captures/cce-tunnel.yaml", "--packets", "-"]);
    assert!(by_file.status.success());
    for threads in ["1", "2", "3"] {
        let straight = sgsim(&[
            "replay",
            "--synth",
            "cce/tunnel",
            "--seed",
            "5",
            "-s",
            "captures/cce-tunnel.yaml",
            "--packets",
            "-",
            "-j",
            threads,
        ]);
        assert!(straight.stdout == by_file.stdout, "-j {threads}: {}", told(&straight));
    }
    let again = temporary("again.pcapng");
    sgsim(&[
        "synth",
        "cce/tunnel",
        "-s",
        "captures/cce-tunnel.yaml",
        "--seed",
        "5",
        "-o",
        again.to_str().unwrap(),
    ]);
    assert!(
        std::fs::read(&capture).unwrap() == std::fs::read(&again).unwrap(),
        "the same seed, the same bytes"
    );
    std::fs::remove_file(capture).unwrap();
    std::fs::remove_file(again).unwrap();
}

#[test]
fn the_report_says_what_the_groups_made_of_each_flow() {
    let run = sgsim(&["replay", "--synth", "cce/turbo", "-s", "captures/cce-turbo.yaml"]);
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.contains("workload cce/turbo, seed 1"), "{text}");
    assert_eq!(run.status.code(), Some(0));
    // The hardened list breaks what the workload expects of the default groups.
    let hardened = temporary("hardened.yaml");
    let scenario = std::fs::read_to_string("captures/cce-turbo.yaml").unwrap();
    std::fs::write(&hardened, format!("{scenario}\nchange: {{ node/ssh: remove }}\n")).unwrap();
    let broken = sgsim(&["replay", "--synth", "cce/turbo", "-s", hardened.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(1), "{}", String::from_utf8_lossy(&broken.stdout));
    std::fs::remove_file(hardened).unwrap();
    let last = text.lines().last().unwrap();
    let counts: Vec<usize> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(
        last.starts_with("Workload: ") && counts.len() == 2 && counts[0] == counts[1] && counts[0] > 40,
        "{last}"
    );
    let edges = sgsim(&["replay", "--synth", "edges", "-s", "captures/cce-turbo.yaml"]);
    let text = String::from_utf8(edges.stdout).unwrap();
    assert!(text.contains("Never hit (2 of 18): control/apiserver-5444-vpc, control/self"), "{text}");
}

#[test]
fn exports_are_a_scenario_for_traffic_and_load_too() {
    let exports = ["-s", "captures/exports/aws-groups.json", "-s", "captures/exports/aws-interfaces.json"];
    let load = ["load", "--scale", "1", "--packets", "1000", "--time-limit", "20", "--format", "json"];
    let run = sgsim(&[&load[..], &exports].concat());
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((run.status.code(), &report["difference"]), (Some(0), &serde_json::Value::Null));
    let workload = temporary("exports-workload.yaml");
    std::fs::write(
        &workload,
        "traffic: { ssh: { from: outside, to: 192.168.0.21, service: tcp 22, count: 3 } }",
    )
    .unwrap();
    let made = temporary("exports.pcap");
    let synth = ["synth", workload.to_str().unwrap(), "-o", made.to_str().unwrap()];
    let run = sgsim(&[&synth[..], &exports].concat());
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(std::fs::metadata(&made).unwrap().len() > 100);
    std::fs::remove_file(made).unwrap();
    std::fs::remove_file(workload).unwrap();
}

#[test]
fn mistakes_end_with_two_and_say_where() {
    let filters = temporary("bad.rules");
    std::fs::write(&filters, "@10.0.0.0/8 0.0.0.0/0 0 : 65535 80 : 80 0x06/0xFF\n@10.0.0.0/8 0.0.0.0/0 0 : 65535 90 : 80 0x06/0xFF\n")
        .unwrap();
    let path = filters.to_str().unwrap();
    for arguments in [&["load", "--filters", path][..], &["synth", "trace", path]] {
        let run = sgsim(arguments);
        assert_eq!(run.status.code(), Some(2));
        let told = told(&run);
        assert!(
            told.contains("error[bad-filter]")
                && told.contains("bad.rules:2:1")
                && told.contains("backwards"),
            "{told}"
        );
    }
    let run = sgsim(&["replay", "--synth", "cce/tunel", "-s", "captures/cce-tunnel.yaml"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(told(&run).contains("did you mean `cce/tunnel`?"), "{}", told(&run));
    let run = sgsim(&["synth", "cce/vpc", "-s", "captures/cce-vpc.yaml", "-o", "captures/cce-vpc.yaml"]);
    assert_eq!(run.status.code(), Some(2));
    std::fs::remove_file(filters).unwrap();
}

/// Rules are made, measured and traced by what another verb has written.
#[test]
fn rule_sets_go_from_verb_to_verb() {
    let (rules, filters, trace) = (temporary("made.yaml"), temporary("made.rules"), temporary("made.trace"));
    let (rules, filters, trace) =
        (rules.to_str().unwrap(), filters.to_str().unwrap(), trace.to_str().unwrap());
    let wish = ["--count", "60", "--shape", "nested", "--ipv6", "20%", "--deny", "10%", "-o", rules];
    assert!(sgsim(&[&["synth", "rules"], &wish[..]].concat()).status.success());
    let run =
        sgsim(&["load", "-s", rules, "--scale", "1", "--packets", "2000", "-j", "1", "--format", "json"]);
    assert!(run.status.success(), "{}", told(&run));
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&report["schema"], &report["stages"][0]["rules"]), (&"sgsim/load/v1".into(), &60.into()));
    assert!(
        report["complete"] == true
            && report["difference"].is_null()
            && report["checked"].as_u64() > Some(1000)
    );
    assert!(sgsim(&["synth", "rules", "--count", "50", "--classbench", "-o", filters]).status.success());
    let run = sgsim(&["load", "--filters", filters, "-j", "1"]);
    assert!(
        String::from_utf8_lossy(&run.stdout).contains("the linear reference agrees on"),
        "{}",
        told(&run)
    );
    assert!(sgsim(&["synth", "trace", filters, "--count", "100", "-o", trace]).status.success());
    let text = std::fs::read_to_string(trace).unwrap();
    assert_eq!(sgsim::compile::five_tuple::classbench::parse_trace(&text).unwrap().len(), 100);
}
