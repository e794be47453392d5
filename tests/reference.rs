//! The linear matcher against a second telling of "which rule decides", over random scenarios.
//!
//! Rules are drawn as plain data, written out in the scenario language and read back; the expectation is worked out from the
//! plain data, with CIDRs compared as bits and the order as one sort key.

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use sgsim::compile::{Linear, Matcher};
use sgsim::diag::Style;
use sgsim::packet::{Family, Header, Protocol, Service};
use sgsim::policy::{Direction, InterfaceId, Scenario};

#[derive(Debug, Clone)]
enum Remote {
    Any,
    V4(Ipv4Addr, u8),
    V6(Ipv6Addr, u8),
    Range(Ipv4Addr, Ipv4Addr),
    Group(usize),
}

#[derive(Debug, Clone)]
enum Wanted {
    All,
    Protocol(u8),
    Ports(u8, u16, u16),
    Icmp(Family, u8, Option<u8>),
}

#[derive(Debug, Clone)]
struct Rule {
    deny: bool,
    wanted: Wanted,
    remote: Remote,
    priority: u8,
    family: Option<Family>,
    disabled: bool,
}

/// Groups are 0 to 2; interface `i` of the scenario has address `10.0.0.(i + 1)` and `fd00::(i + 1)`.
#[derive(Debug, Clone)]
struct Drawn {
    union: bool,
    groups: Vec<Vec<Rule>>,
    bound: Vec<Vec<usize>>,
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    // Few addresses, so that rules and packets meet: 10.0.0.0 to 10.0.1.7.
    (0u8..2, 0u8..8).prop_map(|(c, d)| Ipv4Addr::new(10, 0, c, d))
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    (0u16..8).prop_map(|low| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, low))
}

fn remote() -> impl Strategy<Value = Remote> {
    prop_oneof![
        Just(Remote::Any),
        (v4(), 28u8..=32).prop_map(|(a, length)| Remote::V4(
            Ipv4Addr::from_bits(a.to_bits() & (u32::MAX << (32 - length))),
            length
        )),
        (v6(), 125u8..=128).prop_map(|(a, length)| {
            let mask = if length == 128 { u128::MAX } else { u128::MAX << (128 - length) };
            Remote::V6(Ipv6Addr::from_bits(a.to_bits() & mask), length)
        }),
        (v4(), v4()).prop_map(|(a, b)| Remote::Range(a.min(b), a.max(b))),
        (0usize..3).prop_map(Remote::Group),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        Just(Wanted::All),
        prop_oneof![Just(6u8), Just(17), Just(47), Just(1), Just(58)].prop_map(Wanted::Protocol),
        (prop_oneof![Just(6u8), Just(17)], 20u16..26, 0u16..4).prop_map(|(p, a, n)| Wanted::Ports(
            p,
            a,
            a + n
        )),
        (prop_oneof![Just(Family::V4), Just(Family::V6)], 0u8..9, proptest::option::of(0u8..3))
            .prop_map(|(f, k, c)| Wanted::Icmp(f, k, c)),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let family = proptest::option::weighted(0.3, prop_oneof![Just(Family::V4), Just(Family::V6)]);
    (any::<bool>(), wanted(), remote(), 1u8..4, family, proptest::bool::weighted(0.1)).prop_map(
        |(deny, wanted, remote, priority, family, disabled)| {
            // The language gives ICMP its family by the protocol.
            let family = match wanted {
                Wanted::Protocol(1 | 58) | Wanted::Icmp(..) => None,
                _ => family,
            };
            Rule { deny, wanted, remote, priority, family, disabled }
        },
    )
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let groups = proptest::collection::vec(proptest::collection::vec(rule(), 0..6), 3);
    let bound =
        proptest::collection::vec(proptest::sample::subsequence(vec![0usize, 1, 2], 0..=3).prop_shuffle(), 3);
    (any::<bool>(), groups, bound).prop_map(|(union, groups, bound)| Drawn { union, groups, bound })
}

impl Rule {
    fn words(&self) -> String {
        let mut text = format!("{} ", if self.deny { "deny" } else { "allow" });
        match &self.wanted {
            Wanted::All => text.push_str("all"),
            Wanted::Protocol(number) => write!(text, "{number}").unwrap(),
            Wanted::Ports(protocol, first, last) => write!(text, "{protocol} {first}-{last}").unwrap(),
            Wanted::Icmp(family, kind, code) => {
                text.push_str(if *family == Family::V4 { "icmp " } else { "icmpv6 " });
                write!(text, "{kind}").unwrap();
                if let Some(code) = code {
                    write!(text, "/{code}").unwrap();
                }
            }
        }
        text.push_str(" from ");
        match &self.remote {
            Remote::Any => text.push_str("any"),
            Remote::V4(address, length) => write!(text, "{address}/{length}").unwrap(),
            Remote::V6(address, length) => write!(text, "{address}/{length}").unwrap(),
            Remote::Range(first, last) => write!(text, "{first}-{last}").unwrap(),
            Remote::Group(group) => write!(text, "group g{group}").unwrap(),
        }
        write!(text, " priority {}", self.priority).unwrap();
        match self.family {
            Some(Family::V4) => text.push_str(" ipv4"),
            Some(Family::V6) => text.push_str(" ipv6"),
            None => {}
        }
        if self.disabled {
            text.push_str(" disabled");
        }
        text
    }

    /// Whether a packet from `remote` asking for `protocol` with `detail` (a port, or type and code) matches.
    fn matches(&self, drawn: &Drawn, remote: IpAddr, protocol: u8, detail: (u16, u16)) -> bool {
        let family = Family::of(remote);
        let service = match self.wanted {
            Wanted::All => true,
            Wanted::Protocol(number) => number == protocol,
            Wanted::Ports(number, first, last) => number == protocol && (first..=last).contains(&detail.0),
            Wanted::Icmp(of, kind, code) => {
                let number = if of == Family::V4 { 1 } else { 58 };
                number == protocol
                    && u16::from(kind) == detail.0
                    && code.is_none_or(|code| u16::from(code) == detail.1)
            }
        };
        let inside = match (&self.remote, remote) {
            (Remote::Any, _) => true,
            (Remote::V4(net, length), IpAddr::V4(a)) => {
                (net.to_bits() ^ a.to_bits()).leading_zeros() >= u32::from(*length)
            }
            (Remote::V6(net, length), IpAddr::V6(a)) => {
                (net.to_bits() ^ a.to_bits()).leading_zeros() >= u32::from(*length)
            }
            (Remote::Range(first, last), IpAddr::V4(a)) => (first..=last).contains(&&a),
            (Remote::Group(group), address) => {
                let members = (1u8..).zip(&drawn.bound).filter(|(_, bound)| bound.contains(group));
                members.into_iter().any(|(number, _)| {
                    address == IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
                        || address == IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)))
                })
            }
            _ => false,
        };
        !self.disabled && service && inside && self.family.is_none_or(|wanted| wanted == family)
    }
}

