//! Sets of first packets: who sends, to whom, asking for which service.

use std::fmt;

use crate::packet::{AddressPair, AddressSet, Family, Flow, IpPacket, Service};

use super::line::Line;
use super::{ServiceSet, addresses, services};

/// Packets of one family as a product: any of these sources to any of these destinations for any of these services.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    pub(super) family: Family,
    pub(super) sources: Line,
    pub(super) destinations: Line,
    pub(super) services: Line,
}

impl Region {
    /// The family of all packets in it.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Who sends.
    pub fn sources(&self) -> AddressSet {
        addresses::set(self.family, &self.sources)
    }

    /// To whom.
    pub fn destinations(&self) -> AddressSet {
        addresses::set(self.family, &self.destinations)
    }

    /// For what.
    pub fn services(&self) -> ServiceSet {
        match self.family {
            Family::V4 => ServiceSet { v4: self.services.clone(), v6: Line::default() },
            Family::V6 => ServiceSet { v4: Line::default(), v6: self.services.clone() },
        }
    }

    const fn is_empty(&self) -> bool {
        self.sources.is_empty() || self.destinations.is_empty() || self.services.is_empty()
    }

    fn intersection(&self, other: &Self) -> Option<Self> {
        let common = Self {
            family: self.family,
            sources: self.sources.intersection(&other.sources),
            destinations: self.destinations.intersection(&other.destinations),
            services: self.services.intersection(&other.services),
        };
        (self.family == other.family && !common.is_empty()).then_some(common)
    }

    /// What is left, as regions that do not overlap.
    fn difference(&self, other: &Self) -> Vec<Self> {
        let Some(common) = self.intersection(other) else { return vec![self.clone()] };
        let elsewhere = Self { sources: self.sources.difference(&common.sources), ..self.clone() };
        let to_others = Self {
            sources: common.sources.clone(),
            destinations: self.destinations.difference(&common.destinations),
            ..self.clone()
        };
        let other_services = Self { services: self.services.difference(&common.services), ..common };
        [elsewhere, to_others, other_services].into_iter().filter(|part| !part.is_empty()).collect()
    }

    /// A packet of it.
    pub fn witness(&self) -> Option<Flow> {
        let source = addresses::usual(self.family, &self.sources)?;
        let destination = addresses::usual(self.family, &self.destinations)?;
        let service = services::usual(self.family, &self.services)?;
        Flow::new(AddressPair::new(source, destination)?, service)
    }

    fn contains(&self, ip: &IpPacket, service: Service) -> bool {
        self.family == ip.addresses.family()
            && self.sources.contains(addresses::number(ip.source()))
            && self.destinations.contains(addresses::number(ip.destination()))
            && self.services.contains(services::number(service))
    }
}

impl fmt::Display for Region {
    /// Writes `SERVICES from SOURCES to DESTINATIONS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        services::write(f, self.family, &self.services)?;
        write!(f, " from {} to {}", self.sources(), self.destinations())
    }
}

/// A set of first packets, as regions that do not overlap.
#[derive(Debug, Clone, Default)]
pub struct PacketSet(Vec<Region>);

impl PacketSet {
    /// All packets from these sources to these destinations for these services.
    pub fn new(sources: &AddressSet, destinations: &AddressSet, services: &ServiceSet) -> Self {
        let of = |family| Region {
            family,
            sources: addresses::line(sources, family),
            destinations: addresses::line(destinations, family),
            services: services.of_family(family).clone(),
        };
        [of(Family::V4), of(Family::V6)].into_iter().filter(|region| !region.is_empty()).collect()
    }

    /// Every packet.
    pub fn any() -> Self {
        Self::new(&AddressSet::any(), &AddressSet::any(), &ServiceSet::any())
    }

    /// The regions, none of which overlap.
    pub fn regions(&self) -> &[Region] {
        &self.0
    }

    /// Whether no packet is in it.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a packet is in it; its source port and flags do not count.
    pub fn contains(&self, ip: &IpPacket) -> bool {
        Service::of(ip).is_some_and(|service| self.0.iter().any(|region| region.contains(ip, service)))
    }

    /// A packet of it.
    pub fn witness(&self) -> Option<Flow> {
        self.0.first().and_then(Region::witness)
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.difference(self).0);
        Self(all)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let with = |region: &Region| -> Vec<_> {
            other.0.iter().filter_map(|part| region.intersection(part)).collect()
        };
        Self(self.0.iter().flat_map(with).collect())
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = self.0.clone();
        for taken in &other.0 {
            left = left.iter().flat_map(|region| region.difference(taken)).collect();
        }
        Self(left)
    }
}

impl FromIterator<Region> for PacketSet {
    /// The set of these regions, which must not overlap.
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Self {
        Self(regions.into_iter().collect())
    }
}

impl PartialEq for PacketSet {
    /// Whether both hold the same packets, however they are cut.
    fn eq(&self, other: &Self) -> bool {
        self.difference(other).is_empty() && other.difference(self).is_empty()
    }
}

impl Eq for PacketSet {}

impl fmt::Display for PacketSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no packet");
        }
        for (index, region) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{region}")?;
        }
        Ok(())
    }
}
