//! Detector `inventory.phantom_stock`: opens when a stocked item has not sold for improbably long (contract §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::keys::StoreItem;
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, Verdict};
use engine::reference::Hours;
use engine::time::Collection;

use crate::registry::Graph;
use crate::stats::basis_points;
use crate::views::inventory_position::Position;

/// `inventory.phantom_stock`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "inventory.phantom_stock",
    key: &["store", "item"],
    views: &[crate::views::inventory_position::NAME],
    feeds: &[Topic::Pos, Topic::Inventory],
    restricted: false,
    policies: &[Policy {
        name: "alpha_bp",
        default: 10,
        unit: "bp",
        meaning: "chance of selling nothing for so long below which the stock is doubted",
    }],
    for_ms: 0,
    rule: Rule {
        opens: "anchor_at is not null, on_hand_milli ≥ 1000, and the probability of no sale since the item could last sell < `alpha_bp`",
        clears: "the open condition is false",
        severity: "medium",
        recommends: &[Recommendation { action: "shelf_check", parameters: &[], approver: "store_manager" }],
    },
};

/// One unit: less is no stock.
const UNIT_MILLI: i64 = 1_000;

/// The inputs of an item at a store.
#[derive(Default)]
pub struct PhantomStockState {
    /// The current position.
    pub position: Option<Position>,
    /// Expected sales a day.
    pub forecast_milli: Option<i64>,
    /// The tick since which there has been a unit on hand without a break.
    pub stocked_since: Option<i64>,
}

/// The chance, in basis points, of selling nothing in `open_ms` of open time.
pub fn silence_bp(forecast_milli: i64, open_ms: i64, open_day_ms: i64) -> i64 {
    let expected = forecast_milli as f64 / 1_000.0 * open_ms as f64 / open_day_ms as f64;
    basis_points(libm::exp(-expected))
}

/// An open time that is not longer than [`silent_for`], and hardly shorter: one logarithm.
fn silent_for_at_least(forecast_milli: i64, open_day_ms: i64, alpha_bp: i64) -> Option<i64> {
    /// A thousand years: no wait is longer, and larger floats do not resolve milliseconds.
    const NEVER: f64 = 3e13;
    if alpha_bp <= 0 || forecast_milli <= 0 || open_day_ms <= 0 {
        return None;
    }
    // exp(−x) is below alpha after rounding half-up once it is below alpha − ½.
    let expected = -libm::log((alpha_bp as f64 - 0.5) / 10_000.0);
    let about = expected * open_day_ms as f64 * 1_000.0 / forecast_milli as f64;
    #[expect(clippy::cast_possible_truncation, reason = "below NEVER; saturates")]
    (about <= NEVER).then(|| (libm::floor(about) as i64 - 1).max(0))
}

/// The least open time in which the chance of selling nothing is below `alpha_bp`; `None` if no time is long enough.
pub fn silent_for(forecast_milli: i64, open_day_ms: i64, alpha_bp: i64) -> Option<i64> {
    let mut open_ms = silent_for_at_least(forecast_milli, open_day_ms, alpha_bp)?;
    while silence_bp(forecast_milli, open_ms, open_day_ms) >= alpha_bp {
        open_ms += 1;
    }
    Some(open_ms)
}

impl PhantomStockState {
    /// The instant since which the item could have sold and has not.
    fn silent_since(&self) -> Option<i64> {
        let position = self.position?;
        position.last_sale_at.max(position.anchor_at).max(self.stocked_since)
    }

    /// The verdict while there is counted stock: open once the silence is long enough.
    fn silence(&self, forecast_milli: i64, hours: Hours, at: &EvaluationContext<'_>) -> Verdict {
        let (open_day, alpha_bp) = (hours.open_day(), at.policy[0]);
        let least = silent_for_at_least(forecast_milli, open_day, alpha_bp);
        let (Some(since), Some(least)) = (self.silent_since(), least) else { return Verdict::while_true(false) };
        let open = hours.open(since, at.now);
        if open < least {
            return Verdict::while_true(false).again(Some(hours.after_open(since, least)));
        }
        match silent_for(forecast_milli, open_day, alpha_bp) {
            Some(needed) if open < needed => Verdict::while_true(false).again(Some(hours.after_open(since, needed))),
            needed => Verdict::while_true(needed.is_some()),
        }
    }
}

/// The detector; it reads inventory.position and ref.item_location.
pub struct PhantomStock;

impl Detector for PhantomStock {
    const KIND: &'static ExceptionType = KIND;
    const READS_STORES: bool = true;
    type Key = StoreItem;
    type State = PhantomStockState;

    fn assess(&self, key: &StoreItem, state: &mut PhantomStockState, at: &EvaluationContext<'_>) -> Verdict {
        let position = state.position;
        let stocked = position.is_some_and(|position| position.on_hand_milli >= UNIT_MILLI);
        state.stocked_since = state.stocked_since.or(Some(at.now)).filter(|_| stocked);
        let (Some(position), Some(forecast_milli)) = (position, state.forecast_milli) else { return Verdict::GONE };
        if !stocked || position.anchor_at.is_none() {
            return Verdict::while_true(false);
        }
        state.silence(forecast_milli, at.context.hours(key.store), at)
    }

