//! Detector `store.conversion_drop`: opens when the conversion of the last hour is far below that of the day before
//! (contract §5).
//!
//! The hour that is evaluated, H, is the last one completed five minutes ago; it is compared with the hours of the day
//! before it. Rows enter and leave by the clock ([`temporal_filter`]), so only changes of rows that are read carry a cause.
//! Queues, cashiers and stockout risks are drivers and decide nothing.

use std::collections::BTreeMap;

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::keys::StoreHour;
use contract::policy::Policy;
use contract::time::{DAY_MS, HOUR_MS, MINUTE_MS, hour};
use contract::units::{floor_div, quotient};
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict, open_stores};
use engine::row::Row;
use engine::time::{Collection, Inputs, without_cause};
use operators::compact::unique_row::UniqueRow;
use operators::keyed::Ticks;
use operators::window::temporal_filter::temporal_filter;
use serde::{Deserialize, Serialize};

use crate::detectors::store_queue_breach::cashiers;
use crate::registry::Graph;
use crate::views::labor_coverage::Coverage;
use crate::views::store_queue::{Quarter, ZoneQuarter};
use crate::views::store_traffic::Traffic;
use contract::keys::StoreRole;

/// `store.conversion_drop`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "store.conversion_drop",
    key: &["store"],
    views: &[
        crate::views::store_traffic::NAME,
        crate::views::store_queue::NAME,
        crate::views::labor_coverage::NAME,
        crate::views::inventory_position::NAME,
    ],
    feeds: &[Topic::Traffic, Topic::Pos],
    restricted: false,
    policies: &[Policy {
        name: "drop_bp",
        default: 6_000,
        unit: "bp",
        meaning: "share of the usual conversion below which an hour is a drop",
    }],
    for_ms: 0,
    rule: Rule {
        opens: "the last hour completed five minutes ago has ≥ 50 visitors, and its conversion_bp < `drop_bp` of the mean of at least 6 such hours in the 24 hours before it",
        clears: "that hour has ≥ 50 visitors and is no drop",
        severity: "high",
        recommends: &[Recommendation { action: "review_store", parameters: &[], approver: "regional_manager" }],
    },
};

/// The delay after which an hour is taken to be reported completely.
const GRACE_MS: i64 = 5 * MINUTE_MS;
/// Visitors below which an hour is not evaluated.
const ENOUGH: i64 = 50;
/// The least number of hours to compare with.
const ENOUGH_HOURS: i64 = 6;

/// An input of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reading {
    /// An hour: its start, visitors and conversion.
    Hour(i64, i64, Option<i64>),
    /// A queue in hour H: customers served in time, and all customers.
    Queue(i64, i64),
    /// The cashiers missing.
    Gap(i64),
    /// An item with an open inventory.stockout_risk.
    Stockout,
}

/// The hours of a day, and the drivers beside them.
#[derive(Default, Serialize, Deserialize)]
pub struct ConversionDropState {
    /// Visitors and conversion by hour.
    hours: BTreeMap<i64, UniqueRow<(i64, Option<i64>)>>,
    in_time: i128,
    customers: i128,
    gap: UniqueRow<i64>,
    stockouts: i64,
}

/// Hour H, and the mean conversion before it.
struct Comparison {
    start: i64,
    visitors: Option<i64>,
    conversion_bp: Option<i64>,
    hours: i64,
    conversion_sum_bp: i64,
}

impl ConversionDropState {
    fn compare(&self, now: i64) -> Comparison {
        let start = hour(now - GRACE_MS) - HOUR_MS;
        let row = self.hours.get(&start).and_then(UniqueRow::get);
        let before = self.hours.range(start - DAY_MS..start).filter_map(|(_, row)| row.get());
        let usual = before.filter(|(visitors, _)| *visitors >= ENOUGH).filter_map(|(_, conversion)| *conversion);
        let (hours, conversion_sum_bp) = usual.fold((0, 0i64), |(hours, sum), bp| (hours + 1, sum.saturating_add(bp)));
        Comparison {
            start,
            visitors: row.map(|row| row.0),
            conversion_bp: row.and_then(|row| row.1),
            hours,
            conversion_sum_bp,
        }
    }
}

impl Comparison {
    /// True if the hour has enough visitors to be evaluated.
    fn is_judged(&self) -> bool {
        self.visitors.is_some_and(|visitors| visitors >= ENOUGH)
    }

