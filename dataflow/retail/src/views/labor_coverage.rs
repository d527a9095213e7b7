//! View `labor.coverage`: present, scheduled and required employees by store and role (contract §4, view 10).

use contract::event::Topic;
use contract::event::workforce::Role;
use contract::ids::Transaction;
use contract::keys::StoreRole;
use contract::time::Cause;
use contract::units::floor_div;
use engine::row::{Row, emit_row};
use engine::streams::Streams;
use engine::time::{Collection, Inputs};
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use operators::window::scheduled_sum::ScheduledSum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::attendance::Attendance;
use crate::registry::{Graph, View};
use crate::state::till_load::TillLoad;
use crate::views::fulfillment_node::{Fulfillment, Node, PICKED_MILLI, near_from};

/// The name of the view.
pub const NAME: &str = "labor.coverage";

/// Minutes of tasks that one employee does in two hours.
const TASK_MINUTES: i128 = 102;

/// Heads present, planned and needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// In, and not on a break.
    pub present: i64,
    /// With a shift now.
    pub scheduled: i64,
    /// Needed for the work there is.
    pub required: i64,
    /// Required − present.
    pub gap: i64,
}

/// An input of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// An employee who is present.
    Here,
    /// A shift.
    Shift {
        /// The start.
        start_at: i64,
        /// The end, exclusive.
        end_at: i64,
    },
    /// A sale or void line at the tills.
    Line {
        /// The event time.
        event_time: i64,
        /// Of which transaction.
        transaction: Transaction,
        /// 1 for a sale, −1 for a void.
        sign: i64,
    },
    /// Thousandths of units due within two hours.
    Due(i64),
    /// A task to be done.
    Task {
        /// By when.
        due_at: i64,
        /// The estimated minutes of the task.
        est_minutes: i64,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct LaborCoverageState {
    present: i64,
    scheduled: ScheduledSum<i64>,
    till_load: TillLoad,
    due_milli: i64,
    task_minutes: ScheduledSum<i128>,
    last_emitted: Option<Coverage>,
}

impl LaborCoverageState {
    fn required(&mut self, role: Role, now: i64) -> i64 {
        match role {
            Role::Checkout => self.till_load.required(now),
            Role::Fulfillment => {
                floor_div(i128::from(self.due_milli) + i128::from(PICKED_MILLI - 1), PICKED_MILLI.into())
            }
            Role::Floor => floor_div(self.task_minutes.at(now) + TASK_MINUTES - 1, TASK_MINUTES),
        }
    }

    fn coverage(&mut self, role: Role, now: i64) -> Option<Coverage> {
        let (present, scheduled, required) = (self.present, *self.scheduled.at(now), self.required(role, now));
        let gap = required.saturating_sub(present);
        Some(Coverage { present, scheduled, required, gap }).filter(|_| present != 0 || scheduled != 0 || required != 0)
    }

    fn is_empty(&self) -> bool {
        self.present == 0
            && self.scheduled.is_empty()
            && self.till_load.is_empty()
            && self.due_milli == 0
            && self.task_minutes.is_empty()
    }
}

struct LaborCoverage;

impl Keyed for LaborCoverage {
    type Key = StoreRole;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = LaborCoverageState;
    type Output = Row<StoreRole, Coverage>;

    fn update(&mut self, _: &StoreRole, state: &mut LaborCoverageState, entry: Entry, diff: i64, now: i64) {
        match entry {
            Entry::Here => state.present += diff,
            Entry::Shift { start_at, end_at } => state.scheduled.during(start_at, end_at, diff),
            Entry::Line { event_time, transaction, sign } => {
                state.till_load.add(event_time, transaction, sign, diff, now)
            }
            Entry::Due(milli) => state.due_milli += diff * milli,
            Entry::Task { due_at, est_minutes } => {
                state.task_minutes.add(near_from(due_at), &(i128::from(est_minutes) * i128::from(diff)));
            }
        }
    }

    fn close(
        &mut self,
        key: &StoreRole,
        state: &mut LaborCoverageState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let now = emit.now();
        let value = state.coverage(key.role, now);
        emit_row(key, &mut state.last_emitted, value, emit);
        if state.is_empty() {
            return Next::Forget;
        }
        Next::Rest.or_at(state.scheduled.next()).or_at(state.till_load.next(now)).or_at(state.task_minutes.next())
    }
}

/// Everything that bears on a role, by store and role.
fn entries<'scope>(streams: &Streams<'scope>) -> Inputs<'scope, StoreRole, Entry> {
    let shifts = streams.shifts.clone().map(|shift| {
        let entry = Entry::Shift { start_at: shift.start_at, end_at: shift.end_at };
        (StoreRole { store: shift.store, role: shift.role }, entry)
    });
    let lines = streams.pos.flat_map(|line| {
        let sign = line.body.sale_sign();
        let entry = Entry::Line { event_time: line.event_time, transaction: line.body.transaction, sign };
        (sign != 0).then_some((StoreRole { store: line.body.store, role: Role::Checkout }, entry))
    });
    let tasks = streams.tasks.clone().flat_map(|task| {
        let entry = Entry::Task { due_at: task.due_at, est_minutes: task.est_minutes };
        task.is_open().then_some((StoreRole { store: task.store, role: Role::Floor }, entry))
    });
    Inputs::from(shifts).and(lines).and(tasks)
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    streams: &Streams<'scope>,
    attendance: &Attendance<'scope>,
    nodes: &Collection<'scope, Row<Node, Fulfillment>>,
) -> Collection<'scope, Row<StoreRole, Coverage>> {
    let here = attendance.here.clone().map(|key| (key, Entry::Here));
    let due = nodes.clone().map(|row| {
        let key = StoreRole { store: row.key.store, role: Role::Fulfillment };
        (key, Entry::Due(row.value.due_2h_milli))
    });
    keyed_operator("view: labor.coverage", ticks, entries(streams).and(here).and(due), None, LaborCoverage)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Orders, Topic::Pos, Topic::Tasks, Topic::Workforce];
    type Key = StoreRole;
    type Inner = Coverage;
    type Value = Coverage;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreRole, Coverage>> {
        build(graph.inputs.ticks, &graph.inputs.streams, graph.attendance(), graph.fulfillment_node())
    }

    fn publish(row: Coverage) -> Coverage {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ids::Id;
    use contract::time::{HOUR_MS, MINUTE_MS};

    /// (present, scheduled, required, gap) of the role at each of the instants.
    fn check(role: Role, entries: &[Entry], expected: &[(i64, Option<[i64; 4]>)]) {
        let mut state = LaborCoverageState::default();
        let key = StoreRole { store: Id::new("s1"), role };
        for entry in entries {
            LaborCoverage.update(&key, &mut state, *entry, 1, 0);
        }
        for (now, row) in expected {
            let emitted = state.coverage(role, *now).map(|row| [row.present, row.scheduled, row.required, row.gap]);
            assert_eq!(emitted, *row, "at {now}");
        }
    }

    #[test]
    fn shifts_count_while_they_last() {
        let shift = |start_at, end_at| Entry::Shift { start_at, end_at };
        let rows = [(9, None), (10, Some([0, 1, 0, 0])), (15, Some([0, 2, 0, 0])), (30, None)];
        check(Role::Floor, &[shift(10, 30), shift(15, 20), shift(20, 12)], &rows);
    }

    #[test]
    fn tasks_due_within_two_hours_need_hands_by_the_minute() {
        let task = |due_at, est_minutes| Entry::Task { due_at, est_minutes };
        let tasks = [Entry::Here, task(3 * HOUR_MS, 102), task(3 * HOUR_MS - 1, 1), task(HOUR_MS, 0)];
        let rows = [
            (HOUR_MS - 1, Some([1, 0, 0, -1])),
            (HOUR_MS, Some([1, 0, 1, 0])),
            (HOUR_MS + MINUTE_MS - 1, Some([1, 0, 1, 0])),
            (HOUR_MS + MINUTE_MS, Some([1, 0, 2, 1])),
        ];
        check(Role::Floor, &tasks, &rows);
    }

    #[test]
    fn picking_needs_one_head_for_two_hours_of_work() {
        check(Role::Fulfillment, &[Entry::Due(120_000)], &[(0, Some([0, 0, 1, 1]))]);
        check(Role::Fulfillment, &[Entry::Due(120_001), Entry::Here], &[(0, Some([1, 0, 2, 1]))]);
    }
}
