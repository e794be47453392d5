//! Rules taken apart into what clouds carry: one family and one far side each.

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use crate::packet::{AddressRange, AddressSet, Family, PortSet, Protocol};
use crate::policy::scenario::written::RemoteKind;
use crate::policy::tree::Piece;
use crate::policy::{Action, Direction, Doubt, Group, GroupId, Policy, Rule, Scenario, ServiceMatch, words};

use super::Unwritable;

/// The far side of an atom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Far {
    Net(IpNet),
    /// A group of this policy, by its name.
    Group(GroupId),
    /// A group of which the input has the identifier alone.
    Elsewhere(String),
}

impl Far {
    /// What a rule refers to the group by.
    pub(super) fn group<'s>(&'s self, scenario: &'s Scenario) -> Option<&'s str> {
        match self {
            Self::Net(_) => None,
            Self::Group(id) => Some(&scenario.policy.group(*id).name),
            Self::Elsewhere(key) => Some(key),
        }
    }
}

/// A part of a rule.
pub(super) struct Atom<'p> {
    pub(super) rule: &'p Rule,
    pub(super) family: Family,
    pub(super) far: Far,
}

/// What a form can carry.
pub(super) struct Form {
    /// Deny rules, priorities and rules that are switched off.
    pub(super) ordered: bool,
    /// Ports of these protocols.
    pub(super) ports: &'static [Protocol],
    /// ICMP by type and code.
    pub(super) icmp: bool,
    /// Ports as Huawei Cloud writes them: from 1.
    pub(super) from_one: bool,
}

/// Why a rule in doubt cannot be written, and what would end the doubt. Who the members of a group are need not be known:
/// a rule refers to the group, not to them.
const fn doubtful(doubt: Doubt) -> Option<&'static str> {
    match doubt {
        Doubt::UnknownMembers => None,
        Doubt::UnknownRules => {
            Some("no input has the other rules of its group: give the export that has them")
        }
        Doubt::HiddenDeny => Some(
            "its export shows a deny as an allow: export through v3, or say --trust-allow when the groups only allow",
        ),
        Doubt::Unattached => {
            Some("the plan does not say of which group it is: give the state, or a plan made after the group")
        }
        Doubt::LostField => Some("its export lost a field of it: export through the API, or with --long"),
        Doubt::UnknownPriority => Some("its export says no priority: export through v3"),
        Doubt::NotModelled => Some(
            "it asks for something that is not modelled here: remove it with `change` and write it by hand",
        ),
    }
}

/// The groups that can be written: without those of which no rule is known, which have one only because something names
/// them.
pub(super) fn groups(scenario: &Scenario) -> impl Iterator<Item = (GroupId, &Group)> {
    (0..).map(GroupId).zip(&scenario.policy.groups).filter(|(_, group)| !is_unknown(scenario, group))
}

/// The name that a group has in its cloud, where it is the only one of that name; else its name here.
pub(super) fn name(scenario: &Scenario, group: GroupId) -> &str {
    let called = scenario.group_called(group);
    let same = groups(scenario).filter(|(id, _)| scenario.group_called(*id) == called).count();
    if same == 1 { called } else { &scenario.policy.group(group).name }
}

/// Whether a group stands for rules that no input has, and for nothing else.
pub(super) fn is_unknown(scenario: &Scenario, group: &Group) -> bool {
    let mut rules = Direction::BOTH.into_iter().flat_map(|direction| group.rules(direction)).peekable();
    let unknown = |&rule| scenario.policy.rule(rule).doubt == Some(Doubt::UnknownRules);
    rules.peek().is_some() && rules.all(unknown)
}

/// Whether a form can carry a rule.
fn check(rule: &Rule, form: &Form) -> Result<(), &'static str> {
    if let Some(why) = rule.doubt.and_then(doubtful) {
        return Err(why);
    }
    match &rule.service {
        ServiceMatch::Ports(protocol, _) if !form.ports.contains(protocol) => {
            return Err("the form has no ports of its protocol");
        }
        ServiceMatch::Ports(_, ports) if form.from_one && ports.contains(0) && !is_all(ports) => {
            return Err("the form's ports begin at 1");
        }
        ServiceMatch::Icmp(_, kinds) if kinds.is_empty() => return Err("it is about no ICMP message at all"),
        ServiceMatch::Icmp(..) if !form.icmp => {
            return Err("no page says how the form writes ICMP types and codes");
        }
        _ => {}
    }
    if !form.ordered && rule.action == Action::Deny {
        return Err("the form cannot deny");
    }
    Ok(())
}

/// Whether a rule in doubt says of unknown members of a group what a certain one says of the group: writing that one says both.
fn repeats(policy: &Policy, rule: &Rule) -> bool {
    let essence = |rule: &Rule| (rule.action, rule.priority, rule.family, rule.enabled);
    let same = |other: &Rule| {
        other.doubt.is_none()
            && essence(other) == essence(rule)
            && other.service == rule.service
            && other.remote_text == rule.remote_text
    };
    let mut of_group = policy.group(rule.group).rules(rule.direction).iter();
    rule.doubt == Some(Doubt::UnknownMembers) && of_group.any(|&other| same(policy.rule(other)))
}

