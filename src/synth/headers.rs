//! Headers for the rules of a scenario: what is asked at the steps of its interfaces, at random or at every boundary.

use std::net::IpAddr;

use crate::packet::{AddressRange, Family, Header, IcmpKind, Protocol, Service};
use crate::policy::{Direction, InterfaceId, Policy, Rule, RuleId, ServiceMatch};

use super::random::Random;

/// A step: where, which way.
pub type StepAt = (InterfaceId, Direction);

/// The steps that no other has the rules of: one interface for each list of groups and direction that has rules.
pub fn distinct_steps(policy: &Policy) -> Vec<StepAt> {
    let mut seen = std::collections::BTreeSet::new();
    let mut steps = Vec::new();
    for (interface, index) in policy.interfaces.iter().zip(0..) {
        for direction in Direction::BOTH {
            let step = (InterfaceId(index), direction);
            if seen.insert((interface.groups.clone(), direction)) && rules_at(policy, step).next().is_some() {
                steps.push(step);
            }
        }
    }
    steps
}

/// The enabled rules that are asked at a step, group by group.
pub fn rules_at(policy: &Policy, (interface, direction): StepAt) -> impl Iterator<Item = RuleId> {
    let groups = policy.interface(interface).groups.iter();
    let rules = groups.flat_map(move |&group| policy.group(group).rules(direction)).copied();
    rules.filter(|&id| policy.rule(id).enabled && !policy.rule(id).remote.is_empty())
}

/// What headers are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Inside the rules: each takes remote and service from within one rule.
    Inside,
    /// On and beside the boundaries of two rules, without locality: what caches and branch predictors like least.
    Boundaries,
    /// The same, each repeated as often as a Pareto distribution says: `ClassBench`'s locality (Taylor and Turner 2007).
    Locality,
}

impl Mix {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Inside, Self::Boundaries, Self::Locality];

    /// Its name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Boundaries => "boundaries",
            Self::Locality => "locality",
        }
    }
}

/// The shape of `ClassBench`'s copies: their number is `scale / u^(1/shape)`, rounded up, `u` even from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pareto {
    /// The exponent; its `a`.
    pub shape: f64,
    /// Its `b`: 0 is no locality, 0.0001 a little, 0.01 some, 1 much.
    pub scale: f64,
}

impl Pareto {
    /// How often the next header is repeated, at least once.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and bounded")]
    pub fn copies(self, random: &mut Random) -> u32 {
        let copies = libm::ceil(self.scale / libm::pow(random.unit(), 1.0 / self.shape));
        (copies.min(100_000.0) as u32).max(1)
    }
}

/// Draws headers for the rules of one step.
#[derive(Debug)]
pub struct Headers<'p> {
    rules: Vec<&'p Rule>,
    mix: Mix,
    random: Random,
    repeat: (u32, Option<Header>),
}

impl<'p> Headers<'p> {
    /// The headers of a seed; none where the step has no rule.
    pub fn new(policy: &'p Policy, step: StepAt, mix: Mix, seed: u64) -> Self {
        let rules = rules_at(policy, step).map(|id| policy.rule(id)).collect();
        Self { rules, mix, random: Random::new(seed, mix as u64, 0), repeat: (0, None) }
    }

    fn draw(&mut self) -> Option<Header> {
        let random = &mut self.random;
        let one = *random.pick(&self.rules)?;
        let other =
            if self.mix == Mix::Inside || random.below(2) == 0 { one } else { *random.pick(&self.rules)? };
        let range = *random.pick(one.remote.ranges())?;
        let inside = self.mix == Mix::Inside;
        let place = if inside { 4 } else { random.below(5) };
        let remote = at(range, place, random);
        let service = service(&other.service, remote, inside, random);
        Some(Header { remote, service })
    }
}

impl Iterator for Headers<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        if self.mix != Mix::Locality {
            return self.draw();
        }
        if self.repeat.0 == 0 {
            let copies = Pareto { shape: 1.0, scale: 0.1 }.copies(&mut self.random);
            self.repeat = (copies, self.draw());
        }
        self.repeat.0 -= 1;
        self.repeat.1
    }
}

/// An address of a range: its first, the one before, its last, the one behind, or any inside.
fn at(range: AddressRange, place: u64, random: &mut Random) -> IpAddr {
    macro_rules! of_family {
        ($first:expr, $last:expr, $address:ident) => {{
            let (first, last) = ($first.to_bits(), $last.to_bits());
            let bits = match place {
                0 => first,
                1 => first.wrapping_sub(1),
                2 => last,
                3 => last.wrapping_add(1),
                _ => {
                    let span = u64::try_from(last - first).unwrap_or(u64::MAX);
                    first + random.within(0, span).try_into().unwrap_or(0)
                }
            };
            IpAddr::$address(bits.into())
        }};
    }
    match range {
        AddressRange::V4(first, last) => of_family!(first, last, V4),
        AddressRange::V6(first, last) => of_family!(first, last, V6),
    }
}

fn service(service: &ServiceMatch, remote: IpAddr, inside: bool, random: &mut Random) -> Service {
    let family = Family::of(remote);
    let icmp = |kind, code| Service::Icmp { family, kind, code };
    let drawn_port = |random: &mut Random| u16::try_from(random.below(65536)).unwrap_or(0);
    match service {
        ServiceMatch::Any => match random.below(4) {
            0 => icmp(8, 0),
            1 => Service::Other(Protocol(47)),
            2 => Service::Port(Protocol::UDP, drawn_port(random)),
            _ => Service::Port(Protocol::TCP, drawn_port(random)),
        },
        ServiceMatch::Protocol(protocol) if protocol.has_ports() => {
            Service::Port(*protocol, drawn_port(random))
        }
        ServiceMatch::Protocol(Protocol::ICMP | Protocol::ICMPV6) => icmp(8, 0),
        ServiceMatch::Protocol(protocol) => Service::Other(*protocol),
        ServiceMatch::Ports(protocol, ports) => {
            let Some(range) = random.pick(ports.ranges()) else { return Service::Port(*protocol, 0) };
            let (first, last) = (range.first(), range.last());
            let port = match if inside { 4 } else { random.below(5) } {
                0 => first,
                1 => first.wrapping_sub(1),
                2 => last,
                3 => last.wrapping_add(1),
                _ => first + u16::try_from(random.below(u64::from(last - first) + 1)).unwrap_or(0),
            };
            Service::Port(*protocol, port)
        }
        ServiceMatch::Icmp(_, kinds) => {
            let kind = random.pick(kinds).copied().unwrap_or(IcmpKind { kind: 8, code: None });
            icmp(kind.kind, kind.code.unwrap_or(0))
        }
    }
}
