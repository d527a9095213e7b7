//! How each item sells at each store now: units and carts of the last hour, carts of the last day, and its forecast.
//!
//! *Meaning.* Sums over trail(60 m, minute) and trail(24 h, hour) of the item at the store, beside its forecast if it is
//! ranged. *Time.* Panes leave by the clock. *State.* The panes inside the windows, never more than a day.

use operators::keyed::{Audience, Emit, Keyed, Next};
use operators::one::One;
use operators::panes::{Panes, Trail};
use operators::sums::difference::{Multiply, Semigroup};
use serde::{Deserialize, Serialize};

use crate::context::Notice;
use crate::row::StoreItem;
use crate::time::{Cause, DAY_MS, HOUR_MS, MINUTE_MS};

const LAST_HOUR: Trail = Trail { window_ms: HOUR_MS, pane_ms: MINUTE_MS };
const LAST_DAY: Trail = Trail { window_ms: DAY_MS, pane_ms: HOUR_MS };

/// What happens to an item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// A sale or void line: when, and units sold − voided.
    Line(i64, i64),
    /// Put into a cart: when.
    Cart(i64),
    /// Ranged, with this forecast per day.
    Ranged(i64),
}

operators::sums! {
/// The demand for an item at a store, or the sum of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Demand {
    /// Sale and void lines of the last hour.
    pub lines: i64,
    /// Units sold − voided in them.
    pub units_milli: i64,
    /// Carts of the last hour.
    pub carts_60m: i64,
    /// Carts of the last day.
    pub carts_24h: i64,
    /// Items that are ranged.
    pub ranged: i64,
    /// Their forecasts per day; wide, for their sum.
    pub forecast_milli: i128,
}
}

impl Demand {
    /// Adds `times` of another.
    pub fn add(&mut self, other: &Demand, times: i64) {
        self.plus_equals(&other.multiply(&times));
    }

    /// Whether anything stands behind it.
    pub fn stands(&self) -> bool {
        self.lines > 0 || self.carts_60m > 0 || self.carts_24h > 0 || self.ranged > 0
    }
}

/// The windows of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct State {
    /// Lines and units.
    sold: Panes<(i64, i64)>,
    carts_60m: Panes<i64>,
    carts_24h: Panes<i64>,
    forecast: One<i64>,
    said: Option<Said>,
}

/// The demand for one item at a store as last said, in its least form.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Said {
    lines: i64,
    units_milli: i64,
    carts_60m: i64,
    carts_24h: i64,
    forecast_milli: Option<i64>,
}

impl Said {
    fn stands(&self) -> bool {
        self.lines > 0 || self.carts_60m > 0 || self.carts_24h > 0 || self.forecast_milli.is_some()
    }

    fn demand(self) -> Demand {
        let Said { lines, units_milli, carts_60m, carts_24h, forecast_milli } = self;
        let ranged = i64::from(forecast_milli.is_some());
        let forecast_milli = forecast_milli.map_or(0, i128::from);
        Demand { lines, units_milli, carts_60m, carts_24h, ranged, forecast_milli }
    }
}

impl State {
    fn demand(&mut self, now: i64) -> Said {
        self.sold.leave(LAST_HOUR, now);
        self.carts_60m.leave(LAST_HOUR, now);
        self.carts_24h.leave(LAST_DAY, now);
        let (lines, units_milli) = self.sold.total(LAST_HOUR, now);
        Said {
            lines,
            units_milli,
            carts_60m: self.carts_60m.total(LAST_HOUR, now),
            carts_24h: self.carts_24h.total(LAST_DAY, now),
            forecast_milli: self.forecast.get().copied(),
        }
    }

    /// When the clock next changes the demand.
    fn next_turn(&self, now: i64) -> Option<i64> {
        let windows =
            [self.sold.next(LAST_HOUR, now), self.carts_60m.next(LAST_HOUR, now), self.carts_24h.next(LAST_DAY, now)];
        windows.into_iter().flatten().min()
    }
}

/// The logic of the sums by store and item.
pub struct ItemDemand;

impl Keyed for ItemDemand {
    type Key = StoreItem;
    type Input = Entry;
    type Diff = i64;
    type Notice = Notice;
    type Cause = Cause;
    type State = State;
    /// By how much the demand for an item at a store has grown.
    type Output = (StoreItem, Demand);

    fn audience(&self, _: &Notice) -> Audience {
        Audience::Nobody
    }

    fn update(&mut self, _: &StoreItem, state: &mut State, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Line(event_time, units_milli) => {
                state.sold.add(LAST_HOUR, event_time, &(diff, diff * units_milli));
            }
            Entry::Cart(event_time) => {
                state.carts_60m.add(LAST_HOUR, event_time, &diff);
                state.carts_24h.add(LAST_DAY, event_time, &diff);
            }
            Entry::Ranged(forecast_milli) => state.forecast.update(forecast_milli, diff),
        }
    }

    fn close(&mut self, key: &StoreItem, state: &mut State, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        let said = Some(state.demand(now)).filter(Said::stands);
        if said != state.said {
            let demand = |said: Option<Said>| said.map(Said::demand).unwrap_or_default();
            let mut more = demand(said);
            more.add(&demand(state.said), -1);
            emit.push((*key, more), 1);
            state.said = said;
        }
        match state.next_turn(now) {
            Some(instant) => Next::At(instant),
            None if said.is_none() => Next::Forget,
            None => Next::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::{KeyedState, Ticks};

    use super::*;
    use crate::ids::Id;

    #[test]
    fn windows_follow_the_clock_and_a_late_retraction_finds_nothing() {
        let mut state = KeyedState::new(ItemDemand, Ticks { tick_ms: 1_000 });
        let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
        // Per tick: the changes, then lines, units, carts of the hour, carts of the day, forecast.
        let minute = MINUTE_MS;
        let script = [
            (10 * minute, vec![(Entry::Line(minute, 500), 1), (Entry::Cart(minute), 1)], [1, 500, 1, 1, 0]),
            (11 * minute, vec![(Entry::Line(12 * minute, 700), 1), (Entry::Ranged(9), 1)], [1, 500, 1, 1, 9]),
            (12 * minute, vec![], [2, 1_200, 1, 1, 9]),
            (61 * minute, vec![], [1, 700, 0, 1, 9]),
            (72 * minute, vec![(Entry::Line(minute, 500), -1)], [0, 0, 0, 1, 9]),
            (DAY_MS, vec![(Entry::Ranged(9), -1), (Entry::Cart(minute), -1)], [0, 0, 0, 0, 0]),
        ];
        let mut said = Demand::default();
        for (now, changes, expected) in script {
            for (entry, diff) in changes {
                state.update(key, entry, Traced::new(diff, None), now);
            }
            let mut out = Vec::new();
            state.wake(now);
            assert!(state.close(now, &mut 10, &mut out));
            out.iter().for_each(|((_, demand), _, change)| said.add(demand, change.diff));
            let forecast = i64::try_from(said.forecast_milli).unwrap();
            assert_eq!([said.lines, said.units_milli, said.carts_60m, said.carts_24h, forecast], expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
