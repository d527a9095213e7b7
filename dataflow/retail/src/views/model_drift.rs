//! View `model.drift`: forecast error of the last seven days by region, format and department (contract §4, view 19).

use std::collections::BTreeMap;

use contract::event::Topic;
use contract::ids::Id;
use contract::time::Cause;
use contract::units::{quotient, saturated};
use engine::row::{Row, emit_row};
use engine::streams::Streams;
use engine::time::{Collection, Inputs};
use operators::aggregate::sum_by_key::explode;
use operators::compact::unique_row::UniqueRow;
use operators::diff::{Traced, least};
use operators::join::lookup::lookup;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::state::selling_days::{Errors, Ranged, SellingDays};

/// The name of the view.
pub const NAME: &str = "model.drift";

/// A department in the stores of a region and format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Segment {
    /// The region.
    pub region: Id,
    /// The format.
    pub format: Id,
    /// The department.
    pub dept: Id,
}

/// How far forecast and sales are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// Sold − voided.
    pub actual_milli: i64,
    /// Forecast.
    pub forecast_milli: i64,
    /// Σ over item, store and day of |units − forecast|.
    pub abs_error_milli: i64,
    /// Absolute error / actual.
    pub wape_bp: Option<i64>,
    /// (Forecast − actual) / actual.
    pub bias_bp: Option<i64>,
}

impl Drift {
    /// The drift of summed errors.
    pub fn of(errors: &Errors) -> Self {
        let per_actual = |milli: i128| quotient(milli * 10_000, errors.actual_milli);
        Drift {
            actual_milli: saturated(errors.actual_milli),
            forecast_milli: saturated(errors.forecast_milli),
            abs_error_milli: saturated(errors.abs_error_milli),
            wape_bp: per_actual(errors.abs_error_milli),
            bias_bp: per_actual(errors.forecast_milli - errors.actual_milli),
        }
    }
}

/// An input of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Entry {
    /// A till line: item, event time, units sold − voided.
    Line(Id, i64, i64),
    /// An item is ranged.
    Ranged(Id, Ranged),
    /// The store is of this region and format.
    Place(Id, Id),
}

/// The days of a store and the errors as last emitted.
#[derive(Default, Serialize, Deserialize)]
struct StoresState {
    days: SellingDays,
    place: UniqueRow<(Id, Id)>,
    place_cause: Option<Cause>,
    /// By department.
    errors: BTreeMap<Id, Errors>,
    last_emitted: BTreeMap<Segment, Errors>,
}

/// Sums per store: the first of two steps.
struct Stores;

impl Keyed for Stores {
    type Key = Id;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = StoresState;
    type Output = (Segment, Errors);

    fn update(&mut self, key: &Id, state: &mut StoresState, entry: Entry, diff: i64, now: i64) {
        self.update_with_cause(key, state, entry, Traced::new(diff, None), now);
    }

    fn update_with_cause(
        &mut self,
        _: &Id,
        state: &mut StoresState,
        entry: Entry,
        change: Traced<i64, Cause>,
        now: i64,
    ) {
        let Traced { diff, cause } = change;
        match entry {
            Entry::Line(item, event_time, milli) => state.days.line((item, event_time, milli), diff, &cause, now),
            Entry::Ranged(item, ranged) => state.days.ranged(item, ranged, diff, &cause),
            Entry::Place(region, format) => {
                state.place.update((region, format), diff);
                least(&mut state.place_cause, &cause);
            }
        }
    }

    fn close(&mut self, _: &Id, state: &mut StoresState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        let place_cause = state.place_cause.take();
        let (region, format) = state.place.get().copied().unwrap_or((Id::new("unknown"), Id::new("unknown")));
        let moved =
            state.last_emitted.first_key_value().is_some_and(|(at, _)| (at.region, at.format) != (region, format));
        let changed = state.days.close(now);
        if changed.is_none() && !moved {
            return Self::next(state, now);
        }
        let causes = changed.map(|(errors, causes)| {
            state.errors = errors;
            causes
        });
        let causes = causes.unwrap_or_default();
        let mut before = std::mem::take(&mut state.last_emitted);
        state.last_emitted =
            state.errors.iter().map(|(dept, errors)| (Segment { region, format, dept: *dept }, *errors)).collect();
        for (segment, errors) in &state.last_emitted {
            let mut cause = causes.of(segment.dept);
            least(&mut cause, if moved { &place_cause } else { &None });
            let old = before.remove(segment).map(|errors| (*segment, errors));
            emit.with_cause(&cause).replace(old, Some((*segment, *errors)));
        }
        for (segment, errors) in before {
            let mut cause = causes.of(segment.dept);
            least(&mut cause, if moved { &place_cause } else { &None });
            emit.with_cause(&cause).push((segment, errors), -1);
        }
        Self::next(state, now)
    }
}

