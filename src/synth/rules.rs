//! Rule sets of a wanted size and shape, as scenarios or as ClassBench filters.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::distribution::Share;
use super::random::Random;

/// How remotes and ports look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleShape {
    /// Many hosts and small subnets, single ports.
    Narrow,
    /// Few wide networks, port ranges.
    Wide,
    /// Networks inside networks, each with a rule: the worst that prefixes can do.
    Nested,
}

/// What rule set is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleWish {
    /// Rules of all groups together.
    pub rules: u32,
    /// Groups they are spread over; each is bound to interfaces of its own and to those of the group before.
    pub groups: u32,
    /// Interfaces of each group.
    pub interfaces: u32,
    /// How remotes and ports look.
    pub shape: RuleShape,
    /// Share of rules about IPv6.
    pub ipv6: Share,
    /// Share of rules whose remote is a group.
    pub group_remotes: Share,
    /// Share of rules that deny.
    pub deny: Share,
    /// Share of rules for egress.
    pub egress: Share,
}

/// Ports of services that clusters have.
const SERVICES: [u16; 16] =
    [22, 25, 53, 80, 123, 443, 2379, 3306, 4789, 5443, 5432, 6379, 8080, 8445, 9443, 10250];

/// A rule that was drawn, without its remote.
struct Drawn {
    action: &'static str,
    protocol: &'static str,
    ports: Option<(u16, u16)>,
}

impl RuleWish {
    /// Writes the scenario. The same seed, the same rules.
    pub fn write_scenario(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        let mut random = Random::new(seed, 0, 0);
        writeln!(out, "# {} rules by `sgsim synth rules`, seed {seed}.", self.rules)?;
        writeln!(out, "groups:")?;
        let groups = self.groups.max(1);
        for group in 0..groups {
            let count = self.rules / groups + u32::from(group < self.rules % groups);
            let (mut ingress, mut egress) = (vec![], vec![]);
            for at in 0..count {
                let is_egress = self.egress.draw(&mut random);
                let rule = self.rule(&mut random, group, at, is_egress);
                if is_egress { &mut egress } else { &mut ingress }.push(rule);
            }
            writeln!(out, "  group-{group}:")?;
            for (name, rules) in [("ingress", ingress), ("egress", egress)] {
                if !rules.is_empty() {
                    writeln!(out, "    {name}:")?;
                }
                for rule in rules {
                    writeln!(out, "      - {rule}")?;
                }
            }
        }
        writeln!(out, "interfaces:")?;
        for group in 0..groups {
            for at in 0..self.interfaces.max(1) {
                let number = group * self.interfaces.max(1) + at;
                let v4 = Ipv4Addr::from_bits(0xc0a8_0000 | (number + 1) & 0xffff);
                let groups = if group == 0 {
                    "group-0".to_owned()
                } else {
                    format!("group-{group}, group-{}", group - 1)
                };
                writeln!(
                    out,
                    "  i-{number}: {{ addresses: [{v4}, \"fd00:c0a8::{:x}\"], groups: [{groups}] }}",
                    number + 1
                )?;
            }
        }
        Ok(())
    }

    fn rule(&self, random: &mut Random, group: u32, at: u32, is_egress: bool) -> String {
        let side = if is_egress { "to" } else { "from" };
        let Drawn { action, protocol, ports } = self.drawn(random);
        let ports = match ports {
            None => String::new(),
            Some((first, last)) if first == last => format!(" {first}"),
            Some((first, last)) => format!(" {first}-{last}"),
        };
        let remote = if self.group_remotes.draw(random) {
            format!("group group-{}", random.below(u64::from(self.groups.max(1))))
        } else if self.ipv6.draw(random) {
            let (net, length) = self.net(random, 128);
            format!("{}/{length} ipv6", Ipv6Addr::from_bits(0xfd << 120 | net >> 8))
        } else {
            let (net, length) = self.net(random, 32);
            format!("{}/{length}", Ipv4Addr::from_bits(u32::try_from(net >> 96).unwrap_or(0)))
        };
        let priority =
            if action == "deny" { format!(" priority {}", 1 + random.below(100)) } else { String::new() };
        let family = remote.strip_suffix(" ipv6");
        let (remote, family) = family.map_or((remote.as_str(), ""), |remote| (remote, " ipv6"));
        format!("{action} {protocol}{ports} {side} {remote}{priority}{family} id r{group}-{at}")
    }

