//! Random scenarios: as the file that sgsim reads, and as plain data that the kernel's rules are written from.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::plan::{self, STATIONS};
use super::random::Random;

/// A generated rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// `g0/ingress/1`: as sgsim calls it.
    pub name: String,
    /// Drops what matches.
    pub deny: bool,
    /// 1 to 100.
    pub priority: u8,
    /// Only IPv4, or only IPv6.
    pub v6: Option<bool>,
    /// What it asks for.
    pub service: Service,
    /// The far side: names of nothing but addresses, groups and sets.
    pub remotes: Vec<Remote>,
    /// Switched off.
    pub disabled: bool,
}

/// What a rule asks for.
#[derive(Debug, Clone)]
pub(crate) enum Service {
    /// Everything.
    All,
    /// A protocol by its number.
    Protocol(u8),
    /// Ports of a protocol.
    Ports(u8, Vec<(u16, u16)>),
    /// Messages: type, and code or any.
    Icmp(Vec<(u8, Option<u8>)>),
    /// Messages of `ICMPv6`.
    Icmp6(Vec<(u8, Option<u8>)>),
}

/// A far side.
#[derive(Debug, Clone)]
pub(crate) enum Remote {
    /// Anybody.
    Any,
    /// A CIDR, range or address.
    Range(&'static str),
    /// The interfaces that have a group.
    Group(usize),
    /// A set of addresses.
    Set(usize),
}

/// A group: ingress and egress rules, as written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// Ingress, then egress.
    pub rules: [Vec<Rule>; 2],
}

/// A generated scenario.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// Dialect `union` instead of `ordered`.
    pub union: bool,
    /// Mid-stream mode `strict` instead of `pickup`.
    pub strict: bool,
    /// Its groups.
    pub groups: Vec<Group>,
    /// The groups of each station, in order.
    pub bound: Vec<Vec<usize>>,
    sets: Vec<Vec<&'static str>>,
    /// Timeouts in seconds by name; those not named are far away.
    pub timeouts: Vec<(&'static str, u32)>,
}

/// Ports that rules and packets share, so that they meet.
pub(crate) const PORTS: &[u16] =
    &[0, 1, 22, 79, 80, 81, 443, 1023, 1024, 5000, 30000, 32767, 32768, 65534, 65535];
/// ICMP types of rules and packets.
pub(crate) const ICMP: &[u8] = &[0, 3, 4, 5, 8, 9, 11, 12, 13, 14, 17, 18, 42];
/// `ICMPv6` types of rules and packets. None of neighbour discovery.
pub(crate) const ICMP6: &[u8] = &[1, 2, 3, 4, 128, 129, 130, 137, 200];
/// Protocols without ports of rules and packets: GRE, ESP, IP in IP, VRRP and a number of nobody.
pub(crate) const OTHERS: &[u8] = &[47, 50, 4, 112, 253];

/// All timeouts of a scenario, and the kernel's parameters that say the same, behind `nf_conntrack_`.
pub(crate) const TIMEOUTS: &[(&str, &[&str])] = &[
    ("tcp-syn-sent", &["tcp_timeout_syn_sent"]),
    ("tcp-syn-received", &["tcp_timeout_syn_recv"]),
    (
        "tcp-established",
        &["tcp_timeout_established", "tcp_timeout_unacknowledged", "tcp_timeout_max_retrans"],
    ),
    ("tcp-fin-wait", &["tcp_timeout_fin_wait"]),
    ("tcp-close-wait", &["tcp_timeout_close_wait"]),
    ("tcp-last-ack", &["tcp_timeout_last_ack"]),
    ("tcp-time-wait", &["tcp_timeout_time_wait"]),
    ("tcp-closed", &["tcp_timeout_close"]),
    ("udp-single", &["udp_timeout"]),
    ("udp-stream", &["udp_timeout_stream"]),
    ("icmp", &["icmp_timeout", "icmpv6_timeout"]),
    ("other-single", &["gre_timeout"]),
    (
        "other-stream",
        &["gre_timeout_stream", "generic_timeout", "sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed"],
    ),
];
/// Longer than any test.
pub(crate) const NEVER: u32 = 100_000;

