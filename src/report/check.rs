//! `sgsim check`: the scenario as it was understood, for a person to compare with what was meant.
//!
//! Names are shown with the addresses they became, and rules in the order written, which is not yet the order asked.
//! Findings about the scenario are rendered by their own room.

use std::io::{self, Write};
use std::time::Duration;

use super::label::escape;
use crate::packet::AddressSet;
use crate::policy::{Direction, GroupId, Midstream, Policy, Rule, Scenario};

/// Ranges of one set that are written out; a set from a cloud's published list has thousands.
const MOST_RANGES: usize = 16;

/// Writes the whole of it.
pub fn write(out: &mut impl Write, scenario: &Scenario) -> io::Result<()> {
    options(out, scenario)?;
    sets(out, scenario)?;
    groups(out, scenario)?;
    interfaces(out, &scenario.policy)?;
    counts(out, scenario)
}

fn options(out: &mut impl Write, scenario: &Scenario) -> io::Result<()> {
    let policy = &scenario.policy;
    if !scenario.description.is_empty() {
        writeln!(out, "{}\n", one_line(&scenario.description))?;
    }
    let dialect = match policy.dialect {
        crate::policy::Dialect::Ordered => "groups in the order bound, the first match decides",
        crate::policy::Dialect::Union => "all rules of all groups in one list by priority",
    };
    let midstream = match policy.midstream {
        Midstream::Assume => "traffic without state may belong to an older connection",
        Midstream::Pickup => "traffic without state is judged in its own direction",
        Midstream::Strict => "only a SYN opens a TCP connection",
    };
    let mut rows = Vec::new();
    if let Some(preset) = scenario.preset {
        rows.push(["preset".to_owned(), preset.to_owned(), String::new()]);
    }
    rows.push(["dialect".to_owned(), policy.dialect.to_string(), dialect.to_owned()]);
    rows.push(["midstream".to_owned(), policy.midstream.to_string(), midstream.to_owned()]);
    let mut state = ["state".to_owned(), policy.state.name.to_owned(), String::new()];
    for timeout in timeouts(policy) {
        state[2] = timeout;
        rows.push(std::mem::take(&mut state));
    }
    columns(out, "", &rows)
}

/// The time-outs, neighbours of one length told together.
fn timeouts(policy: &Policy) -> Vec<String> {
    let Some(timeouts) = &policy.state.timeouts else {
        return vec!["every packet is judged by the rules".to_owned()];
    };
    let mut runs: Vec<(Vec<&str>, Duration)> = Vec::new();
    for (key, value) in timeouts.entries() {
        match runs.last_mut() {
            Some((keys, last)) if *last == value => keys.push(key),
            _ => runs.push((vec![key], value)),
        }
    }
    runs.iter().map(|(keys, value)| format!("{} s  {}", value.as_secs_f64(), keys.join(", "))).collect()
}

fn sets(out: &mut impl Write, scenario: &Scenario) -> io::Result<()> {
    if scenario.sets.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nAddress sets")?;
    let row = |set: &crate::policy::NamedSet| [set.name.clone(), addresses(&set.addresses)];
    columns(out, "  ", &scenario.sets.iter().map(row).collect::<Vec<_>>())
}

fn addresses(set: &AddressSet) -> String {
    if *set == AddressSet::any() {
        return "any".to_owned();
    }
    let ranges = set.ranges();
    let mut text: Vec<String> = ranges.iter().take(MOST_RANGES).map(ToString::to_string).collect();
    if ranges.is_empty() {
        text.push("nothing".to_owned());
    }
    if let Some(more) = ranges.len().checked_sub(MOST_RANGES).filter(|&more| more > 0) {
        text.push(format!("and {more} more"));
    }
    text.join(", ")
}

fn groups(out: &mut impl Write, scenario: &Scenario) -> io::Result<()> {
    let policy = &scenario.policy;
    for (id, group) in (0..).map(GroupId).zip(&policy.groups) {
        let description = match scenario.group_description(id) {
            "" => String::new(),
            text => format!(": {}", one_line(text)),
        };
        writeln!(out, "\nGroup {}{description}", escape(&group.name))?;
        for direction in Direction::BOTH {
            writeln!(out, "  {direction}")?;
            let rules: Vec<_> = group.rules(direction).iter().map(|&id| rule(policy.rule(id))).collect();
            if rules.is_empty() {
                writeln!(out, "    no rules: everything is dropped")?;
            }
            columns(out, "    ", &rules)?;
        }
    }
    Ok(())
}

/// Name, words, place.
fn rule(rule: &Rule) -> [String; 3] {
    [rule.name.clone(), rule.words(), rule.origin.to_string()]
}

fn interfaces(out: &mut impl Write, policy: &Policy) -> io::Result<()> {
    if policy.interfaces.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nInterfaces")?;
    let heading = ["name", "addresses", "behind", "groups"].map(str::to_owned);
    let mut rows = vec![heading];
    for interface in &policy.interfaces {
        let list = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(", ") };
        rows.push([
            interface.name.clone(),
            list(interface.addresses.iter().map(ToString::to_string).collect()),
            list(interface.behind.iter().map(ToString::to_string).collect()),
            list(interface.groups.iter().map(|&id| policy.group(id).name.clone()).collect()),
        ]);
    }
    columns(out, "  ", &rows)
}

fn counts(out: &mut impl Write, scenario: &Scenario) -> io::Result<()> {
    let policy = &scenario.policy;
    let count = |number: usize, one: &str| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
    };
    let disabled = policy.rules.iter().filter(|rule| !rule.enabled).count();
    let disabled = if disabled == 0 { String::new() } else { format!(" ({disabled} disabled)") };
    writeln!(
        out,
        "\n{}, {}{disabled}, {}, {}",
        count(policy.groups.len(), "group"),
        count(policy.rules.len(), "rule"),
        count(policy.interfaces.len(), "interface"),
        count(scenario.sets.len(), "address set"),
    )
}

/// Writes rows with their cells one below the other; nothing trails the last cell of a line.
fn columns<const N: usize>(out: &mut impl Write, indent: &str, rows: &[[String; N]]) -> io::Result<()> {
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| escape(cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        // Padded by hand: a width in a format string may not be over 65535.
        let padding = |cell: &str, width: usize| " ".repeat(width - cell.chars().count());
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", padding(cell, width)));
        writeln!(out, "{indent}{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A text that may have been written on several lines.
fn one_line(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_was_understood_is_shown() {
        let loaded = Scenario::parse(
            "s.yaml",
            "description: |
  Two hosts,
  one open port.
addresses: { office: [203.0.113.0/24, home], home: [198.51.100.7, fd00::/64], all-of-it: any }
groups:
  web:
    description: Bound to web servers.
    ingress:
      - allow tcp 80,443
      - deny icmp echo-request from office priority 5 id ping disabled
    egress: [allow all to group web]
  db: {}
interfaces:
  web-1: { addresses: [10.0.0.1, fd00::1], behind: 10.1.0.0/24, groups: [web, db] }
  db-1: { addresses: 10.0.0.2, groups: db }
  bare: { addresses: 10.0.0.3 }
state: { tcp-closing: 5s, icmp: 500ms }
dialect: union
",
        );
        let scenario = loaded.scenario.as_ref().expect("a good scenario");
        let mut out = Vec::new();
        write(&mut out, scenario).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
