//! Money is counted in whole cents: the one door through which dollars come in, and the one way cents are divided.

/// A money amount of a source in whole cents, rounded half up; `None` if it is no number, negative, or beyond what a
/// JSON integer carries exactly.
///
/// Sums kept in floating point leave dust such as 2.2e-16 on a value of nothing: it rounds to 0 here and is never
/// seen again.
pub(crate) fn cents(dollars: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let cents = (dollars * 100.0 + 0.5).floor();
    if !(0.0..LARGEST).contains(&cents) || dollars < 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53, checked above")]
    Some(cents as i64)
}

/// Whether a money amount of a source was whole cents to begin with, the dust of floating point aside.
pub(crate) fn is_whole_cents(dollars: f64) -> bool {
    let cents = dollars * 100.0;
    (cents - cents.round()).abs() < 1e-6
}

/// `numerator / denominator` rounded half up; both are ≥ 0, the denominator > 0.
pub(crate) fn divide_half_up(numerator: i64, denominator: i64) -> i64 {
    debug_assert!(numerator >= 0 && denominator > 0);
    (2 * numerator + denominator) / (2 * denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_whole_cents() {
        assert_eq!(cents(0.0), Some(0));
        assert_eq!(cents(2.220_446e-16), Some(0));
        assert_eq!(cents(0.29), Some(29));
        assert_eq!(cents(1.15), Some(115));
        assert_eq!(cents(840.0), Some(84_000));
        assert_eq!(cents(0.125), Some(13), "half a cent goes up");
        assert_eq!(cents(-0.001), None);
        assert_eq!(cents(-3.0), None);
        assert_eq!(cents(f64::NAN), None);
        assert_eq!(cents(f64::INFINITY), None);
        assert_eq!(cents(1e15), None);
    }

    #[test]
    fn every_whole_cent_survives() {
        for whole in 0..200_000_i32 {
            assert_eq!(cents(f64::from(whole) / 100.0), Some(i64::from(whole)));
        }
    }

    #[test]
    fn dust_is_no_part_of_a_cent() {
        assert!(is_whole_cents(2.220_446e-16) && is_whole_cents(1.15) && is_whole_cents(840.0));
        assert!(!is_whole_cents(0.125) && !is_whole_cents(f64::NAN));
    }

    #[test]
    fn division_rounds_half_up() {
        assert_eq!(divide_half_up(1000, 3), 333);
        assert_eq!(divide_half_up(5, 2), 3);
        assert_eq!(divide_half_up(0, 7), 0);
    }
}
