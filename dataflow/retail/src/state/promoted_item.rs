//! All promotions of one item at one store: one offer and one row each, until each period settles.
//!
//! *State.* One [`Offer`] per promotion until its row settles; of settled promotions only the name, so that their rows
//! cannot come back. The moves that may still be corrected belong to the stock ledger.

use std::collections::BTreeMap;

use contract::event::promotion::Terms;
use contract::ids::Id;
use contract::keys::StoreItem;
use contract::time::{Cause, HOUR_MS, hour};
use contract::units::quotient;
use engine::reference::Hours;
use engine::row::{Row, Tumbling};
use operators::compact::compact_vec::CompactVec;
use operators::keyed::{Emit, Next, Ticks};
use serde::{Deserialize, Serialize};

use crate::state::moves::{Move, Moves};
use crate::state::offer::Offer;
use crate::views::promotion_performance::{Performance, PromotionRow, PromotionStoreItem};

/// An offer and its row.
#[derive(Default, Serialize, Deserialize)]
struct Placed {
    offer: Offer,
    row: Tumbling<PromotionRow>,
    /// The period settled before the row existed: it never will exist.
    over: bool,
}

/// The promotions of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct PromotedItem {
    offers: BTreeMap<Id, Placed>,
    /// Promotions whose rows have settled and gone: nothing changes them again.
    settled: CompactVec<Id>,
}

/// The inputs that all offers of an item at a store share in a tick.
pub struct OfferInputs<'a> {
    /// The item and the store.
    pub key: &'a StoreItem,
    /// The lines that may still be corrected.
    pub moves: &'a Moves,
    /// Expected sales a day.
    pub forecast_milli: i64,
    /// The opening hours of the store.
    pub hours: Hours,
    /// The tick length.
    pub ticks: Ticks,
    /// The time for which a fact may be corrected.
    pub lateness_ms: i64,
}

