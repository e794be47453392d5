//! AWS EC2, as `aws ec2 describe-...` prints it.
//!
//! Fields: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/> `SecurityGroup`, `IpPermission`,
//! `SecurityGroupRule`, `NetworkInterface`, `Instance`, `PrefixList`. Rules only allow, all groups together
//! (cloud-facts 2.1).

use crate::diag::{Diagnostic, codes};
use crate::packet::Protocol;
use crate::policy::scenario::written::{Fields, ProtocolWord, Remote, RemoteKind};
use crate::policy::tree::{Node, Piece};
use crate::policy::{Action, Dialect, Direction, StateProfile};

use super::facts::{Attachment, Facts, GroupFact, Listed, RuleFact, SetFact};
use super::field::{self, Findings, items, list, said, text};
use super::huawei::key;

/// Reads what is wrapped in the keys of AWS; `None` when there is none of them.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    let known = ["SecurityGroups", "SecurityGroupRules", "NetworkInterfaces", "Reservations", "PrefixLists"];
    let entries =
        root.get("Entries").filter(|node| node.items().iter().any(|entry| said(entry, "Cidr").is_some()));
    if entries.is_none() && known.iter().all(|key| root.get(key).is_none()) {
        return None;
    }
    let mut facts = Facts::new("AWS EC2");
    (facts.dialect, facts.state, facts.allow_only) = (Some(Dialect::Union), Some(StateProfile::AWS), true);
    for node in items(root, "SecurityGroups") {
        group(node, &mut facts, findings);
    }
    for node in items(root, "SecurityGroupRules") {
        facts.rules.extend(rule(node, findings));
    }
    for node in items(root, "NetworkInterfaces") {
        interface(node, None, &mut facts, findings);
    }
    for node in items(root, "Reservations").iter().flat_map(|reservation| items(reservation, "Instances")) {
        instance(node, &mut facts, findings);
    }
    for node in items(root, "PrefixLists") {
        let entries: Vec<Piece> = list(node, "Cidrs").cloned().collect();
        // A list of the lists alone says nothing of what is in them.
        if let (Some(key), false) = (said(node, "PrefixListId"), entries.is_empty()) {
            facts.sets.push(SetFact {
                key: key.clone(),
                name: said(node, "PrefixListName").cloned(),
                entries,
            });
        }
    }
    let has = |key: &&(&str, Listed)| !items(root, key.0).is_empty();
    let of = [
        ("NetworkInterfaces", Listed::Interfaces),
        ("Reservations", Listed::Instances),
        ("SecurityGroupRules", Listed::Rules),
    ];
    let of = of.iter().find(has).map_or(Listed::Groups, |&(_, of)| of);
    field::page(root, of, &mut facts, findings);
    if let Some(entries) = entries {
        let cidrs = entries.items().iter().filter_map(|entry| said(entry, "Cidr")).cloned().collect();
        if let Some(key) = said(root, "PrefixListId") {
            facts.sets.push(SetFact { key: key.clone(), name: None, entries: cidrs });
        } else {
            let message = "the entries do not say of which prefix list they are";
            let finding = Diagnostic::new(codes::MISSING_FIELD, message).at(entries.span.clone(), "");
            findings.push(finding.help("add it: jq '. + {PrefixListId: \"pl-...\"}'"));
        }
    }
    Some(facts)
}

fn group(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let Some(key) = key(node, "GroupId", "a security group", findings) else { return };
    for (list, direction) in
        [("IpPermissions", Direction::Ingress), ("IpPermissionsEgress", Direction::Egress)]
    {
        for permission in items(node, list) {
            permitted(permission, &key, direction, facts, findings);
        }
    }
    facts.groups.push(GroupFact {
        name: said(node, "GroupName").cloned(),
        description: text(node, "Description"),
        has_rules: node.get("IpPermissions").is_some() || node.get("IpPermissionsEgress").is_some(),
        key,
    });
}

