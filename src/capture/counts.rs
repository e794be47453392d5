//! How many frames of which link type were read.

use std::collections::BTreeMap;

use super::LinkType;

/// Frames by link type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkCounts(BTreeMap<LinkType, u64>);

impl LinkCounts {
    /// So many frames of one link type.
    pub(super) fn of(link: LinkType, frames: u64) -> Self {
        Self(BTreeMap::from([(link, frames)]))
    }

    /// Counts a frame.
    pub fn add(&mut self, link: LinkType) {
        *self.0.entry(link).or_default() += 1;
    }

    /// Link types seen, by their number, with their frames.
    pub fn iter(&self) -> impl Iterator<Item = (LinkType, u64)> {
        self.0.iter().map(|(&link, &frames)| (link, frames))
    }

    /// Those of them that are not looked into.
    pub fn unsupported(&self) -> impl Iterator<Item = (LinkType, u64)> {
        self.iter().filter(|(link, _)| !link.is_supported())
    }
}
