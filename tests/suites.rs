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
    let told = |arguments: &[&str]| String::from_utf8(folder.test(arguments).stderr).unwrap();
    let nobody = told(&["cluster.test.yaml", "--tag", "nobody"]);
    assert!(nobody.contains("nothing was checked: `--tag nobody` leaves none of 6"), "{nobody}");
    assert!(nobody.contains("their tags are a, b"), "{nobody}");
    assert_eq!(folder.status(&["missing.yaml"]), 2);
    folder.write("none.yaml", "expectations: [{ flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: allowed }]");
    assert_eq!(folder.status(&["none.yaml"]), 2, "no scenario");
    assert_eq!(folder.status(&["none.yaml", "-s", "cluster.yaml"]), 0);
    assert_eq!(folder.status(&["none.yaml", "-s", "missing.yaml"]), 2);
    folder.write("empty.yaml", "scenario: cluster.yaml\nexpectations: []");
    assert_eq!(folder.status(&["empty.yaml"]), 4);
    assert!(told(&["empty.yaml"]).contains("nothing was checked: there is no expectation"));
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
fn what_a_suite_names_is_not_written_over() {
    let folder = Folder::new("named");
    let held = |arguments: &[&str], file: &str| {
        let before = fs::read(folder.0.join(file)).unwrap();
        let output = folder.test(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("is an input, it would be overwritten"), "{told}");
        assert_eq!(fs::read(folder.0.join(file)).unwrap(), before, "{arguments:?}");
    };
    held(&["cluster.test.yaml", "--report", "json=cluster.yaml"], "cluster.yaml");
    held(&["cluster.test.yaml", "--report", "json=cce-tunnel.pcap"], "cce-tunnel.pcap");
    // The packet of the failure in the sixth line would go to the capture of the suite.
    folder.write("own.yaml", &SUITE.replace("cce-tunnel.pcap", "own-6-1.pcap"));
    fs::copy(folder.0.join("cce-tunnel.pcap"), folder.0.join("own-6-1.pcap")).unwrap();
    held(&["own.yaml", "--witness", "."], "own-6-1.pcap");
}

#[test]
fn every_witness_has_a_file_of_its_own() {
    let folder = Folder::new("witnesses");
    let expect = "{ from: outside, to: group node, never: tcp 10250 }";
    let suite = |scenario| format!("scenario: {scenario}\nexpectations: [{expect}, {expect}]\n");
    folder.write("a.yaml", &suite("cluster.yaml"));
    folder.write("sub dir/a.yaml", &suite("../cluster.yaml"));
    let failures = |suites: &[&str], to: &str| {
        let output = folder.test(&[suites, &["--format", "json", "--witness", to]].concat());
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let suites = told["suites"].as_array().unwrap();
        let results = suites.iter().flat_map(|suite| suite["expectations"].as_array().unwrap());
        let examples = results.map(|result| result["failures"].as_array().unwrap().len());
        (examples.sum::<usize>(), fs::read_dir(folder.0.join(to)).unwrap().count())
    };
    let (failed, written) = failures(&["a.yaml"], "one");
    assert!(failed >= 2);
    assert_eq!(written, failed);
    let (failed, written) = failures(&["a.yaml", "sub dir/a.yaml"], "two");
    assert!(failed >= 4);
    assert_eq!(written, failed);
}

