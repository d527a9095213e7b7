//! View `store.queue`: service of each checkout zone by quarter of an hour (contract §4, view 3).

use contract::event::Topic;
use contract::event::queue::QueueInterval;
use contract::ids::{EventId, Id};
use contract::time::{Cause, QUARTER_MS, quarter};
use contract::units::{quotient, saturated};
use engine::row::{Row, Tumbling};
use engine::streams::Timed;
use engine::time::Collection;
use operators::aggregate::max_by_key::RetractableMax;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "store.queue";

/// A quarter of an hour of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ZoneQuarter {
    /// The store.
    pub store: Id,
    /// The zone of the store.
    pub zone: Id,
    /// The start of the quarter.
    pub quarter: i64,
}

/// The queue of a zone in a quarter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Customers served.
    pub served: i64,
    /// Of them, those who waited longer than the target.
    pub over_target: i64,
    /// Customers who left the queue.
    pub abandoned: i64,
    /// Sum of the waits of those served.
    pub wait_ms_sum: i64,
    /// Wait per customer served.
    pub avg_wait_ms: Option<i64>,
    /// Served in time / all who came.
    pub service_level_bp: Option<i64>,
    /// Longest queue seen.
    pub length_max: i64,
}

/// A row with the field that detectors read beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quarter {
    /// The row of the view.
    pub queue: Queue,
    /// Lanes open in the last interval of the quarter.
    pub lanes_open: i64,
}

/// Sums of intervals; wide, so that no number a source may send stops the job.
#[derive(Default, Serialize, Deserialize)]
struct Sums {
    intervals: i64,
    served: i128,
    over_target: i128,
    abandoned: i128,
    wait_ms: i128,
}

/// The state of a zone and quarter until it settles.
#[derive(Default, Serialize, Deserialize)]
struct StoreQueueState {
    sums: Sums,
    lengths: RetractableMax<i64>,
    /// Event time, record and lanes of each interval.
    lanes: RetractableMax<(i64, EventId, i64)>,
    row: Tumbling<Quarter>,
}

impl StoreQueueState {
    fn quarter(&self) -> Quarter {
        let Sums { served, over_target, abandoned, wait_ms, .. } = self.sums;
        let queue = Queue {
            served: saturated(served),
            over_target: saturated(over_target),
            abandoned: saturated(abandoned),
            wait_ms_sum: saturated(wait_ms),
            avg_wait_ms: quotient(wait_ms, served),
            service_level_bp: quotient((served - over_target) * 10_000, served + abandoned),
            length_max: self.lengths.get(|_| true).copied().unwrap_or(0),
        };
        Quarter { queue, lanes_open: self.lanes.get(|_| true).map_or(0, |last| last.2) }
    }
}

struct StoreQueue {
    lateness_ms: i64,
}

impl Keyed for StoreQueue {
    type Key = ZoneQuarter;
    /// Event time, record, interval.
    type Input = (i64, EventId, QueueInterval);
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = StoreQueueState;
    type Output = Row<ZoneQuarter, Quarter>;

    fn update(
        &mut self,
        _: &ZoneQuarter,
        state: &mut StoreQueueState,
        (at, id, interval): Self::Input,
        diff: i64,
        _: i64,
    ) {
        if state.row.is_settled() {
            return;
        }
        let times = |count: i64| i128::from(diff) * i128::from(count);
        state.sums.intervals += diff;
        state.sums.served += times(interval.served);
        state.sums.over_target += times(interval.over_target);
        state.sums.abandoned += times(interval.abandoned);
        state.sums.wait_ms += times(interval.wait_ms_sum);
        state.lengths.add(interval.length_max, diff);
        state.lanes.add((at, id, interval.lanes_open), diff);
    }

    fn close(
        &mut self,
        key: &ZoneQuarter,
        state: &mut StoreQueueState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = (state.sums.intervals > 0).then(|| state.quarter());
        let next = state.row.emit_row(key, value, key.quarter + QUARTER_MS + self.lateness_ms, emit);
        if state.row.is_settled() {
            (state.lengths, state.lanes) = Default::default();
        }
        next
    }
}

/// Maintains the rows with the field that detectors read.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    queues: &Collection<'scope, Timed<QueueInterval>>,
) -> Collection<'scope, Row<ZoneQuarter, Quarter>> {
    let intervals = queues.clone().map(|interval| {
        let QueueInterval { store, zone, .. } = interval.body;
        let key = ZoneQuarter { store, zone, quarter: quarter(interval.event_time) };
        (key, (interval.event_time, interval.id, interval.body))
    });
    keyed_operator("view: store.queue", ticks, intervals, None, StoreQueue { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Queue];
    type Key = ZoneQuarter;
    type Inner = Quarter;
    type Value = Queue;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<ZoneQuarter, Quarter>> {
        build(graph.inputs.ticks, graph.inputs.lateness_ms, &graph.inputs.streams.queues)
    }

    fn publish(quarter: Quarter) -> Queue {
        quarter.queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(served: i64, over_target: i64, abandoned: i64, lanes_open: i64) -> QueueInterval {
        let (store, zone) = (Id::new("s1"), Id::new("z"));
        let (wait_ms_sum, length_max) = (served * 1_000 + 1, served);
        QueueInterval { store, zone, served, over_target, abandoned, wait_ms_sum, length_max, lanes_open }
    }

    /// The row after these changes.
    fn check(changes: &[(i64, QueueInterval, i64)]) -> Quarter {
        let key = ZoneQuarter { store: Id::new("s1"), zone: Id::new("z"), quarter: 0 };
        let (mut logic, mut state) = (StoreQueue { lateness_ms: 0 }, StoreQueueState::default());
        for (at, interval, diff) in changes {
            logic.update(&key, &mut state, (*at, "q".into(), interval.clone()), *diff, 0);
        }
        state.quarter()
    }

    #[test]
    fn sums_rates_and_maxima_under_retraction() {
        let [first, second] = [interval(8, 3, 1, 4), interval(6, 1, 0, 2)];
        let both = check(&[(60, second.clone(), 1), (0, first.clone(), 1)]);
        let queue = Queue {
            served: 14,
            over_target: 4,
            abandoned: 1,
            wait_ms_sum: 14_002,
            avg_wait_ms: Some(1_000),
            service_level_bp: Some(6_666),
            length_max: 8,
        };
        assert_eq!(both, Quarter { queue, lanes_open: 2 });
        let one = check(&[(0, first.clone(), 1), (60, second.clone(), 1), (0, first, -1)]);
        assert_eq!(one, check(&[(60, second, 1)]));
    }

    #[test]
    fn nobody_came_and_more_waited_than_were_served() {
        let nobody = check(&[(0, interval(0, 0, 0, 1), 1)]).queue;
        assert_eq!((nobody.avg_wait_ms, nobody.service_level_bp), (None, None));
        assert_eq!(check(&[(0, interval(3, 5, 1, 1), 1)]).queue.service_level_bp, Some(-5_000));
        let absurd = interval(1, (1 << 53) - 1, 0, 1);
        let rows: Vec<_> = (0..2_000).map(|at| (at, absurd.clone(), 1)).collect();
        assert_eq!(check(&rows).queue.over_target, i64::MAX);
    }
}
