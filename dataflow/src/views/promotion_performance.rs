//! How each promotion sells, store by store and item by item, against what was hoped for.

use std::collections::BTreeMap;

use operators::driver::keyed;
use operators::keyed::{Emit, Keyed, Next, Ticks};
use operators::one::One;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::{Context, Hours, Notice};
use crate::event::promotion::Terms;
use crate::graph::Streams;
use crate::ids::Id;
use crate::row::{Row, StoreItem, Tumbling, floor_div, quotient};
use crate::time::{Cause, Collection, HOUR_MS, floor_to, hour};
use crate::views::offer::{LatestSale, Line, Lines, Offer};
use crate::views::promotion_window;

/// The name of the view.
pub const NAME: &str = "promotion.performance";

/// A promotion of an item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PromotionStoreItem {
    /// The promotion.
    pub promotion: Id,
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
}

/// What a promotion of an item sold at a store so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Performance {
    /// Sale lines.
    pub lines: i64,
    /// Σ quantity, sale − void.
    pub units_milli: i64,
    /// Σ net_cents, sale − void.
    pub net_cents: i64,
    /// Σ discount_cents, sale − void.
    pub discount_cents: i64,
    /// Sale lines at the promoted price.
    pub price_ok_lines: i64,
    /// Sale lines at another price.
    pub price_mismatch_lines: i64,
    /// What the forecast says would have sold without the promotion.
    pub baseline_milli: i64,
    /// The baseline with the uplift hoped for.
    pub expected_milli: i64,
    /// How much of that uplift came.
    pub attainment_bp: Option<i64>,
}

impl Performance {
    fn of(offer: &Offer, terms: Terms, baseline_milli: i64) -> Self {
        let sums = offer.sums();
        let baseline = i128::from(baseline_milli);
        let uplift = i128::from(terms.uplift_bp);
        Performance {
            lines: sums.ok_lines + sums.mismatch_lines,
            units_milli: sums.units_milli,
            net_cents: floor_div(sums.net_cents, 1),
            discount_cents: floor_div(sums.discount_cents, 1),
            price_ok_lines: sums.ok_lines,
            price_mismatch_lines: sums.mismatch_lines,
            baseline_milli,
            expected_milli: floor_div(baseline * (10_000 + uplift), 10_000),
            attainment_bp: quotient((i128::from(sums.units_milli) - baseline) * 100_000_000, baseline * uplift),
        }
    }
}

/// A row with what detectors read beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Standing {
    /// The row.
    pub performance: Performance,
    /// When the promotion ends.
    pub end_at: i64,
    /// The latest sale line among its lines.
    pub latest_sale: Option<LatestSale>,
}

/// What meets at an item of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// A sale or void line.
    Line(Line),
    /// A promotion of the item at the store.
    Offer(Id, Terms),
    /// Expected sales a day.
    Forecast(i64),
}

/// An offer and its row.
#[derive(Default)]
struct Placed {
    offer: Offer,
    row: Tumbling<Standing>,
    /// Its period settled before the row came: it never will.
    over: bool,
}

#[derive(Default)]
struct State {
    lines: Lines,
    forecast: One<i64>,
    offers: BTreeMap<Id, Placed>,
    /// Promotions whose rows have settled and gone: nothing changes them again.
    settled: Vec<Id>,
}

struct PromotionPerformance {
    lateness_ms: i64,
    context: Context,
}

/// The same at every offer of an item at a store in a tick.
struct Scene<'a> {
    key: &'a StoreItem,
    lines: &'a Lines,
    forecast_milli: i64,
    hours: Hours,
    lateness_ms: i64,
}

impl Scene<'_> {
    /// `floor(forecast · open(start_at, min(hour(now), end_at)) / open_day)`.
    fn baseline_milli(&self, terms: Terms, now: i64) -> i64 {
        let open_ms = self.hours.open(terms.start_at, hour(now).min(terms.end_at));
        let forecast = i128::from(self.forecast_milli);
        quotient(forecast * i128::from(open_ms), i128::from(self.hours.open_day())).unwrap_or(0)
    }

    /// Brings the row of an offer up to date; answers when the clock changes it, `Forget` when nothing is left of it.
    fn close(
        &self,
        promotion: Id,
        placed: &mut Placed,
        emit: &mut Emit<'_, Row<PromotionStoreItem, Standing>, Cause>,
    ) -> Next {
        let now = emit.now();
        if placed.offer.is_changed() {
            placed.offer.judge(self.lines);
            placed.over = false;
        }
        let terms = placed.offer.terms();
        let standing = terms.filter(|terms| terms.start_at <= now && !placed.over).map(|terms| Standing {
            performance: Performance::of(&placed.offer, terms, self.baseline_milli(terms, now)),
            end_at: terms.end_at,
            latest_sale: placed.offer.latest_sale(self.lines),
        });
        let stands = standing.is_some();
        let settles_at = terms.map_or(now, |terms| terms.end_at.saturating_add(self.lateness_ms));
        let key = PromotionStoreItem { promotion, store: self.key.store, item: self.key.item };
        let next = placed.row.say(&key, standing, settles_at, emit);
        if placed.row.is_settled() {
            placed.offer = Offer::default();
            return next;
        }
        match terms {
            None => Next::Forget,
            Some(terms) if stands => {
                let grows = self.forecast_milli > 0 && hour(now) < terms.end_at;
                next.or_at(grows.then(|| hour(now) + HOUR_MS))
            }
            Some(terms) => {
                placed.over = now >= settles_at;
                Next::Rest.or_at((!placed.over).then(|| settles_at.min(terms.start_at)))
            }
        }
    }
}

