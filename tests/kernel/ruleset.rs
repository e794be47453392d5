//! A scenario as nftables rules for the forwarding namespace of one interface.
//!
//! Each packet that is forwarded is reported once, with the way it took as the prefix (`established`, `related`,
//! `invalid`, `allow`, `deny`, `no-rule`) and the rest in its mark: what conntrack says of it, the first match of each group
//! alone, and the place of the deciding rule in the order of the dialect. A group alone is a chain that marks and returns.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::plan::STATIONS;
use super::scenario::{Rule, Scenario, Service};

/// Bits of the mark for the first match of each group: its position as written, from 1.
const GROUP_BITS: u32 = 4;
/// The most groups of one interface.
const GROUPS: u32 = 4;
/// Where the deciding rule stands, from 1.
const DECIDING: u32 = GROUP_BITS * GROUPS;
const DECIDING_BITS: u32 = 8;
/// Where conntrack's state stands.
const STATE: u32 = DECIDING + DECIDING_BITS;
const STATE_BITS: u32 = 3;
const CONFIRMED: u32 = 1 << (STATE + STATE_BITS);
const REPLY: u32 = CONFIRMED << 1;

/// The states of conntrack, as nftables calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// A packet that opens, or goes on in the opener's direction before anything came back.
    New,
    /// Of a connection that was seen both ways.
    Established,
    /// An ICMP error about a connection.
    Related,
    /// Of nothing, and cannot open.
    Invalid,
    /// Not tracked on purpose.
    Untracked,
}

const STATES: [(State, &str); 5] = [
    (State::New, "new"),
    (State::Established, "established"),
    (State::Related, "related"),
    (State::Invalid, "invalid"),
    (State::Untracked, "untracked"),
];

/// What a mark tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What conntrack called the packet.
    pub state: State,
    /// Its connection was in the table before.
    pub confirmed: bool,
    /// It travels against the packet that opened.
    pub reply: bool,
    /// The deciding rule's place in the order of the dialect, from 0.
    pub deciding: Option<usize>,
    groups: u32,
}

impl Mark {
    /// Reads a mark; `None`: no rule of ours wrote it.
    pub(crate) fn read(mark: u32) -> Option<Self> {
        let field = |at: u32, bits: u32| (mark >> at & ((1 << bits) - 1)) as usize;
        let (state, _) = STATES.get(field(STATE, STATE_BITS).checked_sub(1)?)?;
        Some(Self {
            state: *state,
            confirmed: mark & CONFIRMED != 0,
            reply: mark & REPLY != 0,
            deciding: field(DECIDING, DECIDING_BITS).checked_sub(1),
            groups: mark & ((1 << DECIDING) - 1),
        })
    }

    /// The first match of a group alone, by its position as written, from 0.
    pub(crate) fn group(self, position: usize) -> Option<usize> {
        let field = self.groups >> (GROUP_BITS as usize * position) & ((1 << GROUP_BITS) - 1);
        (field as usize).checked_sub(1)
    }
}

