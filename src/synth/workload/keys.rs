//! The keys of a workload file, in one table.
//!
//! What the reader accepts, what "did you mean" offers and what the JSON Schema says all come from here.

use crate::policy::language::{Key, Shape, key, required};

pub(super) const ARRIVALS: &[&str] = &["constant", "poisson", "diurnal"];
pub(super) const EXPECTED: &[&str] = &["allowed", "blocked"];
pub(super) const FAMILIES: &[&str] = &["ipv4", "ipv6"];

/// The file itself.
pub(crate) const WORKLOAD: &[Key] = &[
    key("description", "What the workload is about.", Shape::Text),
    key("seed", "The number that all random choices come from; 1 unless said.", Shape::Word),
    key("start", "The time of the beginning, 2026-01-05T08:00:00Z; that unless said.", Shape::Word),
    key("duration", "How long conversations keep beginning; 60s unless said.", Shape::Word),
    key(
        "addresses",
        "Address sets by name, for this workload; a set of the scenario with the same name takes precedence.",
        Shape::MapOf(&Shape::Texts),
    ),
    required(key(
        "traffic",
        "The flows, by name: who talks to whom about what.",
        Shape::MapOf(&Shape::Object(FLOW)),
    )),
];

/// A flow: conversations of one kind.
pub(crate) const FLOW: &[Key] = &[
    key("description", "What it is.", Shape::Text),
    required(key(
        "from",
        "Who begins: `group node`, `behind group node`, `outside vpc`, names, addresses.",
        Shape::Texts,
    )),
    required(key("to", "Who answers, in the same words.", Shape::Texts)),
    required(key(
        "service",
        "What for: `tcp 443`, `udp 30000-32767`, `icmp echo-request`, `gre`.",
        Shape::Word,
    )),
    key("count", "How many conversations; 1 unless there is a rate.", Shape::Word),
    key("rate", "How many conversations in a time: 5/s, 200/m, 10/h.", Shape::Word),
    key("arrivals", "How they follow each other; poisson unless said.", Shape::OneOf(ARRIVALS)),
    key("after", "How long after the start the first may begin; 0s unless said.", Shape::Word),
    key(
        "lasts",
        "How long each lasts: a distribution of times; 0s, as short as can be, unless said.",
        Shape::Word,
    ),
    key("exchanges", "Requests in each conversation: a distribution of numbers; 1 unless said.", Shape::Word),
    key("request", "Bytes of a request: a distribution of sizes; 200 unless said.", Shape::Word),
    key("reply", "Bytes of a reply: a distribution of sizes; 600 unless said, 0 is no reply.", Shape::Word),
    key("rtt", "Time from question to answer: a distribution of times; 500us unless said.", Shape::Word),
    key("ports", "Ports of those who begin; 32768-60999 unless said.", Shape::Word),
    key("family", "ipv4 unless said.", Shape::OneOf(FAMILIES)),
    key(
        "inside",
        "The VXLAN tunnel that carries it: who wraps it and who unwraps it.",
        Shape::Object(INSIDE),
    ),
    key("anomalies", "What goes wrong, each with its share.", Shape::Object(ANOMALIES)),
    key("expect", "What the groups should say; shown beside what they do say.", Shape::OneOf(EXPECTED)),
    key(
        "optional",
        "Left out, with a remark, where nobody can take part; false unless said.",
        Shape::Boolean,
    ),
];

/// A tunnel.
pub(crate) const INSIDE: &[Key] = &[
    required(key("from", "Who wraps.", Shape::Texts)),
    required(key("to", "Who unwraps.", Shape::Texts)),
    key("vni", "The network identifier, 0 to 16777215; 4096 unless said.", Shape::Word),
];

/// What goes wrong. Shares are of conversations, or of packets with payload where that is said.
pub(crate) const ANOMALIES: &[Key] = &[
    key("retransmission", "Share of TCP packets with payload that are sent again 200 ms later.", Shape::Word),
    key("out-of-order", "Share of TCP packets with payload that the next overtakes.", Shape::Word),
    key(
        "fragment",
        "Share of packets with payload that come in fragments although they need not.",
        Shape::Word,
    ),
    key("reset", "Share of TCP conversations that end with a reset.", Shape::Word),
    key(
        "half-open",
        "Share of TCP conversations whose SYN is never answered: it is sent four times.",
        Shape::Word,
    ),
    key("icmp-error", "Share of conversations refused by an ICMP error of the far side.", Shape::Word),
    key("mid-stream", "Share of TCP conversations whose opening is not seen.", Shape::Word),
    key("spoofed", "Share of conversations that are one packet from a forged outside address.", Shape::Word),
    key("scan", "Share of conversations that probe 20 ports of the far side instead.", Shape::Word),
];
