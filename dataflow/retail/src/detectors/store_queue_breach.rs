//! Detector `store.queue_breach`: opens when too many customers of a checkout zone waited too long (contract §5).
//!
//! The quarter that is evaluated is the last one completed five minutes ago; its row enters and leaves by the clock
//! ([`temporal_filter`]), so only changes of that row carry a cause. Staff and lanes are drivers and decide nothing.

use contract::event::Topic;
use contract::event::workforce::Role;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use contract::time::{MINUTE_MS, QUARTER_MS};
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::Row;
use engine::time::{Collection, Inputs, without_cause};
use operators::aggregate::sum_by_key::explode;
use operators::compact::unique_row::UniqueRow;
use operators::join::lookup::lookup;
use operators::keyed::Ticks;
use operators::window::temporal_filter::temporal_filter;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;
use crate::views::labor_coverage::Coverage;
use crate::views::store_queue::{Quarter, ZoneQuarter};
use contract::keys::StoreRole;

/// `store.queue_breach`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "store.queue_breach",
    key: &["store", "zone"],
    views: &[crate::views::store_queue::NAME, crate::views::labor_coverage::NAME],
    feeds: &[Topic::Queue],
    restricted: false,
    policies: &[Policy {
        name: "sl_bp",
        default: 8_000,
        unit: "bp",
        meaning: "service level of a quarter of an hour below which a queue is in breach",
    }],
    for_ms: 0,
    rule: Rule {
        opens: "the last quarter completed five minutes ago has ≥ 10 customers and service_level_bp < `sl_bp`",
        clears: "that quarter has ≥ 10 customers and service_level_bp ≥ `sl_bp`",
        severity: "critical if service_level_bp < 5000, else high",
        recommends: &[Recommendation { action: "open_lane", parameters: &[], approver: "store_manager" }],
    },
};

/// The delay after which a quarter is taken to be reported completely.
const GRACE_MS: i64 = 5 * MINUTE_MS;
/// Customers below which a quarter is not evaluated.
const ENOUGH: i64 = 10;
/// The service level below which a breach is critical.
const CRITICAL_BP: i64 = 5_000;

/// A zone of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StoreZone {
    store: Id,
    zone: Id,
}

/// An input of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reading {
    /// The evaluated quarter: its start and row.
    Quarter(i64, Quarter),
    /// The store's cashiers.
    Cashiers(Coverage),
}

/// The evaluated quarter, the cashiers, and the service level of the last quarter with enough customers.
#[derive(Default, Serialize, Deserialize)]
pub struct QueueBreachState {
    quarter: UniqueRow<(i64, Quarter)>,
    cashiers: UniqueRow<Coverage>,
    critical: bool,
}

impl QueueBreachState {
    /// Customers of the quarter, if they are enough, and its service level.
    fn judged(&self) -> Option<(i64, i64)> {
        let queue = self.quarter.get()?.1.queue;
        let customers = queue.served.saturating_add(queue.abandoned);
        queue.service_level_bp.filter(|_| customers >= ENOUGH).map(|level| (customers, level))
    }
}

/// The detector; it reads store.queue.
pub struct QueueBreach;

impl Detector for QueueBreach {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreZone;
    type State = QueueBreachState;

    fn assess(&self, _: &StoreZone, state: &mut QueueBreachState, at: &EvaluationContext<'_>) -> Verdict {
        // A quarter with too few customers, or none, opens nothing and clears nothing.
        let Some((_, level)) = state.judged() else { return Verdict::default() };
        let breach = level < at.policy[0];
        if breach {
            state.critical = level < CRITICAL_BP;
        }
        Verdict::while_true(breach)
    }

    fn respond(&self, _: &StoreZone, state: &QueueBreachState, _: &EvaluationContext<'_>) -> Response {
        let severity = if state.critical { Severity::Critical } else { Severity::High };
        Response { severity, action: Action::new("open_lane", "store_manager") }
    }

    fn drivers(&self, _: &StoreZone, state: &QueueBreachState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let quarter = state.quarter.get().copied();
        let queue = quarter.map(|(_, row)| row.queue);
        let customers = queue.map(|queue| queue.served.saturating_add(queue.abandoned));
        // Without a row of coverage nobody is there and nobody is needed.
        let cashiers = state.cashiers.get().copied().unwrap_or_default();
        vec![
            Driver::new("service_level", queue.and_then(|queue| queue.service_level_bp), at.policy[0], "bp"),
            Driver::new("customers", customers, ENOUGH, "customers"),
            Driver::new("quarter_start", quarter.map(|(start, _)| start), None, "ms"),
            Driver::new("average_wait", queue.and_then(|queue| queue.avg_wait_ms), None, "ms"),
            Driver::new("present", cashiers.present, cashiers.required, "heads"),
            Driver::new("required", cashiers.required, None, "heads"),
            Driver::new("lanes_open", quarter.map(|(_, row)| row.lanes_open), None, "lanes"),
        ]
    }

