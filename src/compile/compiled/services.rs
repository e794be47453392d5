//! The service classes of a policy: what no rule of any group tells apart, cut once for all tables.

use hashbrown::HashMap;

use crate::compile::bits::{Interner, RuleBits, cut};
use crate::compile::service::{ServiceMap, ServiceView};
use crate::packet::{Family, IcmpKind, PortRange, Protocol, Service};
use crate::policy::ServiceMatch;

/// Most different services that rules may ask for: bounds the sets of them that the classes are.
const MOST_WANTED: usize = 1 << 13;

/// A kind of service that has a detail of 16 bits: the port, or ICMP type above code, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Port(Option<Protocol>),
    Icmp(Family),
    Other(Option<Protocol>),
}

/// Every service has a class.
#[derive(Debug, Clone)]
pub(super) struct Services {
    map: ServiceMap,
    /// Row of the map, by kind (0 ports, 1 other, 2 ICMP for IPv4, 3 for IPv6) and protocol.
    rows: Vec<[u16; 256]>,
    /// By class: the services asked for that it belongs to.
    sets: Vec<RuleBits>,
    /// Services asked for, and their places in the sets.
    wanted: HashMap<ServiceMatch, usize, foldhash::fast::FixedState>,
}

/// A service as numbers: kind, protocol and detail.
pub(super) const fn numbers(service: Service) -> (u8, u8, u16) {
    match service {
        Service::Port(protocol, port) => (0, protocol.0, port),
        Service::Other(protocol) => (1, protocol.0, 0),
        Service::Icmp { family: Family::V4, kind, code } => (2, 0, (kind as u16) << 8 | code as u16),
        Service::Icmp { family: Family::V6, kind, code } => (3, 0, (kind as u16) << 8 | code as u16),
    }
}

impl Services {
    /// The classes that these services cut; `None` when they are too many.
    pub(super) fn new<'s>(asked: impl Iterator<Item = &'s ServiceMatch>) -> Option<Self> {
        let mut wanted: Vec<ServiceMatch> = vec![];
        let mut known = HashMap::<ServiceMatch, usize, foldhash::fast::FixedState>::default();
        for service in asked {
            if !known.contains_key(service) {
                known.insert(service.clone(), wanted.len());
                wanted.push(service.clone());
            }
            if wanted.len() > MOST_WANTED {
                return None;
            }
        }
        let mut named: Vec<Protocol> = wanted.iter().filter_map(ServiceMatch::protocol).collect();
        named.sort_unstable();
        named.dedup();
        let mut kinds =
            vec![Kind::Port(None), Kind::Other(None), Kind::Icmp(Family::V4), Kind::Icmp(Family::V6)];
        // The first four rows serve every protocol that no rule names.
        let mut rows: Vec<[u16; 256]> = (0..4).map(|row| [row; 256]).collect();
        for &protocol in &named {
            rows[0][usize::from(protocol.0)] = kinds.len() as u16;
            kinds.push(Kind::Port(Some(protocol)));
            rows[1][usize::from(protocol.0)] = kinds.len() as u16;
            kinds.push(Kind::Other(Some(protocol)));
        }
        let mut classes = Interner::new();
        let cuts: Vec<_> = kinds
            .iter()
            .map(|&kind| {
                let ranges: Vec<_> = (0..)
                    .zip(&wanted)
                    .flat_map(|(at, service)| {
                        details(service, kind)
                            .into_iter()
                            .map(move |(low, high)| (low.into(), high.into(), at))
                    })
                    .collect();
                cut(&ranges, 0xffff, wanted.len(), &mut classes)
            })
            .collect();
        Some(Self { map: ServiceMap::new(&cuts)?, rows, sets: classes.into_values(), wanted: known })
    }

    /// How many classes there are.
    pub(super) const fn len(&self) -> usize {
        self.sets.len()
    }

    /// The class of a service.
    #[inline]
    pub(super) fn class(&self, service: Service) -> usize {
        let (kind, protocol, detail) = numbers(service);
        usize::from(self.map.view().get(self.row(kind, protocol), detail))
    }

    /// The row of [`Self::view`] for a kind and protocol.
    #[inline(always)]
    pub(super) fn row(&self, kind: u8, protocol: u8) -> usize {
        usize::from(self.rows[usize::from(kind & 3)][usize::from(protocol)])
    }

    /// The table, for many lookups.
    #[inline(always)]
    pub(super) fn view(&self) -> ServiceView<'_> {
        self.map.view()
    }

    /// For each class, which of these services (of some rules, by their place) it belongs to.
    pub(super) fn columns<'s>(
        &self,
        asked: impl Iterator<Item = &'s ServiceMatch>,
        rules: usize,
    ) -> Vec<RuleBits> {
        let mut columns = vec![RuleBits::none(rules); self.len()];
        for (rule, service) in asked.enumerate() {
            let Some(&at) = self.wanted.get(service) else { continue };
            for (column, set) in columns.iter_mut().zip(&self.sets) {
                if set.has(at) {
                    column.add(rule);
                }
            }
        }
        columns
    }

    /// Bytes of memory that lookups use.
    pub(super) fn bytes(&self) -> usize {
        self.map.bytes() + size_of_val(&*self.rows)
    }
}

/// The details of ICMP messages of this type and code.
pub(super) fn detail(icmp: IcmpKind) -> PortRange {
    let first = u16::from(icmp.kind) << 8;
    let codes = icmp.code.map_or((0, 0xff), |code| (code.into(), code.into()));
    PortRange::new(first | codes.0, first | codes.1).unwrap_or(PortRange::ALL)
}

/// The details of this kind that a rule asks for, as ranges that do not overlap.
fn details(service: &ServiceMatch, kind: Kind) -> Vec<(u16, u16)> {
    const ALL: (u16, u16) = (0, u16::MAX);
    let protocol = match kind {
        Kind::Port(protocol) | Kind::Other(protocol) => protocol,
        Kind::Icmp(Family::V4) => Some(Protocol::ICMP),
        Kind::Icmp(Family::V6) => Some(Protocol::ICMPV6),
    };
    match (service, kind) {
        (ServiceMatch::Any, _) => vec![ALL],
        (ServiceMatch::Protocol(asked), _) if Some(*asked) == protocol => vec![ALL],
        (ServiceMatch::Ports(asked, ports), Kind::Port(_)) if Some(*asked) == protocol => {
            ports.ranges().iter().map(|range| (range.first(), range.last())).collect()
        }
        (ServiceMatch::Icmp(asked, kinds), Kind::Icmp(family)) if *asked == family => {
            // A list may name a message twice: `3` and `3/4`.
            let merged: crate::packet::PortSet = kinds.iter().copied().map(detail).collect();
            merged.ranges().iter().map(|range| (range.first(), range.last())).collect()
        }
        _ => vec![],
    }
}
