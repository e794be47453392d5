//! Huawei Cloud's VPC API (v3, v1, v2.0; `KooCLI` prints the same) and Neutron's, which they grew from.
//!
//! Fields: <https://support.huaweicloud.com/intl/en-us/api-vpc/> "Querying Security Groups", "Querying Security Group
//! Rules", "Querying Ports", "Querying IP Address Groups"; <https://docs.openstack.org/api-ref/network/v2/>. Only v3
//! shows the action and the priority of a rule: through v1 and v2.0 a deny looks like an allow.

use crate::diag::{Diagnostic, codes};
use crate::packet::Protocol;
use crate::policy::scenario::written::{Fields, ProtocolWord};
use crate::policy::tree::{Node, Piece};
use crate::policy::{Action, Dialect, Direction, Doubt, Priority, StateProfile};

use super::facts::{Attachment, Facts, GroupFact, Listed, RuleFact, SetFact};
use super::field::{self, Findings, items, list, said, said_any, text};

/// The form a rule is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// With action, priority and `multiport`.
    V3,
    /// Huawei's v1 and v2.0, which hide deny.
    Older,
    /// `OpenStack` itself, where there is no deny.
    Neutron,
    /// A Terraform resource, where what is not said has the provider's default.
    Terraform,
}

/// Reads what is wrapped in these keys; `None` when there is none of them.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    let one = |key: &str| root.get(key).map(std::slice::from_ref);
    let groups = root.get("security_groups").map(field::listed).or_else(|| one("security_group"));
    let rules = root.get("security_group_rules").map(field::listed).or_else(|| one("security_group_rule"));
    let ports = root.get("ports").map(field::listed).or_else(|| one("port"));
    let sets = root.get("address_groups").map(field::listed).or_else(|| one("address_group"));
    let found = [groups, rules, ports, sets];
    if found.iter().all(Option::is_none) {
        return None;
    }
    let [groups, rules, ports, sets] = found.map(Option::unwrap_or_default);
    let form = form(groups, rules);
    let mut facts = Facts::new(match form {
        Form::V3 => "Huawei Cloud v3",
        Form::Neutron => "OpenStack Neutron",
        Form::Older | Form::Terraform => "Huawei Cloud v1 or v2.0",
    });
    for node in groups {
        group(node, form, &mut facts, findings);
    }
    for node in rules {
        facts.rules.extend(rule(node, form, None, findings));
    }
    for node in ports {
        port(node, &mut facts, findings);
    }
    facts.sets.extend(sets.iter().filter_map(address_group));
    if form == Form::Neutron {
        (facts.dialect, facts.state, facts.allow_only) =
            (Some(Dialect::Union), Some(StateProfile::LINUX), true);
    }
    if form == Form::Older && !facts.rules.is_empty() {
        facts.note(
            "this form shows a deny rule as an allow rule, so verdicts by its rules are undecided: export through v3, or \
             say --trust-allow when the groups only allow",
        );
    }
    let of = match (ports.is_empty(), rules.is_empty()) {
        (false, _) => Listed::Interfaces,
        (true, false) => Listed::Rules,
        (true, true) => Listed::Groups,
    };
    field::page(root, of, &mut facts, findings);
    Some(facts)
}

/// Which form these are: only v3 has actions, only `OpenStack` numbers its revisions.
fn form(groups: &[Node], rules: &[Node]) -> Form {
    let inside = groups.iter().flat_map(|group| items(group, "security_group_rules"));
    let mut rules = inside.chain(rules).peekable();
    let neutron = |node: &Node| node.get("revision_number").is_some() || node.get("stateful").is_some();
    if rules.peek().is_none() {
        return if groups.iter().any(neutron) { Form::Neutron } else { Form::V3 };
    }
    let mut older = Form::Older;
    for rule in rules {
        if rule.get("action").is_some() || rule.get("multiport").is_some() {
            return Form::V3;
        }
        if neutron(rule) {
            older = Form::Neutron;
        }
    }
    older
}