/// The whole ruleset of one station.
pub(crate) fn of(scenario: &Scenario, station: usize) -> String {
    let mut text = String::from("flush ruleset\ntable inet sg {\n");
    for (way, verdict) in [
        ("established", "accept"),
        ("related", "accept"),
        ("allow", "accept"),
        ("invalid", "drop"),
        ("deny", "drop"),
        ("no-rule", "drop"),
    ] {
        let log = format!("log prefix \"{way}\" group 1 snaplen 64 queue-threshold 1");
        writeln!(text, "chain to_{way} {{\n {log}\n {verdict}\n}}").unwrap();
    }
    for (direction, word) in ["ingress", "egress"].into_iter().enumerate() {
        for (position, &group) in scenario.bound[station].iter().enumerate() {
            writeln!(text, "chain {word}_{position} {{").unwrap();
            let rules = &scenario.groups[group].rules[direction];
            let mut order: Vec<_> = rules.iter().enumerate().collect();
            order.sort_by_key(|(written, rule)| (rule.priority, !rule.deny, *written));
            for (written, rule) in order {
                let mark = (written + 1) << (GROUP_BITS as usize * position);
                for line in lines(scenario, rule, word) {
                    writeln!(text, " {line} meta mark set meta mark or {mark:#x} return").unwrap();
                }
            }
            text.push_str("}\n");
        }
        writeln!(text, "chain {word} {{\n meta mark set 0").unwrap();
        for (number, (_, state)) in (1u32..).zip(STATES) {
            writeln!(text, " ct state {state} meta mark set meta mark or {:#x}", number << STATE).unwrap();
        }
        writeln!(text, " ct status confirmed meta mark set meta mark or {CONFIRMED:#x}").unwrap();
        writeln!(text, " ct direction reply meta mark set meta mark or {REPLY:#x}").unwrap();
        for position in 0..scenario.bound[station].len() {
            writeln!(text, " jump {word}_{position}").unwrap();
        }
        text.push_str(" ct state established goto to_established\n ct state related goto to_related\n");
        if scenario.strict {
            text.push_str(" meta l4proto tcp ct state invalid goto to_invalid\n");
        }
        for (place, rule) in (1u32..).zip(scenario.in_order(station, direction)) {
            let way = if rule.deny { "deny" } else { "allow" };
            let mark = place << DECIDING;
            for line in lines(scenario, rule, word) {
                writeln!(text, " {line} meta mark set meta mark or {mark:#x} goto to_{way}").unwrap();
            }
        }
        text.push_str(" goto to_no-rule\n}\n");
    }
    text.push_str("chain forward {\n type filter hook forward priority 0\n policy drop\n");
    text.push_str(" iifname host goto egress\n iifname core goto ingress\n}\n}\n");
    debug_assert!(STATIONS.len() > station);
    text
}

/// The conditions of a rule: one line for each combination of far side and ports, none when it never matches.
fn lines(scenario: &Scenario, rule: &Rule, direction: &str) -> Vec<String> {
    if rule.disabled {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (v6, far) in far_sides(scenario, rule, direction) {
        let family = |wanted: bool| match v6 {
            Some(v6) if v6 != wanted => None,
            _ => Some(format!("meta nfproto {} ", if wanted { "ipv6" } else { "ipv4" })),
        };
        let mut messages = |kinds: &[(u8, Option<u8>)], wanted, protocol: u8, word: &str| {
            let Some(family) = family(wanted) else { return };
            for (kind, code) in kinds {
                let code = code.map_or(String::new(), |code| format!(" {word} code {code}"));
                lines.push(format!("{family}{far}meta l4proto {protocol} {word} type {kind}{code}"));
            }
        };
        match &rule.service {
            Service::Icmp(kinds) => messages(kinds, false, 1, "icmp"),
            Service::Icmp6(kinds) => messages(kinds, true, 58, "icmpv6"),
            Service::All => lines.push(format!("{}{far}", v6.and_then(family).unwrap_or_default())),
            Service::Protocol(protocol) => {
                let wanted = match protocol {
                    1 => Some(false),
                    58 => Some(true),
                    _ => v6,
                };
                match wanted.map(family) {
                    Some(None) => {}
                    Some(Some(family)) => lines.push(format!("{family}{far}meta l4proto {protocol}")),
                    None => lines.push(format!("{far}meta l4proto {protocol}")),
                }
            }
            Service::Ports(protocol, ranges) => {
                let family = v6.and_then(family).unwrap_or_default();
                for (first, last) in ranges {
                    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
                    lines.push(format!("{family}{far}meta l4proto {protocol} th dport {ports}"));
                }
            }
        }
    }
    lines
}

/// The family a line is bound to, and its condition on the far address.
fn far_sides(scenario: &Scenario, rule: &Rule, direction: &str) -> Vec<(Option<bool>, String)> {
    let Some(ranges) = scenario.ranges(rule) else { return vec![(rule.v6, String::new())] };
    let field = if direction == "ingress" { "saddr" } else { "daddr" };
    let line = |(first, last): (IpAddr, IpAddr)| {
        let word = if first.is_ipv6() { "ip6" } else { "ip" };
        let range = if first == last { first.to_string() } else { format!("{first}-{last}") };
        (Some(first.is_ipv6()), format!("{word} {field} {range} "))
    };
    let fits = |first: IpAddr| rule.v6.is_none_or(|v6| v6 == first.is_ipv6());
    ranges.into_iter().filter(|(first, _)| fits(*first)).map(line).collect()
}
