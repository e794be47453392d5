//! The keys of a scenario file, in one table.
//!
//! What the reader accepts, what "did you mean" offers and what the JSON Schema says all come from here.

use crate::policy::{Doubt, Timeouts};

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What it says, in one sentence; the schema shows it in editors.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    /// Whether the mapping is wrong without it.
    pub(crate) required: bool,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any text, or none.
    Text,
    /// A text that must be there.
    Word,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// 1 to 100.
    Priority,
    /// `30`, `30s`, `10m`, `5d`.
    Duration,
    /// One text or a list of texts; numbers are texts too.
    Texts,
    /// A list of texts, or one.
    Rules,
    /// A rule in words, or a mapping.
    Change,
    /// A mapping with these keys.
    Object(&'static [Key]),
    /// A list of mappings with these keys.
    ListOf(&'static [Key]),
    /// `12`, `>= 12`, `3-5`.
    Count,
    /// A mapping from names to this.
    MapOf(&'static Self),
    /// One of these words, or a mapping with these keys.
    WordOr(&'static [&'static str], &'static [Key]),
}

pub(crate) const fn key(name: &'static str, about: &'static str, shape: Shape) -> Key {
    Key { name, about, shape, required: false }
}

pub(crate) const fn required(key: Key) -> Key {
    Key { required: true, ..key }
}

pub(crate) const DIALECTS: &[&str] = &["ordered", "union"];
pub(crate) const MIDSTREAMS: &[&str] = &["assume", "pickup", "strict"];
pub(crate) const PROFILES: &[&str] = &["huawei", "aws", "linux", "stateless"];
/// The codes of all [`Doubt`]s.
pub(crate) const DOUBTS: &[&str] = &{
    let mut codes = [""; Doubt::ALL.len()];
    let mut i = 0;
    while i < codes.len() {
        codes[i] = Doubt::ALL[i].code();
        i += 1;
    }
    codes
};
pub(crate) const FAMILIES: &[&str] = &["ipv4", "ipv6"];
pub(crate) const ACTIONS: &[&str] = &["allow", "deny"];
/// The timeout key that stands for all states of TCP after the first FIN or a reset.
pub(crate) const TCP_CLOSING: &str = "tcp-closing";
/// What [`TCP_CLOSING`] stands for.
pub(crate) const TCP_CLOSING_KEYS: &[&str] =
    &["tcp-fin-wait", "tcp-close-wait", "tcp-last-ack", "tcp-time-wait", "tcp-closed"];

/// The file itself.
pub(crate) const SCENARIO: &[Key] = &[
    key("description", "What the scenario is about.", Shape::Text),
    key("preset", "The preset whose groups and rules the scenario starts from: cce/tunnel.", Shape::Word),
    key("with", "The preset's parameters: address ranges of the cluster.", Shape::MapOf(&Shape::Texts)),
    key(
        "addresses",
        "Named address sets: addresses, CIDRs, ranges a-b and names of other sets.",
        Shape::MapOf(&Shape::Texts),
    ),
    key("groups", "The security groups, by name.", Shape::MapOf(&Shape::Object(GROUP))),
    key("interfaces", "The interfaces, by name.", Shape::MapOf(&Shape::Object(INTERFACE))),
    key(
        "change",
        "Rules that differ, by rule id: remove, a whole rule in words, or the fields that change.",
        Shape::MapOf(&Shape::Change),
    ),
    key("dialect", "How rules of several groups combine; ordered unless said.", Shape::OneOf(DIALECTS)),
    key("state", "How long state lives; huawei unless said.", Shape::WordOr(PROFILES, STATE)),
    key("midstream", "What traffic without state means; assume unless said.", Shape::OneOf(MIDSTREAMS)),
];

/// A group.
pub(crate) const GROUP: &[Key] = &[
    key("description", "What the group is for.", Shape::Text),
    key("ingress", "Rules for traffic to the interface.", Shape::Rules),
    key("egress", "Rules for traffic from the interface.", Shape::Rules),
];

/// An interface.
pub(crate) const INTERFACE: &[Key] = &[
    required(key("addresses", "Its own addresses.", Shape::Texts)),
    key("behind", "Networks routed to it, as CIDRs: pod ranges.", Shape::Texts),
    key("groups", "The groups bound to it, in order.", Shape::Texts),
];

/// A rule as a mapping.
pub(crate) const RULE: &[Key] = &[
    key("action", "What it does; allow unless said.", Shape::OneOf(ACTIONS)),
    key("protocol", "A name or number, or all; all unless said.", Shape::Word),
    key("ports", "Destination ports and ranges; all unless said.", Shape::Texts),
    key("icmp", "ICMP messages: names, types, or type/code; all unless said.", Shape::Texts),
    key("from", "The sources of an ingress rule; any unless said.", Shape::Texts),
    key("to", "The destinations of an egress rule; any unless said.", Shape::Texts),
    key("priority", "1 (asked first) to 100; 1 unless said.", Shape::Priority),
    key("ethertype", "The only family it matches; both unless said.", Shape::OneOf(FAMILIES)),
    key("id", "Its name within the group.", Shape::Word),
    key("enabled", "Whether it is asked at all; true unless said.", Shape::Boolean),
    key("maybe", "Why it only may match; verdicts that hang on it have this reason.", Shape::OneOf(DOUBTS)),
    key("description", "What it is for.", Shape::Text),
];

/// State as a mapping: the profile, then a key for each timeout.
pub(crate) const STATE: &[Key] = &{
    const ABOUT: &str = "Overrides this idle timeout of the profile.";
    let mut keys = [key("profile", "The profile to start from; huawei unless said.", Shape::OneOf(PROFILES));
        Timeouts::KEYS.len() + 2];
    keys[1] = key(TCP_CLOSING, "Overrides all idle timeouts of TCP after a FIN or reset.", Shape::Duration);
    let mut i = 0;
    while i < Timeouts::KEYS.len() {
        keys[i + 2] = key(Timeouts::KEYS[i], ABOUT, Shape::Duration);
        i += 1;
    }
    keys
};