fn group(node: &Node, form: Form, facts: &mut Facts, findings: &mut Findings) {
    let Some(key) = key(node, "id", "a security group", findings) else { return };
    let rules = node.get("security_group_rules").or_else(|| node.get("security_group_rule"));
    for node in rules.map_or(&[][..], field::listed) {
        facts.rules.extend(rule(node, form, Some(&key), findings));
    }
    facts.groups.push(GroupFact {
        name: said(node, "name").cloned(),
        description: text(node, "description"),
        has_rules: rules.is_some(),
        key,
    });
}

/// The identifier of something, which it must have.
pub(super) fn key(node: &Node, name: &str, what: &str, findings: &mut Findings) -> Option<Piece> {
    let key = said(node, name);
    if key.is_none() && node.mistaken_for().is_none() {
        let finding = Diagnostic::new(codes::MISSING_FIELD, format!("{what} without `{name}`"));
        findings.push(finding.at(node.span.clone(), ""));
    }
    key.cloned()
}

/// Reads one rule. `group` is the key of the group that it stands in.
pub(super) fn rule(
    node: &Node,
    form: Form,
    group: Option<&Piece>,
    findings: &mut Findings,
) -> Option<RuleFact> {
    let before = findings.len();
    let direction = field::direction(&key(node, "direction", "a rule", findings)?, findings)?;
    let mut fields = Fields {
        span: node.span.clone(),
        id: said(node, "id").cloned(),
        description: said(node, "description").map(|piece| piece.text.clone()),
        family: said(node, "ethertype").and_then(|piece| field::family(piece, findings)),
        protocol: said(node, "protocol").and_then(|piece| field::protocol(piece, findings)),
        action: Some(Action::Allow),
        ..Fields::default()
    };
    service(node, form, &mut fields, findings);
    remotes(node, &mut fields, findings);
    match form {
        Form::V3 | Form::Terraform => {
            if let Some(action) = said(node, "action") {
                fields.action = field::action(action, findings);
            }
            // Terraform's state has 0 for a priority that was not given.
            let priority = said(node, "priority").filter(|piece| piece.text != "0");
            fields.priority = match priority {
                Some(piece) => field::priority(piece, findings),
                None if form == Form::Terraform => Some(Priority::FIRST),
                None => {
                    fields.doubt = fields.doubt.or(Some(Doubt::UnknownPriority));
                    None
                }
            };
            fields.enabled = said(node, "enabled").map(|piece| piece.text == "true");
        }
        Form::Older => fields.doubt = fields.doubt.or(Some(Doubt::HiddenDeny)),
        Form::Neutron => {}
    }
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    let group = group.or_else(|| said_any(node, &["security_group_id", "secgroup_id"])).cloned();
    Some(RuleFact { group, direction, fields })
}

/// Ports, or ICMP type and code, which stand in the same fields.
fn service(node: &Node, form: Form, fields: &mut Fields, findings: &mut Findings) {
    let (low, high) = (said(node, "port_range_min"), said(node, "port_range_max"));
    let multiport = said_any(node, &["multiport", "ports"]);
    let icmp = matches!(fields.protocol, Some((ProtocolWord::One(Protocol::ICMP | Protocol::ICMPV6), _)));
    if icmp {
        // A Terraform state has 0 for both of a rule without any, as for a rule about echo replies.
        let both_zero = low.is_none_or(|low| low.text == "0") && high.is_none_or(|high| high.text == "0");
        if form == Form::Terraform && low.or(high).is_some() && both_zero {
            fields.doubt = Some(Doubt::LostField);
        } else {
            fields.icmp = field::message(low, high).map(|message| vec![message]);
        }
        if let Some(multiport) = multiport.filter(|_| fields.icmp.is_none()) {
            let message = "no page says how ICMP type and code are written as ports";
            let finding = Diagnostic::new(codes::NOT_UNDERSTOOD, message).at(multiport.span.clone(), "");
            findings.push(finding.help("verdicts that hang on this rule are undecided"));
            fields.doubt = Some(Doubt::NotModelled);
        }
        return;
    }
    let has_ports = matches!(&fields.protocol, Some((ProtocolWord::One(p), _)) if p.has_ports());
    let zero = |piece: &&Piece| !(form == Form::Terraform && piece.text == "0");
    let ports = match multiport {
        Some(multiport) => field::split(multiport),
        None => field::bounds(low.filter(zero), high.filter(zero)).into_iter().collect(),
    };
    let all = ports.iter().all(|piece| piece.text == "1-65535");
    // Of protocols without ports the whole range may be said all the same: it is all of them.
    let means_all = all && (!has_ports || multiport.is_some());
    if !ports.is_empty() && !means_all {
        fields.ports = Some(ports);
    }
}

