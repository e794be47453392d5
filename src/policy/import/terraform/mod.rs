//! Terraform and `OpenTofu`: plan and state as `show -json` prints them, and the state file itself.
//!
//! Format: <https://developer.hashicorp.com/terraform/internals/json-format>. What a plan does not know yet (the identifier
//! of a group that is still to be made) is looked up in the configuration: which resource does the expression refer to?

mod aws;
mod neutron;
mod references;
mod renamed;
mod unknown;

use std::collections::BTreeSet;

use crate::policy::tree::{Node, Piece};
use crate::policy::{Dialect, StateProfile};

use super::facts::{Facts, KNOWN_AFTER_APPLY};
use super::field::{self, Findings, items, said, text};
use references::References;

/// One resource of a plan or state.
struct Resource<'n> {
    /// `module.net.huaweicloud_networking_secgroup.node[0]`.
    address: String,
    /// The module's address; empty for the root.
    module: String,
    kind: String,
    name: String,
    /// The index of `count` or the key of `for_each`.
    index: Option<String>,
    values: &'n Node,
}

impl Resource<'_> {
    /// Whether it was looked up and not made.
    fn is_data(&self) -> bool {
        self.address.contains("data.")
    }

    /// What others refer to it by: its identifier, or its address while there is none.
    fn key(&self) -> Piece {
        said(self.values, "id").cloned().unwrap_or_else(|| self.place(&self.address))
    }

    /// A text that stands where the resource does.
    fn place(&self, text: &str) -> Piece {
        Piece::elsewhere(text, &self.values.span)
    }

    /// Its name, with its index: `web-0`.
    fn label(&self) -> Piece {
        let index = self.index.as_ref().map(|index| format!("-{index}"));
        self.place(&format!("{}{}", self.name, index.unwrap_or_default()))
    }
}

/// What an argument of a resource says.
enum Argument<'n> {
    /// Nothing: it is not set.
    Absent,
    /// This value.
    Value(&'n Piece),
    /// The resource of this key.
    Refers(Piece),
    /// Something that is known only after it is applied.
    Unknown,
}

impl Argument<'_> {
    /// What names the thing it is about, if that is known already.
    fn named(self) -> Option<Piece> {
        match self {
            Self::Value(piece) => Some(piece.clone()),
            Self::Refers(key) => Some(key),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// The key of what it refers to instead of having a value; one that nothing has where that is not known yet.
    fn referred(self) -> Option<String> {
        match self {
            Self::Refers(key) => Some(key.text),
            Self::Unknown => Some(KNOWN_AFTER_APPLY.to_owned()),
            Self::Value(_) | Self::Absent => None,
        }
    }
}

/// Reads a plan or state; `None` when it is neither.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    let planned = root.get("planned_values").and_then(|values| values.get("root_module"));
    let shown = root.get("values").and_then(|values| values.get("root_module"));
    let stored = root.get("resources").filter(|_| root.get("terraform_version").is_some());
    let mut resources = Vec::new();
    match (planned.or(shown), stored) {
        (Some(module), _) => collect(module, "", &mut resources),
        (None, Some(list)) => {
            for node in field::listed(list) {
                stored_resource(node, &mut resources);
            }
        }
        (None, None) => return None,
    }
    // Data sources that were read already are in the state before.
    let prior = root.get("prior_state").and_then(|state| state.get("values")?.get("root_module"));
    if let (Some(prior), Some(_)) = (prior, planned) {
        let mut before = Vec::new();
        collect(prior, "", &mut before);
        resources.extend(before.into_iter().filter(|resource| resource.address.contains("data.")));
    }
    let mut facts = Facts::new(if planned.is_some() { "Terraform plan" } else { "Terraform state" });
    let references = References::new(root, &resources);
    let mut unread = Vec::new();
    for resource in &resources {
        facts.places.push((resource.values.span.start, resource.address.as_str().into()));
        if resource.is_data() {
            continue;
        }
        let is_read = match resource.kind.split_once('_') {
            Some(("aws", _)) => aws::resource(resource, &references, &mut facts, findings),
            Some(("azurerm" | "google", _)) => renamed::KINDS.contains(&resource.kind.as_str()),
            _ => neutron::resource(resource, &references, &mut facts, findings),
        };
        if !is_read && FILTERS.iter().any(|word| resource.kind.contains(word)) {
            unread.push(resource.address.as_str());
        }
    }
    renamed::read(&resources, &references, &mut facts, findings);
    if !unread.is_empty() {
        facts.note(format!("resources that filter packets, but are not read: {}", unread.join(", ")));
    }
    facts.places.sort();
    if facts.open.iter().any(|key| key == KNOWN_AFTER_APPLY) {
        // It is not known which groups have the member: any may.
        facts.open = facts.groups.iter().map(|group| group.key.text.clone()).collect();
    }
    imply(&resources, &mut facts);
    Some(facts)
}

