//! What the language means.

use std::fmt::Write;
use std::time::Duration;

use super::{findings, good, load, rules};
use crate::policy::{Dialect, Direction, Midstream, Scenario};

/// The ingress rules of one group, from lines of a list.
fn ingress(lines: &str) -> Vec<String> {
    let text = format!(
        "addresses: {{ office: [203.0.113.0/24, fd00::/64] }}
groups:
  g:
    ingress:
{lines}
interfaces: {{ n: {{ addresses: [10.0.0.1, fd00::1], groups: g }} }}
"
    );
    rules(&good(&text), "g", Direction::Ingress)
}

#[test]
fn a_mapping_says_the_same_as_words() {
    assert_eq!(
        ingress(
            "      - allow tcp 22,8000-8100 from office priority 5
      - { protocol: tcp, ports: [22, 8000-8100], from: office, priority: 5 }
      - { protocol: TCP, ports: '22, 8000-8100', from: [office], priority: '5', action: allow, enabled: yes }
      - DENY icmp echo-request,3/4 from any id ping disabled
      - { action: deny, protocol: icmp, icmp: [8, fragmentation-needed], enabled: off, id: ping2 }
      - { protocol: all }
      - allow all
      - allow 47 from group g
      - { protocol: 47, from: group g, description: tunnels }
      - allow tcp from 10.0.0.0/8, 192.168.1.1-192.168.1.9 , office ipv4
      - { protocol: tcp, from: ['10.0.0.0/8,192.168.1.1-192.168.1.9', office], ethertype: ipv4 }
      - allow icmpv6 packet-too-big
      - allow 58 2/0 ipv6"
        ),
        [
            "g/ingress/1: allow tcp 22,8000-8100 from office priority 5",
            "g/ingress/2: allow tcp 22,8000-8100 from office priority 5",
            "g/ingress/3: allow tcp 22,8000-8100 from office priority 5",
            "g/ping: deny icmp echo-request,fragmentation-needed from any disabled",
            "g/ping2: deny icmp echo-request,fragmentation-needed from any disabled",
            "g/ingress/6: allow all from any",
            "g/ingress/7: allow all from any",
            "g/ingress/8: allow gre from group g",
            "g/ingress/9: allow gre from group g",
            "g/ingress/10: allow tcp from 10.0.0.0/8, 192.168.1.1-192.168.1.9, office ipv4",
            "g/ingress/11: allow tcp from 10.0.0.0/8, 192.168.1.1-192.168.1.9, office ipv4",
            "g/ingress/12: allow icmpv6 packet-too-big from any",
            "g/ingress/13: allow icmpv6 2/0 from any",
        ]
    );
}

#[test]
fn remotes_become_addresses_of_both_families() {
    let scenario = good(
        "addresses: { a: [10.0.0.0/25, b, set c], b: [10.0.0.128/25, c], c: 'fd00::/64, ::1', everyone: any }
groups:
  g:
    ingress:
      - allow all from a
      - allow all from group g, 10.0.0.9
      - allow all from 0.0.0.0/0
      - allow all from everyone
      - allow all
interfaces:
  n: { addresses: [10.0.0.1, fd00::1], groups: [g], behind: 10.9.0.0/16 }
  m: { addresses: 10.0.0.2, groups: g }
",
    );
    let remotes: Vec<_> = scenario.policy.rules.iter().map(|rule| rule.remote.to_string()).collect();
    assert_eq!(
        remotes,
        ["10.0.0.0/24, ::1, fd00::/64", "10.0.0.1-10.0.0.2, 10.0.0.9, fd00::1", "0.0.0.0/0", "any", "any",]
    );
    assert_eq!(scenario.sets[0].addresses.to_string(), "10.0.0.0/24, ::1, fd00::/64");
}

#[test]
fn one_name_for_a_set_and_a_group_is_told_apart() {
    let text = "addresses: { x: 10.9.0.0/16 }
groups: { x: { ingress: [allow all from set x, allow all from group x] } }
interfaces: { n: { addresses: 10.0.0.1, groups: x } }
";
    let scenario = good(text);
    let expected = ["x/ingress/1: allow all from set x", "x/ingress/2: allow all from group x"];
    assert_eq!(rules(&scenario, "x", Direction::Ingress), expected);
}

