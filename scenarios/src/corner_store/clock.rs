//! The day of the story and its clock, in UTC.

pub(super) const SECOND_MS: i64 = 1_000;
pub(super) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-05-13 00:00 UTC, a Wednesday; the day after is Ascension Day, and shops are shut.
const DAY: i64 = 1_778_630_400_000;

/// A time of that day; hours from 24 on are those of the days after, negative ones those before.
pub(super) const fn at(hour: i64, minute: i64) -> i64 {
    DAY + hour * HOUR_MS + minute * MINUTE_MS
}

/// The first full second that is not before an instant: the tick that takes it.
pub(super) const fn second(instant: i64) -> i64 {
    (instant + SECOND_MS - 1).div_euclid(SECOND_MS) * SECOND_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_at_midnight() {
        assert_eq!(DAY % DAY_MS, 0);
        assert_eq!(at(24, 0) - at(0, 0), DAY_MS);
        assert_eq!((second(at(1, 0)), second(at(1, 0) + 1)), (at(1, 0), at(1, 0) + 1000));
    }
}
