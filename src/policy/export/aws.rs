//! AWS: what `describe-security-groups` answers, and `authorize-security-group-ingress --cli-input-json` takes in parts.

use serde_json::{Value, json};

use crate::packet::{Family, Protocol};
use crate::policy::{Direction, GroupId, Scenario, ServiceMatch};

use super::atoms::{self, Atom, Far, Form};
use super::{Unwritable, pretty};

const FORM: Form =
    Form { ordered: false, ports: &[Protocol::TCP, Protocol::UDP], icmp: true, from_one: false };

/// Writes all groups. A group is referred to by its name here: there is no identifier yet.
pub(super) fn write(scenario: &Scenario) -> Result<String, Vec<Unwritable>> {
    let mut refused = Vec::new();
    let mut groups = Vec::new();
    for (id, group) in atoms::groups(scenario) {
        let atoms = atoms::of(scenario, id, &FORM, &mut refused);
        let mut of = |direction: Direction| -> Vec<Value> {
            let of_direction = atoms.iter().filter(|atom| atom.rule.direction == direction);
            let all = of_direction
                .flat_map(|atom| permissions(scenario, atom).into_iter().map(move |it| (atom, it)));
            one_for_both_families(scenario, &all.collect::<Vec<_>>(), &mut refused)
        };
        groups.push(json!({
            "GroupId": group.name,
            "GroupName": atoms::name(scenario, id),
            "Description": scenario.group_description(id),
            "IpPermissions": of(Direction::Ingress),
            "IpPermissionsEgress": of(Direction::Egress),
        }));
    }
    if refused.is_empty() { Ok(pretty(&json!({ "SecurityGroups": groups }))) } else { Err(refused) }
}

/// Each permission once. A reference to a group is of both families here: the rules must be too, or the permission would let
/// in more than they do, once a member has an address of the other family. ICMP tells its family by its protocol.
fn one_for_both_families(
    scenario: &Scenario,
    all: &[(&Atom<'_>, Value)],
    refused: &mut Vec<Unwritable>,
) -> Vec<Value> {
    let mut written: Vec<Value> = Vec::new();
    for (atom, permission) in all {
        let other = |(other, same): &(&Atom<'_>, Value)| other.family != atom.family && same == permission;
        let icmp = matches!(atom.rule.service.protocol(), Some(Protocol::ICMP | Protocol::ICMPV6));
        let opens = matches!(atom.far, Far::Group(group) if has_member_beside(scenario, group, atom.family));
        if opens && !icmp && !all.iter().any(other) {
            refused.push(Unwritable {
                rule: atom.rule.name.clone(),
                origin: atom.rule.origin.to_string(),
                why: "it is about a group and one family, and the form's are of both",
            });
        } else if !written.contains(permission) {
            written.push(permission.clone());
        }
    }
    written
}

/// Whether a member of the group is known to have an address that is not of this family.
fn has_member_beside(scenario: &Scenario, group: GroupId, family: Family) -> bool {
    let members = scenario.policy.interfaces.iter().filter(|interface| interface.groups.contains(&group));
    members.flat_map(|member| &member.addresses).any(|&address| Family::of(address) != family)
}

fn permissions(scenario: &Scenario, atom: &Atom<'_>) -> Vec<Value> {
    let protocol = atom.rule.service.protocol().map_or_else(
        || "-1".to_owned(),
        |protocol| match protocol {
            Protocol::TCP | Protocol::UDP | Protocol::ICMP | Protocol::ICMPV6 => protocol.to_string(),
            other => other.0.to_string(),
        },
    );
    let bounds: Vec<Option<(i32, i32)>> = match &atom.rule.service {
        ServiceMatch::Ports(_, ports) => {
            ports.ranges().iter().map(|range| Some((range.first().into(), range.last().into()))).collect()
        }
        ServiceMatch::Icmp(_, kinds) => {
            kinds.iter().map(|kind| Some((kind.kind.into(), kind.code.map_or(-1, i32::from)))).collect()
        }
        ServiceMatch::Protocol(Protocol::TCP | Protocol::UDP) => vec![Some((0, 65535))],
        ServiceMatch::Protocol(Protocol::ICMP | Protocol::ICMPV6) => vec![Some((-1, -1))],
        _ => vec![None],
    };
    let one = |bounds: Option<(i32, i32)>| {
        let mut permission = json!({
            "IpProtocol": protocol,
            "IpRanges": [],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        });
        if let Some((from, to)) = bounds {
            (permission["FromPort"], permission["ToPort"]) = (from.into(), to.into());
        }
        match &atom.far {
            Far::Net(net) => {
                let (list, key) = if atom.family == Family::V4 {
                    ("IpRanges", "CidrIp")
                } else {
                    ("Ipv6Ranges", "CidrIpv6")
                };
                permission[list] = json!([{ key: net.to_string() }]);
            }
            group => {
                permission["UserIdGroupPairs"] = json!([{ "GroupId": group.group(scenario) }]);
            }
        }
        permission
    };
    bounds.into_iter().map(one).collect()
}
