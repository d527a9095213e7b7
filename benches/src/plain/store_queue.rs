//! How each queue did, quarter by quarter: sums, and the longest it was, which survives a correction.

use contract::event::queue::QueueInterval;
use contract::time::quarter;
use contract::units::quotient;
use engine::streams::Timed;
use retail::views::store_queue::{Queue, ZoneQuarter};

use operators::testing::reference::{PlainCollection, max_by_key, sum_by_key};

use super::differential::{Facts, abelian};

operators::sums! {
    /// Sums over the intervals of a zone and quarter.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct IntervalSums {
        intervals: i64,
        served: i64,
        over_target: i64,
        abandoned: i64,
        wait_ms: i64,
    }
}
abelian!(IntervalSums);

impl IntervalSums {
    fn of(interval: &QueueInterval) -> Self {
        let QueueInterval { served, over_target, abandoned, wait_ms_sum: wait_ms, .. } = *interval;
        IntervalSums { intervals: 1, served, over_target, abandoned, wait_ms }
    }

    fn beside(self, length_max: i64) -> Queue {
        let wide = |sum: i64| i128::from(sum);
        let in_time = wide(self.served - self.over_target);
        Queue {
            served: self.served,
            over_target: self.over_target,
            abandoned: self.abandoned,
            wait_ms_sum: self.wait_ms,
            avg_wait_ms: quotient(wide(self.wait_ms), wide(self.served)),
            service_level_bp: quotient(in_time * 10_000, wide(self.served + self.abandoned)),
            length_max,
        }
    }
}

/// The rows of the view.
pub(super) fn view<'scope>(queues: Facts<'scope, QueueInterval>) -> PlainCollection<'scope, (ZoneQuarter, Queue), i64> {
    let key = |interval: &Timed<QueueInterval>| {
        let QueueInterval { store, zone, .. } = interval.body;
        ZoneQuarter { store, zone, quarter: quarter(interval.event_time) }
    };
    let sums = sum_by_key(queues.clone().explode(move |interval| [(key(&interval), IntervalSums::of(&interval.body))]));
    let longest = max_by_key(queues.map(move |interval| (key(&interval), interval.body.length_max)));
    sums.join_map(longest, |key, sums, length_max| (*key, sums.beside(*length_max)))
}
