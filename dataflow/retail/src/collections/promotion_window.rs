//! Open promotions: those whose period has not settled yet; the promotion views and detectors read only these.
//!
//! A period settles at the first tick ≥ end_at + lateness and cannot change afterwards. A promotion that first arrives
//! after that tick, or adds a store after it, is dropped. A promotion that moves its end into the past is emitted once
//! more, at the tick of that change, which then settles its rows (contract §1).

use contract::event::promotion::Promotion;
use contract::ids::Id;
use contract::time::Cause;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

use crate::registry::Graph;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct WindowState {
    current: UniqueRow<Promotion>,
    previous: Option<Promotion>,
    /// True if `previous` was emitted.
    is_emitted: bool,
}

struct Windows {
    ticks: Ticks,
    lateness_ms: i64,
}

impl Keyed for Windows {
    type Key = Id;
    type Input = Promotion;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = WindowState;
    type Output = Promotion;

    fn update(&mut self, _: &Id, state: &mut WindowState, promotion: Promotion, diff: i64, _: i64) {
        state.current.update(promotion, diff);
    }

    fn close(&mut self, _: &Id, state: &mut WindowState, emit: &mut Emit<'_, Promotion, Cause>) -> Next {
        let now = emit.now();
        let settled =
            |promotion: &Promotion| self.ticks.at(promotion.terms.end_at.saturating_add(self.lateness_ms)) < now;
        let new = state.current.get().cloned();
        if new != state.previous {
            let emits = new
                .as_ref()
                .is_some_and(|new| !settled(new) || state.previous.as_ref().is_some_and(|old| !settled(old)));
            emit.replace(state.previous.take().filter(|_| state.is_emitted), new.clone().filter(|_| emits));
            state.previous = new;
            state.is_emitted = emits;
        }
        if state.previous.is_some() { Next::Rest } else { Next::Forget }
    }
}

/// The promotions whose period is open.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    promotions: &Collection<'scope, Promotion>,
) -> Collection<'scope, Promotion> {
    let promotions = promotions.clone().map(|promotion| (promotion.promotion, promotion));
    keyed_operator("promotion windows", ticks, promotions, None, Windows { ticks, lateness_ms })
}

/// The collection as it is listed.
pub type Collected<'scope> = Collection<'scope, Promotion>;

/// Builds it for a graph.
pub fn collect<'scope>(graph: &Graph<'scope>) -> Collected<'scope> {
    build(graph.inputs.ticks, graph.inputs.lateness_ms, &graph.inputs.streams.promotions)
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::event::promotion::Terms;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn until(end_at: i64) -> Promotion {
        let terms = Terms { start_at: 0, end_at, price_cents: 1, uplift_bp: 0 };
        Promotion { promotion: Id::new("p"), stores: Vec::new(), items: Vec::new(), terms, setup_required: false }
    }

    /// Runs steps of (tick, end_at) of one promotion; checks the emitted (+) and retracted (−) ends.
    fn check(steps: &[(i64, i64)], expected: &[&[(i64, i64)]]) {
        let mut state = KeyedStore::new(Windows { ticks: TICKS, lateness_ms: 100 }, TICKS);
        let mut before = None;
        for ((now, end_at), expected) in steps.iter().zip(expected) {
            let new = until(*end_at);
            state.update(new.promotion, new.clone(), Traced::new(1, None), *now);
            if let Some(old) = before.replace(new) {
                state.update(old.promotion, old, Traced::new(-1, None), *now);
            }
            let mut out = Vec::new();
            state.close(*now, &mut 10, &mut out);
            let emitted: Vec<_> = out.into_iter().map(|(row, _, change)| (row.terms.end_at, change.diff)).collect();
            assert_eq!(&emitted, expected);
        }
    }

    #[test]
    fn a_promotion_whose_period_has_settled_is_dropped() {
        check(&[(210, 100)], &[&[]]);
        check(&[(210, 105)], &[&[(105, 1)]]);
    }

    #[test]
    fn an_end_moved_into_the_past_is_emitted_once_and_one_moved_ahead_again() {
        let steps = [(210, 500), (300, 50), (310, 60), (320, 900)];
        check(&steps, &[&[(500, 1)], &[(500, -1), (50, 1)], &[(50, -1)], &[(900, 1)]]);
    }
}
