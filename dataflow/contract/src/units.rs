//! Exact quotients of amounts: rounded down, and clamped to the 64-bit range (contract §0).

/// A quotient in basis points, rounded down: `floor(a · 10000 / b)`, `None` when `b` ≤ 0 (contract §0).
pub fn ratio_bp(a: i64, b: i64) -> Option<i64> {
    quotient(i128::from(a) * 10_000, i128::from(b))
}

/// `floor(a / b)`, `None` when `b` ≤ 0.
pub fn quotient(a: i128, b: i128) -> Option<i64> {
    (b > 0).then(|| floor_div(a, b))
}

/// `floor(a / b)` for money denominators: `None` only when `b` is 0.
pub fn ratio_of_money_bp(a: i64, b: i64) -> Option<i64> {
    (b != 0).then(|| floor_div(i128::from(a) * 10_000, i128::from(b)))
}

/// The mathematical floor of a / b, `b` ≠ 0, clamped to the 64-bit range.
pub fn floor_div(a: i128, b: i128) -> i64 {
    let (quotient, remainder) = (a / b, a % b);
    saturated(if remainder != 0 && (remainder < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// A wide sum, clamped to the 64-bit range.
pub fn saturated(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_mathematical_floors() {
        assert_eq!(ratio_bp(1, 3), Some(3_333));
        assert_eq!(ratio_bp(-1, 3), Some(-3_334));
        assert_eq!(ratio_bp(1, 0), None);
        assert_eq!(ratio_bp(1, -3), None);
        assert_eq!(ratio_of_money_bp(1, -3), Some(-3_334));
        assert_eq!(floor_div(7, -2), -4);
        assert_eq!(floor_div(-6, -2), 3);
    }
}
