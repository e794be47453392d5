//! Huawei Cloud's VPC API v3: groups with their rules, as "show" answers.

use serde_json::{Map, Value, json};

use crate::packet::{Family, Protocol};
use crate::policy::{Action, Scenario, ServiceMatch};

use super::atoms::{self, Atom, Far, Form};
use super::{Unwritable, shown};

const FORM: Form =
    Form { ordered: true, ports: &[Protocol::TCP, Protocol::UDP], icmp: false, from_one: true };

/// Writes all groups.
pub(super) fn write(scenario: &Scenario) -> Result<String, Vec<Unwritable>> {
    shown::write(scenario, &FORM, &Map::new(), rules)
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
