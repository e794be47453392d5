//! The scenario language: what is accepted, and what is said about mistakes.

mod language;
mod mistakes;
mod never;

use crate::diag::Style;
use crate::policy::cce::{Advice, Parameter, Preset, PresetGroup, PresetRule};
use crate::policy::{Direction, Loaded, Scenario};

const fn rule(id: &'static str, words: &'static str) -> PresetRule {
    PresetRule { id, words, purpose: "tests", advice: Advice::Keep, admit: "", breaks: "tests" }
}

/// A small preset of the tests' own, so that the tables of the real ones may change.
const TINY: &[Preset] = &[Preset {
    name: "cce/tiny",
    title: "Tiny",
    source: "tests",
    date: "2026-01-01",
    parameters: &[
        Parameter { name: "vpc", about: "the CIDR of the VPC", default: &[] },
        Parameter { name: "container", about: "the container CIDR", default: &[] },
        Parameter { name: "master", about: "the CIDR of the masters", default: &["vpc"] },
    ],
    notes: &[],
    groups: &[
        PresetGroup {
            name: "node",
            about: "Bound to worker nodes.",
            ingress: &[
                rule("overlay", "allow udp 4789 from any"),
                rule("kubelet", "allow tcp 10250 from master"),
                rule("nodeport-tcp", "allow tcp 30000-32767 from any"),
                rule("nodeport-udp", "allow udp 30000-32767 from any"),
                rule("ssh", "allow tcp 22 from any"),
                rule("members", "allow all from group node"),
            ],
            egress: &[rule("out", "allow all to any")],
        },
        PresetGroup {
            name: "control",
            about: "Bound to masters.",
            ingress: &[rule("api", "allow tcp 5444 from vpc, container")],
            egress: &[rule("control-out", "allow all to any")],
        },
    ],
}];

fn load(text: &str) -> Loaded {
    Scenario::parse_with("s.yaml", text, TINY)
}

/// The scenario of a text that has no mistakes and no warnings.
fn good(text: &str) -> Scenario {
    let loaded = load(text);
    assert_eq!(loaded.render(Style::Plain), "");
    loaded.scenario.unwrap()
}

/// All findings of a text.
fn findings(text: &str) -> String {
    load(text).render(Style::Plain)
}

/// Name and words of all rules of a group and direction.
fn rules(scenario: &Scenario, group: &str, direction: Direction) -> Vec<String> {
    let policy = &scenario.policy;
    let group = policy.groups.iter().find(|g| g.name == group).unwrap();
    let show = |rule: &crate::policy::Rule| format!("{}: {}", rule.name, rule.words());
    group.rules(direction).iter().map(|&id| show(policy.rule(id))).collect()
}

/// The example that issue 2 gives for the feel of the language.
const FEEL: &str = r"
preset: cce/tiny
with: { vpc: 192.168.0.0/16, container: 10.0.0.0/16, master: 192.168.0.8/29 }
addresses: { office: [203.0.113.0/24, 198.51.100.7] }
interfaces:
  master-1: { addresses: 192.168.0.10, groups: [control] }
  node-1: { addresses: 192.168.0.21, groups: [node, jump], behind: 10.0.1.0/24 }
change:                                  # the hardening, as the few lines that differ from the preset
  node/ssh: { from: office }
  node/nodeport-udp: remove
groups:
  jump: { ingress: [allow tcp 22 from office, deny icmp echo-request from any priority 1], egress: [allow all to any] }
";

#[test]
fn the_example_of_the_issue_is_understood() {
    let scenario = good(FEEL);
    assert_eq!(
        rules(&scenario, "node", Direction::Ingress),
        [
            "node/overlay: allow udp 4789 from any",
            "node/kubelet: allow tcp 10250 from master",
            "node/nodeport-tcp: allow tcp 30000-32767 from any",
            "node/ssh: allow tcp 22 from office",
            "node/members: allow all from group node",
        ]
    );
    assert_eq!(
        rules(&scenario, "jump", Direction::Ingress),
        ["jump/ingress/1: allow tcp 22 from office", "jump/ingress/2: deny icmp echo-request from any"]
    );
    let named = |name: &str| scenario.policy.rules.iter().find(|rule| rule.name == name).unwrap();
    assert_eq!(named("node/ssh").remote.to_string(), "198.51.100.7, 203.0.113.0/24");
    assert_eq!((&*named("node/ssh").origin.file, named("node/ssh").origin.line), ("s.yaml", 9));
    assert_eq!(&*named("node/kubelet").origin.file, "preset cce/tiny");
    assert_eq!(named("node/members").remote.to_string(), "192.168.0.21", "not the networks behind");
    assert_eq!(scenario.preset, Some("cce/tiny"));
}

#[test]
fn all_mistakes_are_told_in_one_run() {
    insta::assert_snapshot!(findings(
        "preset: cce/tiny
with: { container: 10.0.0.0/16, vpd: 192.168.0.0/16 }
groups:
  node: { ingress: [allow tcp 70000 from any], egres: [allow all to any] }
  web:
    ingress:
      - allow tcp 90-80 from any
      - allow tcp 80 from 10.0.0.0/33 priority 0
      - allow tcp 443 from group nod
      - {from: any, priority: 101}
  web: {}
interfaces:
  a: { addresses: 192.168.0.1, groups: [web] }
  b: { addresses: [192.168.0.1], groups: [web, wbe] }
  c: { groups: [node] }
change:
  node/shh: remove
"
    ));
}
