//! Interfaces: their groups, their members, and who owns an address.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Source, Span, codes};
use crate::packet::{AddressRange, AddressSet};
use crate::policy::scenario::written::Written;
use crate::policy::{GroupId, Interface, InterfaceId, OverlapError};

use super::groups::GroupDraft;
use super::{origin, unknown_group};

/// The interfaces with their groups looked up.
pub(super) fn resolve(
    written: &Written,
    source: &Source,
    groups: &BTreeMap<String, GroupId>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Interface> {
    let mut interfaces = Vec::with_capacity(written.interfaces.len());
    for interface in &written.interfaces {
        let mut bound: Vec<(GroupId, Span)> = Vec::new();
        for name in &interface.groups {
            match groups.get(&name.text) {
                None if written.preset_unknown => {}
                None => {
                    let finding = unknown_group(&name.text, name.span.clone(), groups, findings);
                    findings.push(finding);
                }
                Some(&id) => match bound.iter().find(|(other, _)| *other == id) {
                    Some((_, first)) => findings.push(
                        Diagnostic::new(codes::BOUND_TWICE, format!("group `{}` is bound twice", name.text))
                            .at(name.span.clone(), "ignored")
                            .also(first.clone(), "first time"),
                    ),
                    None => bound.push((id, name.span.clone())),
                },
            }
        }
        interfaces.push(Interface {
            name: interface.name.text.clone(),
            addresses: interface.addresses.iter().map(|(range, _)| range.first()).collect(),
            behind: interface.behind.iter().filter_map(|(range, _)| range.as_cidr()).collect(),
            groups: bound.into_iter().map(|(id, _)| id).collect(),
            origin: origin(source, &interface.name.span),
        });
    }
    interfaces
}

/// Of each group, whether an interface has it.
pub(super) fn bound(groups: usize, interfaces: &[Interface]) -> Vec<bool> {
    let mut bound = vec![false; groups];
    for group in interfaces.iter().flat_map(|interface| &interface.groups) {
        bound[group.0 as usize] = true;
    }
    bound
}

/// Tells groups that are bound to no interface; once when there are no interfaces at all.
///
/// A preset's group that the file never names is quiet: a scenario of nodes alone is a good scenario.
pub(super) fn unbound(
    written: &Written,
    groups: &[GroupDraft],
    bound: &[bool],
    findings: &mut Vec<Diagnostic>,
) {
    if written.interfaces.is_empty() {
        let finding = Diagnostic::new(codes::NO_INTERFACES, "the scenario has no interfaces");
        findings.push(finding.help("add `interfaces:`; an address that belongs to none meets no group"));
        return;
    }
    for (group, _) in groups.iter().zip(bound).filter(|(_, bound)| !**bound) {
        if let Some(span) = &group.span {
            let message = format!("group `{}` is bound to no interface", group.name);
            let finding = Diagnostic::new(codes::UNBOUND_GROUP, message).at(span.clone(), "");
            findings.push(finding.help("name it in the `groups` of an interface"));
        }
    }
}

/// For each group "the `addresses` of all interfaces that have that group, of both families".
pub(super) fn members(groups: usize, interfaces: &[Interface]) -> Vec<AddressSet> {
    let mut members: Vec<Vec<AddressRange>> = vec![Vec::new(); groups];
    for interface in interfaces {
        for group in &interface.groups {
            members[group.0 as usize].extend(interface.addresses.iter().copied().map(AddressRange::single));
        }
    }
    members.into_iter().map(AddressSet::from_iter).collect()
}

/// Tells every address and network that two interfaces own, with both places.
pub(super) fn overlaps(
    written: &Written,
    overlaps: &[OverlapError],
    interfaces: &[Interface],
    findings: &mut Vec<Diagnostic>,
) {
    if overlaps.is_empty() {
        return;
    }
    let mut places: BTreeMap<(InterfaceId, String), Span> = BTreeMap::new();
    for (id, interface) in (0..).map(InterfaceId).zip(&written.interfaces) {
        for (range, span) in &interface.addresses {
            places.entry((id, range.first().to_string())).or_insert_with(|| span.clone());
        }
        for (range, span) in &interface.behind {
            if let Some(net) = range.as_cidr() {
                places.entry((id, net.to_string())).or_insert_with(|| span.clone());
            }
        }
    }
    for overlap in overlaps {
        let name = |id: InterfaceId| interfaces[id.0 as usize].name.as_str();
        let place = |id: InterfaceId| places.get(&(id, overlap.what.clone())).cloned().unwrap_or(0..0);
        let finding = Diagnostic::new(codes::ADDRESS_OWNED_TWICE, overlap.to_string())
            .at(place(overlap.second), format!("also of `{}`", name(overlap.second)))
            .also(place(overlap.first), format!("first of `{}`", name(overlap.first)));
        findings.push(finding.help("an address belongs to one interface: remove it from one of the two"));
    }
}
