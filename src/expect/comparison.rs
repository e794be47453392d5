//! How many: `12`, `>= 12`, `3-5`.

use std::fmt;
use std::str::FromStr;

/// What a count is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Exactly so many.
    Is(u64),
    /// Any number but this.
    IsNot(u64),
    /// From so many to so many, both included.
    Within(u64, u64),
}

impl Comparison {
    /// Whether a count is as expected.
    pub const fn holds(self, count: u64) -> bool {
        match self {
            Self::Is(wanted) => count == wanted,
            Self::IsNot(unwanted) => count != unwanted,
            Self::Within(least, most) => least <= count && count <= most,
        }
    }
}

/// The text is no comparison.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a count such as 0, >= 12, < 5, != 0 or 3-5")]
pub struct ParseComparisonError(String);

impl FromStr for Comparison {
    type Err = ParseComparisonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseComparisonError(text.to_owned());
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten().ok_or_else(wrong)
        };
        let text = text.trim();
        let rest = text.trim_start_matches(['<', '>', '=', '!']);
        match &text[..text.len() - rest.len()] {
            ">=" => Ok(Self::Within(number(rest)?, u64::MAX)),
            "<=" => Ok(Self::Within(0, number(rest)?)),
            ">" => Ok(Self::Within(number(rest)?.checked_add(1).ok_or_else(wrong)?, u64::MAX)),
            "<" => Ok(Self::Within(0, number(rest)?.checked_sub(1).ok_or_else(wrong)?)),
            "!=" => Ok(Self::IsNot(number(rest)?)),
            "=" => Ok(Self::Is(number(rest)?)),
            "" => match rest.split_once('-') {
                None => Ok(Self::Is(number(rest)?)),
                Some((least, most)) => {
                    let (least, most) = (number(least)?, number(most)?);
                    if least <= most { Ok(Self::Within(least, most)) } else { Err(wrong()) }
                }
            },
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Is(wanted) => write!(f, "{wanted}"),
            Self::IsNot(unwanted) => write!(f, "!= {unwanted}"),
            Self::Within(least, u64::MAX) => write!(f, ">= {least}"),
            Self::Within(0, most) => write!(f, "<= {most}"),
            Self::Within(least, most) => write!(f, "{least}-{most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_compared_as_written() {
        for (text, holds, fails) in [
            ("3", &[3][..], &[2, 4][..]),
            ("= 3", &[3], &[4]),
            (">= 12", &[12, u64::MAX], &[11]),
            (">12", &[13], &[12]),
            ("<= 2", &[0, 2], &[3]),
            ("< 2", &[0, 1], &[2]),
            ("!=0", &[1], &[0]),
            ("3-5", &[3, 5], &[2, 6]),
        ] {
            let comparison: Comparison = text.parse().unwrap();
            assert!(holds.iter().all(|&count| comparison.holds(count)), "{text}");
            assert!(!fails.iter().any(|&count| comparison.holds(count)), "{text}");
            assert_eq!(comparison.to_string().parse(), Ok(comparison), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["", "-1", "many", "5-3", "< 0", "=> 3", "3 4", "1.5", ">", "99999999999999999999"] {
            assert!(text.parse::<Comparison>().is_err(), "{text}");
        }
    }
}
