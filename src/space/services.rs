//! Sets of services: protocols, their destination ports, ICMP messages.

use std::fmt;

use crate::packet::{Family, IcmpKind, PortRange, Protocol, Service};
use crate::policy::ServiceMatch;

use super::line::Line;

/// Details of a protocol: ports, or ICMP types and codes. Packets of other protocols have none, and all of theirs are
/// in a set or none.
const DETAILS: u128 = 1 << 16;
/// All services of a family.
const LAST: u128 = 256 * DETAILS - 1;

/// A set of services, by family: only IPv4 has ICMP messages, only IPv6 `ICMPv6`'s.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ServiceSet {
    pub(super) v4: Line,
    pub(super) v6: Line,
}

impl ServiceSet {
    /// Every service.
    pub fn any() -> Self {
        Self { v4: Line::interval(0, LAST), v6: Line::interval(0, LAST) }
    }

    /// What a rule with this service and ethertype asks for.
    pub fn of(service: &ServiceMatch, family: Option<Family>) -> Self {
        let line = |of| {
            if family.is_none_or(|only| only == of) { line(service, of) } else { Line::default() }
        };
        Self { v4: line(Family::V4), v6: line(Family::V6) }
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: self.v4.difference(&other.v4), v6: self.v6.difference(&other.v6) }
    }

    /// Whether packets of this family that ask for this service are meant.
    pub fn contains(&self, family: Family, service: Service) -> bool {
        self.of_family(family).contains(number(service))
    }

    pub(super) const fn of_family(&self, family: Family) -> &Line {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// The numbers of a protocol.
fn whole(protocol: Protocol) -> Line {
    let first = u128::from(protocol.0) * DETAILS;
    Line::interval(first, first + DETAILS - 1)
}

/// The number of a service.
pub(super) fn number(service: Service) -> u128 {
    let detail = match service {
        Service::Port(_, port) => port,
        Service::Icmp { kind, code, .. } => u16::from_be_bytes([kind, code]),
        Service::Other(_) => 0,
    };
    u128::from(service.protocol().0) * DETAILS + u128::from(detail)
}

/// The service of a number.
pub(super) fn at(family: Family, number: u128) -> Service {
    let protocol = Protocol(u8::try_from(number / DETAILS).unwrap_or(u8::MAX));
    Service::at(family, protocol, detail(number))
}

fn detail(number: u128) -> u16 {
    u16::try_from(number % DETAILS).unwrap_or(0)
}

fn line(service: &ServiceMatch, family: Family) -> Line {
    let within = |protocol: Protocol, ranges: &mut dyn Iterator<Item = (u16, u16)>| -> Line {
        let base = u128::from(protocol.0) * DETAILS;
        ranges.map(|(first, last)| (base + u128::from(first), base + u128::from(last))).collect()
    };
    match service {
        ServiceMatch::Any => Line::interval(0, LAST),
        ServiceMatch::Protocol(protocol) => whole(*protocol),
        ServiceMatch::Ports(protocol, ports) if protocol.has_ports() => {
            within(*protocol, &mut ports.ranges().iter().map(|range| (range.first(), range.last())))
        }
        ServiceMatch::Icmp(of, kinds) if *of == family => {
            let messages = |icmp: &IcmpKind| {
                let at = |code| u16::from_be_bytes([icmp.kind, code]);
                icmp.code.map_or((at(0), at(u8::MAX)), |code| (at(code), at(code)))
            };
            let protocol = if family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
            within(protocol, &mut kinds.iter().map(messages))
        }
        ServiceMatch::Ports(..) | ServiceMatch::Icmp(..) => Line::default(),
    }
}

/// Neighbour discovery, which the evaluator tells from other `ICMPv6` (RFC 4861, types 133 to 136).
pub(super) fn neighbour_discovery() -> Line {
    let kinds = (133..=136).map(|kind| IcmpKind { kind, code: None });
    line(&ServiceMatch::Icmp(Family::V6, kinds.collect()), Family::V6)
}

/// A service of the set that people meet: of TCP before UDP before others, and not port 0 where there is another.
pub(super) fn usual(family: Family, services: &Line) -> Option<Service> {
    let echo = match family {
        Family::V4 => number(Service::Icmp { family, kind: 8, code: 0 }),
        Family::V6 => number(Service::Icmp { family, kind: 128, code: 0 }),
    };
    let ported = |protocol: Protocol| u128::from(protocol.0) * DETAILS + 1;
    let first_of = |from: u128, to: u128| {
        services.intersection(&Line::interval(from, to)).intervals().first().map(|&(first, _)| first)
    };
    let number = first_of(ported(Protocol::TCP), ported(Protocol::TCP) + DETAILS - 2)
        .or_else(|| first_of(ported(Protocol::UDP), ported(Protocol::UDP) + DETAILS - 2))
        .or_else(|| first_of(echo, echo))
        .or_else(|| first_of(0, LAST))?;
    Some(at(family, number))
}

/// Writes the services of one family: `tcp 22,80-90, udp, icmp echo-request`.
pub(super) fn write(f: &mut fmt::Formatter<'_>, family: Family, services: &Line) -> fmt::Result {
    let all = Line::interval(0, LAST);
    let rest = all.difference(services);
    if rest.is_empty() {
        return f.write_str("all");
    }
    if rest.intervals().len() < services.intervals().len() || services.contains(LAST) && services.contains(0)
    {
        f.write_str("all but ")?;
        return list(f, family, &rest);
    }
    list(f, family, services)
}

fn list(f: &mut fmt::Formatter<'_>, family: Family, services: &Line) -> fmt::Result {
    let mut separator = "";
    let mut protocol = 0;
    while protocol < 256 {
        let this = Protocol(u8::try_from(protocol).unwrap_or(u8::MAX));
        let part = services.intersection(&whole(this));
        protocol += 1;
        if part.is_empty() {
            continue;
        }
        f.write_str(separator)?;
        separator = ", ";
        if part == whole(this) {
            write!(f, "{this}")?;
            // A run of protocols that have nothing but a number.
            let first = protocol - 1;
            while protocol < 256 && this.name().is_none() {
                let next = Protocol(u8::try_from(protocol).unwrap_or(u8::MAX));
                if next.name().is_some() || services.intersection(&whole(next)) != whole(next) {
                    break;
                }
                protocol += 1;
            }
            if protocol - 1 > first {
                write!(f, "-{}", protocol - 1)?;
            }
            continue;
        }
        write!(f, "{this} ")?;
        for (index, &(first, last)) in part.intervals().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{}", details(family, first, last))?;
        }
    }
    Ok(())
}

/// Writes an interval of ports or messages.
fn details(family: Family, first: u128, last: u128) -> String {
    let (low, high) = (detail(first), detail(last));
    let Service::Icmp { .. } = at(family, first) else {
        return PortRange::new(low, high).map(|range| range.to_string()).unwrap_or_default();
    };
    let ([from, code], [to, end]) = (low.to_be_bytes(), high.to_be_bytes());
    let message = |kind: IcmpKind| kind.name(family).map_or_else(|| kind.to_string(), str::to_owned);
    match (code, end) {
        (0, 255) if from == to => message(IcmpKind { kind: from, code: None }),
        (0, 255) => format!("{from}-{to}"),
        _ if low == high => message(IcmpKind { kind: from, code: Some(code) }),
        _ => format!("{from}/{code}-{to}/{end}"),
    }
}

impl fmt::Display for ServiceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no service");
        }
        if self.v4 == self.v6 || self.v6.is_empty() {
            return write(f, Family::V4, &self.v4);
        }
        if self.v4.is_empty() {
            return write(f, Family::V6, &self.v6);
        }
        f.write_str("ipv4 ")?;
        write(f, Family::V4, &self.v4)?;
        f.write_str("; ipv6 ")?;
        write(f, Family::V6, &self.v6)
    }
}