    fn key_parts(&self, key: &StoreZone) -> Vec<KeyPart> {
        vec![key.store.into(), key.zone.into()]
    }

    fn store(&self, key: &StoreZone, _: &QueueBreachState) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for QueueBreach {
    type Input = Reading;

    fn update(&self, _: &StoreZone, state: &mut QueueBreachState, reading: Reading, diff: i64) {
        match reading {
            Reading::Quarter(start, row) => state.quarter.update((start, row), diff),
            Reading::Cashiers(coverage) => state.cashiers.update(coverage, diff),
        }
    }

    fn is_empty(&self, state: &QueueBreachState) -> bool {
        state.quarter.is_empty() && state.cashiers.is_empty()
    }
}

/// The last quarter completed at now − 5 min of every zone that has a row for it, and the cashiers of its store.
pub fn readings<'scope>(
    ticks: Ticks,
    quarters: &Collection<'scope, Row<ZoneQuarter, Quarter>>,
    coverage: &Collection<'scope, Row<StoreRole, Coverage>>,
) -> Inputs<'scope, StoreZone, Reading> {
    let rows = quarters.clone().map(|row| (row.key, row.value));
    let counts_from = |key: &ZoneQuarter| key.quarter + QUARTER_MS + GRACE_MS;
    let last = temporal_filter("store.queue_breach: last quarter", ticks, rows, move |key| {
        counts_from(key)..counts_from(key) + QUARTER_MS
    });
    let last = last
        .map(|(ZoneQuarter { store, zone, quarter }, row)| (StoreZone { store, zone }, Reading::Quarter(quarter, row)));
    let zones = without_cause(last.clone()).map(|(key, _)| (key.store, (key.zone, 1i64)));
    let cashiers = cashiers(coverage);
    let cashiers = lookup("store.queue_breach: cashiers", ticks, zones, cashiers, |store, zone, coverage| {
        (StoreZone { store: *store, zone: *zone }, coverage.copied())
    });
    let cashiers = explode(cashiers, |moved| moved)
        .flat_map(|(key, coverage)| coverage.map(|coverage| (key, Reading::Cashiers(coverage))));
    Inputs::from(last).and(cashiers)
}

/// The checkout coverage of each store, as a driver.
pub fn cashiers<'scope>(coverage: &Collection<'scope, Row<StoreRole, Coverage>>) -> Collection<'scope, (Id, Coverage)> {
    without_cause(coverage.clone())
        .flat_map(|row| (row.key.role == Role::Checkout).then_some((row.key.store, row.value)))
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(QueueBreach, readings(graph.inputs.ticks, graph.store_queue(), graph.labor_coverage()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::store_queue::Queue;
    use engine::reference::Context;

    /// Lets each quarter (served, over target) count in turn; `None` is a quarter without a row.
    fn check(quarters: &[Option<(i64, i64)>], expected: &str) {
        let (context, key) = (Context::default(), StoreZone { store: Id::new("s"), zone: Id::new("z") });
        let at = EvaluationContext { now: 0, context: &context, policy: &[8_000] };
        let (mut state, mut before) = (QueueBreachState::default(), None);
        let mut letters = String::new();
        for (start, quarter) in (0..).zip(quarters) {
            let row = quarter.map(|(served, over_target)| {
                let service_level_bp = contract::units::ratio_bp(served - over_target, served);
                let queue = Queue { served, over_target, service_level_bp, ..Queue::default() };
                Reading::Quarter(start, Quarter { queue, lanes_open: 3 })
            });
            before.into_iter().for_each(|row| QueueBreach.update(&key, &mut state, row, -1));
            row.into_iter().for_each(|row| QueueBreach.update(&key, &mut state, row, 1));
            before = row;
            let verdict = QueueBreach.assess(&key, &mut state, &at);
            let critical = QueueBreach.respond(&key, &state, &at).severity == Severity::Critical;
            letters.push(match (verdict.open, verdict.clear) {
                (true, _) if critical => 'O',
                (true, _) => 'o',
                (false, true) => 'c',
                (false, false) if critical => 'S',
                (false, false) => 's',
            });
        }
        assert_eq!(letters, expected);
    }

    #[test]
    fn opens_below_its_level_and_clears_at_it() {
        check(&[Some((10, 2)), Some((10, 3)), Some((20, 5)), Some((100, 20))], "cooc");
    }

    #[test]
    fn stays_as_it_is_while_too_few_come() {
        check(&[Some((9, 9)), Some((10, 6)), Some((9, 0)), None, Some((0, 0)), Some((10, 5)), None], "sOSSSos");
    }
}
