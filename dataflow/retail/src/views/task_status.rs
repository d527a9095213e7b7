//! View `task.status`: tasks of each store by due day and type, with their progress (contract §4, view 11).

use std::collections::BTreeMap;

use contract::event::Topic;
use contract::event::task::{Task, TaskStatus};
use contract::ids::Id;
use contract::time::{Cause, day};
use engine::row::{Row, emit_row};
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "task.status";

/// The tasks of one type that a store should do on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreDayType {
    /// The store.
    pub store: Id,
    /// The start of the UTC day on which they are due.
    pub day: i64,
    /// What kind of task.
    pub task_type: Id,
}

/// How far they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    /// Open and completed.
    pub due: i64,
    /// Completed.
    pub completed: i64,
    /// Of them, those completed by the time they were due.
    pub on_time: i64,
    /// Open though they are due.
    pub overdue: i64,
    /// Open or in progress.
    pub open: i64,
}

/// A task that is not cancelled, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum CountedTask {
    /// To be done by then.
    Open(i64),
    /// Done, in time or not.
    Completed { on_time: bool },
}

impl CountedTask {
    fn of(task: &Task) -> Option<Self> {
        let on_time = task.completed_at.is_some_and(|completed_at| completed_at <= task.due_at);
        match task.status {
            TaskStatus::Open | TaskStatus::InProgress => Some(CountedTask::Open(task.due_at)),
            TaskStatus::Completed => Some(CountedTask::Completed { on_time }),
            TaskStatus::Cancelled => None,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct TasksByDayState {
    completed: i64,
    on_time: i64,
    /// Open tasks by the time they are due.
    open: BTreeMap<i64, i64>,
    last_emitted: Option<TaskCounts>,
}

impl TasksByDayState {
    fn counts(&self, now: i64) -> TaskCounts {
        let open = self.open.values().sum();
        TaskCounts {
            due: open + self.completed,
            completed: self.completed,
            on_time: self.on_time,
            overdue: self.open.range(..=now).map(|(_, count)| count).sum(),
            open,
        }
    }
}

struct TasksByDay;

impl Keyed for TasksByDay {
    type Key = StoreDayType;
    type Input = CountedTask;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = TasksByDayState;
    type Output = Row<StoreDayType, TaskCounts>;

    fn update(&mut self, _: &StoreDayType, state: &mut TasksByDayState, task: CountedTask, diff: i64, _: i64) {
        match task {
            CountedTask::Completed { on_time } => {
                state.completed += diff;
                state.on_time += if on_time { diff } else { 0 };
            }
            CountedTask::Open(due_at) => {
                let count = state.open.entry(due_at).or_insert(0);
                *count += diff;
                if *count == 0 {
                    state.open.remove(&due_at);
                }
            }
        }
    }

    fn close(
        &mut self,
        key: &StoreDayType,
        state: &mut TasksByDayState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let now = emit.now();
        let counts = Some(state.counts(now)).filter(|counts| counts.due > 0);
        if !emit_row(key, &mut state.last_emitted, counts, emit) {
            return Next::Forget;
        }
        let next_due = state.open.range(now + 1..).next().map(|(due_at, _)| *due_at);
        Next::Rest.or_at(next_due)
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    tasks: &Collection<'scope, Task>,
) -> Collection<'scope, Row<StoreDayType, TaskCounts>> {
    let standings = tasks.clone().flat_map(|task| {
        let key = StoreDayType { store: task.store, day: day(task.due_at), task_type: task.task_type };
        CountedTask::of(&task).map(|task| (key, task))
    });
    keyed_operator("view: task.status", ticks, standings, None, TasksByDay)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Tasks];
    type Key = StoreDayType;
    type Inner = TaskCounts;
    type Value = TaskCounts;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreDayType, TaskCounts>> {
        build(graph.inputs.ticks, &graph.inputs.streams.tasks)
    }

    fn publish(row: TaskCounts) -> TaskCounts {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;

    #[test]
    fn tasks_fall_due_by_the_clock() {
        let mut state = KeyedStore::new(TasksByDay, Ticks { tick_ms: 10 });
        let key = StoreDayType { store: Id::new("s1"), day: 0, task_type: Id::new("clean") };
        let done = |on_time| CountedTask::Completed { on_time };
        // Per tick: the changes, then due, completed, on_time, overdue, open.
        let script = [
            (0, vec![(CountedTask::Open(25), 1), (CountedTask::Open(25), 1), (done(false), 1)], Some([3, 1, 0, 0, 2])),
            (10, vec![(CountedTask::Open(25), -1), (done(true), 1)], Some([3, 2, 1, 0, 1])),
            (30, vec![], Some([3, 2, 1, 1, 1])),
            (40, vec![(CountedTask::Open(25), -1), (CountedTask::Open(41), 1)], Some([3, 2, 1, 0, 1])),
            (50, vec![(CountedTask::Open(41), -1), (done(true), -1), (done(false), -1)], None),
        ];
        let mut row = None;
        for (now, changes, expected) in script {
            for (task, diff) in changes {
                state.update(key, task, Traced::new(diff, None), now);
            }
            state.fire_timers(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            for (emitted, _, change) in out {
                row = (change.diff > 0).then_some(emitted.value);
            }
            let numbers = row.map(|row| [row.due, row.completed, row.on_time, row.overdue, row.open]);
            assert_eq!(numbers, expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
