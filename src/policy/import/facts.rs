//! What a file says, in the words of no cloud: groups and rules, who is attached, address sets.
//!
//! Everything is still named as the file names it, mostly by identifier; `link.rs` brings the files together.

use std::sync::Arc;

use crate::diag::Span;
use crate::packet::AddressRange;
use crate::policy::scenario::written::Fields;
use crate::policy::tree::Piece;
use crate::policy::{Action, Dialect, Direction, Doubt, Priority, StateProfile};

/// Stands for a value that only applying a plan tells: no address, no group and no port is written so.
pub(super) const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// What one file says.
#[derive(Debug, Default)]
pub(in crate::policy) struct Facts {
    /// What the file is, for messages.
    pub(in crate::policy) format: &'static str,
    pub(super) groups: Vec<GroupFact>,
    pub(super) rules: Vec<RuleFact>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) sets: Vec<SetFact>,
    /// Groups that are referred to by identifier and name: both.
    pub(super) named: Vec<(Piece, Piece)>,
    /// How the cloud combines groups, where it is not as Huawei's does.
    pub(super) dialect: Option<Dialect>,
    /// How the cloud keeps state, likewise.
    pub(super) state: Option<StateProfile>,
    /// Names of places that are better than a JSON pointer (Terraform addresses), by the byte where each begins.
    pub(in crate::policy) places: Vec<(usize, Arc<str>)>,
    pub(super) author: Author,
    /// The group that a cluster's nodes have unless an input says another.
    pub(super) default_node_group: Option<Piece>,
    /// Keys of groups that have more members than the file knows the addresses of.
    pub(super) open: Vec<String>,
    /// No rule of this cloud denies.
    pub(super) allow_only: bool,
    /// The cluster's pods travel in a tunnel: their addresses meet no group.
    pub(super) tunnel: bool,
    /// Findings about the file as a whole: what was assumed, what it cannot say.
    pub(super) notes: Vec<String>,
    /// What it is a list of, where lists of that kind come in pages.
    pub(super) listed: Option<Listed>,
    /// Whether the list goes on behind what the file has of it.
    pub(super) goes_on: bool,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Author {
    /// A group that it names may be described elsewhere.
    #[default]
    Cloud,
    /// A group that no input has is a mistake.
    User,
}

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// Groups, each with its rules or none of them.
    Groups,
    Rules,
    Interfaces,
    /// With the interfaces that they have: others may have some too.
    Instances,
}

impl Facts {
    pub(super) fn new(format: &'static str) -> Self {
        Self { format, ..Self::default() }
    }

    /// How many things were read.
    pub(in crate::policy) const fn count(&self) -> usize {
        self.groups.len() + self.rules.len() + self.attachments.len() + self.sets.len()
    }

    /// Whether it says nothing else either.
    pub(in crate::policy) const fn is_silent(&self) -> bool {
        self.default_node_group.is_none()
    }

    /// Moves every place, for a text that comes to stand behind others.
    pub(in crate::policy) fn shift(&mut self, by: usize) {
        for group in &mut self.groups {
            group.key.shift(by);
            group.name.iter_mut().for_each(|name| name.shift(by));
        }
        for rule in &mut self.rules {
            rule.group.iter_mut().for_each(|group| group.shift(by));
            rule.fields.shift(by);
        }
        for (key, name) in &mut self.named {
            key.shift(by);
            name.shift(by);
        }
        for attachment in &mut self.attachments {
            attachment.name.shift(by);
            for (_, span) in attachment.addresses.iter_mut().chain(&mut attachment.behind) {
                *span = span.start + by..span.end + by;
            }
            attachment.groups.iter_mut().flatten().for_each(|group| group.shift(by));
        }
    }