#[test]
fn names_cannot_reorder_what_a_log_shows() {
    let folder = Folder::new("bidi");
    let name = r#"name: "fails \u202e\e[2J", from: outside"#;
    folder.write("cluster.test.yaml", &SUITE.replace("name: advice, from: outside", name));
    for format in ["text", "junit", "github", "tap", "markdown"] {
        let told = folder.format(format);
        assert!(told.contains("\\u{202e}"), "{format}: {told}");
        assert!(!told.contains(['\u{202e}', '\u{1b}']), "{format}: {told}");
    }
}

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
    let shut = fs::read_to_string(folder.0.join("cluster.yaml")).unwrap();
    folder.write("shut.yaml", &format!("{shut}\nchange: {{ node/nodeport-udp: remove }}\n"));
    let hardened = ["--preset", "cce/tunnel", "-s", "shut.yaml"];
    assert_eq!(folder.status(&hardened), 1, "UDP NodePorts are shut");
    assert_eq!(folder.status(&[&hardened[..], &["--skip", "UDP NodePorts"]].concat()), 0, "on purpose");
    assert_eq!(folder.status(&[&hardened[..], &["--skip-tag", "essential"]].concat()), 0);
    assert_eq!(folder.status(&["--preset", "cce/turbo"]), 2, "which scenario?");
    assert_eq!(folder.status(&["--preset", "cce/unknown", "-s", "cluster.yaml"]), 2);
}

