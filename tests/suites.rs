//! `sgsim test` as CI uses it: status, formats held to their published schemas, the same bytes for any threads.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One of everything: held, failed, not checkable, advice, hostile names.
const SUITE: &str = r#"
scenario: cluster.yaml
capture: cce-tunnel.pcap
expectations:
  - { name: holds, tags: a, from: group control, to: group node, always: tcp 10250 ipv4, rule: node/kubelet }
  - { name: "fails <&> \"quoted\" # | ]]> \u0001 100% a,b:c\nnext", tags: [b], from: outside, to: group node, never: tcp 10250, impact: "a & b" }
  - { tags: b, from: 198.51.100.66, blocked: 0 }
  - { name: matches nothing, from: 198.51.100.0/28, blocked: 0 }
  - { name: advice, from: outside, to: group node, never: tcp 22, severity: advice }
  - { name: stays inside, from: node-1, to: node-1, never: all }
"#;

/// A folder of its own for a test, with the shipped capture and its scenario.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sgsim-suites-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("sub dir")).unwrap();
        let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        fs::copy(captures.join("cce-tunnel.pcap"), path.join("cce-tunnel.pcap")).unwrap();
        fs::copy(captures.join("cce-tunnel.yaml"), path.join("cluster.yaml")).unwrap();
        fs::write(path.join("cluster.test.yaml"), SUITE).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn test(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_sgsim"))
            .arg("test")
            .args(arguments)
            .current_dir(&self.0)
            .env_clear()
            .output()
            .unwrap()
    }

    fn format(&self, format: &str) -> String {
        String::from_utf8(self.test(&["cluster.test.yaml", "--format", format]).stdout).unwrap()
    }

    fn status(&self, arguments: &[&str]) -> i32 {
        self.test(arguments).status.code().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_status_says_how_it_came_out() {
    let folder = Folder::new("status");
    assert_eq!(folder.status(&["cluster.test.yaml"]), 2, "something could not be checked");
    assert_eq!(folder.status(&["cluster.test.yaml", "--tag", "b"]), 1);
    assert_eq!(folder.status(&["cluster.test.yaml", "--tag", "a"]), 0);
    assert_eq!(folder.status(&["cluster.test.yaml", "--name", "advice"]), 0, "advice fails nothing");
    assert_eq!(folder.status(&["cluster.test.yaml", "--tag", "nobody"]), 4);
    assert_eq!(folder.status(&["missing.yaml"]), 2);
    folder.write("none.yaml", "expectations: [{ flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: allowed }]");
    assert_eq!(folder.status(&["none.yaml"]), 2, "no scenario");
    assert_eq!(folder.status(&["none.yaml", "-s", "cluster.yaml"]), 0);
    assert_eq!(folder.status(&["none.yaml", "-s", "missing.yaml"]), 2);
    folder.write("empty.yaml", "scenario: cluster.yaml\nexpectations: []");
    assert_eq!(folder.status(&["empty.yaml"]), 4);
    folder.write(
        "sub dir/far.yaml",
        "scenario: ../cluster.yaml\ncapture: ../cce-tunnel.pcap\nexpectations: [{ connections: 224 }]",
    );
    assert_eq!(folder.status(&["sub dir/far.yaml"]), 0, "paths start from the suite");
    folder
        .write("cut.yaml", "scenario: cluster.yaml\ncapture: cut.pcap\nexpectations: [{ blocked: '>= 1' }]");
    let whole = fs::read(folder.0.join("cce-tunnel.pcap")).unwrap();
    fs::write(folder.0.join("cut.pcap"), &whole[..whole.len() - 3]).unwrap();
    assert_eq!(folder.status(&["cut.yaml"]), 2, "a capture that could not be read whole proves nothing");
}

#[test]
fn fail_fast_leaves_the_rest_out_of_all_suites() {
    let folder = Folder::new("fast");
    let output = folder.test(&["cluster.test.yaml", "cluster.test.yaml", "--fail-fast", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["summary"]["held"], 1);
    assert_eq!(value["summary"]["failed"], 1);
    assert_eq!(value["summary"]["not_run"], 4 + 6);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_output_is_the_same_for_any_threads() {
    let folder = Folder::new("threads");
    for format in ["text", "json", "junit", "tap", "sarif", "github", "markdown"] {
        let with = |threads| folder.test(&["cluster.test.yaml", "--format", format, "-j", threads]).stdout;
        assert_eq!(with("1"), with("2"), "{format}");
        let (report, file) = (format!("{format}=out"), folder.0.join("out"));
        folder.test(&["cluster.test.yaml", "--report", &report]);
        assert_eq!(fs::read(file).unwrap(), with("4"), "{format} to a file");
    }
}

#[test]
fn sarif_is_valid_by_the_schema_of_oasis() {
    let folder = Folder::new("sarif");
    let found: serde_json::Value = serde_json::from_str(&folder.format("sarif")).unwrap();
    let text = include_str!("schemas/sarif-2.1.0.json");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("sarif.json", serde_json::from_str(text).unwrap()).unwrap();
    let index = compiler.compile("sarif.json", &mut schemas).unwrap();
    schemas.validate(&found, index).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = found.clone();
    wrong["runs"][0]["results"][0]["level"] = "grave".into();
    assert!(schemas.validate(&wrong, index).is_err(), "the schema refuses something");
    let results = found["runs"][0]["results"].as_array().unwrap();
    let kinds: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "expectation-failed",
            "expectation-failed",
            "expectation-unchecked",
            "expectation-unchecked",
            "expectation-advice"
        ]
    );
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "cluster.test.yaml");
    assert_eq!(place["region"]["startLine"], 6);
}