    fn drawn(&self, random: &mut Random) -> Drawn {
        let action = if self.deny.draw(random) { "deny" } else { "allow" };
        let protocol = match random.below(10) {
            0..7 => "tcp",
            7..9 => "udp",
            _ => "all",
        };
        let service = SERVICES[usize::try_from(random.below(16)).unwrap_or(0)];
        let start = u16::try_from(1024 + random.below(50_000)).unwrap_or(1024);
        let ports = match (self.shape, random.below(10)) {
            (RuleShape::Narrow, 0..8) | (RuleShape::Nested, 0..5) => (service, service),
            (RuleShape::Wide, 0..4) => (30000, 32767),
            (RuleShape::Wide, 4..6) => (1024, 65535),
            _ => (start, start + u16::try_from(random.below(500)).unwrap_or(0)),
        };
        Drawn { action, protocol, ports: (protocol != "all").then_some(ports) }
    }

    /// A network: its first address in the high bits, and the length of its prefix.
    fn net(&self, random: &mut Random, width: u8) -> (u128, u8) {
        let (least, most) = match self.shape {
            RuleShape::Narrow => (width / 4 * 3, width),
            RuleShape::Wide => (4, width / 2),
            RuleShape::Nested => (1, width),
        };
        let length = u8::try_from(random.within(u64::from(least), u64::from(most))).unwrap_or(most);
        let bits = match self.shape {
            // All nets are prefixes of few addresses, so that they lie inside each other.
            RuleShape::Nested => {
                let mut host = Random::new(0, 1, random.below(64));
                u128::from(host.bits()) << 64 | u128::from(host.bits())
            }
            _ => u128::from(random.bits()) << 64 | u128::from(random.bits()),
        };
        let mask = if length == 0 { 0 } else { u128::MAX << (128 - u32::from(length)) };
        (bits & mask, length)
    }

    /// Writes as many ClassBench filters: the remote is the source, IPv4 alone.
    pub fn write_filters(&self, seed: u64, out: &mut impl Write) -> io::Result<()> {
        let mut random = Random::new(seed, 0, 0);
        for _ in 0..self.rules {
            let Drawn { protocol, ports, .. } = self.drawn(&mut random);
            let (source, length) = self.net(&mut random, 32);
            let (target, target_length) = self.net(&mut random, 32);
            let address = |net: u128| Ipv4Addr::from_bits(u32::try_from(net >> 96).unwrap_or(0));
            let (first, last) = ports.unwrap_or((0, 65535));
            let protocol = match protocol {
                "tcp" => "0x06/0xFF",
                "udp" => "0x11/0xFF",
                _ => "0x00/0x00",
            };
            writeln!(
                out,
                "@{}/{length}\t{}/{target_length}\t0 : 65535\t{first} : {last}\t{protocol}",
                address(source),
                address(target)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::five_tuple::classbench;
    use crate::diag::Style;
    use crate::policy::Scenario;
    use crate::synth::ClusterRules;

    #[test]
    fn every_shape_is_a_scenario_of_the_wanted_size() {
        for shape in [RuleShape::Narrow, RuleShape::Wide, RuleShape::Nested] {
            let share = |percent: u32| Share::millionths(percent * 10_000).unwrap();
            let wish = RuleWish {
                rules: 500,
                groups: 7,
                interfaces: 2,
                shape,
                ipv6: share(20),
                group_remotes: share(10),
                deny: share(10),
                egress: share(20),
            };
            let mut text = Vec::new();
            wish.write_scenario(5, &mut text).unwrap();
            let loaded = Scenario::parse_bytes("made", &text);
            let policy = loaded.policy().unwrap_or_else(|| panic!("{}", loaded.render(Style::Plain)));
            assert_eq!((policy.rules.len(), policy.groups.len(), policy.interfaces.len()), (500, 7, 14));
            let six = policy.rules.iter().filter(|rule| rule.family.is_some()).count();
            assert!((55..130).contains(&six), "{six}");
            let mut text = Vec::new();
            wish.write_filters(5, &mut text).unwrap();
            assert_eq!(classbench::parse_rules(std::str::from_utf8(&text).unwrap()).unwrap().len(), 500);
        }
    }

    /// The scenario that is printed is the policy that the benches measure.
    #[test]
    fn the_cluster_shape_prints_what_the_benches_measure() {
        let cluster = ClusterRules::new(300);
        let loaded = Scenario::parse("made", &cluster.scenario());
        let (printed, measured) = (loaded.policy().unwrap(), cluster.policy());
        assert_eq!(printed.rules.len(), 300);
        for (printed, measured) in printed.rules.iter().zip(&measured.rules) {
            assert_eq!((&printed.remote, &printed.service), (&measured.remote, &measured.service));
            assert_eq!((printed.group, printed.priority), (measured.group, measured.priority));
        }
    }
}