impl Scenario {
    /// One of any shape.
    pub(crate) fn random(random: &mut Random) -> Self {
        let groups = 2 + random.below(3);
        let sets = (0..2).map(|_| some(random, plan::REMOTES, 3)).collect();
        let mut scenario = Self {
            union: random.percent(50),
            strict: random.percent(35),
            groups: vec![Group::default(); groups],
            bound: Vec::new(),
            sets,
            timeouts: Vec::new(),
        };
        for _ in &STATIONS {
            let mut all: Vec<_> = (0..groups).collect();
            random.shuffle(&mut all);
            all.truncate(if random.percent(4) { 0 } else { 1 + random.below(groups) });
            scenario.bound.push(all);
        }
        // From loose to tight, so that long conversations and early drops both happen.
        let open = random.below(100);
        for group in 0..groups {
            for (direction, word) in ["ingress", "egress"].into_iter().enumerate() {
                for number in 1..=random.below(9) {
                    let name = format!("g{group}/{word}/{number}");
                    let rule = scenario.rule(random, name, open);
                    scenario.groups[group].rules[direction].push(rule);
                }
                // What no rule before it decides: otherwise most conversations would end with their first packet.
                if let Some(last) = scenario.groups[group].rules[direction].last_mut()
                    && random.percent(open)
                {
                    let name = std::mem::take(&mut last.name);
                    *last = Rule { priority: 100, ..Rule::open(&name) };
                }
            }
        }
        scenario
    }

    /// One whose first station may ask anyone, with these timeouts.
    pub(crate) fn with_timeouts(timeouts: &[(&'static str, u32)]) -> Self {
        // Only the first station opens, so that an answer tells whether the state is still there.
        let out = Group { rules: [vec![], vec![Rule::open("g0/egress/1")]] };
        let into = Group { rules: [vec![Rule::open("g1/ingress/1")], vec![]] };
        Self {
            union: false,
            strict: true,
            groups: vec![out, into],
            bound: vec![vec![0], vec![1], vec![]],
            sets: vec![],
            timeouts: timeouts.to_vec(),
        }
    }

    /// A timeout in seconds.
    pub(crate) fn timeout(&self, name: &str) -> u32 {
        self.timeouts.iter().find(|(known, _)| *known == name).map_or(NEVER, |(_, seconds)| *seconds)
    }

    fn rule(&self, random: &mut Random, name: String, open: usize) -> Rule {
        let service = service(random, open);
        let fixed = matches!(service, Service::Icmp(_) | Service::Icmp6(_) | Service::Protocol(1 | 58));
        let remotes = if random.percent(40) {
            vec![Remote::Any]
        } else {
            let remote = |random: &mut Random| match random.below(10) {
                0..=2 => Remote::Group(random.below(self.groups.len())),
                3..=4 => Remote::Set(random.below(self.sets.len())),
                _ => Remote::Range(random.pick::<&str>(plan::REMOTES)),
            };
            (0..=random.below(3)).map(|_| remote(random)).collect()
        };
        Rule {
            name,
            deny: random.percent(25),
            // Few numbers, so that there are ties.
            priority: *random.pick(&[1, 1, 1, 2, 5, 5, 99, 100]),
            v6: (!fixed && random.percent(25)).then(|| random.percent(50)),
            service,
            remotes,
            disabled: random.percent(8),
        }
    }

    /// The rules of one station and direction (0 ingress, 1 egress) in the order of the dialect.
    ///
    /// "`ordered`: groups in the order bound to the interface; inside a group lower priority number first, deny before
    /// allow at the same number, then the order written." "`union`: all rules of all groups in one list by (priority,
    /// deny before allow, position of the group, position of the rule)."
    pub(crate) fn in_order(&self, station: usize, direction: usize) -> Vec<&Rule> {
        let mut keyed = Vec::new();
        for (position, &group) in self.bound[station].iter().enumerate() {
            for (written, rule) in self.groups[group].rules[direction].iter().enumerate() {
                let first = if self.union { 0 } else { position };
                keyed.push(((first, rule.priority, u8::from(!rule.deny), position, written), rule));
            }
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, rule)| rule).collect()
    }

    /// The address ranges of a rule's far side; `None` is any.
    pub(crate) fn ranges(&self, rule: &Rule) -> Option<Vec<(IpAddr, IpAddr)>> {
        let mut ranges = Vec::new();
        for remote in &rule.remotes {
            match remote {
                Remote::Any => return None,
                Remote::Range(text) => ranges.push(plan::bounds(text)),
                Remote::Set(set) => ranges.extend(self.sets[*set].iter().map(|text| plan::bounds(text))),
                Remote::Group(group) => {
                    let members = STATIONS.iter().zip(&self.bound).filter(|(_, bound)| bound.contains(group));
                    ranges.extend(
                        members.flat_map(|(station, _)| station.addresses).map(|text| plan::bounds(text)),
                    );
                }
            }
        }
        Some(ranges)
    }

    /// The file.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        let dialect = if self.union { "union" } else { "ordered" };
        let midstream = if self.strict { "strict" } else { "pickup" };
        writeln!(text, "dialect: {dialect}\nmidstream: {midstream}\nstate:\n  profile: linux").unwrap();
        for (name, _) in TIMEOUTS {
            writeln!(text, "  {name}: {}s", self.timeout(name)).unwrap();
        }
        if !self.sets.is_empty() {
            text.push_str("addresses:\n");
        }
        for (at, set) in self.sets.iter().enumerate() {
            writeln!(text, "  s{at}: [{}]", quoted(set)).unwrap();
        }
        text.push_str("groups:\n");
        for (at, group) in self.groups.iter().enumerate() {
            writeln!(text, "  g{at}:").unwrap();
            for (word, rules) in ["ingress", "egress"].into_iter().zip(&group.rules) {
                writeln!(text, "    {word}:{}", if rules.is_empty() { " []" } else { "" }).unwrap();
                for rule in rules {
                    writeln!(text, "      - {}", rule.words(word)).unwrap();
                }
            }
        }
        text.push_str("interfaces:\n");
        for (station, bound) in STATIONS.iter().zip(&self.bound) {
            let groups: Vec<_> = bound.iter().map(|group| format!("g{group}")).collect();
            let (own, behind) = (quoted(station.addresses), quoted(station.behind));
            let name = station.name;
            writeln!(
                text,
                "  {name}: {{ addresses: [{own}], behind: [{behind}], groups: [{}] }}",
                groups.join(", ")
            )
            .unwrap();
        }
        text
    }
}

