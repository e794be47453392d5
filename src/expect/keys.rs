//! The keys of a suite, in one table: what the reader accepts, and what the JSON Schema says.

use crate::policy::language::{Key, Shape, key, required};

/// The verdicts of a connection, as an expectation names them.
pub(super) const VERDICTS: &[&str] = &["allowed", "blocked", "assumed", "undecided", "outside"];
pub(super) const SEVERITIES: &[&str] = &["error", "advice"];

/// The file itself.
pub(super) const SUITE: &[Key] = &[
    key("description", "What the suite is about.", Shape::Text),
    key(
        "scenario",
        "The scenario that is tested, or the files that make it up together; paths from this file. -s takes others.",
        Shape::Texts,
    ),
    key(
        "addresses",
        "Named address sets for this suite; where the scenario has one of that name, it counts instead.",
        Shape::MapOf(&Shape::Texts),
    ),
    key(
        "capture",
        "The captures whose connections are counted, as one timeline; paths from this file.",
        Shape::Texts,
    ),
    required(key("expectations", "What must get through and what must not.", Shape::ListOf(EXPECTATION))),
];

/// One expectation.
pub(super) const EXPECTATION: &[Key] = &[
    key("name", "What it is called; what it says unless told.", Shape::Text),
    key("tags", "Words to choose expectations by.", Shape::Texts),
    key("impact", "What breaks when it does not hold; told with the failure.", Shape::Text),
    key("severity", "Whether a failure fails the run; error unless said.", Shape::OneOf(SEVERITIES)),
    key("flow", "Flows such as tcp 10.0.0.1 > 10.0.0.2:443, each on its own.", Shape::Texts),
    key("capture", "Captures whose connections are meant; those of the suite unless said.", Shape::Texts),
    key(
        "from",
        "Who opens: addresses, CIDRs, sets, groups, interfaces, outside, any; each also with `without NAME`.",
        Shape::Texts,
    ),
    key("to", "Who is called, likewise.", Shape::Texts),
    key(
        "services",
        "For what, as rules write it: tcp 22,80, udp 53 ipv4, icmp echo-request, all.",
        Shape::Texts,
    ),
    key("expect", "The verdict of all of them.", Shape::OneOf(VERDICTS)),
    key("reason", "Why: rule, deny-rule, no-rule, ...", Shape::Word),
    key("step", "Where it is decided: node-1 ingress, or ingress.", Shape::Word),
    key("rule", "The rule that decides.", Shape::Word),
    key("always", "Every packet for these services gets through.", Shape::Texts),
    key("never", "No packet for these services gets through.", Shape::Texts),
    key("only", "No packet for any other service gets through.", Shape::Texts),
    key("connections", "How many connections of the capture are meant.", Shape::Count),
    key("allowed", "How many of them are allowed.", Shape::Count),
    key("blocked", "How many of them are blocked.", Shape::Count),
    key("assumed", "How many of them are allowed only by assumption.", Shape::Count),
    key("undecided", "How many of them cannot be decided.", Shape::Count),
    key("outside", "How many of them meet no group.", Shape::Count),
];
