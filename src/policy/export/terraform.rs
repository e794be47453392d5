//! Terraform HCL of the provider huaweicloud: a group and its rules as resources.
//!
//! `ports`, `action` and `priority` exclude `port_range_min` and `port_range_max`, by which alone ICMP types are written;
//! so such a rule has to allow at the provider's own priority, 1.

use std::fmt::Write;

use crate::packet::{Family, Protocol};
use crate::policy::{Action, Priority, Scenario, ServiceMatch};

use super::Unwritable;
use super::atoms::{self, Atom, Far, Form};

const FORM: Form = Form { ordered: true, ports: &[Protocol::TCP, Protocol::UDP], icmp: true, from_one: true };

/// Writes all groups.
pub(super) fn write(scenario: &Scenario, notes: &[String]) -> Result<String, Vec<Unwritable>> {
    let (mut refused, mut hcl) = (Vec::new(), String::new());
    for note in notes {
        _ = writeln!(hcl, "# {}", note.replace('\n', " "));
    }
    for (id, group) in atoms::groups(scenario) {
        let label = label(&group.name);
        _ = write!(
            hcl,
            "\nresource \"huaweicloud_networking_secgroup\" \"{label}\" {{\n  name                 = {}\n  \
             description          = {}\n  delete_default_rules = true\n}}\n",
            quoted(atoms::name(scenario, id)),
            quoted(scenario.group_description(id))
        );
        let mut number = 0;
        for atom in atoms::of(scenario, id, &FORM, &mut refused) {
            if !atom.rule.enabled {
                _ = writeln!(hcl, "\n# {}: disabled, left out", atom.rule.name);
                continue;
            }
            for service in services(&atom, &mut refused) {
                number += 1;
                rule(&mut hcl, scenario, &atom, &label, number, &service);
            }
        }
    }
    if refused.is_empty() { Ok(hcl.trim_start().to_owned()) } else { Err(refused) }
}

/// Arguments that say which packets: in each list those of one resource.
fn services(atom: &Atom<'_>, refused: &mut Vec<Unwritable>) -> Vec<Vec<(&'static str, String)>> {
    let rule = atom.rule;
    let action = if rule.action == Action::Allow { "allow" } else { "deny" };
    let advanced = || vec![("action", quoted(action)), ("priority", rule.priority.get().to_string())];
    match &rule.service {
        ServiceMatch::Ports(_, ports) => {
            let with = |list: Option<String>| {
                list.map(|list| ("ports", quoted(&list))).into_iter().chain(advanced()).collect()
            };
            atoms::port_lists(ports).into_iter().map(with).collect()
        }
        ServiceMatch::Icmp(_, kinds) => {
            if rule.action == Action::Deny || rule.priority != Priority::FIRST {
                let why = "an ICMP type cannot stand with an action or priority";
                let (rule, origin) = (rule.name.clone(), rule.origin.to_string());
                refused.push(Unwritable { rule, origin, why });
            }
            let with = |kind: &crate::packet::IcmpKind| {
                let low = ("port_range_min", kind.kind.to_string());
                std::iter::once(low)
                    .chain(kind.code.map(|code| ("port_range_max", code.to_string())))
                    .collect()
            };
            kinds.iter().map(with).collect()
        }
        _ => vec![advanced()],
    }
}

fn rule(
    hcl: &mut String,
    scenario: &Scenario,
    atom: &Atom<'_>,
    group: &str,
    number: usize,
    service: &[(&'static str, String)],
) {
    let rule = atom.rule;
    let mut arguments = vec![
        ("security_group_id", format!("huaweicloud_networking_secgroup.{group}.id")),
        ("direction", quoted(&rule.direction.to_string())),
        ("ethertype", quoted(if atom.family == Family::V4 { "IPv4" } else { "IPv6" })),
    ];
    if let Some(protocol) = rule.service.protocol() {
        arguments.push(("protocol", quoted(&protocol.to_string())));
    }
    arguments.extend(service.iter().cloned());
    arguments.push(match &atom.far {
        Far::Net(net) => ("remote_ip_prefix", quoted(&net.to_string())),
        // A group that is written is a resource here; of any other there is the identifier.
        Far::Group(id) if !atoms::is_unknown(scenario, scenario.policy.group(*id)) => {
            let name = label(&scenario.policy.group(*id).name);
            ("remote_group_id", format!("huaweicloud_networking_secgroup.{name}.id"))
        }
        group => ("remote_group_id", quoted(group.group(scenario).unwrap_or_default())),
    });
    if !rule.description.is_empty() {
        arguments.push(("description", quoted(&rule.description)));
    }
    let width = arguments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let name = label(&format!("{group}_{}_{number}", atoms::id(rule)));
    _ = writeln!(hcl, "\nresource \"huaweicloud_networking_secgroup_rule\" \"{name}\" {{");
    for (name, value) in arguments {
        _ = writeln!(hcl, "  {name:width$} = {value}");
    }
    hcl.push_str("}\n");
}

/// A label: letters, digits, `_` and `-`, not beginning with a digit.
fn label(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    let mut label: String = name.chars().map(kept).collect();
    if label.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        label.insert(0, '_');
    }
    label
}

/// A quoted template without any template in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted = quoted.replace("${", "$${").replace("%{", "%%{");
    quoted.push('"');
    quoted
}
