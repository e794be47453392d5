//! Times: RFC 3339 for programs, time of day for people; always UTC.

use std::fmt;

use jiff::Timestamp as Moment;
use serde::{Serialize, Serializer};

use crate::packet::Timestamp;

/// Every `i64` of nanoseconds (1677 to 2262) lies inside what jiff can tell.
fn moment(time: Timestamp) -> Moment {
    Moment::from_nanosecond(i128::from(time.0)).unwrap_or(Moment::UNIX_EPOCH)
}

/// RFC 3339 in UTC, always with nine digits: `2026-11-21T10:00:00.123456789Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rfc3339(pub Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", moment(self.0))
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `2026-11-21`.
pub(super) fn date(time: Timestamp) -> String {
    moment(time).strftime("%Y-%m-%d").to_string()
}

/// `10:00:00.123`, cut and not rounded.
pub(super) fn time_of_day(time: Timestamp) -> String {
    moment(time).strftime("%H:%M:%S%.3f").to_string()
}

/// `2026-11-21 10:00:00.123`.
pub(super) fn date_and_time(time: Timestamp) -> String {
    format!("{} {}", date(time), time_of_day(time))
}

/// `2026-11-21 10:00:00.000 to 10:05:12.000 UTC (5 min 12 s)`, the date of the end only where it differs.
pub(super) fn span(first: Timestamp, last: Timestamp) -> String {
    let end = if date(first) == date(last) { time_of_day(last) } else { date_and_time(last) };
    format!("{} to {end} UTC ({})", date_and_time(first), elapsed(first, last))
}

/// `0.25 s`, `12 s`, `5 min 12 s`, `3 h 5 min`, `2 d 3 h`.
fn elapsed(first: Timestamp, last: Timestamp) -> String {
    let nanos = i128::from(last.0) - i128::from(first.0);
    let (seconds, millis) = (nanos / 1_000_000_000, nanos / 1_000_000);
    let two = |big: i128, unit: &str, small: i128, small_unit: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {small_unit}") }
    };
    match seconds {
        ..10 => format!("{}.{:03} s", millis / 1000, millis % 1000),
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_right_at_the_edges() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_795_255_200_123_456_789, "2026-11-21T10:00:00.123456789Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Rfc3339(Timestamp(nanos)).to_string(), text);
        }
        assert_eq!(
            span(Timestamp(i64::MIN), Timestamp(i64::MAX)),
            "1677-09-21 00:12:43.145 to 2262-04-11 23:47:16.854 UTC (213503 d 23 h)"
        );
    }

    #[test]
    fn spans_name_the_date_once() {
        let at = |seconds: i64| Timestamp(1_795_255_200_000_000_000 + seconds * 1_000_000_000);
        assert_eq!(span(at(0), at(312)), "2026-11-21 10:00:00.000 to 10:05:12.000 UTC (5 min 12 s)");
        assert_eq!(elapsed(at(0), at(3)), "3.000 s");
        assert_eq!(elapsed(at(0), at(60)), "1 min");
        assert_eq!(elapsed(at(0), at(90_000)), "1 d 1 h");
    }
}
