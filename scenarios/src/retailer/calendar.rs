//! Days and hours of the retailer: when shops are open, and how busy each hour is.
//!
//! All shops are open from 08:00 to 20:00 UTC. The hours of a grocery day follow the usual curve between these two
//! (10 % of a day's sales by 10:00, the peak from 16:00 to 18:00); its ends are lifted to seven eighths of an even hour,
//! because the contract forecasts days and judges hours: a steeper curve would be an exception every morning.

/// A second.
pub(crate) const SECOND_MS: i64 = 1_000;
/// A minute.
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;
/// An hour.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// A day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// The minute of the day at which shops open.
pub(crate) const OPEN_FROM: i64 = 8 * 60;
/// The minute of the day at which they close.
pub(crate) const OPEN_TO: i64 = 20 * 60;
/// How long they are open in a day.
pub(crate) const OPEN_MINUTES: i64 = OPEN_TO - OPEN_FROM;

/// How busy each hour from 08:00 on is, in hundredths of an even hour: they sum to twelve even hours.
const CURVE: [i64; 12] = [88, 94, 99, 102, 102, 99, 102, 106, 113, 114, 95, 86];

/// The busiest of them, for whoever plans.
pub(crate) const PEAK_PERCENT: i64 = 114;

/// How busy each day from Monday on is, in hundredths. Real weeks swing twice as far; forecasts here know no weekday.
const WEEK: [i64; 7] = [97, 96, 97, 98, 104, 106, 102];

/// The minute of the UTC day of an instant.
pub(crate) fn minute_of_day(at: i64) -> i64 {
    at.rem_euclid(DAY_MS) / MINUTE_MS
}

/// Whether shops are open.
pub(crate) fn is_open(at: i64) -> bool {
    (OPEN_FROM..OPEN_TO).contains(&minute_of_day(at))
}

/// How busy an open minute is, in ten thousandths of an even one; 0 while shops are closed.
pub(crate) fn busy_bp(at: i64) -> i64 {
    let hour = usize::try_from((minute_of_day(at) - OPEN_FROM).div_euclid(60)).ok();
    let share = hour.and_then(|hour| CURVE.get(hour)).copied().unwrap_or(0);
    // 1970-01-01 was a Thursday.
    let weekday = usize::try_from((at.div_euclid(DAY_MS) + 3).rem_euclid(7)).unwrap_or(0);
    share * WEEK[weekday]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day_and_a_week_is_a_week() {
        assert_eq!(CURVE.iter().sum::<i64>(), 1200);
        assert_eq!(WEEK.iter().sum::<i64>(), 700);
        assert_eq!(CURVE.iter().max(), Some(&PEAK_PERCENT));
        let friday = 1_795_737_600_000;
        assert_eq!(busy_bp(friday + 17 * HOUR_MS), 114 * 104);
        assert_eq!((busy_bp(friday + 8 * HOUR_MS - 1), busy_bp(friday + 20 * HOUR_MS)), (0, 0));
        assert!(is_open(friday + 8 * HOUR_MS) && !is_open(friday + 20 * HOUR_MS));
    }
}
