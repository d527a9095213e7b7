//! Percentiles of durations, up to the maximum.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest duration that is resolved: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
/// Points of the curve for each halving of the remaining share.
const POINTS_PER_HALVING: u32 = 2;

/// Durations as they are measured.
#[derive(Clone, Debug)]
pub struct Spans(Histogram<u64>);

impl Default for Spans {
    fn default() -> Self {
        Spans(Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("these bounds and digits are in order"))
    }
}

impl Spans {
    /// Takes one.
    pub fn record(&mut self, span: Duration) {
        self.record_many(span, 1);
    }

    /// Records `count` equal durations.
    pub fn record_many(&mut self, span: Duration, count: u64) {
        self.0.saturating_record_n(u64::try_from(span.as_micros()).unwrap_or(u64::MAX), count);
    }

    /// The percentiles.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile: f64| self.0.value_at_quantile(quantile);
        let curve = self.0.iter_quantiles(POINTS_PER_HALVING);
        Percentiles {
            count: self.0.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            p99_99_us: at(0.9999),
            max_us: self.0.max(),
            // The last point is the maximum at 1: no such place on an axis of nines.
            curve: curve
                .map(|point| (point.quantile_iterated_to(), point.value_iterated_to()))
                .filter(|(quantile, _)| *quantile < 1.0)
                .collect(),
        }
    }
}

/// Percentiles of durations, in microseconds, exact to three digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The number of durations. With fewer than 10,000 the 99.99th percentile is the maximum.
    pub count: u64,
    /// Half were no longer.
    pub p50_us: u64,
    /// 90th percentile.
    pub p90_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    pub p99_9_us: u64,
    /// 99.99th percentile.
    pub p99_99_us: u64,
    /// The maximum.
    pub max_us: u64,
    /// The curve: shares of the durations, and the longest duration within each share.
    pub curve: Vec<(f64, u64)>,
}

impl Percentiles {
    /// Each with its name.
    pub fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("p50", self.p50_us),
            ("p90", self.p90_us),
            ("p99", self.p99_us),
            ("p99.9", self.p99_9_us),
            ("p99.99", self.p99_99_us),
            ("max", self.max_us),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_spans_and_the_maximum_is_one_of_them() {
        let mut spans = Spans::default();
        (1..=10_000).for_each(|millis| spans.record(Duration::from_millis(millis)));
        let found = spans.percentiles();
        assert_eq!(found.count, 10_000);
        let wanted = [5_000, 9_000, 9_900, 9_990, 9_999, 10_000].map(|millis| millis * 1_000);
        for ((name, found), wanted) in found.named().into_iter().zip(wanted) {
            assert!(found.abs_diff(wanted) <= wanted / 1_000, "{name}: {found} for {wanted}");
        }
        assert!(found.curve.is_sorted() && found.curve.iter().all(|(share, _)| (0.0..1.0).contains(share)));
        assert!(found.curve.len() > 10);
    }

    #[test]
    fn nothing_has_no_curve_and_what_is_too_long_counts_as_the_longest() {
        assert_eq!(Spans::default().percentiles(), Percentiles::default());
        let mut spans = Spans::default();
        spans.record(Duration::from_secs(1 << 40));
        spans.record_many(Duration::ZERO, 3);
        let found = spans.percentiles();
        assert!(found.max_us.abs_diff(LONGEST_MICROS) < LONGEST_MICROS / 500, "{}", found.max_us);
        assert_eq!((found.count, found.p50_us), (4, 0));
    }
}
