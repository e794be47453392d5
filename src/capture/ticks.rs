//! Time as captures count it, to nanoseconds.

use crate::packet::Timestamp;

/// What one tick of a clock is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticks {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many make a nanosecond.
    PerNanosecond(u64),
    /// Two to this power make a second.
    BinaryFraction(u8),
    /// Finer than any number of ticks that fits 64 bits can fill a nanosecond.
    Nothing,
}

impl Ticks {
    /// Microseconds: pcapng's default.
    pub(super) const MICROSECONDS: Self = Self::Nanoseconds(1000);

    /// The resolution that pcapng's `if_tsresol` states: a negative power of ten, or of two when the highest bit
    /// is set.
    pub(super) const fn of_resolution(resolution: u8) -> Self {
        let power = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            return Self::BinaryFraction(power);
        }
        match power {
            0..=9 => Self::Nanoseconds(10_u64.pow(9 - power as u32)),
            10..=28 => Self::PerNanosecond(10_u64.pow(power as u32 - 9)),
            _ => Self::Nothing,
        }
    }

    /// The moment after `ticks` ticks, `offset_seconds` later; times beyond the year 2262 are kept at its end.
    pub(super) fn time(self, ticks: u64, offset_seconds: i64) -> Timestamp {
        let nanoseconds = match self {
            Self::Nanoseconds(each) => u128::from(ticks) * u128::from(each),
            Self::PerNanosecond(count) => u128::from(ticks / count),
            // At most 94 bits before the shift.
            Self::BinaryFraction(power) => (u128::from(ticks) * 1_000_000_000) >> power,
            Self::Nothing => 0,
        };
        saturating(nanoseconds, offset_seconds)
    }
}

/// The moment of a pcap record: seconds, and a fraction in units of so many nanoseconds, which odd writers let run over the
/// second. It always fits.
#[inline]
pub(super) const fn seconds_and(seconds: u32, fraction: u32, nanoseconds_per_unit: u16) -> Timestamp {
    Timestamp(seconds as i64 * 1_000_000_000 + fraction as i64 * nanoseconds_per_unit as i64)
}

fn saturating(nanoseconds: u128, offset_seconds: i64) -> Timestamp {
    if offset_seconds == 0
        && let Ok(time) = i64::try_from(nanoseconds)
    {
        return Timestamp(time);
    }
    let nanoseconds = i128::try_from(nanoseconds).unwrap_or(i128::MAX);
    let sum = nanoseconds.saturating_add(i128::from(offset_seconds) * 1_000_000_000);
    Timestamp(i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(resolution: u8, ticks: u64) -> i64 {
        Ticks::of_resolution(resolution).time(ticks, 0).0
    }

    #[test]
    fn every_resolution_is_read() {
        assert_eq!(at(0, 3), 3_000_000_000);
        assert_eq!(at(6, 1_500_000_000_123_456), 1_500_000_000_123_456_000);
        assert_eq!(at(9, 1_500_000_000_123_456_789), 1_500_000_000_123_456_789);
        assert_eq!(at(12, 1_500_000_000_123_456_789), 1_500_000_000_123_456);
        assert_eq!(at(28, u64::MAX), 1);
        assert_eq!(at(29, u64::MAX), 0);
        assert_eq!(at(127, u64::MAX), 0);
        assert_eq!(at(0x8a, 1536), 1_500_000_000);
        assert_eq!(at(0xff, u64::MAX), 0);
    }

    #[test]
    fn times_beyond_the_range_saturate() {
        assert_eq!(at(0, u64::MAX), i64::MAX);
        assert_eq!(Ticks::MICROSECONDS.time(0, i64::MIN).0, i64::MIN);
        assert_eq!(Ticks::MICROSECONDS.time(5_000_000, -3).0, 2_000_000_000);
        assert_eq!(Ticks::Nanoseconds(1_000_000_000).time(u64::MAX, i64::MAX).0, i64::MAX);
        assert_eq!(seconds_and(u32::MAX, u32::MAX, 1000).0, 4_294_971_589_967_295_000);
    }
}