/// A permission is a rule for each of its remotes.
fn permitted(node: &Node, group: &Piece, direction: Direction, facts: &mut Facts, findings: &mut Findings) {
    let before = findings.len();
    let mut fields = fields(node, findings);
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    let mut push = |node: &Node, remote: Remote| {
        let description = said(node, "Description").map(|piece| piece.text.clone());
        let fields =
            Fields { span: node.span.clone(), remotes: Some(vec![remote]), description, ..fields.clone() };
        facts.rules.push(RuleFact { group: Some(group.clone()), direction, fields });
    };
    let lists = [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId")];
    for (list, name) in lists {
        for entry in items(node, list) {
            if let Some(piece) = key(entry, name, "a remote", findings) {
                let is_set = list == "PrefixListIds";
                push(entry, if is_set { field::set(&piece) } else { field::range(&piece, findings) });
            }
        }
    }
    for entry in items(node, "UserIdGroupPairs") {
        // Groups of the classic network are named by name alone.
        match said(entry, "GroupId") {
            Some(piece) => push(entry, field::group(piece)),
            None => {
                if let Some(name) = key(entry, "GroupName", "a group", findings) {
                    let kind = RemoteKind::Key(name.text.clone());
                    push(entry, Remote { kind, span: name.span });
                }
            }
        }
    }
    named(items(node, "UserIdGroupPairs"), facts);
    let known = lists.map(|(list, _)| list).into_iter().chain(["UserIdGroupPairs"]);
    if known.map(|list| items(node, list).len()).sum::<usize>() == 0 && node.mistaken_for().is_none() {
        let finding = Diagnostic::new(codes::MISSING_FIELD, "a permission without any remote");
        let help = "expected IpRanges, Ipv6Ranges, PrefixListIds or UserIdGroupPairs";
        findings.push(finding.at(node.span.clone(), "").help(help));
    }
}

/// A rule of `describe-security-group-rules`.
fn rule(node: &Node, findings: &mut Findings) -> Option<RuleFact> {
    let group = key(node, "GroupId", "a rule", findings)?;
    let direction = if field::is_true(node, "IsEgress") { Direction::Egress } else { Direction::Ingress };
    let before = findings.len();
    let mut fields = fields(node, findings);
    let referenced = node.get("ReferencedGroupInfo").and_then(|info| said(info, "GroupId"));
    let range = said(node, "CidrIpv4").or_else(|| said(node, "CidrIpv6"));
    let remotes = [
        range.map(|piece| field::range(piece, findings)),
        said(node, "PrefixListId").map(field::set),
        referenced.map(field::group),
    ];
    let remotes: Vec<_> = remotes.into_iter().flatten().collect();
    if remotes.is_empty() {
        let finding = Diagnostic::new(codes::MISSING_FIELD, "a rule without any remote");
        let help = "expected CidrIpv4, CidrIpv6, PrefixListId or ReferencedGroupInfo";
        findings.push(finding.at(node.span.clone(), "").help(help));
    }
    fields.remotes = Some(remotes);
    fields.id = said(node, "SecurityGroupRuleId").cloned();
    fields.description = said(node, "Description").map(|piece| piece.text.clone());
    fields.broken = findings[before..].iter().any(Diagnostic::is_error);
    Some(RuleFact { group: Some(group), direction, fields })
}

/// Protocol and ports of a permission or rule, in AWS's own keys.
fn fields(node: &Node, findings: &mut Findings) -> Fields {
    let mut fields = Fields { span: node.span.clone(), action: Some(Action::Allow), ..Fields::default() };
    if let Some(protocol) = key(node, "IpProtocol", "a rule", findings) {
        fields.protocol = field::protocol(&protocol, findings);
    }
    service(&mut fields, said(node, "FromPort"), said(node, "ToPort"), findings);
    fields
}

/// "`FromPort`/`ToPort` are ICMP type and code, -1 is all; any protocol but tcp, udp, icmp and icmpv6 ignores ports."
pub(super) fn service(
    fields: &mut Fields,
    from: Option<&Piece>,
    to: Option<&Piece>,
    findings: &mut Findings,
) {
    match fields.protocol {
        Some((ProtocolWord::One(Protocol::ICMP | Protocol::ICMPV6), _)) => {
            fields.icmp = field::message(from, to).map(|message| vec![message]);
        }
        Some((ProtocolWord::One(Protocol::TCP | Protocol::UDP), _)) => {
            if let (Some(from), Some(to)) = (from, to)
                && (from.text == "-1") != (to.text == "-1")
            {
                let message = format!("ports from {} to {}: -1 is both or neither", from.text, to.text);
                findings.push(Diagnostic::new(codes::BAD_PORT, message).at(to.span.clone(), ""));
            }
            let ports = field::bounds(from, to).filter(|piece| piece.text != "0-65535");
            fields.ports = ports.map(|ports| vec![ports]);
        }
        _ => {}
    }
}

/// An instance: its network interfaces, under its name.
fn instance(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let tag = items(node, "Tags").iter().find(|tag| text(tag, "Key") == "Name");
    let name = tag.and_then(|tag| said(tag, "Value")).or_else(|| said(node, "InstanceId"));
    for interface in items(node, "NetworkInterfaces") {
        self::interface(interface, name, facts, findings);
    }
}

/// A network interface, alone or in an instance.
fn interface(node: &Node, instance: Option<&Piece>, facts: &mut Facts, findings: &mut Findings) {
    let Some(id) = key(node, "NetworkInterfaceId", "a network interface", findings) else { return };
    let private = items(node, "PrivateIpAddresses").iter().filter_map(|ip| said(ip, "PrivateIpAddress"));
    let v6 = items(node, "Ipv6Addresses").iter().filter_map(|ip| said(ip, "Ipv6Address"));
    let mut addresses = field::addresses(said(node, "PrivateIpAddress"), findings);
    for more in field::addresses(private.chain(v6), findings) {
        if !addresses.iter().any(|(range, _)| *range == more.0) {
            addresses.push(more);
        }
    }
    let prefixes = [("Ipv4Prefixes", "Ipv4Prefix"), ("Ipv6Prefixes", "Ipv6Prefix")];
    let prefixes =
        prefixes.iter().flat_map(|(list, key)| items(node, list).iter().filter_map(|p| said(p, key)));
    let behind = field::addresses(prefixes, findings);
    if addresses.is_empty() {
        return;
    }
    named(items(node, "Groups"), facts);
    let tag = items(node, "TagSet").iter().find(|tag| text(tag, "Key") == "Name");
    let own = tag.and_then(|tag| said(tag, "Value"));
    facts.attachments.push(Attachment {
        id: Some(id.text.clone()),
        name: instance.or(own).unwrap_or(&id).clone(),
        rank: if instance.is_some() { 2 } else { u8::from(own.is_some()) },
        addresses,
        behind,
        groups: node.get("Groups").map(|groups| {
            field::listed(groups).iter().filter_map(|group| said(group, "GroupId")).cloned().collect()
        }),
    });
}

/// The names beside the identifiers of groups.
fn named(groups: &[Node], facts: &mut Facts) {
    let both = |group: &Node| said(group, "GroupId").cloned().zip(said(group, "GroupName").cloned());
    facts.named.extend(groups.iter().filter_map(both));
}
