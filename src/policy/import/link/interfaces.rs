//! Interfaces from all inputs: what shares an identifier or an address is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Span, codes};
use crate::packet::AddressRange;
use crate::policy::scenario::written::{Written, WrittenGroup, WrittenInterface};
use crate::policy::tree::Piece;

use super::super::facts::{Attachment, Author, any_rules};
use super::super::names;
use super::{Keys, Layer, exports};

/// The group of interfaces of which no input says the groups.
const UNKNOWN: &str = "unknown-groups";

/// An interface as far as it is known.
pub(super) struct Draft {
    ids: Vec<String>,
    name: Piece,
    rank: u8,
    addresses: Vec<(AddressRange, Span)>,
    behind: Vec<(AddressRange, Span)>,
    /// As keys until all inputs have been heard, then as names.
    groups: Option<Vec<Piece>>,
    names: Vec<String>,
    /// Who named its groups.
    author: Author,
    layer: usize,
}

impl Draft {
    /// The names of its groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }

    pub(super) fn into_written(self) -> WrittenInterface {
        let pieces = self.groups.unwrap_or_default();
        let place = |at: usize| pieces.get(at).unwrap_or(&self.name);
        let groups = (0..).zip(&self.names).map(|(at, name)| place(at).reworded(name.clone())).collect();
        WrittenInterface { name: self.name.clone(), addresses: self.addresses, behind: self.behind, groups }
    }
}

/// Collects the interfaces of all inputs.
pub(super) fn merge(layers: &[Layer], keys: &Keys<'_>, findings: &mut Vec<Diagnostic>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut owners: BTreeMap<AddressRange, usize> = BTreeMap::new();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate() {
        let author = match layer {
            Layer::Export(facts, _) => facts.author,
            Layer::Scenario(_) => Author::User,
        };
        let (all, together): (Vec<Attachment>, bool) = match layer {
            Layer::Export(facts, _) => {
                (facts.attachments.iter().map(copy).collect(), facts.format == "Kubernetes")
            }
            Layer::Scenario(written) => (written.interfaces.iter().map(by_hand).collect(), false),
        };
        for new in all {
            let by_id = new.id.as_ref().and_then(|id| ids.get(id).copied());
            let shared = || new.addresses.iter().find_map(|(range, _)| owners.get(range).copied());
            let apart = |&at: &usize| together || drafts[at].layer != number;
            let at = by_id.or_else(|| shared().filter(apart));
            let at = if let Some(at) = at {
                drafts[at].author = if new.groups.is_some() { author } else { drafts[at].author };
                join(&mut drafts[at], new, number, findings);
                at
            } else {
                let Attachment { id, name, rank, addresses, behind, groups } = new;
                let ids = id.into_iter().collect();
                // A port without a name, or a pod that stands for its node: its address says more.
                let name = match addresses.first().filter(|_| rank == 0) {
                    Some((range, _)) => name.reworded(range.to_string()),
                    None => name,
                };
                let names = vec![];
                drafts.push(Draft {
                    ids,
                    name,
                    rank,
                    addresses,
                    behind,
                    groups,
                    names,
                    author,
                    layer: number,
                });
                drafts.len() - 1
            };
            for (range, _) in &drafts[at].addresses {
                owners.entry(*range).or_insert(at);
            }
            for id in &drafts[at].ids {
                ids.entry(id.clone()).or_insert(at);
            }
        }
    }
    clear_behind(&mut drafts, layers, findings);
    look_up(&mut drafts, layers, keys, findings);
    rename(&mut drafts);
    drafts
}

fn copy(attachment: &Attachment) -> Attachment {
    Attachment {
        id: attachment.id.clone(),
        name: attachment.name.clone(),
        rank: attachment.rank,
        addresses: attachment.addresses.clone(),
        behind: attachment.behind.clone(),
        groups: attachment.groups.clone(),
    }
}

fn by_hand(interface: &WrittenInterface) -> Attachment {
    Attachment {
        id: None,
        name: interface.name.clone(),
        rank: 9,
        addresses: interface.addresses.clone(),
        behind: interface.behind.clone(),
        groups: Some(interface.groups.clone()).filter(|groups| !groups.is_empty()),
    }
}

/// What another input says about an interface: addresses and networks add up, the better name stays, and of two lists of
/// groups the later counts.
fn join(draft: &mut Draft, new: Attachment, layer: usize, findings: &mut Vec<Diagnostic>) {
    draft.ids.extend(new.id);
    for (range, span) in new.addresses {
        if draft.addresses.iter().all(|(known, _)| *known != range) {
            draft.addresses.push((range, span));
        }
    }
    for (range, span) in new.behind {
        if draft.behind.iter().all(|(known, _)| *known != range) {
            draft.behind.push((range, span));
        }
    }
    if let Some(groups) = new.groups {
        let texts = |groups: &[Piece]| groups.iter().map(|group| group.text.clone()).collect::<Vec<_>>();
        if let Some(old) = draft.groups.as_ref().filter(|old| texts(old) != texts(&groups)) {
            let message = format!(
                "interface `{}` has the groups {} in one input and {} in a later one, which is taken",
                draft.name.text,
                texts(old).join(", "),
                texts(&groups).join(", ")
            );
            findings.push(Diagnostic::new(codes::LAYERS_DIFFER, message).at(new.name.span.clone(), "taken"));
        }
        draft.groups = Some(groups);
    }
    if new.rank > draft.rank {
        (draft.name, draft.rank) = (new.name, new.rank);
    }
    draft.layer = layer;
}