    /// True if the conversion is below drop_bp of the exact mean; compared as integers, multiplied out.
    fn is_drop(&self, drop_bp: i64) -> bool {
        let below = |conversion_bp: i64| {
            i128::from(conversion_bp) * i128::from(self.hours) * 10_000
                < i128::from(drop_bp) * i128::from(self.conversion_sum_bp)
        };
        self.is_judged() && self.hours >= ENOUGH_HOURS && self.conversion_bp.is_some_and(below)
    }
}

/// The detector; it reads store.traffic.
pub struct ConversionDrop;

impl Detector for ConversionDrop {
    const KIND: &'static ExceptionType = KIND;
    type Key = Id;
    type State = ConversionDropState;

    fn assess(&self, _: &Id, state: &mut ConversionDropState, at: &EvaluationContext<'_>) -> Verdict {
        let comparison = state.compare(at.now);
        let open = comparison.is_drop(at.policy[0]);
        // An hour with too few visitors, or none, opens nothing and clears nothing.
        let verdict = Verdict { open, clear: comparison.is_judged() && !open, ..Verdict::default() };
        verdict.again((!state.hours.is_empty()).then(|| comparison.start + 2 * HOUR_MS + GRACE_MS))
    }

    fn respond(&self, _: &Id, _: &ConversionDropState, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("review_store", "regional_manager") }
    }

    fn drivers(&self, _: &Id, state: &ConversionDropState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let Comparison { start, visitors, conversion_bp, hours, conversion_sum_bp } = state.compare(at.now);
        let mean =
            |share_bp: i64| quotient(i128::from(conversion_sum_bp) * i128::from(share_bp), i128::from(hours) * 10_000);
        let service_level = (state.customers > 0).then(|| floor_div(state.in_time * 10_000, state.customers));
        vec![
            Driver::new("conversion", conversion_bp, mean(at.policy[0]), "bp"),
            Driver::new("usual_conversion", mean(10_000), None, "bp"),
            Driver::new("visitors", visitors, ENOUGH, "visitors"),
            Driver::new("hours_compared", hours, ENOUGH_HOURS, "hours"),
            Driver::new("hour_start", start, None, "ms"),
            Driver::new("service_level", service_level, None, "bp"),
            Driver::new("checkout_gap", state.gap.get().copied().unwrap_or(0), 0, "heads"),
            Driver::new("open_stockout_risks", state.stockouts, 0, "items"),
        ]
    }

    fn key_parts(&self, key: &Id) -> Vec<KeyPart> {
        vec![(*key).into()]
    }

    fn store(&self, key: &Id, _: &ConversionDropState) -> Option<Id> {
        Some(*key)
    }
}

impl StatefulDetector for ConversionDrop {
    type Input = Reading;

    fn update(&self, _: &Id, state: &mut ConversionDropState, reading: Reading, diff: i64) {
        match reading {
            Reading::Hour(start, visitors, conversion_bp) => {
                let row = state.hours.entry(start).or_default();
                row.update((visitors, conversion_bp), diff);
                if row.is_empty() {
                    state.hours.remove(&start);
                }
            }
            Reading::Queue(in_time, customers) => {
                state.in_time += i128::from(diff) * i128::from(in_time);
                state.customers += i128::from(diff) * i128::from(customers);
            }
            Reading::Gap(gap) => state.gap.update(gap, diff),
            Reading::Stockout => state.stockouts += diff,
        }
    }

    fn is_empty(&self, state: &ConversionDropState) -> bool {
        let explained = state.gap.is_empty() && state.stockouts == 0 && state.customers == 0 && state.in_time == 0;
        state.hours.is_empty() && explained
    }
}

/// The collections that only explain: their values are drivers and decide nothing.
pub struct Explanations<'a, 'scope> {
    /// The rows of store.queue.
    pub quarters: &'a Collection<'scope, Row<ZoneQuarter, Quarter>>,
    /// The rows of labor.coverage.
    pub coverage: &'a Collection<'scope, Row<StoreRole, Coverage>>,
    /// The store of every open inventory.stockout_risk.
    pub stockouts: &'a Collection<'scope, Id>,
}

