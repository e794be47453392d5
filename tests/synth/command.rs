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
fn the_coverage_is_told_beside_packets_on_standard_output() {
    let edges = ["synth", "edges", "-s", "captures/cce-turbo.yaml"];
    let (alone, piped) = (sgsim(&edges), sgsim(&[&edges[..], &["-o", "-"]].concat()));
    assert_eq!(piped.stdout[..4], 0xa1b2_3c4d_u32.to_le_bytes(), "a capture, and nothing else");
    let coverage = String::from_utf8(alone.stdout).unwrap();
    assert!(coverage.starts_with("Rules reached: 16 of 16"), "{coverage}");
    assert_eq!(told(&piped), coverage);
}

/// Traffic inside of tunnels, by hand: pod-a1 may ask for 8080 and not for 22; nobody knows the two strange pods, so that only
/// the nodes' groups are asked, there and back; and node-2 takes no tunnel from node-3.
const INSIDE: &str = "
traffic:
  web: { from: 10.0.1.5, to: 10.0.2.5, inside: { from: interface node-1, to: interface node-2 }, service: tcp 8080, count: 4, expect: allowed }
  ssh: { from: 10.0.1.5, to: 10.0.2.5, inside: { from: interface node-1, to: interface node-2 }, service: tcp 22, count: 3 }
  strange: { from: 10.0.9.8, to: 10.0.9.9, inside: { from: interface node-1, to: interface node-2 }, service: tcp 22, count: 2 }
  shut: { from: 10.0.1.5, to: 10.0.2.5, inside: { from: interface node-3, to: interface node-2 }, service: tcp 8080, count: 5, expect: allowed }
";

#[test]
fn a_workload_is_judged_inside_of_its_tunnels() {
    let workload = temporary("inside.yaml");
    std::fs::write(&workload, INSIDE).unwrap();
    let replay = ["replay", "--synth", workload.to_str().unwrap(), "-s", "captures/cce-tunnel-pods.yaml"];
    let report = |options: &[&str]| {
        let run = sgsim(&[&replay[..], options].concat());
        assert_eq!(run.status.code(), Some(1), "`shut` is not allowed: {}", told(&run));
        String::from_utf8(run.stdout).unwrap()
    };
    let flows = |options: &[&str]| -> Vec<(String, u64, u64, u64)> {
        let document: serde_json::Value =
            serde_json::from_str(&report(&[&["--format", "json"], options].concat())).unwrap();
        let flow = |flow: &serde_json::Value| {
            let [allowed, blocked, outside] =
                ["allowed", "blocked", "outside"].map(|key| flow[key].as_u64().unwrap());
            (flow["flow"].as_str().unwrap().to_owned(), allowed, blocked, outside)
        };
        document["workload"]["flows"].as_array().unwrap().iter().map(flow).collect()
    };
    let of = |name: &str, allowed, blocked| (name.to_owned(), allowed, blocked, 0);
    assert_eq!(
        flows(&["--inner"]),
        [of("web", 4, 0), of("ssh", 0, 3), of("strange", 4, 0), of("shut", 0, 5)]
    );
    // By the outer headers: each conversation there and back.
    assert_eq!(flows(&[]), [of("web", 8, 0), of("ssh", 6, 0), of("strange", 4, 0), of("shut", 5, 5)]);
    let lines = report(&["--inner", "--format", "ndjson"]);
    let line = lines.lines().find(|line| line.starts_with("{\"type\":\"workload\"")).unwrap();
    assert!(
        line.contains(r#"{"flow":"ssh","expected":null,"as_expected":null,"allowed":0,"blocked":3"#),
        "{line}"
    );
    let markdown = report(&["--inner", "--format", "markdown"]);
    assert!(markdown.contains("Workload: 1 of 2 flows got what it expects\n"), "{markdown}");
    assert!(markdown.contains("| `shut` | allowed | 0 | 5 | 0 | 0 | 0 |"), "{markdown}");
    // What is made is what a capture of it shows.
    let capture = temporary("inside.pcap");
    let scenario = ["-s", "captures/cce-tunnel-pods.yaml"];
    let packets = ["--inner", "--packets", "-"];
    for made in [workload.to_str().unwrap(), "edges"] {
        let run = sgsim(&[&["synth", made, "-o", capture.to_str().unwrap()], &scenario[..]].concat());
        assert_eq!(run.status.code(), Some(0), "{}", told(&run));
        let read = sgsim(&[&["replay", capture.to_str().unwrap()], &scenario[..], &packets].concat());
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(read.contains("tunnel-dropped") && read.contains("\"tunnels\":[{"), "{made}");
        let direct = sgsim(&[&["replay", "--synth", made], &scenario[..], &packets].concat());
        assert!(String::from_utf8(direct.stdout).unwrap() == read, "{made}");
    }
    std::fs::remove_file(capture).unwrap();
    std::fs::remove_file(workload).unwrap();
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
    let run = sgsim(&["load", "--filters", filters, "-j", "1", "--format", "csv"]);
    let csv = String::from_utf8(run.stdout.clone()).unwrap();
    let head = "scale,rules,compile_seconds,memory_bytes,engine,asked,threads,per_second,count";
    let (first, lines) = csv.split_once('\n').unwrap();
    assert_eq!((run.status.code(), first), (Some(0), head), "{}", told(&run));
    for line in lines.lines() {
        let fields: Vec<_> = line.split(',').collect();
        let is_speed = fields[7].parse::<f64>().is_ok_and(|speed| speed > 0.0);
        assert!(
            fields.len() == 9 && fields[..2] == ["1", "50"] && fields[3].is_empty() && is_speed,
            "{line}"
        );
    }
    assert!(lines.lines().count() >= 2, "{csv}");
    assert!(sgsim(&["synth", "trace", filters, "--count", "100", "-o", trace]).status.success());
    let text = std::fs::read_to_string(trace).unwrap();
    assert_eq!(sgsim::compile::five_tuple::classbench::parse_trace(&text).unwrap().len(), 100);
}
