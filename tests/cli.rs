//! The command as a user meets it: exit codes, what goes to which stream, damaged captures.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCENARIO: &str = "captures/cce-tunnel.yaml";
const CAPTURE: &str = "captures/cce-tunnel.pcap";

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgsim"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_clear();
    command
}

fn sgsim(arguments: &[&str]) -> Ran {
    let output = command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A file in a folder of the test's own.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn capture() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE)).unwrap()
}

#[test]
fn verdicts_do_not_fail_a_run_unless_asked_to() {
    let ran = sgsim(&["replay", CAPTURE, "-s", SCENARIO]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(
        ran.stdout.starts_with("Connections: 125 allowed, 94 blocked, 4 assumed, 0 undecided, 1 outside")
    );
    for (verdicts, code) in [("blocked", 1), ("undecided", 0), ("undecided,assumed", 1), ("all", 1)] {
        assert_eq!(
            sgsim(&["replay", CAPTURE, "-s", SCENARIO, "--fail-on", verdicts]).code,
            code,
            "{verdicts}"
        );
    }
    assert_eq!(sgsim(&["replay", CAPTURE, "-s", SCENARIO, "--fail-on", "dropped"]).code, 2);
}

#[test]
fn a_cut_capture_is_reported_as_far_as_it_goes() {
    let whole = capture();
    let cut = file("cut.pcap", &whole[..whole.len() / 2]);
    let ran = sgsim(&["replay", cut.to_str().unwrap(), "-s", SCENARIO]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stdout.contains("allowed") && ran.stdout.contains("Blocked, worst first"),
        "what was read is told"
    );
    assert!(
        ran.stderr.contains("cut.pcap at byte ") && ran.stderr.contains("the file ends inside a record"),
        "{}",
        ran.stderr
    );
    // The other captures of the timeline are read all the same.
    let both = sgsim(&["replay", cut.to_str().unwrap(), CAPTURE, "-s", SCENARIO]);
    assert_eq!(both.code, 2);
    assert!(both.stdout.contains("cce-tunnel.pcap"));
}

#[test]
fn what_is_no_capture_is_named() {
    let missing = sgsim(&["replay", "no-such.pcap", "-s", SCENARIO]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("no-such.pcap"), "{}", missing.stderr);
    for (name, bytes, part) in [
        ("empty.pcap", &b""[..], "empty"),
        ("text.pcap", b"this is no capture at all", "at byte 0"),
        ("header.pcap", &capture()[..20], "at byte 0"),
    ] {
        let path = file(name, bytes);
        let ran = sgsim(&["replay", path.to_str().unwrap(), "-s", SCENARIO]);
        assert_eq!(ran.code, 2, "{name}");
        assert!(ran.stderr.contains(name) && ran.stderr.contains(part), "{name}: {}", ran.stderr);
    }
}

#[test]
fn an_unsupported_link_type_is_told_counted_and_not_judged() {
    let mut bytes = capture();
    bytes[20] = 147; // LINKTYPE_USER0
    let path = file("user0.pcap", &bytes);
    let ran = sgsim(&["replay", path.to_str().unwrap(), "-s", SCENARIO]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains(
            "user0.pcap at byte 24: link type 147 is not supported, frames that are not decoded: 1583"
        ),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("Packets: 1583") && ran.stdout.contains("147"), "{}", ran.stdout);
    assert!(ran.stdout.starts_with("Connections: 0 allowed, 0 blocked"));
}

#[test]
fn mistakes_in_a_scenario_are_told_together() {
    let path = file("wrong.yaml", b"groups: { g: { ingress: [allow tcp 70000 from any, allow tcp 22 from nowhere priority 0] } }\nport: 1\n");
    for ran in
        [sgsim(&["check", path.to_str().unwrap()]), sgsim(&["replay", CAPTURE, "-s", path.to_str().unwrap()])]
    {
        assert_eq!(ran.code, 2);
        assert_eq!(ran.stdout, "");
        for part in [
            "error[bad-port]",
            "error[unknown-remote]",
            "error[bad-priority]",
            "error[unknown-key]",
            "wrong.yaml:1:",
        ] {
            assert!(ran.stderr.contains(part), "{part} in {}", ran.stderr);
        }
    }
    assert_eq!(sgsim(&["check", SCENARIO]).code, 0);
    assert_eq!(sgsim(&["check", "no-such.yaml"]).code, 2);
}

/// The status and what was told of a command whose reader leaves before it reads.
fn left(args: &[&str]) -> (Option<i32>, String) {
    let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    (child.wait().unwrap().code(), told)
}

#[test]
fn a_pipe_closed_early_ends_quietly() {
    for format in ["text", "json", "ndjson", "csv", "markdown"] {
        let ended = left(&["replay", CAPTURE, "-s", SCENARIO, "--format", format]);
        assert_eq!(ended, (Some(0), String::new()), "{format}");
    }
    let mut failing = command(&["replay", CAPTURE, "-s", SCENARIO, "--fail-on", "blocked"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(failing.stdout.take());
    assert_eq!(failing.wait().unwrap().code(), Some(1), "what was found stays found");
}

#[test]
fn every_frame_has_exactly_one_record_in_order() {
    let path = file("packets.ndjson", b"");
    for (capture, scenario, frames) in [
        ("captures/cce-tunnel.pcap", "captures/cce-tunnel.yaml", 1583),
        ("captures/cce-vpc.pcapng", "captures/cce-vpc.yaml", 1541),
        ("captures/cce-turbo.pcap", "captures/cce-turbo.yaml", 1663),
    ] {
        let ran = sgsim(&["replay", capture, "-s", scenario, "--packets", path.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let records = fs::read_to_string(&path).unwrap();
        let frame =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["frame"].as_u64().unwrap();
        let numbers: Vec<_> = records.lines().map(frame).collect();
        assert_eq!(numbers, (1..=frames).collect::<Vec<_>>(), "{capture}");
    }
}

#[test]
fn standard_input_is_read_as_a_capture() {
    let input = fs::File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE)).unwrap();
    let output = command(&["replay", "-", "-s", SCENARIO]).stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Connections: 125 allowed"));
}

#[test]
fn frames_are_numbered_over_the_captures_in_the_order_given() {
    let path = file("both.ndjson", b"");
    let ran = sgsim(&[
        "replay",
        "captures/cce-vpc.pcapng",
        CAPTURE,
        "-s",
        SCENARIO,
        "--packets",
        path.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let records = fs::read_to_string(&path).unwrap();
    let mut numbers: Vec<_> = records
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            (record["frame"].as_u64().unwrap(), record["time"].as_str().unwrap().to_owned())
        })
        .collect();
    assert!(numbers.is_sorted_by_key(|(_, time)| time.clone()), "one timeline");
    numbers.sort();
    assert!(numbers.iter().map(|(number, _)| *number).eq(1..=1541 + 1583));
    assert!(
        numbers[1540].1 > numbers[1541].1,
        "the second capture was recorded earlier, and is numbered after the first"
    );
}

#[test]
fn presets_need_their_parameters() {
    let ran = sgsim(&["preset", "show", "cce/tunnel", "--set", "vpc=192.168.0.0/33"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    for part in ["'vpc': prefix length 33 is over 32", "container", "master"] {
        assert!(ran.stderr.contains(part), "{part} in {}", ran.stderr);
    }
    let list = sgsim(&["preset", "list"]);
    assert_eq!(list.code, 0);
    assert!(list.stdout.contains("cce/turbo-hardened"));
}

#[test]
fn a_check_that_could_not_check_does_not_pass() {
    // Cut to 34 bytes a frame: no port was kept.
    let mut cut = capture()[..24].to_vec();
    let whole = capture();
    let mut at = 24;
    while at < whole.len() {
        let length = u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap()) as usize;
        cut.extend(&whole[at..at + 8]);
        cut.extend(u32::try_from(length.min(34)).unwrap().to_le_bytes());
        cut.extend(&whole[at + 12..at + 16 + length.min(34)]);
        at += 16 + length;
    }
    let path = file("snap34.pcap", &cut);
    let ran = sgsim(&["replay", path.to_str().unwrap(), "-s", SCENARIO, "--fail-on", "blocked,undecided"]);
    assert_eq!(ran.code, 1, "packets that cannot be judged are undecided: {}", ran.stdout);
    let empty = file("header-only.pcap", &whole[..24]);
    let nothing = sgsim(&["replay", empty.to_str().unwrap(), "-s", SCENARIO, "--fail-on", "blocked"]);
    assert_eq!(nothing.code, 4);
    assert_eq!(sgsim(&["replay", empty.to_str().unwrap(), "-s", SCENARIO]).code, 0);
}

#[test]
fn outputs_stay_apart_from_inputs_and_each_other() {
    let input = file("input.pcap", &capture());
    let (input, other) = (input.to_str().unwrap(), file("records.ndjson", b""));
    let other = other.to_str().unwrap();
    for option in ["-o", "--packets", "--connections"] {
        let ran = sgsim(&["replay", input, "-s", SCENARIO, option, input]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("is an input"), "{}", ran.stderr);
        assert_eq!(fs::read(input).unwrap(), capture(), "it is as it was");
    }
    let link = Path::new(input).with_file_name("hard-link.pcap");
    // A run before may have left it, as a link to this very input.
    let _ = fs::remove_file(&link);
    fs::hard_link(input, &link).unwrap();
    let linked = sgsim(&["replay", input, "-s", SCENARIO, "-o", link.to_str().unwrap()]);
    assert_eq!((linked.code, fs::read(input).unwrap() == capture()), (2, true));
    let twice = sgsim(&["replay", input, "-s", SCENARIO, "--packets", other, "--connections", other]);
    assert_eq!(twice.code, 2);
    let report = file("report.txt", b"");
    assert_eq!(sgsim(&["replay", input, "-s", SCENARIO, "-o", report.to_str().unwrap()]).code, 0);
    assert!(!fs::read_to_string(report).unwrap().contains('\x1b'), "a file is no terminal");
}

#[test]
fn a_cut_standard_input_is_told_in_the_report_too() {
    let cut = file("cut-stdin.pcap", &capture()[..100_000]);
    let output = command(&["replay", "-", "-s", SCENARIO, "--format", "json"])
        .stdin(fs::File::open(cut).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["captures"][0]["error"].as_str().unwrap().contains("standard input at byte"), "{report}");
}

#[test]
fn behind_a_deny_no_allow_rule_is_offered() {
    let scenario = b"groups:\n  d: { ingress: [deny tcp 22 from any] }\n  a: { ingress: [allow tcp 22 from 10.0.0.0/8] }\ninterfaces: { i: { addresses: 10.20.0.4, groups: [d, a] } }\n";
    let path = file("deny.yaml", scenario);
    let ran = sgsim(&["explain", "-s", path.to_str().unwrap(), "tcp 1.1.1.1:1 > 10.20.0.4:22"]);
    assert!(ran.stdout.contains("narrow the deny rule") && !ran.stdout.contains("nearest"), "{}", ran.stdout);
}

/// The shipped capture in two files, the later one first by name and compressed.
fn rotated() -> PathBuf {
    use std::io::Write;

    let capture = capture();
    let (header, records) = capture.split_at(24);
    let mut end = 0;
    while end < records.len() / 2 {
        let length = records[end + 8..end + 12].try_into().unwrap();
        end += 16 + usize::try_from(u32::from_le_bytes(length)).unwrap();
    }
    let (early, late) = records.split_at(end);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-rotated");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("trace.pcap1"), [header, early].concat()).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(
        fs::File::create(folder.join("trace.pcap0.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    gzip.write_all(&[header, late].concat()).unwrap();
    gzip.finish().unwrap();
    fs::write(folder.join("README"), "no capture").unwrap();
    folder
}

#[test]
fn a_folder_of_rotated_captures_is_one_timeline() {
    let folder = rotated();
    let whole = sgsim(&["replay", CAPTURE, "-s", SCENARIO, "--packets", "-"]);
    let ran = sgsim(&["replay", folder.to_str().unwrap(), "-s", SCENARIO, "--packets", "-"]);
    assert_eq!((whole.code, ran.code), (0, 0), "{}", ran.stderr);
    assert_eq!(ran.stdout, whole.stdout, "state is carried across, and frames are numbered on");
    assert!(ran.stderr.contains("1 file that is no capture is left out"), "{}", ran.stderr);

    let none = sgsim(&["replay", "docs", "-s", SCENARIO]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("there is no capture in docs"), "{}", none.stderr);
}

#[test]
fn a_packet_that_is_captured_twice_is_told_and_can_be_judged_once() {
    // The same capture as of two hosts: other link headers, the same packets.
    let mut other = capture();
    let mut at = 24;
    while at < other.len() {
        let length = other[at + 8..at + 12].try_into().unwrap();
        other[at + 16] ^= 0x40;
        at += 16 + usize::try_from(u32::from_le_bytes(length)).unwrap();
    }
    let other = file("other.pcap", &other);
    let other = other.to_str().unwrap();
    let once = sgsim(&["replay", CAPTURE, "-s", SCENARIO, "--dedup"]);
    let alone = sgsim(&["replay", CAPTURE, "-s", SCENARIO]);
    assert_eq!(once.stdout, alone.stdout, "nothing is captured twice in it");
    let both = sgsim(&["replay", CAPTURE, other, "-s", SCENARIO]);
    assert!(both.stdout.contains("had been captured before"), "{}", both.stdout);
    let judged = sgsim(&["replay", CAPTURE, other, "-s", SCENARIO, "--dedup"]);
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(&judged.stdout), first(&alone.stdout));
    assert!(judged.stdout.contains("that had been captured before were left out"), "{}", judged.stdout);
}

#[test]
fn the_engine_tells_its_strategy_and_sizes() {
    let ran = sgsim(&["explain", "--engine", "-s", SCENARIO]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    for part in [
        "address classes  ",
        "service classes  ",
        "bytes",
        "ingress of node",
        "egress of control",
        "decision table of",
    ] {
        assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_before_other_captures_is_refused_and_not_waited_for() {
    // Beside the other files of these tests. A run before may have left it, and writing to it would wait for a reader.
    let pipe = file("beside-a-pipe", b"").with_file_name("a-pipe");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let ran = sgsim(&["replay", pipe.to_str().unwrap(), CAPTURE, "-s", SCENARIO]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("can only be the last of several captures"), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Connections: 125 allowed"), "the others are read");
}

#[test]
fn files_of_a_folder_and_behind_standard_input_are_inputs_too() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-folder");
    fs::create_dir_all(&folder).unwrap();
    let inside = folder.join("a.pcap");
    fs::write(&inside, capture()).unwrap();
    for option in ["-o", "--packets", "--connections"] {
        let ran =
            sgsim(&["replay", folder.to_str().unwrap(), "-s", SCENARIO, option, inside.to_str().unwrap()]);
        assert_eq!(
            (ran.code, fs::read(&inside).unwrap() == capture()),
            (2, true),
            "{option}: {}",
            ran.stderr
        );
    }
    if cfg!(target_os = "linux") {
        let redirected = command(&["replay", "-", "-s", SCENARIO, "-o", inside.to_str().unwrap()])
            .stdin(fs::File::open(&inside).unwrap())
            .output()
            .unwrap();
        assert_eq!((redirected.status.code(), fs::read(&inside).unwrap() == capture()), (Some(2), true));
    }
}

#[test]
fn a_reader_who_leaves_changes_no_status() {
    for records in ["--packets", "--connections"] {
        let ended = left(&["replay", CAPTURE, "-s", SCENARIO, records, "-", "--fail-on", "blocked"]);
        assert_eq!(ended, (Some(1), String::new()), "{records}");
    }
}

/// The disk is full, and nothing is lost that was judged.
#[cfg(target_os = "linux")]
#[test]
fn records_that_cannot_be_written_leave_the_report() {
    let report = sgsim(&["replay", CAPTURE, "-s", SCENARIO]).stdout;
    for records in ["--packets", "--connections"] {
        let ran = sgsim(&["replay", CAPTURE, "-s", SCENARIO, records, "/dev/full"]);
        assert_eq!((ran.code, &ran.stdout), (2, &report), "{records}");
        assert!(ran.stderr.contains("error: failed to write /dev/full: No space left"), "{}", ran.stderr);
    }
}

#[test]
fn an_undecoded_frame_is_explained_as_such() {
    let mut bytes = capture();
    bytes[20] = 147;
    let path = file("explain-user0.pcap", &bytes);
    let ran = sgsim(&["explain", "-s", SCENARIO, path.to_str().unwrap(), "--frame", "3"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("link type 147 is not supported"), "{}", ran.stderr);
}

#[test]
fn a_replay_of_nothing_is_refused() {
    for arguments in [&["replay", "-s", SCENARIO][..], &["replay", "--dedup", "-s", SCENARIO]] {
        let ran = sgsim(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains("CAPTURE"), "{}", ran.stderr);
    }
}

/// The shipped capture with its VXLAN at another port.
fn vxlan_at(port: u16) -> Vec<u8> {
    let mut bytes = capture();
    let mut at = 24;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        let frame = &mut bytes[at + 16..at + 16 + usize::try_from(length).unwrap()];
        // An untagged frame of IPv4 without options, with UDP in it.
        if frame.len() > 38
            && frame[12..15] == [8, 0, 0x45]
            && frame[23] == 17
            && frame[36..38] == [0x12, 0xb5]
        {
            frame[36..38].copy_from_slice(&port.to_be_bytes());
        }
        at += 16 + usize::try_from(length).unwrap();
    }
    bytes
}

#[test]
fn tunnels_are_opened_when_asked_and_where_asked() {
    let inside = |path: &str, options: &[&str]| {
        let ran = sgsim(&[&["replay", path, "-s", SCENARIO], options].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout.lines().find(|line| line.starts_with("Inside tunnels: ")).map(str::to_owned)
    };
    let found = inside(CAPTURE, &["--inner"]).unwrap();
    assert_eq!(found, "Inside tunnels: 20 connections and 289 packets (35.1 kB) of these");
    assert_eq!(inside(CAPTURE, &[]), None);
    let path = file("vxlan-47890.pcap", &vxlan_at(47890));
    let path = path.to_str().unwrap();
    assert_eq!(
        inside(path, &["--inner"]).unwrap(),
        "Inside tunnels: 0 connections and 0 packets (0 B) of these"
    );
    assert_eq!(inside(path, &["--inner", "--vxlan-port", "47891", "--vxlan-port", "47890"]).unwrap(), found);
    for (arguments, told) in [
        (&["replay", CAPTURE, "-s", SCENARIO, "--vxlan-port", "9999"][..], "--inner"),
        (&["replay", "--inner", "-s", SCENARIO], "required"),
        (&["replay", "--inner", "-s", SCENARIO, "--flow", "tcp 1.2.3.4 > 5.6.7.8:1"], "cannot be used with"),
        (&["explain", "--inner", "-s", SCENARIO, "tcp 1.2.3.4 > 5.6.7.8:1"], "--frame"),
    ] {
        let ran = sgsim(arguments);
        assert!(ran.code == 2 && ran.stderr.contains(told), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn words_of_files_cannot_reach_the_terminal_raw() {
    let hostile = "\u{1b}]0;x\u{7}\u{1b}[2J\u{202e}";
    let json = serde_json::json!({ "security_groups": [{
        "id": format!("g1{hostile}"), "name": format!("web{hostile}"), "description": hostile,
        "security_group_rules": [{
            "id": format!("r{hostile}"), "security_group_id": format!("g1{hostile}"), "direction": "ingress",
            "protocol": "tcp", "ethertype": "IPv4", "multiport": "22", "remote_ip_prefix": null,
            "remote_group_id": format!("no{hostile}"), "action": "allow", "priority": 1, "description": hostile,
        }],
    }], "ports": [{
        "id": format!("p{hostile}"), "name": format!("n{hostile}"), "fixed_ips": [{ "ip_address": "10.0.0.1" }],
        "security_groups": [format!("g1{hostile}"), format!("zz{hostile}")],
    }] });
    let export = file(&format!("hostile{hostile}.json"), json.to_string().as_bytes());
    let export = export.to_str().unwrap();
    let log = format!("src_ip,dst_ip,proto,action\n\"10.0.0.2{hostile}\",10.0.0.1,tcp,allow\n");
    let log = file(&format!("hostile{hostile}.csv"), log.as_bytes());
    let runs: [&[&str]; 4] = [
        &["check", export],
        &["explain", "-s", export, "tcp 10.0.0.9:40000 > 10.0.0.1:22"],
        &["explain", "-s", export, "tcp 10.0.0.9:40000 > 10.0.0.1:23"],
        &["replay", "-s", export, log.to_str().unwrap()],
    ];
    for run in runs {
        let ran = sgsim(&[&["--color", "always"], run].concat());
        for told in [ran.stdout, ran.stderr] {
            for raw in ["\u{1b}]", "\u{7}", "\u{1b}[2J", "\u{202e}"] {
                assert!(!told.contains(raw), "{run:?}: {raw:?} in {told:?}");
            }
        }
    }
}

#[test]
fn what_has_nothing_to_check_does_not_pass() {
    let scenario = "groups: { g: {} }\ninterfaces: { i: { addresses: 10.0.0.1, groups: g } }\n";
    let scenario = file("no-rules.yaml", scenario.as_bytes());
    let scenario = scenario.to_str().unwrap();
    let suite = "scenario: no-rules.yaml\nexpectations: [{ from: outside, to: group g, never: all }]\n";
    let suite = file("no-rules.test.yaml", suite.as_bytes());
    let suite = suite.to_str().unwrap();
    assert_eq!(sgsim(&["test", suite]).code, 0);
    let covered = sgsim(&["test", suite, "--coverage-min", "100"]);
    assert_eq!(covered.code, 4, "{}{}", covered.stdout, covered.stderr);
    assert!(!covered.stdout.contains("100.0 %"), "{}", covered.stdout);
    assert_eq!(sgsim(&["synth", "edges", "-s", scenario]).code, 4);
    assert_eq!(sgsim(&["replay", "--synth", "edges", "-s", scenario]).code, 4);
}

#[test]
fn a_flow_log_is_reported_up_to_its_mistake() {
    let text = "src,dst,protocol,dport\n10.0.0.1,192.168.0.21,tcp,22\n10.0.0.1,192.168.0.21,tcp,x\n";
    let log = file("mistake.csv", text.as_bytes());
    let ran = sgsim(&["replay", log.to_str().unwrap(), "-s", "tests/fixtures/import/same.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Connections: 0 allowed, 1 blocked"), "{}", ran.stdout);
    // Where lines end depends on how long the path is.
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    assert!(words.join(" ").contains("before (1 frame) is reported"), "{}", ran.stdout);
    assert!(ran.stderr.contains("mistake.csv at line 3: expected a port, found 'x'"), "{}", ran.stderr);
}

/// By hand: `web` leaves ssh open, and allows it alone where its last rule says the same as the one in doubt; `db` allows
/// ssh. What is undecided is neither allowed nor dropped, and no rule decided it.
#[test]
fn groups_say_what_a_rule_in_doubt_leaves_open() {
    let scenario = "
dialect: ordered
groups:
  web: { ingress: [allow tcp 22 from 10.0.0.0/8 maybe unknown-members] }
  db: { ingress: [allow tcp 22 from any] }
  app: { ingress: [allow tcp 22 from any maybe lost-field, allow tcp 22 from any] }
interfaces:
  a: { addresses: 192.168.0.21, groups: [web] }
  b: { addresses: 192.168.0.22, groups: [web, db] }
  c: { addresses: 192.168.0.23, groups: [app] }
";
    let scenario = file("doubt.yaml", scenario.as_bytes());
    let flows = [21, 22, 23].map(|host| format!("tcp 10.0.0.1 > 192.168.0.{host}:22"));
    let mut arguments = vec!["replay", "-s", scenario.to_str().unwrap()];
    arguments.extend(flows.iter().flat_map(|flow| ["--flow", flow.as_str()]));
    let ran = sgsim(&arguments);
    let line = |start: &str| {
        let found = ran.stdout.lines().find(|line| line.starts_with(start));
        let words = found.unwrap_or_else(|| panic!("{start}: {}", ran.stdout)).split_whitespace();
        words.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("Connections"),
        "Connections: 2 allowed, 0 blocked, 0 assumed, 1 undecided, 0 outside the scenario"
    );
    assert_eq!(
        line("group"),
        "group direction would allow packets bytes would drop packets bytes assumed undecided blocked"
    );
    assert_eq!(line("web"), "web ingress 0 0 0 B 0 0 0 B 0 2 0");
    assert_eq!(line("db"), "db ingress 1 1 64 B 0 0 0 B 0 0 0");
    assert_eq!(line("app"), "app ingress 1 1 64 B 0 0 0 B 0 0 0");
    assert_eq!(line("app/ingress/2"), "app/ingress/2 allow 1 1 64 B");
    assert!(line("Never hit").contains("web/ingress/1 (in doubt)"));
    let written = |format: &str| sgsim(&[&arguments[..], &["--format", format]].concat()).stdout;
    let json: serde_json::Value = serde_json::from_str(&written("json")).unwrap();
    assert_eq!(json["groups"][0]["undecided"]["connections"], 2);
    assert_eq!(json["groups"][0]["allows"]["connections"], 0);
    let markdown = written("markdown");
    assert!(markdown.contains("| `web` | ingress | 0 | 0 | 0 | 2 | 0 |"), "{markdown}");
}