/// Parts of the kinds of resources that filter packets, or say where that is done.
const FILTERS: &[&str] = &["security_group", "secgroup", "security_rule", "firewall", "network_acl", "_sg_"];

/// How the clouds of these groups combine them and keep state. One file has one cloud, or the first of these counts.
fn imply(resources: &[Resource<'_>], facts: &mut Facts) {
    let filters = |resource: &&Resource<'_>| FILTERS.iter().any(|word| resource.kind.contains(word));
    let kinds: Vec<&str> =
        resources.iter().filter(filters).filter_map(|r| r.kind.split('_').next()).collect();
    let clouds = [
        ("aws", (Some(Dialect::Union), Some(StateProfile::AWS), true)),
        ("openstack", (Some(Dialect::Union), Some(StateProfile::LINUX), true)),
        ("google", (Some(Dialect::Union), Some(StateProfile::LINUX), false)),
        ("azurerm", (None, Some(StateProfile::LINUX), false)),
    ];
    let Some((cloud, implied)) = clouds.into_iter().find(|(cloud, _)| kinds.contains(cloud)) else { return };
    let others: BTreeSet<&str> = kinds.into_iter().filter(|kind| *kind != cloud).collect();
    (facts.dialect, facts.state, facts.allow_only) = implied;
    if !others.is_empty() {
        facts.allow_only = false;
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        facts.note(format!("groups of several clouds: those of {others} combine as those of {cloud} here"));
    }
}

/// The resources of a module and of those in it.
fn collect<'n>(module: &'n Node, address: &str, resources: &mut Vec<Resource<'n>>) {
    for node in items(module, "resources") {
        if let Some(values) = node.get("values") {
            resources.push(Resource {
                address: text(node, "address"),
                module: address.to_owned(),
                kind: text(node, "type"),
                name: text(node, "name"),
                index: said(node, "index").map(|index| index.text.clone()),
                values,
            });
        }
    }
    for child in items(module, "child_modules") {
        collect(child, &text(child, "address"), resources);
    }
}

/// A resource of the state file itself (version 4), with its instances.
fn stored_resource<'n>(node: &'n Node, resources: &mut Vec<Resource<'n>>) {
    let (kind, name, module) = (text(node, "type"), text(node, "name"), text(node, "module"));
    let data = if text(node, "mode") == "data" { "data." } else { "" };
    let prefix = if module.is_empty() { String::new() } else { format!("{module}.") };
    for instance in items(node, "instances") {
        let Some(values) = instance.get("attributes") else { continue };
        let index = said(instance, "index_key").map(|index| index.text.clone());
        let shown = index.as_ref().map_or_else(String::new, |index| match index.parse::<u32>() {
            Ok(number) => format!("[{number}]"),
            Err(_) => format!("[\"{index}\"]"),
        });
        let address = format!("{prefix}{data}{kind}.{name}{shown}");
        let (module, kind, name) = (module.clone(), kind.clone(), name.clone());
        resources.push(Resource { address, module, kind, name, index, values });
    }
}
