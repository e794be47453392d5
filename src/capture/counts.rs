//! How many frames of which link type were read.

use super::LinkType;

/// Frames by link type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkCounts(Vec<(LinkType, u64)>);

impl LinkCounts {
    /// Counts a frame.
    pub fn add(&mut self, link: LinkType) {
        // A handful of link types at most: a scan beats any map.
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| *known == link) {
            *count += 1;
        } else {
            self.0.push((link, 1));
            self.0.sort_unstable();
        }
    }

    /// Link types seen, by their number, with their frames.
    pub fn iter(&self) -> impl Iterator<Item = (LinkType, u64)> {
        self.0.iter().copied()
    }

    /// Those of them that are not looked into.
    pub fn unsupported(&self) -> impl Iterator<Item = (LinkType, u64)> {
        self.iter().filter(|(link, _)| !link.is_supported())
    }
}
