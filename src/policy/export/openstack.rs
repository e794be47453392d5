//! `OpenStack` Neutron: groups with their rules, as `GET /v2.0/security-groups` answers.

use serde_json::{Value, json};

use crate::packet::{Family, Protocol};
use crate::policy::{Scenario, ServiceMatch};

use super::atoms::{Atom, Far, Form};
use super::{Unwritable, shown};

/// Neutron has ports of these: `openstack/neutron` `api/rpc/../securitygroup.py` names tcp, udp, sctp, dccp and udplite.
const PORTS: &[Protocol] = &[Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::DCCP, Protocol::UDPLITE];

const FORM: Form = Form { ordered: false, ports: PORTS, icmp: true, from_one: false };

/// Writes all groups.
pub(super) fn write(scenario: &Scenario) -> Result<String, Vec<Unwritable>> {
    let stateful = [("stateful".to_owned(), Value::Bool(true))].into_iter().collect();
    shown::write(scenario, &FORM, &stateful, rules)
}

fn rules(scenario: &Scenario, atom: &Atom<'_>, group: &str) -> Vec<Value> {
    let rule = atom.rule;
    let bounds: Vec<(Option<u16>, Option<u16>)> = match &rule.service {
        ServiceMatch::Ports(_, ports) => {
            ports.ranges().iter().map(|range| (Some(range.first()), Some(range.last()))).collect()
        }
        ServiceMatch::Icmp(_, kinds) => {
            kinds.iter().map(|kind| (Some(kind.kind.into()), kind.code.map(u16::from))).collect()
        }
        _ => vec![(None, None)],
    };
    let (net, referred) = match &atom.far {
        Far::Net(net) => (Some(net.to_string()), None),
        group => (None, group.group(scenario)),
    };
    let one = |(low, high): (Option<u16>, Option<u16>)| {
        json!({
            "security_group_id": group,
            "direction": rule.direction.to_string(),
            "ethertype": if atom.family == Family::V4 { "IPv4" } else { "IPv6" },
            "protocol": rule.service.protocol().map(|protocol| protocol.0.to_string()),
            "port_range_min": low,
            "port_range_max": high,
            "remote_ip_prefix": net,
            "remote_group_id": referred,
            "remote_address_group_id": Value::Null,
            "revision_number": 0,
            "description": rule.description,
        })
    };
    bounds.into_iter().map(one).collect()
}
