//! Detector `inventory.stockout_risk`: opens when demand will probably exceed the stock before the next delivery
//! (contract §5).

use contract::event::Topic;
use contract::event::reference::{ItemLocation, Product};
use contract::exception::{Action, Driver, KeyPart, Parameter, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::keys::StoreItem;
use contract::policy::Policy;
use contract::units::floor_div;
use engine::detector::{Detector, EvaluationContext, Verdict};
use engine::time::Collection;
use operators::aggregate::sum_by_key::explode;
use operators::join::lookup::lookup;
use operators::keyed::Ticks;

use crate::registry::Graph;
use crate::stats::{Demand, basis_points};
use crate::views::inventory_position::Position;

/// `inventory.stockout_risk`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "inventory.stockout_risk",
    key: &["store", "item"],
    views: &[crate::views::inventory_position::NAME],
    feeds: &[Topic::Pos, Topic::Inventory],
    restricted: false,
    policies: &[
        Policy { name: "open_bp", default: 5_000, unit: "bp", meaning: "chance of running out from which it opens" },
        Policy { name: "clear_bp", default: 3_000, unit: "bp", meaning: "chance of running out below which it clears" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "anchor_at is not null, at least one unit is expected to sell within the lead time, and the probability that demand within it exceeds available_milli ≥ `open_bp`",
        clears: "the probability < `clear_bp`, or less than one unit is expected to sell",
        severity: "critical if the probability ≥ 8000, else high",
        recommends: &[Recommendation { action: "replenish", parameters: &["quantity"], approver: "inventory_planner" }],
    },
};

/// The exception is critical from this probability of running out on.
const CRITICAL_BP: i64 = 8_000;
/// The probability with which the reordered quantity suffices.
const SUFFICES_BP: i64 = 9_500;

/// The units in a case of every ranged item. Products are looked up by item, so a changed product visits its stores
/// only.
pub fn case_packs<'scope>(
    ticks: Ticks,
    locations: &Collection<'scope, ItemLocation>,
    products: &Collection<'scope, Product>,
) -> Collection<'scope, (StoreItem, i64)> {
    let stores = locations.clone().map(|location| (location.item, (location.store, 1)));
    let packs = products.clone().map(|product| (product.item, product.case_pack));
    let packs = lookup("case packs of ranged items", ticks, stores, packs, |item, store, pack| {
        (StoreItem { store: *store, item: *item }, pack.copied().unwrap_or(1))
    });
    explode(packs, |moved| moved)
}

/// The inputs of an item at a store, and the values last computed from them.
#[derive(Default)]
pub struct StockoutRiskState {
    /// The current position.
    pub position: Option<Position>,
    /// The forecast and the lead time of a delivery.
    pub lead: Option<Lead>,
    /// Units in a case.
    pub case_pack: Option<i64>,
    /// The least number of units that suffices with probability 0.95, and the input it was computed from.
    pub suffices: Option<Box<(Lead, i64)>>,
    /// The probability of running out at the last evaluation.
    pub risk_bp: Option<i64>,
}

/// Demand until the next delivery: (lead_time_h, forecast_milli, dispersion_bp).
pub type Lead = (i64, i64, Option<i64>);

/// The demand that is expected until the next delivery.
pub fn demand((lead_time_h, forecast_milli, dispersion_bp): Lead) -> Demand {
    Demand {
        mean: forecast_milli as f64 * lead_time_h as f64 / 24_000.0,
        dispersion: dispersion_bp.map(|k| k as f64 / 10_000.0),
    }
}

/// 24 000 times the expected units: exact.
pub fn expected_24000((lead_time_h, forecast_milli, _): Lead) -> i128 {
    i128::from(forecast_milli) * i128::from(lead_time_h)
}

/// `max(0, ceil((suffices − available) / case_pack)) · case_pack`, in units.
pub fn quantity(suffices: i64, available_milli: i64, case_pack: i64) -> i64 {
    let short_milli = i128::from(suffices) * 1_000 - i128::from(available_milli);
    let case_milli = i128::from(case_pack) * 1_000;
    let cases = -i128::from(floor_div(-short_milli, case_milli));
    floor_div(cases.max(0) * i128::from(case_pack), 1)
}

impl StockoutRiskState {
    fn quantity(&self) -> i64 {
        let available_milli = self.position.map_or(0, |position| position.available_milli);
        let suffices = self.suffices.as_ref().map_or(0, |suffices| suffices.1);
        quantity(suffices, available_milli, self.case_pack.unwrap_or(1))
    }
}

/// The detector; it reads inventory.position and ref.item_location.
pub struct StockoutRisk;

impl Detector for StockoutRisk {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreItem;
    type State = StockoutRiskState;

