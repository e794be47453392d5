//! A scenario file: everything that was understood, with what was assumed as comments.

use std::fmt::Write;

use crate::packet::AddressSet;
use crate::policy::{Direction, Doubt, GroupId, Policy, Rule, Scenario, ServiceMatch, StateProfile};

/// Writes the file.
pub(super) fn write(scenario: &Scenario, notes: &[String]) -> String {
    let policy = &scenario.policy;
    let mut yaml = String::new();
    for note in notes {
        _ = writeln!(yaml, "# {}", comment(note));
    }
    if !scenario.description.is_empty() {
        _ = writeln!(yaml, "description: {}", quoted(&scenario.description));
    }
    _ = writeln!(yaml, "dialect: {}", policy.dialect);
    state(&mut yaml, policy);
    _ = writeln!(yaml, "midstream: {}", policy.midstream);
    if !scenario.sets.is_empty() {
        yaml.push_str("addresses:\n");
    }
    for set in &scenario.sets {
        let ranges: Vec<String> =
            set.addresses.ranges().iter().map(|range| quoted(&range.to_string())).collect();
        _ = writeln!(yaml, "  {}: [{}]", quoted(&set.name), ranges.join(", "));
    }
    if !policy.groups.is_empty() {
        yaml.push_str("groups:\n");
    }
    for (id, group) in (0..).map(GroupId).zip(&policy.groups) {
        let called = scenario.group_called(id);
        if called != group.name {
            _ = writeln!(yaml, "  # {}", comment(called));
        }
        _ = writeln!(yaml, "  {}:", quoted(&group.name));
        let description = scenario.group_description(id);
        if !description.is_empty() {
            _ = writeln!(yaml, "    description: {}", quoted(description));
        }
        for direction in Direction::BOTH {
            let rules = group.rules(direction);
            if rules.is_empty() {
                _ = writeln!(yaml, "    {direction}: []");
                continue;
            }
            _ = writeln!(yaml, "    {direction}:");
            for (position, &rule) in (1..).zip(rules) {
                self::rule(
                    &mut yaml,
                    policy,
                    policy.rule(rule),
                    &format!("{}/{direction}/{position}", group.name),
                );
            }
        }
    }
    interfaces(&mut yaml, policy);
    yaml
}

fn state(yaml: &mut String, policy: &Policy) {
    let profile = StateProfile::ALL.into_iter().find(|profile| profile.name == policy.state.name);
    let known = profile.as_ref().and_then(|profile| profile.timeouts.as_ref());
    let mut changed = Vec::new();
    if let (Some(own), Some(known)) = (&policy.state.timeouts, known) {
        let both = own.entries().zip(known.entries());
        changed.extend(both.filter(|((_, own), (_, known))| own != known).map(|(own, _)| own));
    }
    if changed.is_empty() {
        _ = writeln!(yaml, "state: {}", policy.state.name);
        return;
    }
    _ = writeln!(yaml, "state:\n  profile: {}", policy.state.name);
    for (key, timeout) in changed {
        _ = writeln!(yaml, "  {key}: {}ms", timeout.as_millis());
    }
}

/// A rule as words, behind a comment on where it comes from.
fn rule(yaml: &mut String, policy: &Policy, rule: &Rule, position: &str) {
    if matches!(&rule.service, ServiceMatch::Icmp(_, kinds) if kinds.is_empty()) {
        _ = writeln!(yaml, "      # {} matches no ICMP message: left out", comment(&rule.name));
        return;
    }
    let mut words = rule.words();
    let mut about = Vec::new();
    let is_here = |text: &str| {
        text.strip_prefix("group ").is_some_and(|name| policy.groups.iter().any(|group| group.name == name))
    };
    let is_readable = rule.doubt == Some(Doubt::UnknownMembers) && rule.remote_text.split(", ").all(is_here);
    if rule.doubt.is_some() && rule.remote == AddressSet::any() && rule.remote_text != "any" && !is_readable {
        // What it stands for is not known: the doubt keeps it from deciding.
        let side = if rule.direction == Direction::Ingress { "from" } else { "to" };
        words = words.replacen(&format!(" {side} {}", rule.remote_text), &format!(" {side} any"), 1);
        about.push(format!("of {}", rule.remote_text));
    }
    if rule.name != position
        && let Some((_, id)) = rule.name.split_once('/')
    {
        words = format!("{words} id {id}");
    }
    about.extend((!rule.description.is_empty()).then(|| rule.description.clone()));
    about.push(rule.origin.to_string());
    _ = writeln!(yaml, "      # {}", comment(&about.join("; ")));
    _ = writeln!(yaml, "      - {}", quoted(&words));
}

fn interfaces(yaml: &mut String, policy: &Policy) {
    if policy.interfaces.is_empty() {
        return;
    }
    yaml.push_str("interfaces:\n");
    for interface in &policy.interfaces {
        let list = |items: Vec<String>| items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ");
        let own = list(interface.addresses.iter().map(ToString::to_string).collect());
        let behind = list(interface.behind.iter().map(ToString::to_string).collect());
        let groups = list(interface.groups.iter().map(|&id| policy.group(id).name.clone()).collect());
        let behind = if behind.is_empty() { behind } else { format!("behind: [{behind}], ") };
        let name = quoted(&interface.name);
        _ = writeln!(yaml, "  {name}: {{ addresses: [{own}], {behind}groups: [{groups}] }}");
    }
}

/// One line without control characters, as a comment has to be.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text that is safe in YAML: plain where it is plain, else in double quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
    let words = ["true", "false", "yes", "no", "on", "off", "null"];
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !text.ends_with(' ')
        && !words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if safe {
        return text.to_owned();
    }
    // A JSON text is a YAML text.
    serde_json::Value::from(text).to_string()
}