#[test]
fn a_path_from_the_root_is_told_from_where_sgsim_runs() {
    let folder = Folder::new("paths");
    folder.write(
        "sub dir/a.yaml",
        "scenario: ../cluster.yaml\nexpectations: [{ from: outside, to: node-1, never: tcp 22 }]",
    );
    let full = folder.0.canonicalize().unwrap().join("sub dir/a.yaml");
    let output = folder.test(&[full.to_str().unwrap(), "--format", "sarif"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let place = &found["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "sub%20dir/a.yaml");
}

/// Needs xmllint; where it is missing the test says so.
#[allow(clippy::print_stderr, reason = "a skipped test must say so")]
#[test]
fn junit_is_valid_by_the_schema_of_jenkins() {
    let folder = Folder::new("junit");
    let report = folder.format("junit");
    assert!(report.contains(r#"tests="6" failures="2" errors="2""#), "{report}");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/junit-10.xsd");
    let check = |name: &str, text: &str| {
        folder.write(name, text);
        let mut xmllint = Command::new("xmllint");
        run_or_none(xmllint.arg("--noout").arg("--schema").arg(&schema).arg(folder.0.join(name)))
    };
    let Some(output) = check("report.xml", &report) else {
        eprintln!("skipped: xmllint (libxml2-utils) is not installed");
        return;
    };
    assert!(output.status.success(), "{}\n{report}", String::from_utf8_lossy(&output.stderr));
    let wrong = report.replace("<testcase", "<case").replace("</testcase", "</case");
    assert!(!check("wrong.xml", &wrong).unwrap().status.success(), "the schema refuses something");
}

fn run_or_none(command: &mut Command) -> Option<Output> {
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        output => Some(output.unwrap()),
    }
}

/// The grammar of TAP 14: version, plan, a line for each, blocks of YAML that parse.
#[test]
fn tap_has_a_line_for_each_and_blocks_that_parse() {
    let folder = Folder::new("tap");
    let text = folder.format("tap");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("TAP version 14"));
    assert_eq!(lines.next(), Some("1..6"));
    let points: Vec<_> =
        text.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok")).collect();
    assert_eq!(points.len(), 6);
    assert!(points[0].starts_with("ok 1 - cluster.test.yaml: holds"));
    assert!(
        points[1].contains("\\# |") && !points[1].contains(" # "),
        "a name is no directive: {}",
        points[1]
    );
    assert!(points[4].starts_with("not ok 5") && points[4].ends_with("# TODO advice"));
    assert_eq!(text.matches("\n  ---\n").count(), 5);
    assert_eq!(text.matches("\n  ...\n").count(), 5);
    assert!(text.contains("rule: \"node/kubelet\""));
}

#[test]
fn annotations_keep_to_one_line_each_and_to_what_is_shown() {
    let folder = Folder::new("github");
    let text = folder.format("github");
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].starts_with("::error file=cluster.test.yaml,line=6,title=fails <&> \"quoted\" # | ]]> ")
    );
    assert!(lines[0].contains("100%25 a%2Cb%3Ac%0Anext::expected blocked, but allowed: rule node/kubelet"));
    assert!(
        lines.iter().any(|line| line.starts_with("::warning file=cluster.test.yaml,line=9,title=advice::"))
    );
    assert_eq!(lines.last(), Some(&"6 expectations: 1 hold, 2 failed, 2 could not be checked, 1 advised"));
    let one = |port: u16| format!("  - {{ from: outside, to: node-1, always: tcp {port} }}");
    let many = (0..30).map(one).collect::<Vec<_>>().join("\n");
    folder.write("many.yaml", &format!("scenario: cluster.yaml\nexpectations:\n{many}\n"));
    let output = folder.test(&["many.yaml", "--format", "github"]).stdout;
    let text = String::from_utf8(output).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("::error")).count(), 10, "GitHub shows ten");
    assert!(text.contains("::error title=sgsim::and 20 more"), "{text}");
}

