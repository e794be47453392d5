//! Mistakes that people make in rules, planted one at a time into the shipped scenarios: the shipped suites fail, and the
//! message names the rule.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fs;
use std::path::{Path, PathBuf};

use sgsim::diag::Style;
use sgsim::expect::{Selection, Status, SuiteFile, SuiteOutcome, check};
use sgsim::policy::Scenario;
use sgsim::report::suite::{SuiteFormat, SuiteResult, SuiteResults};

const TUNNEL: &str = "captures/cce-tunnel";
const VPC: &str = "captures/cce-vpc";
const TURBO: &str = "captures/cce-turbo";
const EXAMPLE: &str = "suites/example/cluster";

/// What is wrong, in which scenario, the words and what they become (added at the end where there are none), and the rule
/// that the message has to name.
const PLANTED: [(&str, &str, &str, &str, &str); 16] = [
    ("a priority swapped", EXAMPLE, "from guests priority 5", "from guests priority 20", "guard/ssh-office"),
    ("a priority off by one digit", EXAMPLE, "from any priority 90", "from any priority 9", "guard/no-ssh"),
    (
        "a deny written as allow",
        EXAMPLE,
        "deny tcp 22 from guests",
        "allow tcp 22 from guests",
        "guard/no-guests",
    ),
    (
        "groups bound in the wrong order",
        EXAMPLE,
        "22, groups: [guard, node]",
        "22, groups: [node, guard]",
        "node/ssh",
    ),
    (
        "a CIDR one bit too wide",
        TUNNEL,
        "container: 10.0.0.0/16",
        "container: 10.0.0.0/15",
        "control/apiserver-5444-container",
    ),
    ("the masters' block one bit too wide", TUNNEL, "192.168.0.8/29", "192.168.0.0/28", "node/kubelet"),
    ("the VPC one bit too wide", VPC, "vpc: 192.168.0.0/16", "vpc: 192.168.0.0/15", "node/tcp-vpc"),
    ("the masters' block one bit too narrow", TURBO, "192.168.0.8/29", "192.168.0.12/30", "node/kubelet"),
    ("a port off by one", TUNNEL, "", "change: { node/kubelet: { ports: 10251 } }", "node/kubelet"),
    (
        "the end of a range off by one",
        TURBO,
        "",
        "change: { node/nodeport-tcp: { ports: 30000-32766 } }",
        "node/nodeport-tcp",
    ),
    ("a group reference dropped", TUNNEL, "", "change: { node/self: remove }", "node/self"),
    ("a reference to another group", TURBO, "", "change: { eni/self: { from: group node } }", "eni/self"),
    ("the wrong protocol", VPC, "", "change: { node/nodeport-udp: { protocol: tcp } }", "node/nodeport-udp"),
    (
        "a rule left open to everyone",
        TURBO,
        "",
        "change: { control/storage-addon: { from: any } }",
        "control/storage-addon",
    ),
    (
        "a rule left disabled",
        VPC,
        "",
        "change: { control/network-addon: { enabled: false } }",
        "control/network-addon",
    ),
    ("outbound traffic narrowed too far", VPC, "", "change: { node/all-out: { to: vpc } }", "node/all-out"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What a suite says of a scenario; the findings when it cannot be about it.
fn run(name: &str, scenario: &Scenario) -> Result<SuiteOutcome, String> {
    let mut file = SuiteFile::load(&root().join(format!("{name}.test.yaml")));
    let suite = file.resolve(scenario).ok_or_else(|| file.render(Style::Plain))?;
    Ok(check(&suite, &scenario.policy, &Selection::default()))
}

fn parse(name: &str, text: &str) -> Scenario {
    let loaded = Scenario::parse(&format!("{name}.yaml"), text);
    loaded.scenario.clone().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)))
}

#[test]
fn shipped_suites_find_planted_mistakes_and_name_the_rule() {
    for (mistake, name, words, becomes, rule) in PLANTED {
        let text = read(&format!("{name}.yaml"));
        let planted =
            if words.is_empty() { format!("{text}\n{becomes}\n") } else { text.replacen(words, becomes, 1) };
        assert_ne!(text, planted, "{mistake}");
        let scenario = parse(name, &planted);
        let outcome = run(name, &scenario).unwrap();
        // A rule that is gone, and that the suite names, is an error of its expectation.
        assert!(outcome.is_stopped(), "{mistake} was not found");
        let results = SuiteResults {
            suites: vec![SuiteResult {
                outcome,
                policy: &scenario.policy,
                scenario: String::new(),
                shipped_for: None,
            }],
            coverage: vec![],
            root: Path::new("").to_owned(),
        };
        for format in [SuiteFormat::Text, SuiteFormat::Github] {
            let mut out = vec![];
            format.write(&results, &mut out).unwrap();
            let told = String::from_utf8(out).unwrap();
            assert!(told.contains(rule), "{mistake}: nothing names {rule} in\n{told}");
        }
    }
}

/// A suite that fails anyway would find everything.
#[test]
fn shipped_suites_hold_without_a_mistake() {
    for name in [TUNNEL, VPC, TURBO, EXAMPLE] {
        let outcome = run(name, &parse(name, &read(&format!("{name}.yaml")))).unwrap();
        assert!(outcome.checked.len() >= 9, "{name}");
        assert_eq!(outcome.count(Status::Held), outcome.checked.len(), "{name}");
    }
}
