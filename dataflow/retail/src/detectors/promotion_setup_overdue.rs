//! Detector `promotion.setup_overdue`: opens when a running promotion has no completed set-up task (contract §5).

use contract::event::promotion::Promotion;
use contract::event::task::{Task, TaskStatus};
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;

/// `promotion.setup_overdue`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "promotion.setup_overdue",
    key: &["promotion", "store"],
    views: &[crate::views::promotion_performance::NAME, crate::views::task_status::NAME],
    feeds: &[],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "the promotion needs a set-up and runs, and the store has completed no task for it",
        clears: "a task is completed, or the promotion has ended",
        severity: "high",
        recommends: &[Recommendation { action: "store_task", parameters: &[], approver: "store_manager" }],
    },
};

/// A promotion at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PromotionStore {
    /// The promotion.
    pub promotion: Id,
    /// The store.
    pub store: Id,
}

/// An input of the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Input {
    /// A promotion that must be set up, from `start_at` until before `end_at`.
    Runs {
        /// The start.
        start_at: i64,
        /// The end, exclusive.
        end_at: i64,
    },
    /// A completed task for the promotion.
    Done,
}

/// The period of a promotion and the tasks completed for it.
#[derive(Default, Serialize, Deserialize)]
pub struct SetupOverdueState {
    runs: UniqueRow<(i64, i64)>,
    done: i64,
}

/// The inputs from promotions and tasks.
pub fn inputs<'scope>(
    promotions: &Collection<'scope, Promotion>,
    tasks: &Collection<'scope, Task>,
) -> Inputs<'scope, PromotionStore, Input> {
    let runs = promotions.clone().filter(|promotion| promotion.setup_required).flat_map(|row| {
        let (promotion, terms) = (row.promotion, row.terms);
        let runs = Input::Runs { start_at: terms.start_at, end_at: terms.end_at };
        row.stores.into_iter().map(move |store| (PromotionStore { promotion, store }, runs))
    });
    let done = tasks.clone().filter(|task| task.status == TaskStatus::Completed).flat_map(|task| {
        task.promotion.map(|promotion| (PromotionStore { promotion, store: task.store }, Input::Done))
    });
    Inputs::from(runs).and(done)
}

/// The detector; it reads promotions and tasks.
pub struct SetupOverdue;

impl Detector for SetupOverdue {
    const KIND: &'static ExceptionType = KIND;
    type Key = PromotionStore;
    type State = SetupOverdueState;

    fn assess(&self, _: &PromotionStore, state: &mut SetupOverdueState, at: &EvaluationContext<'_>) -> Verdict {
        match state.runs.get() {
            Some((start_at, end_at)) if at.now < *end_at => {
                let turn = if at.now < *start_at { *start_at } else { *end_at };
                Verdict::while_true(at.now >= *start_at && state.done == 0).again(Some(turn))
            }
            _ => Verdict::GONE,
        }
    }

    fn respond(&self, _: &PromotionStore, _: &SetupOverdueState, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("store_task", "store_manager") }
    }

    fn drivers(&self, _: &PromotionStore, state: &SetupOverdueState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let runs = state.runs.get();
        let late_ms = runs.map(|(start_at, _)| at.now - start_at);
        vec![
            Driver::new("completed_setup_tasks", state.done, 1, "tasks"),
            Driver::new("time_since_start", late_ms, 0, "ms"),
            Driver::new("promotion_starts_at", runs.map(|(start_at, _)| *start_at), None, "ms"),
            Driver::new("promotion_ends_at", runs.map(|(_, end_at)| *end_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &PromotionStore) -> Vec<KeyPart> {
        vec![key.promotion.into(), key.store.into()]
    }

    fn store(&self, key: &PromotionStore, _: &SetupOverdueState) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for SetupOverdue {
    type Input = Input;

    fn update(&self, _: &PromotionStore, state: &mut SetupOverdueState, input: Input, diff: i64) {
        match input {
            Input::Runs { start_at, end_at } => state.runs.update((start_at, end_at), diff),
            Input::Done => state.done += diff,
        }
    }

    fn is_empty(&self, state: &SetupOverdueState) -> bool {
        state.runs.is_empty() && state.done == 0
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(SetupOverdue, inputs(&graph.inputs.streams.promotions, &graph.inputs.streams.tasks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    fn assess(state: &mut SetupOverdueState, now: i64) -> Verdict {
        let [promotion, store] = ["p", "s"].map(Id::new);
        let context = Context::default();
        let at = EvaluationContext { now, context: &context, policy: &[] };
        SetupOverdue.assess(&PromotionStore { promotion, store }, state, &at)
    }

    #[test]
    fn opens_at_the_start_and_clears_when_done_or_over() {
        let mut state = SetupOverdueState::default();
        state.runs.update((10, 20), 1);
        assert_eq!(assess(&mut state, 9), Verdict::while_true(false).again(Some(10)));
        assert_eq!(assess(&mut state, 10), Verdict::while_true(true).again(Some(20)));
        state.done += 1;
        assert!(assess(&mut state, 11).clear);
        state.done -= 1;
        assert!(assess(&mut state, 19).open);
        assert_eq!(assess(&mut state, 20), Verdict::GONE);
    }

    #[test]
    fn nothing_to_set_up_is_nothing_overdue() {
        let mut state = SetupOverdueState { done: 1, ..SetupOverdueState::default() };
        assert_eq!(assess(&mut state, 15), Verdict::GONE);
        assert!(!SetupOverdue.is_empty(&state));
        state.done = 0;
        assert!(SetupOverdue.is_empty(&state));
    }
}