impl Keyed for PromotionPerformance {
    type Key = StoreItem;
    type Input = Entry;
    type Diff = i64;
    type Notice = Notice;
    type Cause = Cause;
    type State = State;
    type Output = Row<PromotionStoreItem, Standing>;

    fn update(&mut self, _: &StoreItem, state: &mut State, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Line(line) => {
                state.offers.values_mut().for_each(|placed| placed.offer.line(&line, diff));
                state.lines.add(line, diff);
            }
            Entry::Forecast(milli) => state.forecast.update(milli, diff),
            Entry::Offer(promotion, terms) => {
                if state.settled.binary_search(&promotion).is_err() {
                    let placed = state.offers.entry(promotion).or_default();
                    if !placed.row.is_settled() {
                        placed.offer.update(terms, diff);
                    }
                }
            }
        }
    }

    fn notice(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
    }

    fn concerns(&self, notice: &Notice, key: &StoreItem, state: &State) -> bool {
        matches!(notice, Notice::Store(store) if store.store == key.store) && !state.offers.is_empty()
    }

    fn close(&mut self, key: &StoreItem, state: &mut State, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let State { lines, forecast, offers, settled } = state;
        let changed = offers.values().any(|placed| placed.offer.is_changed());
        lines.fold(emit.now() - self.lateness_ms, changed, |line, count| {
            offers.values_mut().for_each(|placed| placed.offer.fold(line, count));
        });
        let forecast_milli = forecast.get().copied().unwrap_or(0);
        let hours = self.context.hours(key.store);
        let scene = Scene { key, lines, forecast_milli, hours, lateness_ms: self.lateness_ms };
        // One look, within the hour after the last line can no longer change, gives the memory back.
        let folds = lines.horizon().map(|at| floor_to(at + self.lateness_ms, HOUR_MS) + HOUR_MS);
        let mut next = Next::Rest.or_at(folds);
        offers.retain(|promotion, placed| match scene.close(*promotion, placed, emit) {
            Next::Forget => {
                if placed.row.is_settled()
                    && let Err(at) = settled.binary_search(promotion)
                {
                    settled.insert(at, *promotion);
                }
                false
            }
            Next::Rest => true,
            Next::At(instant) => {
                next = next.or_at(Some(instant));
                true
            }
        });
        let nothing = lines.is_empty() && forecast.is_empty() && offers.is_empty() && settled.is_empty();
        if nothing { Next::Forget } else { next }
    }
}

/// Everything that meets, by store and item.
fn entries<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    streams: &Streams<'scope>,
) -> Collection<'scope, (StoreItem, Entry)> {
    let lines = streams.pos.clone().filter(|line| line.body.sale_sign() != 0).map(|line| {
        let sign = line.body.sale_sign();
        let entry = Line {
            event_time: line.event_time,
            id: line.id,
            horizon: line.horizon,
            sale: line.body.is_sale(),
            units_milli: line.body.units_milli(),
            net_cents: sign * line.body.net_cents,
            discount_cents: sign * line.body.discount_cents,
            unit_price_cents: line.body.unit_price_cents,
        };
        (StoreItem { store: line.body.store, item: line.body.item }, Entry::Line(entry))
    });
    let promotions = promotion_window::build(ticks, lateness_ms, &streams.promotions);
    let offers = promotions.flat_map(|promotion| {
        let (id, terms, items) = (promotion.promotion, promotion.terms, promotion.items);
        promotion.stores.into_iter().flat_map(move |store| {
            let offer = move |item| (StoreItem { store, item }, Entry::Offer(id, terms));
            items.clone().into_iter().map(offer)
        })
    });
    let forecasts = streams.item_locations.clone().map(|location| {
        (StoreItem { store: location.store, item: location.item }, Entry::Forecast(location.forecast_milli))
    });
    lines.concat(offers).concat(forecasts)
}

/// Maintains the view, with what detectors read beside its rows; [`rows`] are the view proper.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    context: Context,
    notices: &Collection<'scope, Notice>,
    streams: &Streams<'scope>,
) -> Collection<'scope, Row<PromotionStoreItem, Standing>> {
    let logic = PromotionPerformance { lateness_ms, context };
    keyed("view: promotion.performance", ticks, entries(ticks, lateness_ms, streams), Some(notices.clone()), logic)
}

/// The rows of the view.
pub fn rows<'scope>(
    standings: &Collection<'scope, Row<PromotionStoreItem, Standing>>,
) -> Collection<'scope, Row<PromotionStoreItem, Performance>> {
    let row = |row: Row<PromotionStoreItem, Standing>| Row {
        key: row.key,
        value: row.value.performance,
        settled: row.settled,
    };
    standings.clone().map(row)
}
