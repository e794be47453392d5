//! Nodes and pods as `kubectl get nodes,pods -o json` prints them, and a CCE cluster as its API does.
//!
//! Fields: <https://kubernetes.io/docs/reference/kubernetes-api/> Node, Pod;
//! <https://support.huaweicloud.com/intl/en-us/api-cce/> "Reading a Specified Cluster"; the groups of a Turbo pod stand in
//! its annotations (cloud-facts 3.3).

use crate::policy::tree::{Node, Piece};

use super::facts::{Attachment, Facts, SetFact};
use super::field::{self, Findings, items, said, said_any, text};

/// The annotation with the groups of a Turbo pod, and the one with groups that come on top.
const POD_GROUPS: &str = "yangtse.io/security-group-ids";
const MORE_POD_GROUPS: &str = "yangtse.io/additional-security-group-ids";

/// Reads objects of Kubernetes and CCE; `None` when it is none.
pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Facts> {
    root.get("kind")?.piece()?;
    let single = std::slice::from_ref(root);
    let objects = root.get("items").map_or(single, Node::items);
    // The items of a typed list (NodeList) may leave their kind out.
    let listed = text(root, "kind").trim_end_matches("List").to_owned();
    let kind = |node: &Node| said(node, "kind").map_or_else(|| listed.clone(), |kind| kind.text.clone());
    let known = |node: &Node| matches!(kind(node).as_str(), "Node" | "Pod" | "Cluster");
    if !objects.iter().any(known) {
        return None;
    }
    let mut facts = Facts::new("Kubernetes");
    for node in objects {
        match kind(node).as_str() {
            "Node" => self::node(node, &mut facts, findings),
            "Pod" => pod(node, &mut facts, findings),
            "Cluster" => cluster(node, &mut facts),
            _ => {}
        }
    }
    Some(facts)
}

fn name(node: &Node) -> Option<&Piece> {
    said(node.get("metadata")?, "name")
}

fn node(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let (Some(name), Some(status)) = (name(node), node.get("status")) else { return };
    let internal = items(status, "addresses").iter().filter(|address| text(address, "type") == "InternalIP");
    let internal = internal.filter_map(|address| said(address, "address"));
    // CCE's own list of nodes has the address as a field.
    let addresses = field::addresses(internal.chain(said(status, "privateIP")), findings);
    if addresses.is_empty() {
        return;
    }
    let spec = node.get("spec");
    let ranges = spec.map_or_else(Vec::new, |spec| field::list(spec, "podCIDRs").collect());
    let range = spec.and_then(|spec| said(spec, "podCIDR")).filter(|_| ranges.is_empty());
    facts.attachments.push(Attachment {
        id: None,
        name: name.clone(),
        rank: 3,
        addresses,
        behind: field::addresses(ranges.into_iter().chain(range), findings),
        groups: None,
    });
}

/// A pod of the host's network is its node; one with groups of its own is an interface (Turbo); any other lies behind
/// its node.
fn pod(node: &Node, facts: &mut Facts, findings: &mut Findings) {
    let (Some(name), Some(status)) = (name(node), node.get("status")) else { return };
    if node.get("spec").is_some_and(|spec| field::is_true(spec, "hostNetwork")) {
        return;
    }
    let listed = items(status, "podIPs").iter().filter_map(|ip| said(ip, "ip"));
    let mut own: Vec<&Piece> = listed.collect();
    if own.is_empty() {
        own.extend(said(status, "podIP"));
    }
    let own = field::addresses(own, findings);
    if own.is_empty() {
        return;
    }
    let metadata = node.get("metadata");
    let namespace = metadata.map_or_else(String::new, |metadata| text(metadata, "namespace"));
    let name = name.reworded(format!("{namespace}/{}", name.text));
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    let said_groups = |key: &str| annotations.and_then(|annotations| said(annotations, key));
    let groups =
        [POD_GROUPS, MORE_POD_GROUPS].map(|key| said_groups(key).map_or_else(Vec::new, field::split));
    if groups.iter().any(|groups| !groups.is_empty()) {
        if groups[0].is_empty() {
            facts.note("pods with additional groups only: the groups they are added to are not in this file");
        }
        let groups = Some(groups.concat());
        facts.attachments.push(Attachment {
            id: None,
            name,
            rank: 3,
            addresses: own,
            behind: vec![],
            groups,
        });
        return;
    }
    let host = field::addresses(said_any(status, &["hostIP"]), findings);
    if !host.is_empty() {
        let rank = 0;
        facts.attachments.push(Attachment {
            id: None,
            name,
            rank,
            addresses: host,
            behind: own,
            groups: None,
        });
    }
}

/// A CCE cluster: its ranges become address sets, its node group a note.
fn cluster(node: &Node, facts: &mut Facts) {
    facts.format = "CCE cluster";
    let Some(spec) = node.get("spec") else { return };
    let network = spec.get("containerNetwork");
    let mode = network.map_or_else(String::new, |network| text(network, "mode"));
    let mut set = |key: &str, entries: Vec<Piece>| {
        if let Some(first) = entries.first() {
            facts.sets.push(SetFact { key: first.reworded(key), name: Some(first.reworded(key)), entries });
        }
    };
    let ranges = network.map_or(&[][..], |network| items(network, "cidrs"));
    let mut container: Vec<Piece> = ranges.iter().filter_map(|range| said(range, "cidr")).cloned().collect();
    if container.is_empty() {
        container.extend(network.and_then(|network| said(network, "cidr")).cloned());
    }
    let eni = spec.get("eniNetwork").and_then(|eni| said(eni, "eniSubnetCIDR"));
    set("container", if mode == "eni" { eni.into_iter().cloned().collect() } else { container });
    let service = spec.get("serviceNetwork").and_then(|network| said(network, "IPv4CIDR"));
    set("service", service.or_else(|| said(spec, "kubernetesSvcIpRange")).into_iter().cloned().collect());
    let preset = match mode.as_str() {
        "vpc-router" => "cce/vpc",
        "overlay_l2" => "cce/tunnel",
        "eni" => "cce/turbo",
        _ => "none that is known",
    };
    facts.note(format!("the cluster's network is {mode}: its default groups are preset {preset}"));
    if let Some(group) = spec.get("hostNetwork").and_then(|network| said(network, "SecurityGroup")) {
        facts.default_node_group = Some(group.clone());
    }
    facts.tunnel = mode == "overlay_l2";
}
