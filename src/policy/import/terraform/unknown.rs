//! What a plan knows only after it is applied: the `after_unknown` of its changes.
//!
//! <https://developer.hashicorp.com/terraform/internals/json-format>: a tree like the values', `true` where a value is not
//! known; the value itself is left out, or null in a list. Readers of values read them as if absent; what is not known
//! then puts the rule in doubt here, whichever field it is, so no reader can forget one.

use crate::policy::import::facts::KNOWN_AFTER_APPLY;
use crate::policy::scenario::written::{Fields, Remote, RemoteKind};
use crate::policy::tree::{Kind, Node};
use crate::policy::{Action, Doubt};

/// How a plan knows a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unknown<'n> {
    /// All of it, if only that it is absent.
    Nothing,
    /// Nothing of it.
    All,
    /// Some of what is in it may not be known.
    Inside(&'n Node),
}

impl<'n> Unknown<'n> {
    /// What this part of `after_unknown` says.
    pub(super) fn of(node: Option<&'n Node>) -> Self {
        match node {
            None => Self::Nothing,
            Some(node) => match &node.kind {
                Kind::Scalar(piece) if piece.text == "true" => Self::All,
                Kind::Scalar(_) | Kind::Null => Self::Nothing,
                Kind::Sequence { .. } | Kind::Mapping(_) => Self::Inside(node),
            },
        }
    }

    /// Whether any of it is unknown.
    pub(super) fn any(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Inside(node) => {
                let mut inner = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
                inner.any(|inner| Unknown::of(Some(inner)).any())
            }
        }
    }

    /// What is known of a field of it.
    pub(super) fn field(self, key: &str) -> Self {
        match self {
            Self::Inside(node) => Self::of(node.get(key)),
            whole => whole,
        }
    }

    /// What is known of a value of a list.
    pub(super) fn at(self, index: usize) -> Self {
        match self {
            Self::Inside(node) => Self::of(node.items().get(index)),
            whole => whole,
        }
    }

    /// The fields of which something is unknown; `None` is every field.
    pub(super) fn fields(self) -> Option<Vec<&'n str>> {
        match self {
            Self::Nothing => Some(vec![]),
            Self::All => None,
            Self::Inside(node) => {
                let unknown = node.entries().iter().filter(|(_, value)| Unknown::of(Some(value)).any());
                Some(unknown.map(|(key, _)| key.text.as_str()).collect())
            }
        }
    }
}

/// Fields that decide nothing.
const IDLE: &[&str] = &["id", "name", "description", "tags", "tags_all", "region", "timeouts", "priority"];
/// Fields whose readers look themselves whether they are known: a rule's group, direction and far side.
const ASKED: &[&str] =
    &["security_group_id", "network_security_group_name", "resource_group_name", "type", "direction"];
/// Fields that say the far side.
pub(super) const REMOTES: &[&str] = &[
    "cidr_blocks",
    "ipv6_cidr_blocks",
    "prefix_list_ids",
    "security_groups",
    "self",
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "source_security_group_id",
    "referenced_security_group_id",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
];

/// Whether a field of a rule says what the rule matches or does.
fn decides(key: &str) -> bool {
    ![IDLE, ASKED, REMOTES].iter().any(|keys| keys.contains(&key))
}

/// The rules that one comes to whose fields in `unknown` are not known (`None`: no field is): what may match may match more.
pub(super) fn in_doubt(mut fields: Fields, unknown: Option<&[&str]>) -> Vec<Fields> {
    let has = |keys: &[&str]| unknown.is_none_or(|unknown| unknown.iter().any(|key| keys.contains(key)));
    if has(&["priority"]) {
        fields.doubt = Some(Doubt::UnknownPriority);
    }
    if unknown.is_some_and(|unknown| !unknown.iter().any(|key| decides(key))) {
        return vec![fields];
    }
    fields.doubt = Some(Doubt::NotModelled);
    if has(&["protocol", "ip_protocol"]) {
        fields.protocol = None;
    }
    if has(&["ethertype"]) {
        fields.family = None;
    }
    let keeps_service = |key: &&str| !decides(key) || ["action", "ethertype", "enabled"].contains(key);
    if !unknown.is_some_and(|unknown| unknown.iter().all(keeps_service)) {
        (fields.ports, fields.icmp) = (None, None);
    }
    if !has(&["action"]) {
        return vec![fields];
    }
    let named = |action: Action| {
        let id = fields.id.as_ref().map(|id| id.reworded(format!("{}.or-{action}", id.text)));
        Fields { action: Some(action), id, ..fields.clone() }
    };
    vec![named(Action::Deny), named(Action::Allow)]
}

/// A far side that only applying tells.
pub(super) fn remote(node: &Node) -> Remote {
    Remote { kind: RemoteKind::SetKey(KNOWN_AFTER_APPLY.to_owned()), span: node.span.clone() }
}
