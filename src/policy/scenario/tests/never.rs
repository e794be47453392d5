//! No text does harm, and a rule's words mean the rule.

use std::fmt::Write;

use proptest::prelude::*;

use super::{FEEL, load};
use crate::diag::Style;
use crate::policy::{Rule, Scenario};

/// Pieces of scenarios: random characters alone would hardly ever be YAML.
const PIECES: &[&str] = &[
    "groups:",
    "interfaces:",
    "addresses:",
    "change:",
    "preset: cce/tiny",
    "with:",
    "state:",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "g: ",
    "n: ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "ingress: ",
    "egress: ",
    "allow ",
    "deny ",
    "tcp ",
    "icmp ",
    "22",
    "-",
    "8000-8100 ",
    "from ",
    "to ",
    "any",
    "group ",
    "set ",
    "priority ",
    "10.0.0.0/8",
    "fd00::/64",
    "10.0.0.1",
    "id ",
    "disabled ",
    "ipv6 ",
    "node/ssh",
    "remove",
    "&a ",
    "*a",
    "'",
    "\"",
    "\\u00",
    "#",
    "|",
    ">",
    "!!str ",
    "---",
    "?",
    "%YAML",
    "\t",
    "\u{feff}",
    "é",
    "社",
    "\r",
    "\0",
    "~",
    "addresses: ",
    "behind: ",
    "<<: ",
];

fn harmless(text: &str) {
    let loaded = load(text);
    let page = loaded.render(Style::Plain);
    assert_eq!(loaded.scenario.is_none(), page.lines().any(|line| line.starts_with("error[")));
    for finding in &loaded.diagnostics {
        for label in finding.primary.iter().chain(&finding.secondary) {
            assert!(loaded.source.text.get(label.span.clone()).is_some(), "{finding:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        harmless(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Scenario::parse_bytes("s", &bytes).render(Style::Plain));
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        harmless(&pieces.concat());
    }

    #[test]
    fn a_scenario_with_some_places_changed(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8usize, prop::sample::select(PIECES)), 1..6)
    ) {
        let mut text = FEEL.to_owned();
        for (at, length, piece) in edits {
            let start = at.index(text.len() + 1);
            let start = (0..=start).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
            let end = (start + length..=text.len()).find(|&i| text.is_char_boundary(i)).unwrap_or(text.len());
            text.replace_range(start..end, piece);
        }
        harmless(&text);
    }

    #[test]
    fn words_mean_the_rule(rule in words()) {
        let first = read(&rule);
        let again = read(&first.words());
        prop_assert_eq!(first.words(), again.words());
        let place = |rule: Rule| Rule { origin: crate::policy::Origin { file: "".into(), line: 0, span: 0..0, place: None }, ..rule };
        prop_assert_eq!(place(first), place(again));
    }
}

/// The rule of a line of words.
fn read(words: &str) -> Rule {
    let direction = if words.contains(" to ") { "egress" } else { "ingress" };
    let text = format!(
        "addresses: {{ office: [203.0.113.0/24, 'fd00::/16'], both: 10.0.0.0/8 }}
groups: {{ g: {{ {direction}: ['{words}'] }}, both: {{}} }}
interfaces: {{ n: {{ addresses: [10.0.0.1, 'fd00::1'], groups: [g, both] }} }}
"
    );
    let loaded = load(&text);
    let page = loaded.render(Style::Plain);
    loaded.scenario.unwrap_or_else(|| panic!("{page}")).policy.rules.remove(0)
}

fn words() -> impl Strategy<Value = String> {
    let service = prop::sample::select(vec![
        "all",
        "tcp",
        "tcp 22",
        "udp 53,5353",
        "sctp 1-65535",
        "47",
        "254",
        "icmp",
        "icmp echo-request,3/4",
        "icmpv6 packet-too-big",
        "58 1",
        "icmp 0-0",
    ]);
    let remote = prop::sample::select(vec![
        "any",
        "office",
        "group g",
        "g",
        "set both",
        "group both",
        "10.0.0.0/8",
        "10.0.0.1-10.0.0.9",
        "10.1.2.3/8",
        "::/0",
    ]);
    let remotes = prop::collection::vec(remote, 0..4);
    let action = prop::sample::select(vec!["allow", "deny"]);
    let side = prop::sample::select(vec!["from", "to"]);
    let family = prop::sample::select(vec!["", " ipv4", " ipv6"]);
    let disabled = prop::sample::select(vec!["", " disabled"]);
    (action, service, side, remotes, 0..=100u8, family, disabled).prop_filter_map(
        "protocols of one family, and messages that exist",
        |(action, service, side, remotes, priority, family, disabled)| {
            let v6 = service.starts_with("icmpv6") || service.starts_with("58");
            if service == "icmp 0-0"
                || v6 && family == " ipv4"
                || service.contains("echo-request,3/4") && family == " ipv6"
            {
                return None;
            }
            let mut words = format!("{action} {service}");
            if !remotes.is_empty() {
                _ = write!(words, " {side} {}", remotes.join(", "));
            }
            if priority > 0 {
                _ = write!(words, " priority {priority}");
            }
            Some(words + family + disabled)
        },
    )
}