#[test]
fn options_have_their_defaults_and_overrides() {
    let policy =
        |text: &str| good(&format!("{text}\ninterfaces: {{ n: {{ addresses: 10.0.0.1 }} }}\n")).policy;
    let plain = policy("");
    assert_eq!((plain.dialect, plain.midstream), (Dialect::Ordered, Midstream::Assume));
    assert_eq!(plain.state.name, "huawei");
    let other = policy("dialect: union\nmidstream: strict\nstate: aws");
    assert_eq!(
        (other.dialect, other.midstream, other.state.name),
        (Dialect::Union, Midstream::Strict, "aws")
    );
    assert!(policy("state: { profile: stateless }").state.timeouts.is_none());
    let timeouts =
        policy("state: { tcp-time-wait: 1m, tcp-closing: 5s, tcp-established: 900, udp-stream: 2h }");
    let timeouts = timeouts.state.timeouts.unwrap();
    assert_eq!(timeouts.tcp_time_wait, Duration::from_mins(1), "the narrower key wins");
    assert_eq!(timeouts.tcp_closed, Duration::from_secs(5));
    assert_eq!(timeouts.tcp_established, Duration::from_mins(15));
    assert_eq!(timeouts.udp_stream, Duration::from_hours(2));
    assert_eq!(timeouts.icmp, Duration::from_secs(30));
}

#[test]
fn rules_are_added_to_a_preset_behind_its_own() {
    let scenario = good(
        "preset: cce/tiny
with: { vpc: 192.168.0.0/16, container: 10.0.0.0/16 }
groups:
  node: { description: Ours., ingress: [allow tcp 9100 from vpc, allow tcp 80 id web], egress: [] }
change:
  node/overlay: remove
  node/kubelet: { priority: 7, description: changed }
  node/ssh: deny tcp 22-23 from container
  node/web: { enabled: false }
  node/ingress/7: { ports: 9101 }
interfaces:
  n: { addresses: 192.168.0.1, groups: node }
",
    );
    assert_eq!(
        rules(&scenario, "node", Direction::Ingress),
        [
            "node/kubelet: allow tcp 10250 from master priority 7",
            "node/nodeport-tcp: allow tcp 30000-32767 from any",
            "node/nodeport-udp: allow udp 30000-32767 from any",
            "node/ssh: deny tcp 22-23 from container",
            "node/members: allow all from group node",
            "node/ingress/7: allow tcp 9101 from vpc",
            "node/web: allow tcp 80 from any disabled",
        ]
    );
    let rule = |name: &str| scenario.policy.rules.iter().find(|rule| rule.name == name).unwrap();
    assert_eq!(rule("node/kubelet").remote.to_string(), "192.168.0.0/16", "the default of `master` is `vpc`");
    assert_eq!(rule("node/kubelet").description, "changed");
    assert_eq!(rule("node/ssh").description, "tests", "what it is for stays");
    assert_eq!((&*rule("node/ssh").origin.file, rule("node/ssh").origin.line), ("s.yaml", 8));
    assert_eq!((&*rule("node/out").origin.file, rule("node/out").origin.line), ("preset cce/tiny", 0));
    assert_eq!(scenario.group_description(crate::policy::GroupId(0)), "Ours.");
}

#[test]
fn json_is_a_scenario_too() {
    let scenario = good(
        r#"{
	"description": "B\u00fcro \/ \"x\"",
	"groups": {"g": {"ingress": ["allow tcp 22,80 from 10.0.0.0\/8", {"protocol": 6, "ports": [22], "enabled": true}]}},
	"interfaces": {"n": {"addresses": ["10.0.0.1"], "groups": ["g"], "behind": []}}
}"#,
    );
    assert_eq!(scenario.description, "Büro / \"x\"");
    assert_eq!(rules(&scenario, "g", Direction::Ingress)[0], "g/ingress/1: allow tcp 22,80 from 10.0.0.0/8");
}

#[test]
fn anchors_and_aliases_repeat_values() {
    let scenario = good(
        "groups:
  a: { ingress: &web [allow tcp 80, allow tcp 443] }
  b: { ingress: *web }
interfaces: { n: { addresses: 10.0.0.1, groups: [a, b] } }
",
    );
    assert_eq!(rules(&scenario, "b", Direction::Ingress)[1], "b/ingress/2: allow tcp 443 from any");
}