impl OfferInputs<'_> {
    /// `floor(forecast · open(start_at, min(hour(now), end_at)) / open_day)`.
    fn baseline_milli(&self, terms: Terms, now: i64) -> i64 {
        let open_ms = self.hours.open(terms.start_at, hour(now).min(terms.end_at));
        let forecast = i128::from(self.forecast_milli);
        quotient(forecast * i128::from(open_ms), i128::from(self.hours.open_day())).unwrap_or(0)
    }

    /// Brings the row of an offer up to date; returns the instant at which the clock changes it, `Forget` when it is
    /// empty.
    fn close(
        &self,
        promotion: Id,
        placed: &mut Placed,
        emit: &mut Emit<'_, Row<PromotionStoreItem, PromotionRow>, Cause>,
    ) -> Next {
        let now = emit.now();
        let key = PromotionStoreItem { promotion, store: self.key.store, item: self.key.item };
        if placed.row.is_settled() {
            // The value is final; detectors read it with the current period, or with an empty one if there is none.
            let period = placed.offer.current().map(|terms| (terms.start_at, terms.end_at));
            let amended = |current: PromotionRow| {
                let (start_at, end_at) = period.unwrap_or((current.end_at, current.end_at));
                PromotionRow { start_at, end_at, ..current }
            };
            placed.row.amend(&key, amended, emit);
            return placed.row.emit_row(&key, None, now, emit);
        }
        if placed.offer.is_changed() {
            placed.offer.judge(self.moves);
            // A settled period takes no new row: only an existing row settles with an end moved into the past.
            let has_settled = |terms: Terms| self.ticks.at(terms.end_at.saturating_add(self.lateness_ms)) < now;
            placed.over = placed.row.last_emitted().is_none() && placed.offer.terms().is_some_and(has_settled);
        }
        let terms = placed.offer.terms();
        let current = terms.filter(|terms| terms.start_at <= now && !placed.over).map(|terms| PromotionRow {
            performance: Performance::of(placed.offer.sums(), terms, self.baseline_milli(terms, now)),
            start_at: terms.start_at,
            end_at: terms.end_at,
            latest_sale: placed.offer.latest_sale(self.moves),
        });
        let is_current = current.is_some();
        let settles_at = terms.map_or(now, |terms| terms.end_at.saturating_add(self.lateness_ms));
        let next = placed.row.emit_row(&key, current, settles_at, emit);
        if placed.row.is_settled() {
            placed.offer = std::mem::take(&mut placed.offer).settled();
            return next;
        }
        match terms {
            None => Next::Forget,
            Some(terms) if is_current => {
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

impl PromotedItem {
    /// Takes `diff` copies of a sale or void line.
    pub fn line(&mut self, line: &Move, diff: i64) {
        self.offers.values_mut().for_each(|placed| placed.offer.line(line, diff));
    }

    /// Takes `diff` copies of the terms of a promotion.
    pub fn offer(&mut self, promotion: Id, terms: Terms, diff: i64) {
        if self.settled.binary_search(&promotion).is_err() {
            self.offers.entry(promotion).or_default().offer.update(terms, diff);
        }
    }

    /// True if terms have changed: moves that can no longer be corrected must be folded first.
    pub fn is_changed(&self) -> bool {
        self.offers.values().any(|placed| !placed.row.is_settled() && placed.offer.is_changed())
    }

    /// Takes a line that can no longer be corrected.
    pub fn fold(&mut self, line: &Move, count: i64) {
        self.offers.values_mut().for_each(|placed| placed.offer.fold(line, count));
    }

    /// Brings every row up to date; returns the next instant at which the clock changes one.
    pub fn close(
        &mut self,
        inputs: &OfferInputs<'_>,
        emit: &mut Emit<'_, Row<PromotionStoreItem, PromotionRow>, Cause>,
    ) -> Next {
        let PromotedItem { offers, settled } = self;
        let mut next = Next::Rest;
        offers.retain(|promotion, placed| match inputs.close(*promotion, placed, emit) {
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
        next
    }

    /// True if the row of any promotion may still change.
    pub fn is_promoted(&self) -> bool {
        !self.offers.is_empty()
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.offers.is_empty() && self.settled.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use crate::collections::item_at_store::entry::{ItemInput, ItemLogic, ItemOutput};
    use crate::state::moves::MoveKind;
    use crate::views::inventory_position;
    use contract::ids::EventId;
    use engine::reference::Context;
    use engine::row::READABLE_MS;

    const LATENESS: i64 = 10 * HOUR_MS;
    const TERMS: Terms = Terms { start_at: 0, end_at: 10 * HOUR_MS, price_cents: 80, uplift_bp: 5_000 };

    /// One item at one store with an hourly forecast of one unit.
    struct Item {
        state: KeyedStore<ItemLogic>,
    }

    impl Item {
        fn new() -> Self {
            let ticks = Ticks { tick_ms: 1 };
            let mut item = Item { state: KeyedStore::new(ItemLogic::new(ticks, LATENESS, &Context::default()), ticks) };
            assert_eq!(item.tick(0, vec![(ItemInput::Ranged((1, 24_000, None)), 1)]), []);
            item
        }

        fn tick(&mut self, now: i64, entries: Vec<(ItemInput, i64)>) -> Vec<(Performance, bool, i64)> {
            let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
            for (entry, diff) in entries {
                self.state.update(key, entry, Traced::new(diff, None), now);
            }
            let mut rows = Vec::new();
            self.state.fire_timers(now);
            self.state.close(now, &mut 100, &mut rows);
            let promotion = |(output, _, change): (ItemOutput, i64, Traced<i64, Cause>)| match output {
                ItemOutput::Promotion(row) => Some((row.value.performance, row.settled, change.diff)),
                _ => None,
            };
            rows.into_iter().filter_map(promotion).collect()
        }
    }

    fn offer(terms: Terms) -> ItemInput {
        ItemInput::Offer(Id::new("p"), terms)
    }

    fn line(event_time: i64, units: i64, unit_price_cents: i64) -> ItemInput {
        let id = EventId::new(format!("e{event_time}"));
        let kind = if units > 0 { MoveKind::Sale } else { MoveKind::Void };
        let (net_cents, discount_cents) = (units * unit_price_cents, units * 20);
        let moved = Move::of_stock(event_time, id, event_time, -units * 1_000);
        let line = Move { kind, net_cents, discount_cents, unit_price_cents, ..moved };
        ItemInput::Books(inventory_position::Entry::Move(line))
    }

    #[test]
    fn lines_add_up_and_the_baseline_grows_by_the_hour() {
        let mut item = Item::new();
        assert_eq!(item.tick(1, vec![(offer(TERMS), 1)]).len(), 1);
        let lines = [(HOUR_MS, 3, 80), (HOUR_MS + 1, -1, 80), (HOUR_MS + 2, 2, 90), (TERMS.end_at, 7, 80)];
        let lines = lines.map(|(at, units, price)| (line(at, units, price), 1));
        let emitted = item.tick(2 * HOUR_MS, lines.to_vec());
        let expected = Performance {
            lines: 2,
            units_milli: 4_000,
            net_cents: 340,
            discount_cents: 80,
            price_ok_lines: 1,
            price_mismatch_lines: 1,
            baseline_milli: 2_000,
            expected_milli: 3_000,
            attainment_bp: Some(20_000),
        };
        assert_eq!(emitted[1], (expected, false, 1));
        assert_eq!(item.tick(3 * HOUR_MS - 1, Vec::new()), []);
        let later =
            Performance { baseline_milli: 3_000, expected_milli: 4_500, attainment_bp: Some(6_666), ..expected };
        assert_eq!(item.tick(3 * HOUR_MS, Vec::new())[1], (later, false, 1));
    }

    #[test]
    fn a_settled_row_stays_settled() {
        let mut item = Item::new();
        item.tick(1, vec![(offer(TERMS), 1)]);
        let settles_at = TERMS.end_at + LATENESS;
        let emitted = item.tick(settles_at, Vec::new());
        assert_eq!((emitted.len(), emitted[1].0.baseline_milli, emitted[1].1), (2, 10_000, true));
        let longer = Terms { end_at: 500 * HOUR_MS, ..TERMS };
        // Only the period beside it follows, for detectors: the row is the same.
        let again = item.tick(settles_at + 1, vec![(offer(TERMS), -1), (offer(longer), 1)]);
        assert_eq!(again, [(emitted[1].0, true, -1), (emitted[1].0, true, 1)]);
        let withdrawn = item.tick(settles_at + READABLE_MS, Vec::new());
        assert_eq!((withdrawn.len(), withdrawn[0].1, withdrawn[0].2), (1, true, -1));
        assert_eq!(item.tick(settles_at + READABLE_MS + 1, vec![(offer(longer), -1), (offer(TERMS), 1)]), []);
    }

    #[test]
    fn an_end_moved_into_the_past_settles_the_row_with_that_change() {
        let mut item = Item::new();
        item.tick(1, vec![(offer(TERMS), 1)]);
        item.tick(5 * HOUR_MS, vec![(line(5 * HOUR_MS, 1, 80), 1)]);
        let shorter = Terms { end_at: HOUR_MS, ..TERMS };
        let emitted = item.tick(12 * HOUR_MS, vec![(offer(TERMS), -1), (offer(shorter), 1)]);
        assert_eq!((emitted[1].0.lines, emitted[1].0.baseline_milli, emitted[1].1), (0, 1_000, true));
    }

    #[test]
    fn an_end_moved_into_the_past_adds_no_new_row() {
        let mut item = Item::new();
        let ahead = Terms { start_at: 30 * HOUR_MS, end_at: 40 * HOUR_MS, ..TERMS };
        let past = Terms { end_at: HOUR_MS, ..TERMS };
        assert_eq!(item.tick(1, vec![(offer(ahead), 1)]), []);
        assert_eq!(item.tick(12 * HOUR_MS, vec![(offer(ahead), -1), (offer(past), 1)]), []);
        // Had it come at the very tick at which its period settles, it would have settled.
        assert_eq!(item.tick(13 * HOUR_MS, vec![(offer(past), -1), (offer(ahead), 1)]), []);
        let last = Terms { end_at: 4 * HOUR_MS, ..TERMS };
        let emitted = item.tick(14 * HOUR_MS, vec![(offer(ahead), -1), (offer(last), 1)]);
        assert_eq!(emitted.iter().map(|row| (row.1, row.2)).collect::<Vec<_>>(), [(true, 1)]);
    }

    #[test]
    fn a_row_listed_anew_takes_in_only_what_is_not_folded() {
        let mut item = Item::new();
        let long = Terms { end_at: 500 * HOUR_MS, ..TERMS };
        item.tick(1, vec![(offer(long), 1), (line(1, 1, 80), 1)]);
        let emitted = item.tick(12 * HOUR_MS, vec![(line(9 * HOUR_MS, 1, 80), 1)]);
        assert_eq!(emitted[1].0.lines, 2);
        assert_eq!(item.tick(13 * HOUR_MS, vec![(offer(long), -1)]).len(), 1);
        let emitted = item.tick(14 * HOUR_MS, vec![(offer(long), 1)]);
        assert_eq!((emitted.len(), emitted[0].0.lines), (1, 1));
    }

    #[test]
    fn a_period_that_settles_before_it_starts_has_no_row() {
        let mut item = Item::new();
        let odd = Terms { start_at: 30 * HOUR_MS, ..TERMS };
        assert_eq!(item.tick(1, vec![(offer(odd), 1)]), []);
        for now in [20, 30, 40] {
            assert_eq!(item.tick(now * HOUR_MS, vec![(line(now, 1, 80), 1)]), []);
        }
    }
}
