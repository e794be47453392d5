//! Huawei Cloud's VPC API v3: groups with their rules, as "show" answers.

use serde_json::{Value, json};

use crate::packet::{Family, Protocol};
use crate::policy::{Action, Scenario, ServiceMatch};

use super::atoms::{self, Atom, Far, Form};
use super::{Unwritable, pretty};

const FORM: Form =
    Form { ordered: true, ports: &[Protocol::TCP, Protocol::UDP], icmp: false, from_one: true };

/// Writes all groups. A group is referred to by its name here: there is no identifier yet.
pub(super) fn write(scenario: &Scenario) -> Result<String, Vec<Unwritable>> {
    let mut refused = Vec::new();
    let mut groups = Vec::new();
    for (id, group) in atoms::groups(scenario) {
        let atoms = atoms::of(scenario, id, &FORM, &mut refused);
        let rules = atoms.iter().flat_map(|atom| rules(scenario, atom, &group.name)).enumerate();
        let numbered = rules.map(|(number, mut rule)| {
            rule["id"] = format!("{}-{}", group.name, number + 1).into();
            rule
        });
        groups.push(json!({
            "id": group.name,
            "name": atoms::name(scenario, id),
            "description": scenario.group_description(id),
            "security_group_rules": numbered.collect::<Vec<_>>(),
        }));
    }
    if refused.is_empty() { Ok(pretty(&json!({ "security_groups": groups }))) } else { Err(refused) }
}

fn rules(scenario: &Scenario, atom: &Atom<'_>, group: &str) -> Vec<Value> {
    let rule = atom.rule;
    let (net, referred) = match &atom.far {
        Far::Net(net) => (Some(net.to_string()), None),
        group => (None, group.group(scenario)),
    };
    let ports: Vec<Option<String>> = match &rule.service {
        ServiceMatch::Ports(_, ports) => atoms::port_lists(ports),
        _ => vec![None],
    };
    let one = |ports: Option<String>| {
        json!({
            "id": Value::Null,
            "security_group_id": group,
            "direction": rule.direction.to_string(),
            "protocol": rule.service.protocol().map(|protocol| protocol.to_string()),
            "ethertype": if atom.family == Family::V4 { "IPv4" } else { "IPv6" },
            "multiport": ports,
            "remote_ip_prefix": net,
            "remote_group_id": referred,
            "remote_address_group_id": Value::Null,
            "action": if rule.action == Action::Allow { "allow" } else { "deny" },
            "priority": rule.priority.get(),
            "enabled": rule.enabled,
            "description": rule.description,
        })
    };
    ports.into_iter().map(one).collect()
}