#[test]
fn a_witness_is_a_capture_of_the_packet_that_failed() {
    let folder = Folder::new("witness");
    folder.test(&["cluster.test.yaml", "--tag", "b", "--witness", "out"]);
    let mut files: Vec<_> =
        fs::read_dir(folder.0.join("out")).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["cluster.test-6-1.pcap", "cluster.test-7-1.pcap"]);
    let explained = Command::new(env!("CARGO_BIN_EXE_sgsim"))
        .args(["explain", "-s", "cluster.yaml", "out/cluster.test-6-1.pcap", "--frame", "1"])
        .current_dir(&folder.0)
        .output()
        .unwrap();
    let text = String::from_utf8(explained.stdout).unwrap();
    assert!(text.contains("allow  rule") && text.contains("rules    node/kubelet"), "{text}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = Folder::new("apart");
    assert_eq!(folder.status(&["cluster.test.yaml", "--report", "json=cluster.test.yaml"]), 2);
    assert_eq!(fs::read_to_string(folder.0.join("cluster.test.yaml")).unwrap(), SUITE);
    assert_eq!(folder.status(&["cluster.test.yaml", "--report", "xml=out"]), 2);
}

/// The platform's own needs: the three models give what they need, and a hardening that goes too far is told.
#[test]
fn what_the_platform_needs_is_shipped_as_suites() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sgsim"))
            .args(["test", "--format", "json", "--set", "dns=100.125.1.250"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), value)
    };
    for model in ["vpc", "tunnel", "turbo"] {
        let (preset, scenario) = (format!("cce/{model}"), format!("captures/cce-{model}.yaml"));
        let (status, found) = run(&["--preset", &preset, "-s", &scenario]);
        assert_eq!(status, 0, "advice does not fail the run");
        assert_eq!(found["summary"]["advised"], 3, "SSH, NodePorts and 5443 are open to everyone");
        assert_eq!(found["summary"]["skipped"], 1, "there is but one master");
        assert!(found["summary"]["held"].as_u64().unwrap() >= 17);
    }
    let (status, found) = run(&["--preset", "cce/tunnel-hardened", "-s", "suites/example/cluster.yaml"]);
    assert_eq!(status, 1);
    let failed: Vec<_> = found["suites"][0]["expectations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["status"] == "failed")
        .map(|one| (one["name"].as_str().unwrap(), one["impact"].as_str().unwrap()))
        .collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].0.starts_with("UDP NodePorts") && failed[0].1.contains("get no packets"));
    assert!(failed[1].0 == "nodes reach nodes" && failed[1].1.contains("kubectl top"));
}

#[test]
fn a_preset_suite_leaves_out_what_the_scenario_does_not_have() {
    let folder = Folder::new("preset");
    folder.write(
        "other.yaml",
        "groups: { mine: }\ninterfaces: { a: { addresses: 10.0.0.1, groups: [mine] } }\n",
    );
    assert_eq!(folder.status(&["--preset", "cce/turbo", "-s", "other.yaml"]), 4, "nothing could be checked");
    assert_eq!(folder.status(&["--preset", "cce/turbo"]), 2, "which scenario?");
    assert_eq!(folder.status(&["--preset", "cce/unknown", "-s", "cluster.yaml"]), 2);
}