#[test]
fn every_rule_is_covered_once_the_packets_that_were_told_are_expected() {
    let folder = Folder::new("coverage");
    let suite = |flows: &[String]| {
        let list: Vec<_> =
            flows.iter().map(|flow| format!("  - {{ flow: '{flow}', expect: allowed }}\n")).collect();
        let list = list.concat();
        format!(
            "scenario: cluster.yaml\nexpectations:\n  - {{ flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: allowed }}\n{list}"
        )
    };
    let coverage = |text: &str| {
        folder.write("covered.yaml", text);
        let output = folder.test(&["covered.yaml", "--coverage", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0));
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        value["coverage"][0].clone()
    };
    let first = coverage(&suite(&[]));
    assert_eq!((first["covered"].as_u64(), first["coverable"].as_u64()), (Some(1), Some(14)));
    let packets: Vec<String> = first["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|rule| rule["packet"].as_str())
        .map(str::to_owned)
        .collect();
    assert_eq!(packets.len(), 13, "each rule that decides has one");
    let second = coverage(&suite(&packets));
    assert_eq!(second["covered"], 14, "the packets show the rules they were told for");
    assert_eq!(folder.status(&["covered.yaml", "--coverage-min", "100"]), 0);
    folder.write("covered.yaml", &suite(&packets[1..]));
    assert_eq!(folder.status(&["covered.yaml", "--coverage-min", "93"]), 1, "13 of 14 are 92.8 %");
    assert_eq!(folder.status(&["covered.yaml", "--coverage-min", "92"]), 0);
}

#[test]
fn lcov_has_a_line_for_each_rule_of_the_file() {
    let folder = Folder::new("lcov");
    folder.write(
        "web.yaml",
        "groups:\n  web:\n    ingress:\n      - allow tcp 443 from any\n      - allow tcp 22 from 10.0.0.0/8\n    egress: [allow udp 53 to any, allow all to 10.0.0.0/8]\ninterfaces: { w: { addresses: 192.0.2.1, groups: [web] } }\n",
    );
    folder.write("sub dir/web.test.yaml", "scenario: ../web.yaml\nexpectations: [{ from: any, to: w, always: tcp 443 }, { flow: udp 192.0.2.1 > 10.0.0.1:53, expect: allowed }]\n");
    let output = folder.test(&["sub dir/web.test.yaml", "--format", "lcov"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "TN:\nSF:web.yaml\nFN:4,web/ingress/1\nFN:5,web/ingress/2\nFN:6,web/egress/1\nFN:6,web/egress/2\n\
         FNDA:1,web/ingress/1\nFNDA:0,web/ingress/2\nFNDA:1,web/egress/1\nFNDA:0,web/egress/2\nFNF:4\nFNH:2\n\
         DA:4,1\nDA:5,0\nDA:6,0\nLF:3\nLH:1\nend_of_record\n"
    );
}

/// What was recorded holds, whether addresses are kept or not, and finds what a change of rules breaks.
#[test]
fn a_recorded_suite_holds_until_rules_change() {
    let folder = Folder::new("record");
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let key = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for (capture, model) in
        [("cce-tunnel.pcap", "tunnel"), ("cce-vpc.pcapng", "vpc"), ("cce-turbo.pcap", "turbo")]
    {
        let record = |extra: &[&str], file: &str| {
            let run = Command::new(env!("CARGO_BIN_EXE_sgsim"))
                .arg("record")
                .arg(captures.join(capture))
                .args(["-s", "here.yaml", "-o", file])
                .args(extra)
                .current_dir(&folder.0)
                .output()
                .unwrap();
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            fs::read_to_string(folder.0.join(file)).unwrap()
        };
        fs::copy(captures.join(format!("cce-{model}.yaml")), folder.0.join("here.yaml")).unwrap();
        let kept = record(&[], "sub dir/kept.yaml");
        let hidden = record(&[&format!("--anonymise={key}")], "hidden.yaml");
        assert_eq!(hidden, record(&[&format!("--anonymise={key}")], "hidden.yaml"));
        assert_ne!(hidden, record(&["--anonymise"], "other.yaml"), "a random key");
        assert!(kept.contains("198.51.100.66") && kept.contains("scenario: \"../here.yaml\""), "{kept}");
        for address in ["198.51.100.66", "203.0.113.10", "192.168.5.50", "172.20.0.9"] {
            assert!(!hidden.contains(address), "{address}");
        }
        for file in ["sub dir/kept.yaml", "hidden.yaml", "other.yaml"] {
            assert_eq!(folder.status(&[file]), 0, "{file} of {model}");
        }
        let text = fs::read_to_string(folder.0.join("here.yaml")).unwrap();
        folder.write("here.yaml", &format!("{text}\nchange: {{ node/ssh: remove }}\n"));
        assert_eq!(folder.status(&["hidden.yaml"]), 2, "a rule that is expected is gone");
        folder.write("here.yaml", &format!("{text}\nchange: {{ node/ssh: {{ enabled: false }} }}\n"));
        assert_eq!(folder.status(&["sub dir/kept.yaml"]), 1);
        assert_eq!(folder.status(&["hidden.yaml"]), 1);
    }
}

/// The groups and who is attached come as exports of AWS: both files together are the scenario.
#[test]
fn a_scenario_may_be_several_exports() {
    let folder = Folder::new("exports");
    let exports = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/exports");
    for name in ["aws-groups.json", "aws-interfaces.json"] {
        fs::copy(exports.join(name), folder.0.join(name)).unwrap();
    }
    let from = ["-s", "aws-groups.json", "-s", "aws-interfaces.json"];
    let record = Command::new(env!("CARGO_BIN_EXE_sgsim"))
        .args(["record", "cce-tunnel.pcap", "-o", "sub dir/suite.yaml"])
        .args(from)
        .current_dir(&folder.0)
        .output()
        .unwrap();
    assert!(record.status.success(), "{}", String::from_utf8_lossy(&record.stderr));
    let suite = fs::read_to_string(folder.0.join("sub dir/suite.yaml")).unwrap();
    let names = r#"scenario: ["../aws-groups.json", "../aws-interfaces.json"]"#;
    assert!(suite.contains(names), "{suite}");
    assert_eq!(folder.status(&["sub dir/suite.yaml"]), 0);
    let one = ["sub dir/suite.yaml", "-s", "aws-interfaces.json"];
    assert_ne!(folder.status(&one), 0, "groups without rules");
}

#[test]
fn blessing_changes_what_happened_and_nothing_else() {
    let folder = Folder::new("bless");
    let before = "# kept
scenario: cluster.yaml
capture: cce-tunnel.pcap
expectations:
  - { flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: blocked, rule: node/kubelet } # said so
  - from: 198.51.100.66
    blocked: 0
    allowed: '>= 3'
  - { flow: tcp 1.2.3.4 > 192.168.0.21:23, expect: allowed, step: node-2 ingress }
  - { flow: tcp 1.2.3.4 > 192.168.0.21:10250, expect: blocked, reason: no-rule }
";
    folder.write("old.yaml", before);
    let output = folder.test(&["old.yaml", "--bless"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let after = before
        .replace("allowed, step: node-2 ingress", "blocked, reason: no-rule, step: node-1 ingress")
        .replace("blocked, rule: node/kubelet", "allowed, rule: node/ssh")
        .replace("blocked: 0", "blocked: 84");
    assert_eq!(fs::read_to_string(folder.0.join("old.yaml")).unwrap(), after);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("old.yaml:7\n-    blocked: 0\n+    blocked: 84\n"), "{told}");
    assert_eq!(told.matches("old.yaml:").count(), 3, "{told}");
    assert_eq!(folder.status(&["old.yaml"]), 0);
    assert!(folder.test(&["old.yaml", "--bless"]).stderr.is_empty(), "nothing is left to bless");
    let all = "scenario: cluster.yaml\nexpectations:\n  - { name: everyone, from: any, to: group node, never: tcp 22 }\n  - { name: two fates, from: any, to: group node, services: tcp 10250, expect: allowed }\n";
    folder.write("all.yaml", all);
    let output = folder.test(&["all.yaml", "--bless"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(folder.0.join("all.yaml")).unwrap(), all);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`everyone` was not blessed: it is said of all packets"), "{told}");
    assert!(told.contains("`two fates` was not blessed: what it is about has several fates"), "{told}");
}

/// Record, harden, bless: what was allowed is blocked, by no rule or another, whatever became of the rule that is named.
#[test]
fn blessing_brings_up_what_a_hardening_blocks() {
    let folder = Folder::new("harden");
    let text = fs::read_to_string(folder.0.join("cluster.yaml")).unwrap();
    folder.write("cluster.yaml", &format!("{text}\nchange: {{ node/ssh: remove }}\n"));
    let before = "scenario: cluster.yaml
expectations:
  - { flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: allowed, rule: node/ssh } # flow
  - flow: tcp 1.2.3.4 > 192.168.0.21:22
    expect: allowed # block
    rule: node/ssh
  - rule: node/ssh
    flow: tcp 1.2.3.4 > 192.168.0.21:22
    reason: rule
    expect: allowed
  - expect: allowed # alone
    flow: tcp 1.2.3.4 > 192.168.0.21:22
  - { expect: blocked, reason: rule, step: ingress, flow: tcp 1.2.3.4 > 192.168.0.21:22 }
  - { flow: [tcp 1.2.3.4 > 192.168.0.21:22, tcp 1.2.3.4 > 192.168.0.21:30000], expect: allowed }
";
    folder.write("old.yaml", before);
    let output = folder.test(&["old.yaml", "--bless"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let after = "scenario: cluster.yaml
expectations:
  - { flow: tcp 1.2.3.4 > 192.168.0.21:22, expect: blocked, reason: no-rule } # flow
  - flow: tcp 1.2.3.4 > 192.168.0.21:22
    expect: blocked # block
    reason: no-rule
  - flow: tcp 1.2.3.4 > 192.168.0.21:22
    reason: no-rule
    expect: blocked
  - expect: blocked # alone
    reason: no-rule
    flow: tcp 1.2.3.4 > 192.168.0.21:22
  - { expect: blocked, reason: no-rule, step: ingress, flow: tcp 1.2.3.4 > 192.168.0.21:22 }
  - { flow: [tcp 1.2.3.4 > 192.168.0.21:22, tcp 1.2.3.4 > 192.168.0.21:30000], expect: allowed }
";
    assert_eq!(fs::read_to_string(folder.0.join("old.yaml")).unwrap(), after, "{told}");
    assert!(
        told.contains("not as expected: tcp 1.2.3.4") && told.contains("192.168.0.21:22 (blocked: no-rule"),
        "{told}"
    );
    assert_eq!(folder.test(&["old.yaml"]).status.code(), Some(1), "all but the last hold");
}

/// The suites that README and docs/testing.md show hold on the cluster that README shows, by the capture that is shipped.
#[test]
fn the_suites_that_the_pages_show_hold_on_the_cluster_of_the_readme() {
    fn shown(page: &str, with: &str) -> String {
        let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let mut fitting = blocks.filter(|block| block.contains(with));
        fitting.next().unwrap_or_else(|| panic!("no block has {with}")).to_owned()
    }
    let folder = Folder::new("pages");
    fs::rename(folder.0.join("cce-tunnel.pcap"), folder.0.join("node.pcap")).unwrap();
    let readme = include_str!("../README.md");
    folder.write("cluster.yaml", &shown(readme, "\ninterfaces:"));
    for page in [readme, include_str!("../docs/testing.md")] {
        folder.write("shown.yaml", &shown(page, "\nexpectations:"));
        let output = folder.test(&["shown.yaml"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told}{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("4 expectations: 4 hold"), "{told}");
    }
}

/// Findings of a shipped suite stand in the user's scenario: at the rule concerned, else at its start.
#[test]
fn findings_of_a_shipped_suite_stand_in_the_scenario() {
    let folder = Folder::new("places");
    let text = fs::read_to_string(folder.0.join("cluster.yaml")).unwrap();
    let changed = format!("{text}change:\n  node/nodeport-udp: remove\n  node/ssh: {{ priority: 1 }}\n");
    folder.write("mine.yaml", &changed);
    let run = |format| {
        let output = folder.test(&["--preset", "cce/tunnel", "-s", "mine.yaml", "--format", format]).stdout;
        String::from_utf8(output).unwrap()
    };
    let text = run("github");
    assert!(text.contains("::error file=mine.yaml,line="), "{text}");
    assert!(!text.contains("file=suites/"), "{text}");
    let found: serde_json::Value = serde_json::from_str(&run("sarif")).unwrap();
    let results = found["runs"][0]["results"].as_array().unwrap();
    let places = results.iter().map(|one| &one["locations"][0]["physicalLocation"]);
    let places: Vec<_> = places
        .map(|place| {
            (
                place["artifactLocation"]["uri"].as_str().unwrap(),
                place["region"]["startLine"].as_u64().unwrap(),
            )
        })
        .collect();
    assert!(
        places.len() >= 3 && places.iter().all(|(file, line)| *file == "mine.yaml" && *line >= 1),
        "{places:?}"
    );
    // A group of one's own that is called as the preset's has its rules in the file.
    let own = "groups:\n  node:\n    ingress:\n      - allow all from 10.9.0.0/16\n      - allow tcp 22 from any\n    egress: [allow all to any]\ninterfaces: { n: { addresses: 10.0.0.1, groups: [node] } }\n";
    folder.write("mine.yaml", own);
    let text = run("github");
    assert!(text.contains("::warning file=mine.yaml,line=5,"), "SSH is open to everyone: {text}");
}

/// Every field of the JSON is in docs/output.md.
#[test]
fn every_field_of_the_json_is_documented() {
    fn names(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                into.insert(name.clone());
                names(value, into);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|item| names(item, into)),
            _ => {}
        }
    }
    let folder = Folder::new("documented");
    let output = folder.test(&["cluster.test.yaml", "--format", "json", "--coverage"]);
    let mut found = std::collections::BTreeSet::new();
    names(&serde_json::from_slice(&output.stdout).unwrap(), &mut found);
    assert!(found.contains("coverable") && found.contains("decided"));
    let page = include_str!("../docs/output.md");
    let section = page.split("## Test results").nth(1).unwrap();
    let missing: Vec<_> = found.iter().filter(|name| !section.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/output.md: {missing:?}");
}