impl Drawn {
    fn yaml(&self) -> String {
        let mut text = format!("dialect: {}\ngroups:\n", if self.union { "union" } else { "ordered" });
        for (number, rules) in self.groups.iter().enumerate() {
            writeln!(text, "  g{number}:\n    ingress:").unwrap();
            if rules.is_empty() {
                text.push_str("      []\n");
            }
            for rule in rules {
                writeln!(text, "      - {}", rule.words()).unwrap();
            }
        }
        text.push_str("interfaces:\n");
        for (number, bound) in (1..).zip(&self.bound) {
            let groups: Vec<_> = bound.iter().map(|group| format!("g{group}")).collect();
            writeln!(
                text,
                "  i{number}: {{ addresses: [10.0.0.{number}, \"fd00::{number}\"], groups: [{}] }}",
                groups.join(", ")
            )
            .unwrap();
        }
        text
    }

    /// The deciding rule, and what each bound group says, as names.
    fn expected(
        &self,
        interface: usize,
        remote: IpAddr,
        protocol: u8,
        detail: (u16, u16),
    ) -> (Option<String>, Vec<Option<String>>) {
        let bound = &self.bound[interface];
        let mut hits: Vec<_> = bound
            .iter()
            .enumerate()
            .flat_map(|(place, &group)| {
                (0usize..).zip(&self.groups[group]).map(move |(at, rule)| (place, group, at, rule))
            })
            .filter(|(.., rule)| rule.matches(self, remote, protocol, detail))
            .collect();
        let name = |group: usize, at: usize| format!("g{group}/ingress/{}", at + 1);
        hits.sort_by_key(|&(place, _, at, rule)| {
            let own = (rule.priority, !rule.deny);
            if self.union { (0, own, place, at) } else { (place, own, 0, at) }
        });
        let decided = hits.first().map(|&(_, group, at, _)| name(group, at));
        let alone = |place: usize| {
            let mine = hits.iter().filter(|hit| hit.0 == place);
            mine.min_by_key(|&&(_, _, at, rule)| (rule.priority, !rule.deny, at))
                .map(|&(_, group, at, _)| name(group, at))
        };
        (decided, (0..bound.len()).map(alone).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn linear_decides_as_told(drawn in drawn(), packets in proptest::collection::vec((0usize..3, prop_oneof![v4().prop_map(IpAddr::V4), v6().prop_map(IpAddr::V6)], 0usize..4, 18u16..30, 0u16..10), 40)) {
        let text = drawn.yaml();
        let loaded = Scenario::parse("drawn.yaml", &text);
        let policy = loaded.policy().unwrap_or_else(|| panic!("{text}\n{}", loaded.render(Style::Plain)));
        let linear = Linear::new(policy);
        for (interface, remote, kind, port, icmp) in packets {
            let family = Family::of(remote);
            let icmp_protocol = if family == Family::V4 { 1 } else { 58 };
            let (protocol, detail, service) = match kind {
                0 => (6, (port, 0), Service::Port(Protocol::TCP, port)),
                1 => (17, (port, 0), Service::Port(Protocol::UDP, port)),
                2 => (47, (0, 0), Service::Other(Protocol::GRE)),
                _ => (icmp_protocol, (icmp, icmp % 3), Service::Icmp { family, kind: u8::try_from(icmp).unwrap(), code: u8::try_from(icmp % 3).unwrap() }),
            };
            let header = Header { remote, service };
            let id = InterfaceId(u32::try_from(interface).unwrap());
            let name = |rule: Option<_>| rule.map(|rule| policy.rule(rule).name.clone());
            let found = name(linear.decide(id, Direction::Ingress, &header));
            let alone: Vec<_> = linear.each_group(id, Direction::Ingress, &header).into_iter().map(name).collect();
            prop_assert_eq!((found, alone), drawn.expected(interface, remote, protocol, detail), "{:?} at i{} in\n{}", header, interface + 1, text);
        }
    }
}