    /// Whether a port is one of the network's own and has no group. It drops nothing for that, so it is to be left out, which
    /// is noted. Huawei's owners are `network:dhcp`, `network:router_interface_distributed`, `network:nat_gateway`,
    /// `network:endpoint_interface`, `neutron:VIP_PORT`, `neutron:LOADBALANCERV2` and the like, of servers `compute:` and the
    /// zone (<https://support.huaweicloud.com/intl/en-us/api-vpc/> "Creating a Port").
    pub(super) fn leaves_out(&mut self, id: &Piece, owner: Option<&Piece>, groups: Option<&[Piece]>) -> bool {
        let is_own = |owner: &&Piece| ["network:", "neutron:"].iter().any(|own| owner.text.starts_with(own));
        let Some(owner) = owner.filter(is_own) else { return false };
        if groups.is_some_and(|groups| !groups.is_empty()) {
            return false;
        }
        let (id, owner) = (&id.text, &owner.text);
        self.note(format!(
            "port {id}: {owner} has no group, so it is left out and its addresses are outside"
        ));
        true
    }

    /// Whether it is the last page of the list that the other file has a page of.
    pub(super) fn ends(&self, other: &Self) -> bool {
        !self.goes_on && self.listed == other.listed && self.format == other.format
    }

    /// Says something about the file once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// A group.
#[derive(Debug)]
pub(super) struct GroupFact {
    /// What others refer to it by.
    pub(super) key: Piece,
    pub(super) name: Option<Piece>,
    pub(super) description: String,
    /// Whether the file holds all its rules, if only none.
    pub(super) has_rules: bool,
}

/// A rule. In its fields, groups and sets are named by key.
#[derive(Debug, Clone)]
pub(super) struct RuleFact {
    /// The key of its group; `None` when the file does not say.
    pub(super) group: Option<Piece>,
    pub(super) direction: Direction,
    pub(super) fields: Fields,
}

/// An interface, or a part of what is known of one.
#[derive(Debug)]
pub(super) struct Attachment {
    /// What the cloud knows it by.
    pub(super) id: Option<String>,
    pub(super) name: Piece,
    /// How good the name is for people: that of a node is better than that of a port.
    pub(super) rank: u8,
    pub(super) addresses: Vec<(AddressRange, Span)>,
    pub(super) behind: Vec<(AddressRange, Span)>,
    /// The keys of its groups in order; `None` when the file does not say.
    pub(super) groups: Option<Vec<Piece>>,
}

/// An address group, a prefix list, a range that a cluster names.
#[derive(Debug)]
pub(super) struct SetFact {
    pub(super) key: Piece,
    pub(super) name: Option<Piece>,
    /// Addresses, CIDRs and ranges.
    pub(super) entries: Vec<Piece>,
}

/// What a group whose rules are unknown may do: anything. A cloud without deny can only allow.
pub(super) fn any_rules(at: &Piece, allow_only: bool) -> [Vec<Fields>; 2] {
    let rule = |action| Fields {
        span: at.span.clone(),
        action: Some(action),
        priority: Some(Priority::FIRST),
        doubt: Some(Doubt::UnknownRules),
        id: Some(at.reworded(format!("unknown-{action}"))),
        ..Fields::default()
    };
    let actions: &[Action] = if allow_only { &[Action::Allow] } else { &[Action::Deny, Action::Allow] };
    let rules = |direction: Direction| {
        let named = actions.iter().map(|&action| Fields {
            id: Some(at.reworded(format!("unknown-{direction}-{action}"))),
            ..rule(action)
        });
        named.collect::<Vec<_>>()
    };
    Direction::BOTH.map(rules)
}

/// The same of one direction, as rules of the group of a key.
pub(super) fn any_rules_of(
    key: &Piece,
    direction: Direction,
    allow_only: bool,
) -> impl Iterator<Item = RuleFact> {
    let [ingress, egress] = any_rules(key, allow_only);
    let all = if direction == Direction::Ingress { ingress } else { egress };
    all.into_iter().map(move |fields| RuleFact { group: Some(key.clone()), direction, fields })
}
