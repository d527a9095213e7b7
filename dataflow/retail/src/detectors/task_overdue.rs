//! Detector `task.overdue`: opens when a store task is still open at the time it is due (contract §5).

use contract::event::task::Task;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::{EventId, Id};
use contract::time::HOUR_MS;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;

/// `task.overdue`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "task.overdue",
    key: &["store", "task"],
    views: &[crate::views::task_status::NAME],
    feeds: &[],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "the task is open and due_at ≤ now",
        clears: "the task is not open, or due_at > now",
        severity: "high from 4 hours after due_at, before that medium",
        recommends: &[Recommendation { action: "escalate", parameters: &[], approver: "store_manager" }],
    },
};

/// The time after which an overdue task has high severity.
const PRESSING_MS: i64 = 4 * HOUR_MS;

/// A task of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StoreTask {
    store: Id,
    task: EventId,
}

/// The detector; it reads the due times of open tasks.
pub struct Overdue;

impl Detector for Overdue {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreTask;
    type State = UniqueRow<i64>;

    fn assess(&self, _: &StoreTask, state: &mut UniqueRow<i64>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(due_at) = state.get().copied() else { return Verdict::GONE };
        let pressing_at = due_at + PRESSING_MS;
        let turn = [due_at, pressing_at].into_iter().find(|turn| *turn > at.now);
        Verdict::while_true(due_at <= at.now).again(turn)
    }

    fn respond(&self, _: &StoreTask, state: &UniqueRow<i64>, at: &EvaluationContext<'_>) -> Response {
        let pressing = state.get().is_some_and(|due_at| due_at + PRESSING_MS <= at.now);
        let severity = if pressing { Severity::High } else { Severity::Medium };
        Response { severity, action: Action::new("escalate", "store_manager") }
    }

    fn drivers(&self, _: &StoreTask, state: &UniqueRow<i64>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let due_at = state.get().copied();
        vec![
            Driver::new("overdue_ms", due_at.map(|due_at| at.now - due_at), 0, "ms"),
            Driver::new("due_at", due_at, None, "ms"),
        ]
    }

    fn key_parts(&self, key: &StoreTask) -> Vec<KeyPart> {
        vec![key.store.into(), (&key.task).into()]
    }

    fn store(&self, key: &StoreTask, _: &UniqueRow<i64>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for Overdue {
    type Input = i64;

    fn update(&self, _: &StoreTask, state: &mut UniqueRow<i64>, due_at: i64, diff: i64) {
        state.update(due_at, diff);
    }

    fn is_empty(&self, state: &UniqueRow<i64>) -> bool {
        state.is_empty()
    }
}

/// The due times of open tasks.
pub fn readings<'scope>(tasks: &Collection<'scope, Task>) -> Collection<'scope, (StoreTask, i64)> {
    tasks.clone().flat_map(|task| {
        task.is_open().then(|| (StoreTask { store: task.store, task: task.task.clone() }, task.due_at))
    })
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(Overdue, readings(&graph.inputs.streams.tasks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    #[test]
    fn falls_due_then_presses_then_is_done() {
        let (context, key) = (Context::default(), StoreTask { store: Id::new("s"), task: "t".into() });
        let mut state = UniqueRow::default();
        Overdue.update(&key, &mut state, 100, 1);
        let mut check = |now: i64, done: bool| {
            let at = EvaluationContext { now, context: &context, policy: &[] };
            if done {
                Overdue.update(&key, &mut state, 100, -1);
            }
            let verdict = Overdue.assess(&key, &mut state, &at);
            (verdict.open, verdict.look_again, Overdue.respond(&key, &state, &at).severity)
        };
        let late = 100 + PRESSING_MS;
        assert_eq!(check(99, false), (false, Some(100), Severity::Medium));
        assert_eq!(check(100, false), (true, Some(late), Severity::Medium));
        assert_eq!(check(late, false), (true, None, Severity::High));
        assert_eq!(check(late + 1, true), (false, None, Severity::Medium));
    }
}