#[test]
fn what_grows_without_end_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inside = vec![format!("*a{}", level - 1); 10].join(", ");
        _ = writeln!(bomb, "a{level}: &a{level} [{inside}]");
    }
    assert!(findings(&bomb).contains("error[too-large]: the file holds more than 1000000 values"));
    let deep = format!("groups: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(findings(&deep).contains("error[too-large]: lists and mappings are nested deeper than 32"));
    let mut stacked = "a0: &a0 [x]\n".to_owned();
    for level in 1..50 {
        _ = writeln!(stacked, "a{level}: &a{level} [*a{}]", level - 1);
    }
    assert!(findings(&stacked).contains("nested deeper"), "an alias brings its own levels");
    let chain: Vec<_> = (0..20_000).map(|i| format!("  s{i}: s{}\n", i + 1)).collect();
    let end = "  s20000: 10.0.0.1\ninterfaces: { n: { addresses: 10.0.0.1 } }\n";
    let chain = format!("addresses:\n{}{end}", chain.concat());
    assert_eq!(
        good(&chain).sets[0].addresses.to_string(),
        "10.0.0.1",
        "a long chain of sets is no recursion"
    );
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_not_there() {
    let loaded = Scenario::parse_bytes("s.yaml", b"groups:\n  \xff: {}\n");
    assert!(loaded.scenario.is_none());
    insta::assert_snapshot!(loaded.render(crate::diag::Style::Plain), @r"
    error[not-utf8]: byte 10 is not part of UTF-8 text
     --> s.yaml:2:3
      |
    2 |   �: {}
      |   ^
      |
      = help: save the file as UTF-8
    ");
    let missing = Scenario::load(std::path::Path::new("no/such/file.yaml"));
    assert!(missing.render(crate::diag::Style::Plain).contains("error[unreadable-file]"));
    assert!(load("groups: {").policy().is_none());
}

/// Every example of the page is read, so that none can be stale.
#[test]
fn the_examples_of_the_page_are_scenarios() {
    let page = include_str!("../../../../docs/scenario.md");
    let context = "
addresses: { office: 203.0.113.0/24, vpc: 192.168.0.0/16 }
interfaces: { n: { addresses: 192.168.0.1, groups: [node] } }
";
    let mut read = 0;
    for example in page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        let text = if example.starts_with("- ") {
            // Of the rules all but one are for ingress.
            let rules = example.replace("- allow all to any\n", "");
            let rules = format!("\n{rules}").replace("\n- ", "\n      - ");
            format!("{context}groups:\n  node:\n    ingress:{rules}")
        } else if example.starts_with("change:") {
            let with = "with: { vpc: 192.168.0.0/16, container: 10.0.0.0/16, master: 192.168.0.8/29 }";
            format!("preset: cce/tunnel\n{with}\n{}{example}", context.replace(", vpc: 192.168.0.0/16", ""))
        } else if example.starts_with("state:") {
            format!("{}{example}", context.replace(", groups: [node]", ""))
        } else {
            example.to_owned()
        };
        let loaded = Scenario::parse("docs/scenario.md", &text);
        assert_eq!(loaded.render(crate::diag::Style::Plain), "");
        read += 1;
    }
    assert_eq!(read, 4);
}

/// The rules of a preset are lines of this language, and its groups name only what it has.
#[test]
fn every_preset_is_understood() {
    for preset in crate::policy::cce::presets() {
        let mut text = format!("preset: {}\nwith:\n", preset.name);
        for parameter in preset.parameters.iter().filter(|parameter| parameter.default.is_empty()) {
            _ = writeln!(text, "  {}: 10.0.0.0/8", parameter.name);
        }
        text += "interfaces:\n";
        for (at, group) in preset.groups.iter().enumerate() {
            _ = writeln!(text, "  n{at}: {{ addresses: 10.0.0.{at}, groups: {} }}", group.name);
        }
        let loaded = Scenario::parse("s.yaml", &text);
        assert_eq!(loaded.render(crate::diag::Style::Plain), "", "{}", preset.name);
        let rules: usize = preset.groups.iter().map(|group| group.ingress.len() + group.egress.len()).sum();
        assert_eq!(loaded.policy().unwrap().rules.len(), rules, "{}", preset.name);
    }
}
