//! How large, how long: distributions of sizes and times, and their words.

use std::fmt;
use std::str::FromStr;

use super::random::Random;

/// No draw is larger, unless a distribution says so itself: 1 TB, or 16 minutes in nanoseconds.
const MOST: u64 = 1_000_000_000_000;

/// What numbers are drawn from: bytes, or nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Fixed(u64),
    /// Every number from the first to the last is as likely.
    Uniform(u64, u64),
    /// Exponential: gaps between independent events.
    Exponential {
        /// The mean.
        mean: f64,
        /// Larger draws become this.
        most: u64,
    },
    /// Log-normal: most sizes of requests and files.
    LogNormal {
        /// Half of all draws are smaller.
        median: f64,
        /// The deviation of the logarithm.
        sigma: f64,
        /// Larger draws become this.
        most: u64,
    },
    /// Pareto: heavy-tailed.
    Pareto {
        /// The smallest draw.
        least: f64,
        /// The exponent of the tail; at 1 and below there is no mean.
        alpha: f64,
        /// Larger draws become this.
        most: u64,
    },
}

impl Distribution {
    /// Draws a number, rounded down.
    pub fn draw(&self, random: &mut Random) -> u64 {
        match *self {
            Self::Fixed(value) => value,
            Self::Uniform(first, last) => random.within(first, last),
            Self::Exponential { mean, most } => whole(mean * random.exponential(), most),
            Self::LogNormal { median, sigma, most } => {
                whole(median * libm::exp(sigma * random.normal()), most)
            }
            Self::Pareto { least, alpha, most } => whole(least / libm::pow(random.unit(), 1.0 / alpha), most),
        }
    }

    /// Whether it can only draw zero.
    pub const fn is_zero(&self) -> bool {
        matches!(self, Self::Fixed(0) | Self::Uniform(_, 0))
    }

    /// The largest number that can be drawn.
    pub const fn most(&self) -> u64 {
        match *self {
            Self::Fixed(value) | Self::Uniform(_, value) => value,
            Self::Exponential { most, .. } | Self::LogNormal { most, .. } | Self::Pareto { most, .. } => most,
        }
    }
}

/// A drawn number as a whole one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "draws are positive; `as` stops at the end"
)]
fn whole(drawn: f64, most: u64) -> u64 {
    (drawn as u64).min(most)
}

/// What the numbers of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: `1500`, `1.5k`, `2M`.
    Bytes,
    /// Nanoseconds: `200us`, `1.5s`, `10m`; a bare number is seconds.
    Time,
}

/// Why a distribution could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseDistributionError(String);

/// A number with a unit, as bytes or nanoseconds.
pub(super) fn quantity(text: &str, unit: Unit) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let scale: u64 = match (unit, suffix) {
        (Unit::Bytes, "") | (Unit::Time, "ns") => 1,
        (Unit::Bytes, "k") | (Unit::Time, "us") => 1_000,
        (Unit::Bytes, "M") | (Unit::Time, "ms") => 1_000_000,
        (Unit::Bytes, "G") | (Unit::Time, "" | "s") => 1_000_000_000,
        (Unit::Time, "m") => 60_000_000_000,
        (Unit::Time, "h") => 3_600_000_000_000,
        (Unit::Time, "d") => 86_400_000_000_000,
        _ => return None,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mut value = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in part.bytes() {
        place /= 10;
        value = value.checked_add(u64::from(digit.checked_sub(b'0')?) * place)?;
    }
    // A point stands between digits.
    let is_number = !digits.ends_with('.') && part.bytes().all(|b| b.is_ascii_digit());
    // A thousand years: sums stay far from the end of the numbers.
    (is_number && value < 1 << 62).then_some(value)
}

/// A positive number such as an exponent.
fn factor(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|&number: &f64| plain && number > 0.0 && number <= 100.0)
}

impl Distribution {
    /// Reads `1200`, `300-1500`, `exponential MEAN`, `log-normal MEDIAN SIGMA`, `pareto LEAST ALPHA`, the last three
    /// with `most LARGEST` behind them or without.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, ParseDistributionError> {
        let example = match unit {
            Unit::Bytes => "1200, 300-1500, exponential 2k, log-normal 1200 0.8 or pareto 500 1.2 most 1M",
            Unit::Time => "30s, 1ms-2s, exponential 2s, log-normal 500us 0.5 or pareto 10ms 1.2 most 5m",
        };
        let wrong = |what: String| ParseDistributionError(format!("{what}; expected for example {example}"));
        let number =
            |word: &str| quantity(word, unit).ok_or_else(|| wrong(format!("`{word}` is no number here")));
        let words: Vec<&str> = text.split_whitespace().collect();
        let (words, most) = match words[..] {
            [.., "most", most] => (&words[..words.len() - 2], number(most)?),
            _ => (&words[..], MOST),
        };
        let share =
            |word: &str| factor(word).ok_or_else(|| wrong(format!("`{word}` is no number from 0 to 100")));
        // All that is written is far below 2^53 but for absurdities.
        #[allow(clippy::cast_precision_loss)]
        let real = |word: &str| number(word).map(|number| number as f64);
        match *words {
            [one] => match one.split_once('-') {
                None => Ok(Self::Fixed(number(one)?)),
                Some((first, last)) => {
                    let (first, last) = (number(first)?, number(last)?);
                    if last < first {
                        return Err(wrong(format!("the range `{one}` is backwards")));
                    }
                    Ok(Self::Uniform(first, last))
                }
            },
            ["exponential", mean] => Ok(Self::Exponential { mean: real(mean)?, most }),
            ["log-normal", median, sigma] => {
                Ok(Self::LogNormal { median: real(median)?, sigma: share(sigma)?, most })
            }
            ["pareto", least, alpha] => Ok(Self::Pareto { least: real(least)?, alpha: share(alpha)?, most }),
            _ => Err(wrong(format!("`{text}` is no distribution"))),
        }
    }
}

