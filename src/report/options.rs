//! What a report is asked to show.

use std::ops::BitOr;
use std::str::FromStr;

use crate::replay::ConnectionVerdict;

/// What a report shows beyond its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Verdicts whose connections are listed in full.
    pub show: Show,
    /// Whether the group × peer matrix is wanted.
    pub matrix: bool,
}

/// A set of connection verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show(u8);

impl Show {
    /// No verdict.
    pub const NONE: Self = Self(0);
    /// Every verdict.
    pub const ALL: Self = Self(0b1_1111);
    /// The words it is read from.
    pub const WORDS: [&'static str; 6] = ["allowed", "blocked", "assumed", "undecided", "outside", "all"];

    /// The set of this one verdict.
    pub const fn of(verdict: ConnectionVerdict) -> Self {
        Self(1 << verdict as u8)
    }

    /// Whether the verdict is in the set.
    pub const fn contains(self, verdict: ConnectionVerdict) -> bool {
        self.0 & Self::of(verdict).0 != 0
    }
}

impl BitOr for Show {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Self> for Show {
    fn from_iter<I: IntoIterator<Item = Self>>(sets: I) -> Self {
        sets.into_iter().fold(Self::NONE, BitOr::bitor)
    }
}

/// Why a set of verdicts could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown verdict '{0}', expected allowed, blocked, assumed, undecided, outside or all")]
pub struct ParseShowError(String);

impl FromStr for Show {
    type Err = ParseShowError;

    /// Reads words separated by commas: `allowed,assumed`; `all` is every verdict.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = |word: &str| match word.trim() {
            "all" => Ok(Self::ALL),
            word => ConnectionVerdict::ALL
                .into_iter()
                .find(|verdict| verdict.code() == word)
                .map(Self::of)
                .ok_or_else(|| ParseShowError(word.to_owned())),
        };
        text.split(',').map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_from_words() {
        let some: Show = "allowed, outside".parse().unwrap();
        let shown = |set: Show| ConnectionVerdict::ALL.map(|verdict| set.contains(verdict));
        assert_eq!(shown(some), [true, false, false, false, true]);
        assert_eq!("all".parse(), Ok(Show::ALL));
        assert_eq!(shown(Show::default()), [false; 5]);
        assert_eq!(shown(Show::ALL), [true; 5]);
        assert!("dropped".parse::<Show>().unwrap_err().to_string().contains("unknown verdict 'dropped'"));
        for word in Show::WORDS {
            assert!(word.parse::<Show>().is_ok(), "{word}");
        }
    }
}