    fn respond(&self, _: &StoreItem, _: &PhantomStockState, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::Medium, action: Action::new("shelf_check", "store_manager") }
    }

    fn drivers(&self, key: &StoreItem, state: &PhantomStockState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let (position, forecast) = (state.position, state.forecast_milli);
        let hours = at.context.hours(key.store);
        let silent_ms = state.silent_since().map(|since| hours.open(since, at.now));
        let chance = match (forecast, silent_ms) {
            (Some(milli), Some(open_ms)) if hours.open_day() > 0 => Some(silence_bp(milli, open_ms, hours.open_day())),
            _ => None,
        };
        let needed = forecast.and_then(|milli| silent_for(milli, hours.open_day(), at.policy[0]));
        vec![
            Driver::new("chance_of_no_sale", chance, at.policy[0], "bp"),
            Driver::new("open_time_without_sale", silent_ms, needed, "ms"),
            Driver::new("on_hand", position.map(|position| position.on_hand_milli), UNIT_MILLI, "milli-units"),
            Driver::new("forecast_per_day", forecast, 0, "milli-units"),
            Driver::new("last_sale_at", position.and_then(|position| position.last_sale_at), None, "ms"),
            Driver::new("last_count_at", position.and_then(|position| position.anchor_at), None, "ms"),
            Driver::new("in_stock_since", state.stocked_since, None, "ms"),
        ]
    }

    fn key_parts(&self, key: &StoreItem) -> Vec<KeyPart> {
        vec![key.store.into(), key.item.into()]
    }

    fn store(&self, key: &StoreItem, _: &PhantomStockState) -> Option<Id> {
        Some(key.store)
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.item_at_store().phantoms.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::reference::Store;
    use contract::time::{DAY_MS, HOUR_MS};
    use engine::reference::{Context, Notice};

    fn assess(state: &mut PhantomStockState, context: &Context, now: i64) -> Verdict {
        let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
        PhantomStock.assess(&key, state, &EvaluationContext { now, context, policy: &[10] })
    }

    fn with(position: Position, forecast_milli: i64) -> PhantomStockState {
        PhantomStockState { position: Some(position), forecast_milli: Some(forecast_milli), stocked_since: None }
    }

    fn counted() -> Position {
        Position { on_hand_milli: 1_000, anchor_at: Some(0), ..Position::default() }
    }

    #[test]
    fn opens_once_the_silence_is_long_enough_in_open_time() {
        let mut context = Context::default();
        let hours = Store { open_from: 480, open_to: 1_200, ..store() };
        context.apply(&Notice::Store(hours), 1);
        let mut state = with(counted(), 7_000);
        let waiting = assess(&mut state, &context, 0);
        // exp(−7·open/12 h) < 9.5 bp once open > 12 h · 6.9590/7 = 11.9297 h; the store opens at 8.
        let looks_at = waiting.look_again.expect("a time to look again");
        let opens_at = assess(&mut state, &context, looks_at).look_again.unwrap_or(looks_at);
        assert!(opens_at - looks_at < 5);
        assert!((opens_at - 19 * HOUR_MS - 3_347_000).abs() < 1_000, "{opens_at}");
        assert!(!waiting.open && !assess(&mut state, &context, opens_at - 1).open);
        assert!(assess(&mut state, &context, opens_at).open);
    }

    fn store() -> Store {
        Store { store: Id::new("s"), region: Id::new("r"), format: Id::new("f"), open_from: 0, open_to: 0 }
    }

    #[test]
    fn a_sale_or_a_break_in_the_stock_starts_it_anew() {
        let context = Context::default();
        let mut state = with(counted(), 7_000);
        assert!(assess(&mut state, &context, 0).look_again.is_some());
        assert!(assess(&mut state, &context, DAY_MS).open);
        let sold = Position { last_sale_at: Some(DAY_MS), ..counted() };
        state.position = Some(sold);
        assert!(!assess(&mut state, &context, DAY_MS + 1).open);
        assert!(assess(&mut state, &context, 2 * DAY_MS).open);
        let empty = Position { on_hand_milli: 999, ..sold };
        state.position = Some(empty);
        assert_eq!(assess(&mut state, &context, 3 * DAY_MS), Verdict::while_true(false));
        state.position = Some(sold);
        assert!(!assess(&mut state, &context, 4 * DAY_MS).open);
        assert_eq!(state.silent_since(), Some(4 * DAY_MS));
    }

    #[test]
    fn stays_closed_without_a_count_a_forecast_or_open_hours() {
        let mut context = Context::default();
        let uncounted = Position { anchor_at: None, ..counted() };
        assert_eq!(assess(&mut with(uncounted, 7_000), &context, DAY_MS), Verdict::while_true(false));
        assert_eq!(assess(&mut with(counted(), 0), &context, DAY_MS), Verdict::while_true(false));
        assert_eq!(assess(&mut PhantomStockState::default(), &context, DAY_MS), Verdict::GONE);
        // 24:00 to 00:00 wraps to no minute at all.
        context.apply(&Notice::Store(Store { open_from: 1_440, open_to: 0, ..store() }), 1);
        assert_eq!(assess(&mut with(counted(), 7_000), &context, DAY_MS), Verdict::while_true(false));
    }

    #[test]
    fn the_silence_needed_is_the_least() {
        for forecast_milli in [1, 7, 999, 12_345, 1 << 40] {
            for alpha_bp in [1, 10, 5_000, 10_000] {
                let open_ms = silent_for(forecast_milli, DAY_MS, alpha_bp).expect("within a thousand years");
                assert!(silence_bp(forecast_milli, open_ms, DAY_MS) < alpha_bp);
                assert!(open_ms == 0 || silence_bp(forecast_milli, open_ms - 1, DAY_MS) >= alpha_bp);
            }
        }
        assert_eq!(silent_for(1_000, DAY_MS, 0), None);
        assert_eq!(silent_for(1_000, DAY_MS, 10_001), Some(0));
    }
}