/// A share in millionths: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share(u32);

impl Share {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// The share of so many millionths; `None` over all of them.
    pub const fn millionths(number: u32) -> Option<Self> {
        if number <= 1_000_000 { Some(Self(number)) } else { None }
    }

    /// Whether there are any.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The part of the whole, from 0 to 1.
    pub fn part(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// Draws whether this one is among them. Draws nothing when none is.
    pub fn draw(self, random: &mut Random) -> bool {
        self.0 > 0 && random.below(1_000_000) < u64::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        if part == 0 {
            write!(f, "{whole}%")
        } else {
            write!(f, "{whole}.{}%", format!("{part:04}").trim_end_matches('0'))
        }
    }
}

impl FromStr for Share {
    type Err = ParseDistributionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            ParseDistributionError(format!(
                "expected a share from 0% to 100%, in steps of 0.0001%, found `{text}`"
            ))
        };
        let digits = text.strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = [whole, part].iter().all(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
        if !plain || part.len() > 4 || whole.len() > 3 {
            return Err(wrong());
        }
        let number: u32 = format!("{whole}{part:0<4}").parse().map_err(|_| wrong())?;
        Self::millionths(number).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let bytes = |text: &str| Distribution::parse(text, Unit::Bytes);
        assert_eq!(bytes("1.5k"), Ok(Distribution::Fixed(1500)));
        assert_eq!(bytes("300-2k"), Ok(Distribution::Uniform(300, 2000)));
        assert_eq!(
            bytes("pareto 500 1.2 most 1M"),
            Ok(Distribution::Pareto { least: 500.0, alpha: 1.2, most: 1_000_000 })
        );
        let time = |text: &str| Distribution::parse(text, Unit::Time);
        assert_eq!(time("200us"), Ok(Distribution::Fixed(200_000)));
        assert_eq!(time("2"), Ok(Distribution::Fixed(2_000_000_000)));
        assert_eq!(
            time("log-normal 1ms 0.5"),
            Ok(Distribution::LogNormal { median: 1e6, sigma: 0.5, most: MOST })
        );
        for wrong in
            ["", "-5", "1.", "5 5", "normal 5", "9-3", "pareto 5", "pareto 5 0", "log-normal 5 -1", "1e9"]
        {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert!(bytes("9-3").unwrap_err().to_string().contains("backwards"));
    }

    #[test]
    fn shares() {
        for text in ["0%", "5%", "0.25%", "100%", "0.0001%"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
        }
        for wrong in ["5", "101%", "-1%", "%", "1.00001%", "100.1%", ".5%"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }

    /// Against the formulas of the textbooks; the bounds are some five standard errors of 100,000 draws.
    #[test]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn draws_follow_their_distribution() {
        const COUNT: usize = 100_000;
        let draws = |text: &str| {
            let (distribution, mut random) =
                (Distribution::parse(text, Unit::Bytes).unwrap(), Random::new(3, 0, 0));
            let mut drawn: Vec<u64> = (0..COUNT).map(|_| distribution.draw(&mut random)).collect();
            drawn.sort_unstable();
            drawn
        };
        let quantile = |drawn: &[u64], q: f64| drawn[(q * COUNT as f64) as usize] as f64;
        let near = |found: f64, wanted: f64, within: f64| {
            assert!((found / wanted - 1.0).abs() < within, "{found} is not {wanted}");
        };
        let drawn = draws("exponential 1M");
        near(drawn.iter().sum::<u64>() as f64 / COUNT as f64, 1e6, 0.02);
        near(quantile(&drawn, 0.5), 1e6 * 2.0_f64.ln(), 0.03);
        let drawn = draws("log-normal 1M 0.8");
        near(quantile(&drawn, 0.5), 1e6, 0.02);
        // The 97.7th percentile is two deviations above.
        near(quantile(&drawn, 0.977_25), 1e6 * (1.6_f64).exp(), 0.05);
        let drawn = draws("pareto 10k 1.5");
        assert!(drawn[0] >= 10_000);
        near(quantile(&drawn, 0.9), 1e4 * 10.0_f64.powf(1.0 / 1.5), 0.03);
        assert_eq!(*draws("pareto 10k 0.5 most 50k").last().unwrap(), 50_000);
    }
}
