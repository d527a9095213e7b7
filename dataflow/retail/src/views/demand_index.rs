//! View `demand.index`: demand of each department of a store against forecast, carts and signals (contract §4, view
//! 17).

use contract::event::Topic;
use contract::event::activity::Act;
use contract::event::signal::Signal;
use contract::ids::Id;
use contract::keys::{StoreDept, StoreItem};
use contract::time::{Cause, HOUR_MS, MINUTE_MS, minute};
use contract::units::floor_div;
use engine::reference::{Context, Hours, Notice};
use engine::row::{Row, emit_row};
use engine::streams::Streams;
use engine::time::Collection;
use operators::join::lookup::lookup;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use differential_dataflow::collection::AsCollection;
use timely::dataflow::operators::vec::Broadcast;

use crate::registry::{Graph, View};
use crate::state::item_demand::Demand;
use crate::state::signal_book::SignalBook;
use crate::stats::basis_points;

/// The name of the view.
pub const NAME: &str = "demand.index";

/// The demand for a department of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DemandIndex {
    /// Sold − voided in the last 60 minutes.
    pub units_60m_milli: i64,
    /// What the forecast expects of those of them in which the store was open.
    pub expected_60m_milli: i64,
    /// Put into carts in the last 60 minutes.
    pub carts_60m: i64,
    /// Put into carts in the last 24 hours.
    pub carts_24h: i64,
    /// The factors of all signals in force, multiplied.
    pub signal_bp: i64,
    /// Demand against expectation: 10 000 is as expected.
    pub index_bp: i64,
}

impl DemandIndex {
    /// The index of a demand beside what was expected of it and the signals in force.
    pub fn of(demand: &Demand, expected_60m_milli: i64, signal_bp: i64) -> Self {
        let units = demand.units_milli.max(0) as f64 / 1_000.0;
        let expected = expected_60m_milli as f64 / 1_000.0;
        let (carts_60m, carts_24h) = (demand.carts_60m as f64, demand.carts_24h as f64);
        let sold = libm::pow((units + 5.0) / (expected + 5.0), 0.6);
        let wanted = libm::pow((carts_60m + 5.0) / (carts_24h / 24.0 + 5.0), 0.2);
        let signalled = libm::pow(signal_bp as f64 / 10_000.0, 0.2);
        DemandIndex {
            units_60m_milli: demand.units_milli,
            expected_60m_milli,
            carts_60m: demand.carts_60m,
            carts_24h: demand.carts_24h,
            signal_bp,
            index_bp: basis_points(sold * wanted * signalled),
        }
    }
}

/// The units that the store is expected to sell in the hour that ends with this minute, and the next instant at which
/// the clock changes its share of the day.
pub fn expected(forecast_milli: i128, hours: Hours, now: i64) -> (i64, Option<i64>) {
    let open_day = hours.open_day();
    if open_day == 0 || forecast_milli == 0 {
        return (0, None);
    }
    let end = minute(now) + MINUTE_MS;
    let open = hours.open(end - HOUR_MS, end);
    // Each new minute adds itself and drops the one an hour before: nothing changes while both are open or both closed.
    let turns = if hours.is_open(end) != hours.is_open(end - HOUR_MS) {
        Some(end)
    } else {
        let gained = hours.next_turn(end);
        let lost = hours.next_turn(end - HOUR_MS).map(|turn| turn + HOUR_MS);
        gained.into_iter().chain(lost).min()
    };
    (floor_div(forecast_milli * i128::from(open), i128::from(open_day)), turns)
}

/// A broadcast change that may affect many departments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Change {
    /// A store's hours.
    Store(contract::event::reference::Store),
    /// A signal.
    Signal(Signal),
}

#[derive(Default, Serialize, Deserialize)]
struct IndexState {
    demand: Demand,
    last_emitted: Option<DemandIndex>,
}

struct Index {
    context: Context,
    signals: SignalBook,
}

impl Keyed for Index {
    type Key = StoreDept;
    type Input = Demand;
    type Diff = i64;
    type Broadcast = Change;
    type Cause = Cause;
    type State = IndexState;
    type Output = Row<StoreDept, DemandIndex>;

    fn update(&mut self, _: &StoreDept, state: &mut IndexState, demand: Demand, diff: i64, _: i64) {
        state.demand.add(&demand, diff);
    }

    fn on_broadcast(&mut self, change: &Change, diff: i64) {
        match change {
            Change::Store(store) => self.context.apply(&Notice::Store(*store), diff),
            Change::Signal(signal) => self.signals.update(*signal, diff),
        }
    }

