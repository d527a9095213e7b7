//! Demand for an item at a store: units and carts of the last hour, carts of the last day, and the forecast.
//!
//! *Meaning.* Sums over trail(60 m, minute) and trail(24 h, hour) of the item at the store, beside its forecast if it is
//! ranged. *Time.* Panes leave by the clock. *State.* The panes inside the windows, never more than a day.

use contract::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use operators::aggregate::sums::difference::{Multiply, Semigroup};
use operators::compact::optional_instant::OptionalInstant;
use operators::keyed::Next;
use operators::window::panes::{Panes, Trail};
use serde::{Deserialize, Serialize};

const LAST_HOUR: Trail = Trail { window_ms: HOUR_MS, pane_ms: MINUTE_MS };
const LAST_DAY: Trail = Trail { window_ms: DAY_MS, pane_ms: HOUR_MS };

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

    /// True if a row exists: lines, carts or ranged items contribute to it.
    pub fn is_present(&self) -> bool {
        self.lines > 0 || self.carts_60m > 0 || self.carts_24h > 0 || self.ranged > 0
    }
}

/// The windows of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct ItemDemand {
    /// Lines and units.
    sold: Panes<(i64, i64)>,
    /// Lines and units as last emitted.
    last_sold: (i64, i64),
    last_forecast: OptionalInstant,
    /// Few items are put into carts.
    carts: Option<Box<Carts>>,
}

/// Carts of the last hour and the last day, and their counts as last emitted.
#[derive(Default, Serialize, Deserialize)]
struct Carts {
    last_hour: Panes<i64>,
    last_day: Panes<i64>,
    last_emitted: (i64, i64),
}

impl Carts {
    fn totals(&mut self, now: i64) -> (i64, i64) {
        self.last_hour.expire(LAST_HOUR, now);
        self.last_day.expire(LAST_DAY, now);
        (self.last_hour.total(LAST_HOUR, now), self.last_day.total(LAST_DAY, now))
    }

    fn is_empty(&self) -> bool {
        self.last_hour.is_empty() && self.last_day.is_empty() && self.last_emitted == (0, 0)
    }
}

impl ItemDemand {
    /// Takes `diff` copies of a sale or void line.
    pub fn line(&mut self, event_time: i64, units_milli: i64, diff: i64) {
        self.sold.add(LAST_HOUR, event_time, &(diff, diff * units_milli));
    }

    /// Takes `diff` copies of its being put into a cart.
    pub fn cart(&mut self, event_time: i64, diff: i64) {
        let carts = self.carts.get_or_insert_default();
        carts.last_hour.add(LAST_HOUR, event_time, &diff);
        carts.last_day.add(LAST_DAY, event_time, &diff);
    }

    /// The change of the demand since the last call; `forecast_milli` is the daily forecast of a ranged item.
    pub fn grow(&mut self, forecast_milli: Option<i64>, now: i64) -> Demand {
        self.sold.expire(LAST_HOUR, now);
        let sold = self.sold.total(LAST_HOUR, now);
        let last_sold = std::mem::replace(&mut self.last_sold, sold);
        let last_forecast = std::mem::replace(&mut self.last_forecast, forecast_milli.into()).get();
        let (mut carts, mut last_carts) = ((0, 0), (0, 0));
        if let Some(present) = &mut self.carts {
            carts = present.totals(now);
            last_carts = std::mem::replace(&mut present.last_emitted, carts);
        }
        self.carts.take_if(|carts| carts.is_empty());
        let ranged = |forecast: Option<i64>| i64::from(forecast.is_some());
        let milli = |forecast: Option<i64>| i128::from(forecast.unwrap_or(0));
        Demand {
            lines: sold.0 - last_sold.0,
            units_milli: sold.1 - last_sold.1,
            carts_60m: carts.0 - last_carts.0,
            carts_24h: carts.1 - last_carts.1,
            ranged: ranged(forecast_milli) - ranged(last_forecast),
            forecast_milli: milli(forecast_milli) - milli(last_forecast),
        }
    }

    /// The instant at which the clock next changes the demand.
    pub fn next(&self, now: i64) -> Next {
        let next = Next::Rest.or_at(self.sold.next(LAST_HOUR, now));
        let Some(carts) = &self.carts else { return next };
        next.or_at(carts.last_hour.next(LAST_HOUR, now)).or_at(carts.last_day.next(LAST_DAY, now))
    }

    /// True if no window holds anything.
    pub fn is_at_rest(&self) -> bool {
        self.sold.is_empty() && self.carts.is_none()
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.sold.is_empty() && self.carts.is_none() && self.last_sold == (0, 0) && self.last_forecast.is_none()
    }
}

#[cfg(test)]
mod tests {
    use operators::aggregate::sums::difference::IsZero;

    use super::*;

    #[test]
    fn windows_follow_the_clock_and_a_late_retraction_finds_nothing() {
        let (mut item, minute) = (ItemDemand::default(), MINUTE_MS);
        let mut demand = Demand::default();
        // Per tick: the change, the forecast, then lines, units, carts of the hour, carts of the day, and the forecast.
        type Change = fn(&mut ItemDemand);
        let script: [(i64, Change, Option<i64>, [i64; 5]); 7] = [
            (10 * minute, |item| item.line(MINUTE_MS, 500, 1), None, [1, 500, 0, 0, 0]),
            (10 * minute, |item| item.cart(MINUTE_MS, 1), None, [1, 500, 1, 1, 0]),
            (11 * minute, |item| item.line(12 * MINUTE_MS, 700, 1), Some(9), [1, 500, 1, 1, 9]),
            (12 * minute, |_| {}, Some(9), [2, 1_200, 1, 1, 9]),
            (61 * minute, |_| {}, Some(9), [1, 700, 0, 1, 9]),
            (72 * minute, |item| item.line(MINUTE_MS, 500, -1), Some(9), [0, 0, 0, 1, 9]),
            (DAY_MS, |item| item.cart(MINUTE_MS, -1), None, [0, 0, 0, 0, 0]),
        ];
        for (now, change, ranged, expected) in script {
            change(&mut item);
            demand.add(&item.grow(ranged, now), 1);
            let forecast = i64::try_from(demand.forecast_milli).unwrap();
            assert_eq!(
                [demand.lines, demand.units_milli, demand.carts_60m, demand.carts_24h, forecast],
                expected,
                "at {now}"
            );
            assert!(item.grow(ranged, now).is_zero());
        }
        assert!(item.is_empty());
    }
}
