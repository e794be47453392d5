//! When the conversations of a flow begin.

use super::random::Random;
use super::workload::{Amount, Arrivals};

/// How busy each hour of the day (UTC) is, in thousandths of the mean.
const HOURS: [u16; 24] = [
    400, 300, 250, 250, 300, 400, 600, 900, 1200, 1450, 1600, 1650, 1550, 1550, 1650, 1600, 1500, 1350, 1200,
    1150, 1050, 900, 700, 500,
];
const HOUR: f64 = 3.6e12;

/// Times after the beginning, in nanoseconds, ascending.
#[derive(Debug, Clone)]
pub(super) struct Times {
    random: Random,
    arrivals: Arrivals,
    amount: Amount,
    duration: u64,
    made: u64,
    /// Where the busy time has come to: wall-clock time, but for hours that count more or less.
    busy: f64,
    /// All of the busy time.
    all: f64,
    day: Day,
}

/// Busy time to time.
#[derive(Debug, Clone)]
struct Day {
    hour: usize,
    /// Nanoseconds after the beginning at which this hour, or what is left of it, starts and ends.
    start: f64,
    end: f64,
    /// The busy time at its start.
    busy: f64,
}

impl Day {
    fn new(start: i64) -> Self {
        let of_day = start.rem_euclid(86_400_000_000_000);
        let hour = usize::try_from(of_day / 3_600_000_000_000).unwrap_or(0);
        // Below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let into = (of_day % 3_600_000_000_000) as f64;
        Self { hour, start: 0.0, end: HOUR - into, busy: 0.0 }
    }

    fn weight(&self) -> f64 {
        f64::from(HOURS[self.hour]) / 1000.0
    }

    fn next(&mut self) {
        self.busy += (self.end - self.start) * self.weight();
        (self.start, self.end) = (self.end, self.end + HOUR);
        self.hour = (self.hour + 1) % 24;
    }

    /// The busy time at a time.
    fn busy_at(mut self, time: f64) -> f64 {
        while time > self.end {
            self.next();
        }
        self.busy + (time - self.start) * self.weight()
    }

    /// The time of a busy time, which never goes back.
    fn time_at(&mut self, busy: f64) -> f64 {
        while busy > self.busy + (self.end - self.start) * self.weight() {
            self.next();
        }
        self.start + (busy - self.busy) / self.weight()
    }
}

impl Times {
    /// `start` is the time of the beginning, for the hours of the day.
    pub(super) fn new(random: Random, arrivals: Arrivals, amount: Amount, duration: u64, start: i64) -> Self {
        let day = Day::new(start);
        #[allow(clippy::cast_precision_loss)] // A day has 2^46 nanoseconds.
        let length = duration as f64;
        let all = if arrivals == Arrivals::Diurnal { day.clone().busy_at(length) } else { length };
        Self { random, arrivals, amount, duration, made: 0, busy: 0.0, all, day }
    }

    /// How many are left, where that is known.
    fn left(&self) -> Option<u64> {
        match self.amount {
            Amount::Count(count) => Some(count.saturating_sub(self.made)),
            Amount::Every(_) => None,
        }
    }
}

impl Iterator for Times {
    type Item = u64;

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn next(&mut self) -> Option<u64> {
        if self.left() == Some(0) {
            return None;
        }
        let time = match (self.arrivals, self.amount) {
            (Arrivals::Constant, Amount::Count(count)) => {
                let twice = u128::from(self.duration) * (2 * u128::from(self.made) + 1);
                (twice / (2 * u128::from(count))) as u64
            }
            (Arrivals::Constant, Amount::Every(gap)) => (gap * (self.made as f64 + 0.5)) as u64,
            (_, amount) => {
                self.busy += match amount {
                    // The first of so many independent draws of the time that is left.
                    Amount::Count(count) => {
                        let left = (count - self.made) as f64;
                        (self.all - self.busy) * (1.0 - libm::pow(self.random.unit(), 1.0 / left))
                    }
                    Amount::Every(gap) => gap * self.random.exponential(),
                };
                if self.busy >= self.all && self.left().is_none() {
                    return None;
                }
                match self.arrivals {
                    Arrivals::Diurnal => self.day.time_at(self.busy) as u64,
                    _ => self.busy as u64,
                }
            }
        };
        self.made += 1;
        (time < self.duration || self.left().is_some()).then_some(time.min(self.duration.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn times(arrivals: Arrivals, amount: Amount, duration: u64) -> Vec<u64> {
        Times::new(Random::new(1, 2, 3), arrivals, amount, duration, 0).collect()
    }

    #[test]
    fn constant_arrivals_keep_their_distance() {
        assert_eq!(times(Arrivals::Constant, Amount::Count(4), 8000), [1000, 3000, 5000, 7000]);
        assert_eq!(times(Arrivals::Constant, Amount::Every(2000.0), 8000), [1000, 3000, 5000, 7000]);
    }

    /// Gaps of a Poisson stream are exponential: their mean and their deviation are the same.
    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn poisson_arrivals_come_at_exponential_gaps() {
        for amount in [Amount::Count(20_000), Amount::Every(SECOND as f64 / 20.0)] {
            let times = times(Arrivals::Poisson, amount, 1000 * SECOND);
            assert!((19_300..20_700).contains(&times.len()), "{}", times.len());
            let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{} is not {mean}", variance.sqrt());
            let long = gaps.iter().filter(|&&gap| gap > mean).count() as f64 / gaps.len() as f64;
            assert!((long - (-1.0_f64).exp()).abs() < 0.02, "{long}");
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn a_day_has_busy_hours() {
        assert_eq!(HOURS.iter().map(|&weight| u32::from(weight)).sum::<u32>(), 24_000, "the mean is 1");
        for amount in [Amount::Count(24_000), Amount::Every(86_400e9 / 24_000.0)] {
            let times = times(Arrivals::Diurnal, amount, 86_400 * SECOND);
            let mut hours = [0.0_f64; 24];
            for time in &times {
                hours[usize::try_from(time / 3600 / SECOND).unwrap()] += 1.0;
            }
            for (found, wanted) in hours.iter().zip(HOURS) {
                let wanted = f64::from(wanted);
                assert!((found - wanted).abs() < 5.0 * wanted.sqrt(), "{found} is not {wanted}");
            }
        }
    }
}
