//! What suites say, what is wrong about them, and how their expectations come out.

use crate::diag::Style;
use crate::policy::Scenario;

use super::{Selection, Status, SuiteFile, SuiteOutcome, check};

const SCENARIO: &str = "
addresses: { office: 203.0.113.0/24, nobody: [], web: 192.0.2.1 }
groups:
  web:
    ingress: [allow tcp 443 from any id https, allow tcp 22 from office id ssh, deny tcp 23 from any id no-telnet]
    egress: [allow all to any id out]
  idle: { ingress: [allow all from any] }
interfaces:
  web-1: { addresses: [10.0.0.1, 'fd00::1'], groups: [web] }
  web-2: { addresses: 10.0.0.2, groups: [web] }
";

fn scenario() -> Scenario {
    Scenario::parse("s.yaml", SCENARIO).scenario.unwrap()
}

/// What is wrong about a text.
fn mistakes(text: &str) -> String {
    let mut file = SuiteFile::parse("suite.yaml", text);
    let resolved = file.resolve(&scenario());
    let own = resolved.iter().flat_map(|suite| &suite.expectations).any(|one| one.mistake.is_some());
    assert_eq!(resolved.is_none() || own, file.diagnostics.iter().any(crate::diag::Diagnostic::is_error));
    file.render(Style::Plain)
}

fn outcome(text: &str) -> SuiteOutcome {
    let scenario = scenario();
    let mut file = SuiteFile::parse("suite.yaml", text);
    let suite = file.resolve(&scenario).unwrap_or_else(|| panic!("{}", file.render(Style::Plain)));
    check(&suite, &scenario.policy, &Selection::default())
}

/// The status of a single expectation, and what is said of it.
fn one(expectation: &str) -> (Status, String) {
    let found = outcome(&format!("expectations: [{{ {expectation} }}]"));
    let checked = &found.checked[0];
    let told = checked.failures.iter().map(|failure| failure.happened.clone()).chain(checked.error.clone());
    (checked.status, told.collect::<Vec<_>>().join("; "))
}

#[test]
fn every_mistake_has_its_place_and_its_advice() {
    insta::assert_snapshot!(mistakes(
        "expectation: []
expectations:
  - { flow: tcp 1.2.3.4 > 10.0.0.1, expect: allowed }
  - { flow: 'tcp 1.2.3.4 > 10.0.0.1:22', expect: allow }
  - { flow: 'tcp 1.2.3.4 > 10.0.0.1:22', expect: blockd }
  - { flow: 'tcp 1.2.3.4 > 10.0.0.1:22', expect: assumed }
  - { flow: 'tcp 1.2.3.4 > 10.0.0.1:22', from: any, expect: allowed }
  - { flow: 'tcp 1.2.3.4 > 10.0.0.1:22' }
  - { from: any, to: group web }
  - { always: tcp 443 }
  - { from: any, to: wbe, never: tcp 22 }
  - { from: group idl, to: interface web-9, never: tcp 22 }
  - { from: set offic, to: web, never: tcp 22 }
  - { from: any, to: web-1, always: tcp 443, never: tcp 22 }
  - { from: any, to: web-1, always: tpc 443 }
  - { from: any, to: web-1, always: tcp 443 now }
  - { from: any, to: web-1, services: tcp 443, expect: allowed, rule: web/htps }
  - { from: any, to: web-1, services: tcp 443, expect: allowed, reason: no-rule }
  - { from: any, to: web-1, services: tcp 443, expect: allowed, reason: norule, step: web-3 ingress }
  - { from: any, to: web-1, services: tcp 443, expect: allowed, step: web-1 inwards }
  - { from: nobody, to: web-1, never: tcp 443 }
  - { from: any, to: group idle, never: tcp 443 }
  - { from: any, to: web-2, never: icmpv6 }
  - { from: any, to: web-1, only: all }
  - { blocked: 0 }
  - { capture: missing.pcap, blocked: 0 }
  - { capture: missing.pcap, blocked: some }
  - { severity: grave, tags: [a, b] }
  - just text
"
    ));
}