impl Stores {
    fn next(state: &StoresState, now: i64) -> Next {
        if state.days.is_empty() && state.place.is_empty() {
            return Next::Forget;
        }
        Next::Rest.or_at(state.days.next_turn(now))
    }
}

/// Sums over stores: the second step.
struct Segments;

impl Keyed for Segments {
    type Key = Segment;
    type Input = Errors;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = (Errors, Option<Drift>);
    type Output = Row<Segment, Drift>;

    fn update(&mut self, _: &Segment, (sums, _): &mut Self::State, errors: Errors, diff: i64, _: i64) {
        sums.add(&errors, diff);
    }

    fn close(
        &mut self,
        key: &Segment,
        (sums, emitted): &mut Self::State,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = (sums.item_days > 0).then(|| Drift::of(sums));
        if emit_row(key, emitted, value, emit) { Next::Rest } else { Next::Forget }
    }
}

/// Maintains the view.
pub fn build<'scope>(ticks: Ticks, streams: &Streams<'scope>) -> Collection<'scope, Row<Segment, Drift>> {
    let ranged = streams.item_locations.clone();
    let ranged = ranged.map(|location| (location.item, ((location.store, location.forecast_milli), 1i64)));
    let depts = streams.products.clone().map(|product| (product.item, product.dept));
    let ranged = lookup("model.drift: departments", ticks, ranged, depts, |item, (store, forecast_milli), dept| {
        let dept = dept.copied().unwrap_or_else(|| Id::new("unknown"));
        (*store, Entry::Ranged(*item, Ranged { dept, forecast_milli: *forecast_milli }))
    });
    let ranged = explode(ranged, |moved| moved);
    let lines = streams
        .pos
        .map(|line| (line.body.store, Entry::Line(line.body.item, line.event_time, line.body.units_milli())));
    let places = streams.stores.clone().map(|store| (store.store, Entry::Place(store.region, store.format)));
    let stores =
        keyed_operator("model.drift: stores", ticks, Inputs::from(lines).and(ranged).and(places), None, Stores);
    keyed_operator("view: model.drift", ticks, stores, None, Segments)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos, Topic::Reference];
    type Key = Segment;
    type Inner = Drift;
    type Value = Drift;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Segment, Drift>> {
        build(graph.inputs.ticks, &graph.inputs.streams)
    }

    fn publish(row: Drift) -> Drift {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::time::DAY_MS;

    #[test]
    fn errors_over_actual() {
        let errors = Errors { item_days: 2, actual_milli: 3_000, forecast_milli: 2_000, abs_error_milli: 1_500 };
        let drift = Drift::of(&errors);
        assert_eq!((drift.wape_bp, drift.bias_bp), (Some(5_000), Some(-3_334)));
        let voided = Drift::of(&Errors { actual_milli: -1, ..errors });
        assert_eq!((voided.wape_bp, voided.bias_bp), (None, None));
    }

    #[test]
    fn a_store_counts_where_it_is_now_from_the_day_after_it_sold() {
        let mut state = KeyedStore::new(Stores, Ticks { tick_ms: 1_000 });
        let (store, item, dept) = (Id::new("s"), Id::new("i"), Id::new("d"));
        let ranged = Entry::Ranged(item, Ranged { dept, forecast_milli: 5 });
        let place = |region| Entry::Place(Id::new(region), Id::new("f"));
        let script = [
            (1_000, vec![(ranged, 1), (Entry::Line(item, 0, 8), 1)], ""),
            (DAY_MS, vec![(Entry::Line(item, DAY_MS, 2), 1)], "+unknown:8/3"),
            (DAY_MS + 1_000, vec![(place("north"), 1)], "+north:8/3! -unknown:8/3!"),
            (DAY_MS + 2_000, vec![(Entry::Line(item, 9, 1), 1)], "-north:8/3! +north:9/4!"),
            (2 * DAY_MS, vec![(Entry::Line(Id::new("j"), DAY_MS, 5), 1)], "-north:9/4 +north:11/7"),
            (9 * DAY_MS, vec![], "-north:11/7"),
        ];
        for (now, changes, expected) in script {
            for (entry, diff) in changes {
                let cause = Cause::Record { topic: contract::event::Topic::Pos, event_id: "p".into() };
                state.update(store, entry, Traced::new(diff, Some(cause)), now);
            }
            state.fire_timers(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            // Blamed on a record: `!`.
            let emitted = out.iter().map(|((at, errors), _, change)| {
                let (sign, by) = (if change.diff > 0 { '+' } else { '-' }, change.cause.as_ref().map_or("", |_| "!"));
                format!("{sign}{}:{}/{}{by}", at.region, errors.actual_milli, errors.abs_error_milli)
            });
            assert_eq!(emitted.collect::<Vec<_>>().join(" "), expected, "at {now}");
        }
    }
}