/// At most one remote; none is any address.
fn remotes(node: &Node, fields: &mut Fields, findings: &mut Findings) {
    let range = said(node, "remote_ip_prefix").map(|piece| field::range(piece, findings));
    let group = said(node, "remote_group_id").map(field::group);
    let set = said(node, "remote_address_group_id").map(field::set);
    let remotes: Vec<_> = [range, group, set].into_iter().flatten().collect();
    if let [first, second, ..] = &remotes[..] {
        let message =
            "a rule has at most one of remote_ip_prefix, remote_group_id and remote_address_group_id";
        let finding = Diagnostic::new(codes::TWO_REMOTES, message).at(second.span.clone(), "second remote");
        let finding = finding.also(first.span.clone(), "first remote");
        findings.push(finding.help("verdicts that hang on this rule are undecided"));
        fields.doubt = Some(Doubt::NotModelled);
    }
    fields.remotes = (!remotes.is_empty()).then_some(remotes);
}

/// A port: an interface.
fn port(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let Some(id) = key(node, "id", "a port", findings) else { return };
    let own = items(node, "fixed_ips").iter().filter_map(|ip| said(ip, "ip_address"));
    let addresses = field::addresses(own, findings);
    if addresses.is_empty() {
        return;
    }
    let off = said(node, "port_security_enabled").is_some_and(|piece| piece.text == "false")
        || node
            .get("binding:profile")
            .is_some_and(|profile| field::is_true(profile, "disable_security_groups"));
    if off {
        facts.note(format!(
            "port {}: groups are off, so it is left out and its addresses are outside",
            id.text
        ));
        return;
    }
    let groups: Option<Vec<Piece>> =
        node.get("security_groups").map(|_| list(node, "security_groups").cloned().collect());
    if facts.leaves_out(&id, said(node, "device_owner"), groups.as_deref()) {
        return;
    }
    let pairs = items(node, "allowed_address_pairs").iter().filter_map(|pair| said(pair, "ip_address"));
    // 1.1.1.1/0 and the like switch off the check of source addresses; they own nothing.
    let behind = field::addresses(pairs.filter(|pair| !pair.text.ends_with("/0")), findings);
    facts.attachments.push(Attachment {
        id: Some(id.text.clone()),
        name: said(node, "name").cloned().unwrap_or_else(|| id.clone()),
        rank: u8::from(said(node, "name").is_some()),
        addresses,
        behind: behind.into_iter().filter(|(range, _)| range.as_cidr().is_some()).collect(),
        groups,
    });
}

/// An address group.
pub(super) fn address_group(node: &Node) -> Option<SetFact> {
    let extra = items(node, "ip_extra_set").iter().filter_map(|entry| said(entry, "ip"));
    let plain = list(node, "ip_set").chain(list(node, "addresses"));
    let mut entries: Vec<Piece> = plain.chain(extra).cloned().collect();
    entries.dedup_by(|a, b| a.text == b.text);
    Some(SetFact { key: said(node, "id")?.clone(), name: said(node, "name").cloned(), entries })
}

/// The rules that a new group has: all from its own members, all to anywhere (cloud-facts 1.9).
pub(super) fn default_rules(group: &Piece) -> Vec<RuleFact> {
    let rule = |direction: Direction| {
        let own = (direction == Direction::Ingress).then(|| vec![field::group(group)]);
        let fields = Fields {
            span: group.span.clone(),
            action: Some(Action::Allow),
            priority: Priority::new(100),
            remotes: own,
            ..Fields::default()
        };
        RuleFact { group: Some(group.clone()), direction, fields }
    };
    Direction::BOTH.map(rule).to_vec()
}
