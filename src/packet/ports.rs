//! Ports, port ranges and lists of them.

use std::fmt;
use std::str::FromStr;

/// An inclusive range of ports, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// This port alone.
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The range from `first` to `last`; `None` when it is backwards.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// The lowest port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether the port lies inside.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A set of ports as sorted ranges that neither touch nor overlap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PortSet(Vec<PortRange>);

impl PortSet {
    /// The ranges, ascending.
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether the port is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(port))
    }
}

impl FromIterator<PortRange> for PortSet {
    fn from_iter<I: IntoIterator<Item = PortRange>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<PortRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => {
                    last.last = last.last.max(range.last);
                }
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

/// Why a port or range could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePortsError {
    /// Not a number, or nothing at all.
    #[error("'{0}' is not a port, expected a number from 0 to 65535 or a range such as 8000-8100")]
    NotAPort(String),
    /// Over 65535.
    #[error("port {0} is over 65535")]
    TooLarge(String),
    /// Last before first.
    #[error("port range {0}-{1} is backwards")]
    Backwards(u16, u16),
}

fn port(text: &str) -> Result<u16, ParsePortsError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParsePortsError::NotAPort(text.to_owned()));
    }
    text.parse().map_err(|_| ParsePortsError::TooLarge(text.to_owned()))
}

impl FromStr for PortRange {
    type Err = ParsePortsError;

    /// Reads `22` or `8000-8100`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first.trim())?, port(last.trim())?),
            None => (port(text)?, port(text)?),
        };
        Self::new(first, last).ok_or(ParsePortsError::Backwards(first, last))
    }
}

impl FromStr for PortSet {
    type Err = ParsePortsError;

    /// Reads ranges separated by commas: `22,8000-8100`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|part| part.trim().parse::<PortRange>()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_merged() {
        let set: PortSet = "8000-8100,22,23,8050-9000".parse().unwrap();
        assert_eq!(set.to_string(), "22-23,8000-9000");
        assert!(set.contains(9000) && !set.contains(9001) && !set.contains(21));
        assert_eq!("0-65535".parse::<PortSet>().unwrap().to_string(), "0-65535");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!("70000".parse::<PortSet>().unwrap_err().to_string(), "port 70000 is over 65535");
        assert_eq!("90-80".parse::<PortSet>().unwrap_err().to_string(), "port range 90-80 is backwards");
        for wrong in ["", "22,", "-", "ssh", "+22", "1-2-3"] {
            assert!(wrong.parse::<PortSet>().is_err(), "{wrong}");
        }
    }
}
