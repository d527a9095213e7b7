//! View `store.traffic`: visitors of each store by hour, and the share of them that bought (contract §4, view 2).

use contract::event::Topic;
use contract::event::traffic::TrafficCount;
use contract::keys::StoreHour;
use contract::time::{Cause, HOUR_MS, hour};
use contract::units::{ratio_bp, saturated};
use engine::row::{Row, Tumbling, read};
use engine::streams::Timed;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::views::store_sales::Sales;

/// The name of the view.
pub const NAME: &str = "store.traffic";

/// The people of a store and hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Who came in, by sensors that work.
    pub visitors_in: i64,
    /// Who left, by sensors that work.
    pub visitors_out: i64,
    /// Transactions of view store.sales.
    pub transactions: i64,
    /// Transactions / visitors in.
    pub conversion_bp: Option<i64>,
}

/// An input of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Entry {
    /// A sensor's count.
    Count(TrafficCount),
    /// The transactions of the hour.
    Transactions(i64),
}

/// The state of a store and hour.
#[derive(Default, Serialize, Deserialize)]
struct StoreTrafficState {
    counts: i64,
    visitors_in: i128,
    visitors_out: i128,
    transactions: UniqueRow<i64>,
    row: Tumbling<Traffic>,
}

impl StoreTrafficState {
    fn traffic(&self) -> Traffic {
        let visitors_in = saturated(self.visitors_in);
        let transactions = self.transactions.get().copied().unwrap_or(0);
        Traffic {
            visitors_in,
            visitors_out: saturated(self.visitors_out),
            transactions,
            conversion_bp: ratio_bp(transactions, visitors_in),
        }
    }
}

struct StoreTraffic {
    lateness_ms: i64,
}

impl Keyed for StoreTraffic {
    type Key = StoreHour;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = StoreTrafficState;
    type Output = Row<StoreHour, Traffic>;

    fn update(&mut self, _: &StoreHour, state: &mut StoreTrafficState, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Count(count) => {
                state.counts += diff;
                if count.online {
                    state.visitors_in += i128::from(diff) * i128::from(count.visitors_in);
                    state.visitors_out += i128::from(diff) * i128::from(count.visitors_out);
                }
            }
            // Followed through settling too, to know when the row of sales is gone.
            Entry::Transactions(transactions) => state.transactions.update(transactions, diff),
        }
    }

    fn close(
        &mut self,
        key: &StoreHour,
        state: &mut StoreTrafficState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = (state.counts > 0).then(|| state.traffic());
        match state.row.emit_row(key, value, key.hour + HOUR_MS + self.lateness_ms, emit) {
            // Sales without a sensor: stored for a count that may still come.
            Next::Forget if !state.transactions.is_empty() => Next::Rest,
            next => next,
        }
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    traffic: &Collection<'scope, Timed<TrafficCount>>,
    sales: &Collection<'scope, Row<StoreHour, Sales>>,
) -> Collection<'scope, Row<StoreHour, Traffic>> {
    let counts = traffic
        .clone()
        .map(|count| (StoreHour { store: count.body.store, hour: hour(count.event_time) }, Entry::Count(count.body)));
    let transactions = read(sales, |sales| Entry::Transactions(sales.transactions));
    keyed_operator("view: store.traffic", ticks, transactions.and(counts), None, StoreTraffic { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos, Topic::Traffic];
    type Key = StoreHour;
    type Inner = Traffic;
    type Value = Traffic;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreHour, Traffic>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.lateness_ms, &inputs.streams.traffic, graph.store_sales())
    }

    fn publish(row: Traffic) -> Traffic {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::ids::Id;
    use engine::row::READABLE_MS;

    fn count(visitors_in: i64, online: bool) -> Entry {
        Entry::Count(TrafficCount { store: Id::new("s1"), visitors_in, visitors_out: 1, online })
    }

    /// Runs a script of (tick, changes) and returns the row after each tick.
    fn check(script: Vec<(i64, Vec<(Entry, i64)>)>) -> Vec<Option<(Traffic, bool)>> {
        let mut state = KeyedStore::new(StoreTraffic { lateness_ms: HOUR_MS }, Ticks { tick_ms: 1_000 });
        let key = StoreHour { store: Id::new("s1"), hour: 0 };
        let mut row = UniqueRow::default();
        let mut close = |(now, changes): (i64, Vec<(Entry, i64)>)| {
            for (entry, diff) in changes {
                state.update(key, entry, Traced::new(diff, None), now);
            }
            let mut out = Vec::new();
            state.fire_timers(now);
            assert!(state.close(now, &mut 10, &mut out));
            out.into_iter().for_each(|(emitted, _, change)| row.update((emitted.value, emitted.settled), change.diff));
            row.get().copied()
        };
        let rows = script.into_iter().map(&mut close).collect();
        close((i64::MAX / 2, vec![]));
        assert!(state.is_empty());
        rows
    }

    fn traffic(visitors: (i64, i64), transactions: i64, conversion_bp: Option<i64>) -> Traffic {
        Traffic { visitors_in: visitors.0, visitors_out: visitors.1, transactions, conversion_bp }
    }

    #[test]
    fn joins_sales_and_settles_with_its_hour() {
        let transactions = Entry::Transactions;
        let rows = check(vec![
            (1_000, vec![(transactions(2), 1)]),
            (2_000, vec![(count(9, false), 1)]),
            (3_000, vec![(count(7, true), 1), (transactions(3), 1), (transactions(2), -1)]),
            (2 * HOUR_MS, vec![(transactions(3), -1), (transactions(3), 1)]),
            (2 * HOUR_MS + READABLE_MS, vec![(transactions(3), -1)]),
        ]);
        let current = |row, settled| Some((row, settled));
        assert_eq!(rows[0], None);
        assert_eq!(rows[1], current(traffic((0, 0), 2, None), false));
        assert_eq!(rows[2], current(traffic((7, 1), 3, Some(4_285)), false));
        assert_eq!(rows[3], current(traffic((7, 1), 3, Some(4_285)), true));
        assert_eq!(rows[4], None);
    }

    #[test]
    fn goes_with_its_last_count() {
        let rows = check(vec![(1_000, vec![(count(5, true), 1)]), (2_000, vec![(count(5, true), -1)])]);
        assert_eq!(rows, [Some((traffic((5, 1), 0, Some(0)), false)), None]);
    }
}