#[test]
fn a_file_that_is_no_suite_is_told() {
    insta::assert_snapshot!(
        ["", "description: x\n", "[]\n", "expectations: { a: b }\n", "expectations: [~]\n"]
            .map(mistakes)
            .join("\n")
    );
}

#[test]
fn a_mistake_is_that_of_its_expectation_and_all_others_are_checked() {
    let text = "expectations:
  - { flow: tcp 1.2.3.4 > 10.0.0.1:443, expect: allowed, rule: web/gone }
  - { from: group gone, to: web-1, never: tcp 22 }
  - { from: interface gone, to: web-1, never: tcp 22 }
  - { flow: tcp 1.2.3.4 > 10.0.0.1:443, expect: blocked, reason: rule }
  - { flow: tcp 1.2.3.4 > 10.0.0.1:443, expect: allowed }
  - { flow: tcp 1.2.3.4 > 10.0.0.1:22, expect: allowed }
";
    let found = outcome(text);
    let told: Vec<_> = found.checked.iter().map(|one| (one.status, one.error.as_deref())).collect();
    assert_eq!(
        told,
        [
            (Status::Error, Some("there is no rule `web/gone`")),
            (Status::Error, Some("unknown group `gone`")),
            (Status::Error, Some("unknown interface `gone`")),
            (Status::Error, Some("what is blocked never has the reason rule")),
            (Status::Held, None),
            (Status::Failed, None),
        ]
    );
    assert!(mistakes(text).contains("suite.yaml:2:"), "each has its place");
}

#[test]
fn flows_are_judged_each_on_its_own() {
    assert_eq!(one("flow: tcp 1.2.3.4 > 10.0.0.1:443, expect: allowed").0, Status::Held);
    assert_eq!(
        one("flow: [tcp 1.2.3.4 > 10.0.0.1:443, tcp 1.2.3.4 > 10.0.0.1:22], expect: allowed"),
        (Status::Failed, "blocked: no-rule at web-1 ingress".to_owned())
    );
    // What the first opens does not let the answer pass.
    assert_eq!(
        one(
            "flow: ['tcp 10.0.0.1:443 > 203.0.113.9:5', 'tcp 203.0.113.9:5 > 10.0.0.1:999'], expect: allowed"
        )
        .0,
        Status::Failed
    );
    assert_eq!(one("flow: tcp 1.2.3.4 > 4.3.2.1:443, expect: outside, reason: no-group").0, Status::Held);
    assert_eq!(one("flow: [], expect: allowed").0, Status::Error);
}

#[test]
fn the_reason_the_step_and_the_rule_are_part_of_what_is_expected() {
    let flow = "flow: tcp 203.0.113.9 > 10.0.0.1:22, expect: allowed";
    assert_eq!(one(&format!("{flow}, rule: web/ssh, step: web-1 ingress, reason: rule")).0, Status::Held);
    assert_eq!(one(&format!("{flow}, rule: web/https")).0, Status::Failed);
    assert_eq!(one(&format!("{flow}, step: web-2 ingress")).0, Status::Failed);
    assert_eq!(one(&format!("{flow}, step: egress")).0, Status::Failed);
    let telnet = "flow: tcp 10.0.0.2 > 10.0.0.1:23, expect: blocked";
    assert_eq!(one(&format!("{telnet}, rule: web/no-telnet, reason: deny-rule")).0, Status::Held);
    assert_eq!(one(&format!("{telnet}, reason: no-rule")).0, Status::Failed);
    // It passed the egress rule, but what decided is where it was stopped.
    assert_eq!(one(&format!("{telnet}, rule: web/out")).0, Status::Failed);
    assert_eq!(one(&format!("{telnet}, step: web-1 ingress")).0, Status::Held);
}