    fn is_affected(&self, change: &Change, key: &StoreDept, _: &IndexState) -> bool {
        match change {
            Change::Store(store) => store.store == key.store,
            Change::Signal(signal) => SignalBook::concerns(signal, key.store, key.dept),
        }
    }

    fn close(&mut self, key: &StoreDept, state: &mut IndexState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let (now, demand) = (emit.now(), state.demand);
        let (expected_milli, share_turns) = expected(demand.forecast_milli, self.context.hours(key.store), now);
        let (signal_bp, signals_turn) = self.signals.in_force(key.store, key.dept, now);
        let value = demand.is_present().then(|| DemandIndex::of(&demand, expected_milli, signal_bp));
        if !emit_row(key, &mut state.last_emitted, value, emit) {
            return Next::Forget;
        }
        Next::Rest.or_at(share_turns).or_at(signals_turn)
    }
}

/// Event times of items put into carts, by store and item.
pub fn carts<'scope>(streams: &Streams<'scope>) -> Collection<'scope, (StoreItem, i64)> {
    streams.activities.flat_map(|fact| {
        let activity = fact.body;
        let key = activity.store.zip(activity.item).map(|(store, item)| StoreItem { store, item });
        key.filter(|_| activity.act == Act::CartAdd).map(|key| (key, fact.event_time))
    })
}

/// Maintains the view over the demand for items, by store. `notices` have been broadcast.
pub fn build<'scope>(
    ticks: Ticks,
    context: Context,
    notices: &Collection<'scope, Notice>,
    streams: &Streams<'scope>,
    demand: &Collection<'scope, (Id, (Id, Demand))>,
) -> Collection<'scope, Row<StoreDept, DemandIndex>> {
    let depts = streams.products.clone().map(|product| (product.item, product.dept));
    let by_dept = lookup("demand.index: departments", ticks, demand.clone(), depts, |_, store, dept| StoreDept {
        store: *store,
        dept: dept.copied().unwrap_or_else(|| Id::new("unknown")),
    });
    let stores = notices.clone().flat_map(|notice| match notice {
        Notice::Store(store) => Some(Change::Store(store)),
        Notice::Policy(_) | Notice::Stale(..) => None,
    });
    let signals = streams.signals.clone().map(Change::Signal).inner.broadcast().as_collection();
    let index = Index { context, signals: SignalBook::default() };
    keyed_operator("view: demand.index", ticks, by_dept, Some(stores.concat(signals)), index)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Activity, Topic::Pos, Topic::Reference, Topic::Signals];
    type Key = StoreDept;
    type Inner = DemandIndex;
    type Value = DemandIndex;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreDept, DemandIndex>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.context.clone(), &inputs.reference, &inputs.streams, &graph.item_at_store().demand)
    }

    fn publish(row: DemandIndex) -> DemandIndex {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Hours = Hours::ALWAYS;

    #[test]
    fn the_index_weighs_sales_carts_and_signals() {
        let demand = Demand { units_milli: 25_000, carts_60m: 7, carts_24h: 48, ..Demand::default() };
        let index = DemandIndex::of(&demand, 10_000, 12_000);
        // (30/15)^0.6 · (12/7)^0.2 · 1.2^0.2 = 1.515717 · 1.113820 · 1.037137
        assert_eq!(index.index_bp, 17_509);
        let voided = Demand { units_milli: -25_000, ..demand };
        assert_eq!(DemandIndex::of(&voided, 10_000, 0).index_bp, 0);
        assert_eq!(DemandIndex::of(&Demand::default(), 0, 10_000).index_bp, 10_000);
    }

    #[test]
    fn the_forecast_is_spread_over_open_minutes() {
        assert_eq!(expected(24_000, DAY, 5 * HOUR_MS + 1), (1_000, None));
        assert_eq!(expected(0, DAY, 0), (0, None));
    }

    /// The obvious version: minute by minute, whether the share is what it was.
    #[test]
    fn the_share_changes_only_at_the_announced_instant() {
        for (open_from, open_to) in [(480, 1_200), (1_200, 240), (480, 500), (0, 1_440), (30, 30)] {
            let id = Id::new("s");
            let store = contract::event::reference::Store { store: id, region: id, format: id, open_from, open_to };
            let hours = Hours::of(&store);
            let mut turn = 0;
            let mut before = 0;
            for now in (0..2 * contract::time::DAY_MS).step_by(60_000) {
                let (milli, next) = expected(1_000_000_007, hours, now);
                assert!(now == 0 || milli == before || now >= turn, "{open_from}-{open_to} at {now}");
                (before, turn) = (milli, next.unwrap_or(i64::MAX));
                assert!(turn > now);
            }
        }
    }
}