fn quoted(list: &[&str]) -> String {
    list.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}

fn some<T: Copy>(random: &mut Random, of: &[T], most: usize) -> Vec<T> {
    (0..=random.below(most)).map(|_| *random.pick(of)).collect()
}

fn service(random: &mut Random, open: usize) -> Service {
    if random.percent(5 + open / 3) {
        return Service::All;
    }
    let messages = |random: &mut Random, kinds: &[u8]| {
        let one = |random: &mut Random| {
            let code = random.percent(30).then(|| *random.pick(&[0, 1, 4]));
            (*random.pick(kinds), code)
        };
        (0..=random.below(3)).map(|_| one(random)).collect()
    };
    match random.below(10) {
        0 => Service::Protocol(*random.pick(OTHERS)),
        1 => Service::Protocol(*random.pick(&[1, 6, 17, 58, 132, 136])),
        2 => Service::Icmp(messages(random, ICMP)),
        3 => Service::Icmp6(messages(random, ICMP6)),
        _ => {
            let protocol = *random.pick(&[6, 6, 6, 17, 17, 132, 136]);
            let range = |random: &mut Random| {
                let (one, other) = (*random.pick(PORTS), *random.pick(PORTS));
                if random.percent(50) { (one, one) } else { (one.min(other), one.max(other)) }
            };
            Service::Ports(protocol, (0..=random.below(3)).map(|_| range(random)).collect())
        }
    }
}

impl Rule {
    /// Lets everything pass.
    fn open(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            deny: false,
            priority: 1,
            v6: None,
            service: Service::All,
            remotes: vec![Remote::Any],
            disabled: false,
        }
    }

    fn words(&self, direction: &str) -> String {
        let mut text = format!("{} {}", if self.deny { "deny" } else { "allow" }, self.service.words());
        let remotes = self.remotes.iter().map(|remote| match remote {
            Remote::Any => "any".to_owned(),
            Remote::Range(text) => (*text).to_owned(),
            Remote::Group(group) => format!("group g{group}"),
            Remote::Set(set) => format!("s{set}"),
        });
        let side = if direction == "ingress" { "from" } else { "to" };
        write!(text, " {side} {}", remotes.collect::<Vec<_>>().join(", ")).unwrap();
        write!(text, " priority {}", self.priority).unwrap();
        text.push_str(match self.v6 {
            Some(true) => " ipv6",
            Some(false) => " ipv4",
            None => "",
        });
        text.push_str(if self.disabled { " disabled" } else { "" });
        text
    }
}

impl Service {
    fn words(&self) -> String {
        let messages = |kinds: &[(u8, Option<u8>)]| {
            let one = |(kind, code): &(u8, Option<u8>)| {
                code.map_or(kind.to_string(), |code| format!("{kind}/{code}"))
            };
            kinds.iter().map(one).collect::<Vec<_>>().join(",")
        };
        match self {
            Self::All => "all".to_owned(),
            Self::Protocol(protocol) => protocol.to_string(),
            Self::Ports(protocol, ranges) => {
                let one = |&(first, last): &(u16, u16)| {
                    if first == last { first.to_string() } else { format!("{first}-{last}") }
                };
                format!("{protocol} {}", ranges.iter().map(one).collect::<Vec<_>>().join(","))
            }
            Self::Icmp(kinds) => format!("icmp {}", messages(kinds)),
            Self::Icmp6(kinds) => format!("icmpv6 {}", messages(kinds)),
        }
    }
}
