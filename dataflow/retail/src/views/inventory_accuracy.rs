//! View `inventory.accuracy`: counts that agreed with the books, by store and day (contract §4, view 7).

use contract::event::Topic;
use contract::keys::StoreDay;
use contract::time::{Cause, DAY_MS};
use contract::units::ratio_bp;
use engine::row::{Row, Tumbling};
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "inventory.accuracy";

/// What the counts of a store and day found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Accuracy {
    /// Counts that have a count before them.
    pub counts: i64,
    /// Of them, those that found what the books said.
    pub exact: i64,
    /// Σ |counted − book|.
    pub abs_variance_milli: i64,
    /// Σ counted − book.
    pub variance_milli: i64,
    /// How many of the counts were exact.
    pub accuracy_bp: Option<i64>,
}

/// The state of a store and day until it settles.
#[derive(Default, Serialize, Deserialize)]
struct InventoryAccuracyState {
    sums: Accuracy,
    row: Tumbling<Accuracy>,
}

struct InventoryAccuracy {
    lateness_ms: i64,
}

impl Keyed for InventoryAccuracy {
    type Key = StoreDay;
    /// A variance.
    type Input = i64;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = InventoryAccuracyState;
    type Output = Row<StoreDay, Accuracy>;

    fn update(&mut self, _: &StoreDay, state: &mut InventoryAccuracyState, variance_milli: i64, diff: i64, _: i64) {
        let sums = &mut state.sums;
        sums.counts += diff;
        sums.exact += diff * i64::from(variance_milli == 0);
        sums.abs_variance_milli += diff * variance_milli.abs();
        sums.variance_milli += diff * variance_milli;
    }

    fn close(
        &mut self,
        key: &StoreDay,
        state: &mut InventoryAccuracyState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let sums = state.sums;
        let value = (sums.counts > 0).then(|| Accuracy { accuracy_bp: ratio_bp(sums.exact, sums.counts), ..sums });
        state.row.emit_row(key, value, key.day + DAY_MS + self.lateness_ms, emit)
    }
}

/// Maintains the view from the variances that counts found.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    variances: Collection<'scope, (StoreDay, i64)>,
) -> Collection<'scope, Row<StoreDay, Accuracy>> {
    keyed_operator("view: inventory.accuracy", ticks, variances, None, InventoryAccuracy { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Inventory, Topic::Pos];
    type Key = StoreDay;
    type Inner = Accuracy;
    type Value = Accuracy;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreDay, Accuracy>> {
        build(graph.inputs.ticks, graph.inputs.lateness_ms, graph.item_at_store().variances.clone())
    }

    fn publish(row: Accuracy) -> Accuracy {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use crate::state::moves::Move;
    use crate::views::inventory_position::{BooksOutput, Entry, InventoryPosition};
    use contract::ids::{EventId, Id};
    use contract::keys::StoreItem;
    use contract::time::HOUR_MS;

    const TICKS: Ticks = Ticks { tick_ms: 1 };

    /// Items' books and the row of the one store and day, ticked together.
    struct Both {
        books: KeyedStore<InventoryPosition>,
        rows: KeyedStore<InventoryAccuracy>,
    }

    impl Both {
        fn new(lateness_ms: i64) -> Self {
            let books = KeyedStore::new(InventoryPosition { lateness_ms }, TICKS);
            Both { books, rows: KeyedStore::new(InventoryAccuracy { lateness_ms }, TICKS) }
        }

        fn tick(&mut self, now: i64, entries: Vec<(Entry, i64)>) -> Vec<(Row<StoreDay, Accuracy>, i64)> {
            let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
            for (entry, diff) in entries {
                self.books.update(key, entry, Traced::new(diff, None), now);
            }
            let (mut variances, mut rows) = (Vec::new(), Vec::new());
            self.books.fire_timers(now);
            self.books.close(now, &mut 100, &mut variances);
            for (output, _, change) in variances {
                if let BooksOutput::Variance(day, variance) = output {
                    self.rows.update(day, variance, change, now);
                }
            }
            self.rows.fire_timers(now);
            self.rows.close(now, &mut 100, &mut rows);
            rows.into_iter().map(|(row, _, change)| (row, change.diff)).collect()
        }
    }

    fn count(event_time: i64, milli: i64) -> Entry {
        Entry::Count { event_time, event_id: EventId::new(format!("c{event_time}")), milli }
    }

    fn value(rows: &[(Row<StoreDay, Accuracy>, i64)]) -> Option<Accuracy> {
        rows.iter().find(|(_, diff)| *diff > 0).map(|(row, _)| row.value)
    }

    #[test]
    fn each_count_is_held_against_the_books() {
        let mut both = Both::new(HOUR_MS);
        let moved = |at, milli| Entry::Move(Move::of_stock(at, EventId::default(), at, milli));
        let sold = |event_time| moved(event_time, -1_000);
        assert_eq!(both.tick(10, vec![(count(1, 9_000), 1), (sold(5), 1), (sold(8), 1)]), []);
        let row = both.tick(20, vec![(count(8, 7_000), 1), (count(20, 6_500), 1)]);
        let both_counts =
            Accuracy { counts: 2, exact: 1, abs_variance_milli: 500, variance_milli: -500, accuracy_bp: Some(5_000) };
        assert_eq!(value(&row), Some(both_counts));
        // A late sale makes the second count right and the deleted first one leaves it the only one with a count before.
        let row = both.tick(30, vec![(sold(8), -1), (moved(9, -500), 1)]);
        assert_eq!(value(&row).map(|row| (row.exact, row.variance_milli)), Some((1, -1_000)));
        let row = both.tick(40, vec![(count(1, 9_000), -1)]);
        assert_eq!(value(&row).map(|row| (row.counts, row.exact)), Some((1, 1)));
    }

    #[test]
    fn folded_counts_stay_in_their_day_which_settles() {
        let mut both = Both::new(HOUR_MS);
        both.tick(10, vec![(count(1, 9_000), 1), (count(2, 9_000), 1)]);
        let later = 3 * HOUR_MS;
        let row = both.tick(later, vec![(count(later, 8_000), 1)]);
        assert_eq!(value(&row).map(|row| (row.counts, row.exact)), Some((2, 1)));
        let rows = both.tick(DAY_MS + HOUR_MS, Vec::new());
        assert!(rows.iter().any(|(row, diff)| *diff > 0 && row.settled && row.value.counts == 2));
    }
}