/// The atoms of every rule of a group, or all rules that the form cannot carry. A rule that is switched off is none where
/// the form has no switch.
pub(super) fn of<'p>(
    scenario: &'p Scenario,
    group: GroupId,
    form: &Form,
    refused: &mut Vec<Unwritable>,
) -> Vec<Atom<'p>> {
    let policy = &scenario.policy;
    let of_group = policy.rules.iter().filter(|rule| rule.group == group);
    let mut atoms = Vec::new();
    let is_written = |rule: &&Rule| (rule.enabled || form.ordered) && !repeats(policy, rule);
    for rule in of_group.filter(is_written) {
        let far_sides = match check(rule, form).and_then(|()| far_sides(scenario, rule)) {
            Ok(far_sides) => far_sides,
            Err(why) => {
                let (rule, origin) = (rule.name.clone(), rule.origin.to_string());
                refused.push(Unwritable { rule, origin, why });
                continue;
            }
        };
        for far in far_sides {
            let families = match &far {
                Far::Net(IpNet::V4(_)) => vec![Family::V4],
                Far::Net(IpNet::V6(_)) => vec![Family::V6],
                Far::Group(_) | Far::Elsewhere(_) => vec![Family::V4, Family::V6],
            };
            let fits = |family: &Family| rule.family.is_none_or(|only| only == *family);
            atoms.extend(families.into_iter().filter(fits).map(|family| Atom {
                rule,
                family,
                far: far.clone(),
            }));
        }
    }
    atoms
}

/// The far side of a rule: groups as groups, everything else as networks.
fn far_sides(scenario: &Scenario, rule: &Rule) -> Result<Vec<Far>, &'static str> {
    let policy = &scenario.policy;
    let group = |name: &str| {
        let known = (0..).zip(&policy.groups).find(|(_, group)| group.name == name);
        known.map(|(id, _)| Far::Group(GroupId(id)))
    };
    let set = |name: &str| scenario.sets.iter().find(|set| set.name == name).map(|set| &set.addresses);
    if rule.doubt == Some(Doubt::UnknownMembers) {
        // An identifier may be no name, so the grammar of rules does not read it.
        let unknown = |text: &str| {
            let name = text.strip_prefix("group ")?;
            Some(group(name).unwrap_or_else(|| Far::Elsewhere(name.to_owned())))
        };
        let why = "no input gives the addresses of its far side: give the list that has them, or an address set of its name";
        return rule.remote_text.split(", ").map(|text| unknown(text).ok_or(why)).collect();
    }
    // What resolving wrote, its own grammar reads.
    let text = Piece::elsewhere(&rule.remote_text, &(0..0));
    let Some(remotes) = words::remotes(&text, &mut Vec::new()) else {
        return Ok(networks(&rule.remote).map(Far::Net).collect());
    };
    let mut far = Vec::new();
    for remote in remotes {
        match remote.kind {
            RemoteKind::Any => far.extend(networks(&AddressSet::any()).map(Far::Net)),
            RemoteKind::Range(range) => far.extend(networks(&std::iter::once(range).collect()).map(Far::Net)),
            RemoteKind::Group(name) => far.extend(group(&name)),
            RemoteKind::Named(name) | RemoteKind::Set(name) => match set(&name) {
                Some(set) => far.extend(networks(set).map(Far::Net)),
                None => far.extend(group(&name)),
            },
            _ => {}
        }
    }
    Ok(far)
}

/// A set as the fewest networks.
fn networks(set: &AddressSet) -> impl Iterator<Item = IpNet> {
    set.ranges().iter().flat_map(|range| match *range {
        AddressRange::V4(first, last) => Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect::<Vec<_>>(),
        AddressRange::V6(first, last) => Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect(),
    })
}

/// Every port, 0 too.
fn is_all(ports: &PortSet) -> bool {
    matches!(ports.ranges(), [all] if (all.first(), all.last()) == (0, u16::MAX))
}

/// "At most 20 non-contiguous groups" of ports in a rule.
const MOST_PORTS: usize = 20;

/// Ports as Huawei Cloud's rules list them, in each list those of one rule; `None` is all.
///
/// "1-65535" is all ports too, as none are (cloud-facts 1.3). So what leaves out port 0 alone is two rules, not two entries of
/// one: "a rule with non-contiguous ports has no effect" on Kunpeng servers (1.7).
pub(super) fn port_lists(ports: &PortSet) -> Vec<Option<String>> {
    match ports.ranges() {
        _ if is_all(ports) => vec![None],
        [range] if (range.first(), range.last()) == (1, u16::MAX) => {
            vec![Some("1-65534".to_owned()), Some("65535".to_owned())]
        }
        ranges => {
            let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
            ranges.chunks(MOST_PORTS).map(|chunk| Some(chunk.join(","))).collect()
        }
    }
}

/// The name of a rule within its group, or what a position stands for.
pub(super) fn id(rule: &Rule) -> String {
    rule.name.split_once('/').map_or(rule.name.as_str(), |(_, id)| id).replace('/', "-")
}