/// The hours H − 24 h to H of every store, and the drivers of H.
pub fn readings<'scope>(
    ticks: Ticks,
    traffic: &Collection<'scope, Row<StoreHour, Traffic>>,
    explanations: &Explanations<'_, 'scope>,
) -> Inputs<'scope, Id, Reading> {
    let counts_from = |hour: i64| hour + HOUR_MS + GRACE_MS;
    let rows = traffic.clone().map(|row| (row.key, (row.value.visitors_in, row.value.conversion_bp)));
    let hours = temporal_filter("store.conversion_drop: hours", ticks, rows, move |key: &StoreHour| {
        counts_from(key.hour)..counts_from(key.hour) + HOUR_MS + DAY_MS
    });
    let hours = hours.map(|(key, (visitors, bp))| (key.store, Reading::Hour(key.hour, visitors, bp)));
    let rows = without_cause(explanations.quarters.clone()).map(|row| {
        let queue = row.value.queue;
        (row.key, (queue.served.saturating_sub(queue.over_target), queue.served.saturating_add(queue.abandoned)))
    });
    let queues = temporal_filter("store.conversion_drop: queues", ticks, rows, move |key: &ZoneQuarter| {
        let from = counts_from(hour(key.quarter));
        from..from + HOUR_MS
    });
    let queues = queues.map(|(key, (in_time, customers))| (key.store, Reading::Queue(in_time, customers)));
    let gaps = cashiers(explanations.coverage).map(|(store, coverage)| (store, Reading::Gap(coverage.gap)));
    let stockouts = without_cause(explanations.stockouts.clone()).map(|store| (store, Reading::Stockout));
    Inputs::from(hours).and(queues).and(gaps).and(stockouts)
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    let explanations = Explanations {
        quarters: graph.store_queue(),
        coverage: graph.labor_coverage(),
        stockouts: &open_stores(&graph.item_at_store().stockouts),
    };
    graph.watch(ConversionDrop, readings(graph.inputs.ticks, graph.store_traffic(), &explanations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    /// Judges hours 0, 1, 2, … (visitors, conversion), the last one at 5 minutes past its end.
    fn check(hours: &[(i64, Option<i64>)], expected: (bool, bool)) -> Vec<Driver> {
        let (context, mut state) = (Context::default(), ConversionDropState::default());
        let key = Id::new("s");
        for (at, (visitors, conversion_bp)) in (0..).zip(hours) {
            ConversionDrop.update(&key, &mut state, Reading::Hour(at * HOUR_MS, *visitors, *conversion_bp), 1);
        }
        let now = i64::try_from(hours.len()).unwrap() * HOUR_MS + GRACE_MS;
        let at = EvaluationContext { now, context: &context, policy: &[6_000] };
        let verdict = ConversionDrop.assess(&key, &mut state, &at);
        assert_eq!((verdict.open, verdict.clear), expected);
        assert_eq!(verdict.look_again, Some(now + HOUR_MS));
        ConversionDrop.drivers(&key, &state, &at)
    }

    #[test]
    fn compares_with_the_exact_mean() {
        let usual = [(50, Some(1_001)), (60, Some(1_000)), (70, Some(1_000)), (80, Some(1_000)), (90, Some(1_000))];
        let with = |last: &[(i64, Option<i64>)]| [&usual[..], last].concat();
        // The mean of six is 1000 1/6; six tenths of it are 600.1.
        let drivers = check(&with(&[(50, Some(1_000)), (50, Some(600))]), (true, false));
        assert_eq!((drivers[0].observed, drivers[0].expected), (Some(600), Some(600)));
        check(&with(&[(50, Some(1_000)), (50, Some(601))]), (false, true));
        // Five are not enough, and an hour with few visitors is none of them; nor does it clear.
        check(&with(&[(50, Some(0))]), (false, true));
        check(&with(&[(49, Some(1_000)), (50, Some(0))]), (false, true));
        check(&with(&[(50, Some(1_000)), (49, Some(0))]), (false, false));
    }

    #[test]
    fn an_hour_without_a_row_changes_nothing() {
        let (context, key) = (Context::default(), Id::new("s"));
        let mut state = ConversionDropState::default();
        ConversionDrop.update(&key, &mut state, Reading::Hour(0, 99, Some(5)), 1);
        let at = EvaluationContext { now: 2 * HOUR_MS + GRACE_MS, context: &context, policy: &[6_000] };
        let verdict = ConversionDrop.assess(&key, &mut state, &at);
        assert_eq!((verdict.open, verdict.clear), (false, false));
        ConversionDrop.update(&key, &mut state, Reading::Hour(0, 99, Some(5)), -1);
        assert!(ConversionDrop.is_empty(&state));
    }
}