    fn assess(&self, _: &StoreItem, state: &mut StockoutRiskState, at: &EvaluationContext<'_>) -> Verdict {
        let (open_bp, clear_bp) = (at.policy[0], at.policy[1]);
        state.risk_bp = None;
        let (Some(Position { available_milli, anchor_at, .. }), Some(lead)) = (state.position, state.lead) else {
            return Verdict::GONE;
        };
        let sells = expected_24000(lead) >= 24_000;
        if anchor_at.is_none() || !sells {
            return Verdict::while_true(false);
        }
        let risk_bp = basis_points(demand(lead).exceeds(floor_div(available_milli.into(), 1_000)));
        state.risk_bp = Some(risk_bp);
        let (open, clear) = (risk_bp >= open_bp, risk_bp < clear_bp);
        if (open || !clear) && state.suffices.as_ref().is_none_or(|suffices| suffices.0 != lead) {
            state.suffices = Some(Box::new((lead, demand(lead).quantile(SUFFICES_BP))));
        }
        Verdict { open, clear, gone: false, look_again: None }
    }

    fn respond(&self, _: &StoreItem, state: &StockoutRiskState, _: &EvaluationContext<'_>) -> Response {
        let critical = state.risk_bp.is_some_and(|risk_bp| risk_bp >= CRITICAL_BP);
        let severity = if critical { Severity::Critical } else { Severity::High };
        let action = Action::new("replenish", "inventory_planner");
        Response { severity, action: action.with("quantity", Parameter::Number(state.quantity())) }
    }

    fn drivers(&self, _: &StoreItem, state: &StockoutRiskState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let (position, lead) = (state.position, state.lead);
        let suffices = state.suffices.as_ref().filter(|suffices| Some(suffices.0) == lead);
        let suffices_milli = suffices.map(|suffices| suffices.1.saturating_mul(1_000));
        vec![
            Driver::new("stockout_probability", state.risk_bp, at.policy[0], "bp"),
            Driver::new("available", position.map(|position| position.available_milli), suffices_milli, "milli-units"),
            Driver::new(
                "demand_over_lead_time",
                lead.map(|lead| floor_div(expected_24000(lead), 24)),
                1_000,
                "milli-units",
            ),
            Driver::new("lead_time", lead.map(|lead| lead.0), None, "hours"),
            Driver::new("last_count_at", position.and_then(|position| position.anchor_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &StoreItem) -> Vec<KeyPart> {
        vec![key.store.into(), key.item.into()]
    }

    fn store(&self, key: &StoreItem, _: &StockoutRiskState) -> Option<Id> {
        Some(key.store)
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.item_at_store().stockouts.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    const POISSON_6: Lead = (24, 6_000, None);

    fn assess(state: &mut StockoutRiskState) -> (Verdict, Response) {
        let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
        let context = Context::default();
        let at = EvaluationContext { now: 0, context: &context, policy: &[5_000, 3_000] };
        let verdict = StockoutRisk.assess(&key, state, &at);
        (verdict, StockoutRisk.respond(&key, state, &at))
    }

    fn stock(available_milli: i64) -> Option<Position> {
        Some(Position { available_milli, anchor_at: Some(0), ..Position::default() })
    }

    fn with(position: Option<Position>, lead: Lead) -> StockoutRiskState {
        StockoutRiskState { position, lead: Some(lead), ..StockoutRiskState::default() }
    }

    #[test]
    fn opens_on_a_thin_shelf_and_clears_on_a_full_one() {
        // P(D > 5) = 0.554, P(D > 6) = 0.394, P(D > 7) = 0.256, Q95 = 10 for a Poisson of 6.
        let mut state = StockoutRiskState { case_pack: Some(4), ..with(stock(5_999), POISSON_6) };
        let (verdict, response) = assess(&mut state);
        assert!(verdict.open && !verdict.clear && response.severity == Severity::High);
        assert_eq!(response.action.parameters, [("quantity".into(), Parameter::Number(8))]);
        for (new, expected) in [(6_000, (false, false)), (7_000, (false, true))] {
            state.position = stock(new);
            let verdict = assess(&mut state).0;
            assert_eq!((verdict.open, verdict.clear), expected, "{new}");
        }
    }

    #[test]
    fn less_than_nothing_is_certain_to_run_out() {
        let mut state = with(stock(-1), POISSON_6);
        assert_eq!(assess(&mut state).1.severity, Severity::Critical);
        assert_eq!(state.risk_bp, Some(10_000));
    }

    #[test]
    fn stays_closed_without_a_count_a_place_or_a_unit_of_demand() {
        let uncounted = Some(Position::default());
        let sells = |forecast_milli| (7, forecast_milli, None);
        assert_eq!(assess(&mut with(uncounted, POISSON_6)).0, Verdict::while_true(false));
        assert_eq!(assess(&mut with(stock(-1), sells(3_428))).0, Verdict::while_true(false));
        assert!(assess(&mut with(stock(-1), sells(3_429))).0.open);
        assert_eq!(assess(&mut StockoutRiskState { lead: None, ..with(stock(0), POISSON_6) }).0, Verdict::GONE);
        assert_eq!(assess(&mut with(None, POISSON_6)).0, Verdict::GONE);
    }

    #[test]
    fn whole_cases_are_ordered() {
        assert_eq!([10_000, 9_999, 6_000, 5_999, -1].map(|milli| quantity(10, milli, 4)), [0, 4, 4, 8, 12]);
        assert_eq!(quantity(10, 10_001, 4), 0);
        assert_eq!(quantity((1 << 53) - 1, i64::MIN, (1 << 53) - 1), 3 * ((1 << 53) - 1));
    }
}
