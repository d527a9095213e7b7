//! Numbers as text: three digits and a unit.

use serde::{Deserialize, Serialize};

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Things.
    Count,
    /// Events a second.
    EventsPerSecond,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// A value of this unit as text.
    pub fn text(self, value: f64) -> String {
        let time = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
        match self {
            Unit::Count => figure(value),
            Unit::EventsPerSecond => format!("{}/s", figure(value)),
            Unit::Nanos => scaled(value, &time),
            Unit::Micros => scaled(value * 1e3, &time),
            Unit::Seconds => scaled(value * 1e9, &time),
            Unit::Bytes => scaled(value, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")]),
        }
    }
}

/// A number with three digits, in thousands, millions or billions where it is large.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 1e9 => format!("{} G", three(value / 1e9)),
        large if large >= 1e6 => format!("{} M", three(value / 1e6)),
        large if large >= 1e4 => format!("{} k", three(value / 1e3)),
        _ => three(value),
    }
}

fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fits = units.iter().find(|(size, _)| value.abs() >= *size).or(units.last());
    fits.map_or_else(|| three(value), |(size, unit)| format!("{} {unit}", three(value / size)))
}

/// Three digits, without a meaningless fraction.
fn three(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        some if some >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// An instant in milliseconds since 1970 as `2026-11-27 10:00 UTC`.
pub fn instant(at_ms: i64) -> String {
    let (days, minutes) = (at_ms.div_euclid(86_400_000), at_ms.rem_euclid(86_400_000) / 60_000);
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": days to civil, years that begin in March.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        let text = [
            Unit::EventsPerSecond.text(123_456.0),
            Unit::Micros.text(1_234.0),
            Unit::Micros.text(12.0),
            Unit::Seconds.text(61.25),
            Unit::Nanos.text(999.0),
            Unit::Bytes.text(675_000_000.0),
            Unit::Bytes.text(0.0),
            Unit::Count.text(9_999.0),
            Unit::Count.text(1_000_000.0),
        ];
        assert_eq!(text, ["123 k/s", "1.23 ms", "12 µs", "61.2 s", "999 ns", "675 MB", "0 B", "9999", "1 M"]);
    }

    #[test]
    fn instants_have_dates() {
        let known = [(0, "1970-01-01 00:00 UTC"), (1_795_776_060_000, "2026-11-27 10:41 UTC")];
        for (at, text) in known {
            assert_eq!(instant(at), text);
        }
        assert_eq!(instant(951_782_400_000), "2000-02-29 00:00 UTC");
        assert_eq!(instant(-1), "1969-12-31 23:59 UTC");
    }
}
