//! The days and weeks of the data set: midnights of its stores, which are not midnights of UTC.
//!
//! Instants in the transactions are UTC. Dates and weeks are not: every week begins at 05:00 UTC, and at 04:00 UTC
//! from 12 March to 5 November, which is midnight on the east coast of the United States with its summer time of
//! 2017. So a day of a redemption and a week of a mailer are read as days and weeks there. Week 1 is the single
//! Sunday 1 January 2017, week 2 begins the Monday after, week 53 ends with the year.

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// 1 January 2017, in days since 1970.
const FIRST_DAY: i64 = 17_167;

/// Summer time: 12 March 2017 07:00 UTC to 5 November 2017 06:00 UTC.
const SUMMER: std::ops::Range<i64> = 17_237 * DAY_MS + 7 * HOUR_MS..17_475 * DAY_MS + 6 * HOUR_MS;

/// The day of the stores, in days since 1970, in which an instant lies.
pub(super) fn store_day(utc_ms: i64) -> i64 {
    let behind_ms = if SUMMER.contains(&utc_ms) { 4 * HOUR_MS } else { 5 * HOUR_MS };
    (utc_ms - behind_ms).div_euclid(DAY_MS)
}

/// The instant at which a day of the stores begins.
pub(super) fn midnight(day: i64) -> i64 {
    let summer = day * DAY_MS + 4 * HOUR_MS;
    if SUMMER.contains(&summer) { summer } else { summer + HOUR_MS }
}

/// The week in which an instant lies; what lies before the year counts to its first week.
pub(super) fn week_of(utc_ms: i64) -> i64 {
    ((store_day(utc_ms) - FIRST_DAY - 1).div_euclid(7) + 2).max(1)
}

/// The instants of a week: its start, and the start of the next.
pub(super) fn week(number: i64) -> std::ops::Range<i64> {
    let first_day = |number: i64| if number <= 1 { FIRST_DAY } else { FIRST_DAY + 1 + 7 * (number - 2) };
    midnight(first_day(number))..midnight(first_day(number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2017-01-01 00:00 UTC.
    const NEW_YEAR: i64 = 1_483_228_800_000;

    #[test]
    fn weeks_begin_at_midnight_of_the_stores() {
        assert_eq!(FIRST_DAY * DAY_MS, NEW_YEAR);
        assert_eq!(week(1), NEW_YEAR + 5 * HOUR_MS..NEW_YEAR + 29 * HOUR_MS);
        assert_eq!(week(2).start, week(1).end);
        // Week 11 loses an hour to summer time, week 45 gains it back.
        for number in 1..=53 {
            let hours = (week(number).end - week(number).start) / HOUR_MS;
            let expected = match number {
                1 => 24,
                11 => 167,
                45 => 169,
                _ => 168,
            };
            assert_eq!(hours, expected, "week {number}");
            assert_eq!((week_of(week(number).start), week_of(week(number).end - 1)), (number, number));
        }
        assert_eq!(week(53).end, 1_514_764_800_000 + 5 * HOUR_MS, "2018-01-01 05:00 UTC");
    }

    #[test]
    fn every_instant_lies_in_its_day() {
        for hour in -48..366 * 24 {
            let at = NEW_YEAR + hour * HOUR_MS;
            let day = store_day(at);
            assert!((midnight(day)..midnight(day + 1)).contains(&at), "hour {hour}");
        }
        assert_eq!(store_day(NEW_YEAR), FIRST_DAY - 1);
    }
}
