//! Every mistake has its code, its place and its advice.

use super::findings;

/// Each text with the findings it makes, as one page to be read.
fn page(cases: &[(&str, &str)]) -> String {
    let show = |(title, text): &(&str, &str)| format!("==== {title}\n\n{}", findings(text));
    cases.iter().map(show).collect::<Vec<_>>().join("\n")
}

const NODE: &str = "interfaces: { n: { addresses: 10.0.0.1, groups: g } }\n";

fn with_rule(rule: &str) -> String {
    format!("{NODE}groups:\n  g:\n    ingress:\n      - {rule}\n")
}

#[test]
fn files_that_are_no_scenario() {
    insta::assert_snapshot!(page(&[
        ("empty", ""),
        ("a comment alone", "# nothing\n"),
        ("a null", "---\n~\n"),
        ("a text", "hello\n"),
        ("a list", "- groups\n- interfaces\n"),
        ("not closed", "groups: { a: [\n"),
        ("a tab", "groups:\n\ta: {}\n"),
        ("two documents", "interfaces: { n: { addresses: 10.0.0.1 } }\n---\ngroups: {}\n"),
        ("a surrogate pair", r#"{"description": "\ud83d\ude00"}"#),
        ("a list as key", "interfaces: { n: { addresses: 10.0.0.1 } }\n? [a, b]\n: c\n"),
        ("an alias inside itself", "groups: &a { x: *a }\n"),
        ("an alias of nothing", "groups: *nothing\n"),
    ]));
}

#[test]
fn keys_types_and_values() {
    insta::assert_snapshot!(findings(
        "descriptoin: x
dialect: orderd
midstream: [assume]
state: { profile: hauwei, tcp-established: 10 minutes, tcp: 5s }
groups:
  any: {}
  a b: {}
  10.0.0.1: {}
  g: [allow all]
  h: { ingress: { protocol: tcp, port: 22, enabled: maybe, action: drop } }
interfaces:
  n: 10.0.0.1
  m: { addresses: [10.0.0.0/24, 10.0.0.1-10.0.0.9, [x]], behind: 10.0.0.1-10.0.0.9, groups: [h, h] }
  m: { addresses: 10.0.0.2 }
"
    ));
    insta::assert_snapshot!(findings(
        "state: { profile: stateless, icmp: 5s }\ninterfaces: { n: { addresses: ::1 } }"
    ));
}

#[test]
fn words_of_a_rule() {
    let rules = [
        "allow",
        "permit tcp",
        "allow tpc 22",
        "allow any",
        "allow tcp 22 80 from any",
        "allow tcp 22, from any",
        "allow tcp 70000",
        "allow tcp ssh",
        "allow tcp 90-80",
        "allow udp from",
        "allow udp from group",
        "allow udp from 10.0.0.0/8 10.1.0.0/16",
        "allow udp from offce",
        "allow udp from 10.0.0.300",
        "allow udp from 10.0.0.9-10.0.0.1",
        "allow udp from 10.0.0.9-fd00::1",
        "allow udp from 10.1.2.3/16",
        "allow udp to any",
        "allow udp priority",
        "allow udp priority 0",
        "allow udp priority 101 priority 5",
        "allow udp id",
        "allow udp id a/b",
        "allow icmp echo-reqest",
        "allow icmp 3/256",
        "allow icmp 8 ipv6",
        "allow icmpv6 ipv4",
        "allow gre 22",
        "allow all 22",
        "{ ports: 22 }",
        "{ protocol: tcp, icmp: 8 }",
        "{ protocol: icmp, ports: 8 }",
        "{ protocol: tcp, ports: [] }",
        "{ from: [] }",
        "{ from: any, to: any }",
        "[allow, tcp]",
    ];
    let texts: Vec<_> = rules.iter().map(|rule| with_rule(rule)).collect();
    let cases: Vec<_> = rules.iter().copied().zip(texts.iter().map(String::as_str)).collect();
    insta::assert_snapshot!(page(&cases));
}

#[test]
fn a_comma_in_a_flow_list_is_explained() {
    let text = format!("{NODE}groups: {{ g: {{ ingress: [allow tcp 22,80 from any] }} }}\n");
    insta::assert_snapshot!(findings(&text));
}

#[test]
fn sets_that_miss_or_hold_themselves() {
    insta::assert_snapshot!(findings(
        "addresses:
  a: [10.0.0.1, b]
  b: c
  c: [x, a]
  self: self
  web: [group g, g]
  bad: [10.0.0.0/99, '10.0.0.0/8,,']
  g: any
  narrow: 10.1.2.3/8
groups:
  g: { ingress: [allow tcp from g, allow tcp from set g, allow tcp from group g, allow tcp from set h] }
interfaces: { n: { addresses: 10.0.0.1, groups: g } }
"
    ));
}

#[test]
fn presets_and_changes() {
    insta::assert_snapshot!(page(&[
        (
            "an unknown preset hides what follows from it",
            "preset: cce/tinny\nwith: { vpc: 10.0.0.0/8 }\ninterfaces: { n: { addresses: 10.0.0.1, groups: node } }\nchange: { node/ssh: remove }\n"
        ),
        ("a parameter without a preset", "with: { vpc: 10.0.0.0/8 }\n"),
        (
            "clashes with the preset",
            "preset: cce/tiny
with: { vpc: 10.0.0.0/8, container: 10.1.0.0/16 }
addresses: { vpc: 10.0.0.0/8 }
groups:
  node:
    ingress: [allow tcp 22 id ssh, allow tcp 23 id own, allow tcp 24 id own]
interfaces: { n: { addresses: 10.0.0.1, groups: node } }
change:
  node/ingress/1: remove
  ssh: remove
  node/kubelet: { protocol: all, id: other }
  node/overlay: { protocol: icmp }
  node/out: allow all from any
  node/members: [remove]
  node/nodeport-tcp: { ports: 99999 }
"
        ),
    ]));
}

#[test]
fn warnings_leave_a_policy() {
    let text = "groups:
  g: { ingress: [allow icmp 128 from 10.1.0.0/8 ipv6, allow tcp from group idle, allow tcp from 10.0.0.0/8 ipv6] }
  idle: {}
interfaces: { n: { addresses: 10.0.0.1, groups: [g, g] } }
";
    insta::assert_snapshot!(findings(text));
    assert!(super::load(text).policy().is_some());
    insta::assert_snapshot!(findings("groups: { g: {} }"));
    insta::assert_snapshot!(findings(&with_rule("allow 22 from ::ffff:10.0.0.1")));
    let empty = findings(&with_rule("{ description: nothing said }"));
    assert!(
        empty.contains("does not say what it is about"),
        "the most open rule is not the empty one: {empty}"
    );
}

#[test]
fn escapes_and_folded_lines_point_at_the_whole_text() {
    insta::assert_snapshot!(page(&[
        ("an escape", &with_rule(r#""allow\x20tcp 70000""#)),
        ("quotes", &with_rule("'allow tcp 70000'")),
        ("a block", &with_rule(">-\n          allow tcp\n          70000")),
        (
            "characters of several bytes",
            &with_rule("{ description: Büro → 社, ports: 70000, protocol: tcp }")
        ),
        ("lines of Windows", &with_rule("allow tcp 70000").replace('\n', "\r\n")),
        ("a byte order mark", &format!("\u{feff}{}", with_rule("allow tcp 70000"))),
        ("JSON", "{\n\t\"groups\": {\"g\": {\"ingress\": [\"allow tcp 22,70000\"]}}\n}\n"),
        ("an alias points at what it repeats", "groups:\n  g: &g { ingress: allow tcp 70000 }\n  h: *g\n"),
    ]));
}

/// Mistakes that make no page: they are asserted where they are made, those of exports in `tests/import`.
const ELSEWHERE: &[&str] = &[
    "unreadable-file",
    "not-utf8",
    "too-large",
    "ambiguous-group",
    "ambiguous-name",
    "unknown-workload",
    "bad-filter",
    "flow-left-out",
    "unknown-format",
    "nothing-used",
    "missing-field",
    "two-remotes",
    "not-understood",
    "unattached-rule",
    "incomplete-export",
    "unknown-members",
    "layers-differ",
    "assumed",
];

#[test]
fn every_code_is_on_a_page() {
    let folders =
        ["src/policy/scenario/tests/snapshots", "src/expect/tests/snapshots", "tests/synth/snapshots"];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let pages = files.map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap()).collect::<String>();
    for code in crate::diag::codes::ALL {
        let shown = pages.contains(&format!("[{}]: ", code.name)) || ELSEWHERE.contains(&code.name);
        assert!(shown, "no test shows {}", code.name);
    }
}