/// Networks that exports put behind two interfaces (an address that moves between them) belong to neither; in a tunnel
/// no pod's address meets a group.
fn clear_behind(drafts: &mut [Draft], layers: &[Layer], findings: &mut Vec<Diagnostic>) {
    let tunnel = exports(layers).any(|(facts, _)| facts.tunnel);
    let mut count: BTreeMap<AddressRange, usize> = BTreeMap::new();
    for (range, _) in drafts.iter().filter(|draft| draft.rank < 9).flat_map(|draft| &draft.behind) {
        *count.entry(*range).or_default() += 1;
    }
    for draft in drafts.iter_mut().filter(|draft| draft.rank < 9) {
        if tunnel {
            draft.behind.clear();
        }
        draft.behind.retain(|(range, span)| {
            let shared = count[range] > 1;
            if shared {
                let message =
                    format!("{range} lies behind several interfaces: it is taken to lie behind none");
                findings.push(Diagnostic::new(codes::ASSUMED, message).at(span.clone(), ""));
            }
            !shared
        });
    }
}

/// Keys of groups become names. An interface of which no input says the groups has the cluster's node group when it is a
/// node, else unknown ones.
fn look_up(drafts: &mut [Draft], layers: &[Layer], keys: &Keys<'_>, findings: &mut Vec<Diagnostic>) {
    let default = exports(layers).find_map(|(facts, at)| Some((facts.default_node_group.as_ref()?, at)));
    let mut assumed = Vec::new();
    for draft in drafts {
        if draft.groups.is_none() && draft.rank < 9 {
            draft.groups = Some(vec![match default.filter(|_| draft.rank == 3) {
                Some((group, _)) => {
                    assumed.push(draft.name.text.clone());
                    group.clone()
                }
                None => draft.name.reworded(UNKNOWN),
            }]);
        }
        let mut names: Vec<String> = Vec::new();
        for key in draft.groups.iter().flatten() {
            let known = keys.group(&key.text);
            if let Some(several) = keys.ambiguous.get(key.text.as_str()).filter(|_| known.is_none()) {
                let message = format!("`{}` is the name of {} groups", key.text, several.len());
                let finding = Diagnostic::new(codes::AMBIGUOUS_GROUP, message).at(key.span.clone(), "");
                findings.push(finding.help(format!("name one of {}", several.join(", "))));
            }
            let name = known.unwrap_or_else(|| {
                // A name that no input has is a mistake of whoever typed it, and told as one.
                match draft.author {
                    Author::Cloud => names::clean(names::short(&key.text), false),
                    Author::User => key.text.clone(),
                }
            });
            names.push(name);
        }
        draft.names = names;
    }
    if let (Some((group, at)), false) = (default, assumed.is_empty()) {
        let message = format!(
            "the cluster's node group {} is taken for {}: no input says their groups",
            group.text,
            assumed.join(", ")
        );
        findings.push(Diagnostic::new(codes::ASSUMED, message).at(at.clone(), ""));
    }
}

/// Names that a scenario can hold, each its own.
fn rename(drafts: &mut [Draft]) {
    let mut taken: BTreeSet<String> =
        drafts.iter().filter(|d| d.rank == 9).map(|d| d.name.text.clone()).collect();
    for draft in drafts.iter_mut().filter(|draft| draft.rank < 9) {
        let name = names::clean(names::short_uuid(&draft.name.text), true);
        let (mut own, mut number) = (name.clone(), 1);
        while !taken.insert(own.clone()) {
            number += 1;
            own = format!("{name}.{number}");
        }
        draft.name = draft.name.reworded(own);
    }
}

/// Groups that interfaces have and no input describes: anything may be their rules.
pub(super) fn unknown_groups(linked: &mut Written, drafts: &[Draft], keys: &Keys<'_>, allow_only: bool) {
    let mut known: BTreeSet<String> = linked.groups.iter().map(|group| group.name.text.clone()).collect();
    for draft in drafts.iter().filter(|draft| draft.author == Author::Cloud) {
        // Both lists are of the same groups.
        for (piece, name) in draft.groups.iter().flatten().zip(&draft.names) {
            if keys.own_groups.contains(name.as_str()) || !known.insert(name.clone()) {
                continue;
            }
            let at = piece.reworded(name.clone());
            let [ingress, egress] = any_rules(&at, allow_only);
            let description = "no input has its rules".to_owned();
            linked.groups.push(WrittenGroup {
                name: at,
                called: None,
                description,
                ingress,
                egress,
                imported: true,
            });
        }
    }
}