#[test]
fn universal_expectations_speak_of_every_packet() {
    assert_eq!(one("from: any, to: group web, always: tcp 443").0, Status::Held);
    assert_eq!(one("from: any, to: group web, only: [tcp 443, tcp 22]").0, Status::Held);
    assert_eq!(
        one("from: outside, to: web-1, only: tcp 443"),
        (Status::Failed, "allowed: rule web/ssh at web-1 ingress".to_owned())
    );
    assert_eq!(one("from: 203.0.112.0/24, to: web-1, never: tcp 22").0, Status::Held);
    assert_eq!(one("from: 203.0.112.0/23, to: web-1, never: tcp 22").0, Status::Failed);
    assert_eq!(one("from: web-1, to: any, always: all").0, Status::Failed, "web-2 lets not everything in");
    assert_eq!(one("from: web-1, to: outside, always: all").0, Status::Held);
    assert_eq!(one("from: outside, to: outside, never: all").0, Status::Error, "no group is asked");
    assert_eq!(one("from: web-1, to: 10.0.0.1, always: all").0, Status::Error, "it stays on one interface");
    assert_eq!(one("from: outside, to: set web, services: all, expect: outside").0, Status::Held);
    assert_eq!(one("from: any, to: web-1, never: tcp 22, severity: advice").0, Status::Advised);
}

#[test]
fn addresses_are_left_out_in_the_words_of_a_workload() {
    // Of the outside only the office gets in by SSH.
    assert_eq!(one("from: outside, to: web-1, only: tcp 443").0, Status::Failed);
    assert_eq!(one("from: outside without office, to: web-1, only: tcp 443").0, Status::Held);
    assert_eq!(one("from: [outside without set office], to: web-1, only: tcp 443").0, Status::Held);
    assert_eq!(one("from: outside without 203.0.113.0/25, to: web-1, only: tcp 443").0, Status::Failed);
    assert_eq!(one("from: any without office, to: web-1, never: tcp 22").0, Status::Held);
    assert_eq!(one("from: outside 203.0.0.0/8 without office, to: web-1, never: tcp 22").0, Status::Held);
    assert_eq!(one("from: outside office, to: web-1, always: tcp 22").0, Status::Held);
    assert_eq!(
        one("from: office without office, to: web-1, always: tcp 22").0,
        Status::Error,
        "nobody is left"
    );
    assert_eq!(one("from: outside group web, to: web-1, always: tcp 22").0, Status::Error);
    let (status, told) = one("from: outside without ofice, to: web-1, never: tcp 22");
    assert!(status == Status::Error && told.contains("`ofice`"), "{told}");
}

#[test]
fn expectations_are_chosen_by_name_and_tag_and_stop_at_the_first_that_fails() {
    let scenario = scenario();
    let text = "expectations:
  - { name: first, tags: [a], from: any, to: group web, always: tcp 443 }
  - { name: second, tags: [b], from: any, to: group web, always: tcp 22 }
  - { name: third, tags: [a, b], from: any, to: group web, always: tcp 443 }
";
    let suite = SuiteFile::parse("suite.yaml", text).resolve(&scenario).unwrap();
    let names = |selection: &Selection| -> (Vec<String>, usize) {
        let outcome = check(&suite, &scenario.policy, selection);
        (outcome.checked.iter().map(|one| one.expectation.name.clone()).collect(), outcome.not_run)
    };
    let all = Selection::default();
    assert_eq!(names(&all).0, ["first", "second", "third"]);
    assert_eq!(names(&Selection { names: vec!["ir".into()], ..all.clone() }).0, ["first", "third"]);
    assert_eq!(names(&Selection { tags: vec!["b".into()], ..all.clone() }).0, ["second", "third"]);
    assert_eq!(names(&Selection { skip_names: vec!["ir".into()], ..all.clone() }).0, ["second"]);
    assert_eq!(names(&Selection { skip_tags: vec!["b".into()], ..all.clone() }).0, ["first"]);
    let both = Selection { tags: vec!["a".into()], skip_names: vec!["third".into()], ..all.clone() };
    assert_eq!(names(&both).0, ["first"]);
    let fast = Selection { fail_fast: true, ..all };
    assert_eq!(names(&fast), (vec!["first".into(), "second".into()], 1));
    assert_eq!(names(&Selection { tags: vec!["c".into()], ..fast }), (vec![], 0));
}
