//! View `labor.hours`: minutes worked by store, role and hour (contract §4, view 8).

use contract::event::Topic;
use contract::keys::RoleHour;
use contract::time::{Cause, HOUR_MS};
use engine::row::{Row, Tumbling};
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::attendance::Attendance;
use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "labor.hours";

/// Work done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WorkedHour {
    /// Σ whole minutes of each person's presence without breaks.
    pub worked_minutes: i64,
}

/// The state of a role's hour until it settles.
#[derive(Default, Serialize, Deserialize)]
struct LaborHoursState {
    people: i64,
    minutes: i64,
    row: Tumbling<WorkedHour>,
}

struct LaborHours {
    lateness_ms: i64,
}

impl Keyed for LaborHours {
    type Key = RoleHour;
    /// The minutes of one person.
    type Input = i64;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = LaborHoursState;
    type Output = Row<RoleHour, WorkedHour>;

    fn update(&mut self, _: &RoleHour, state: &mut LaborHoursState, minutes: i64, diff: i64, _: i64) {
        if !state.row.is_settled() {
            state.people += diff;
            state.minutes += diff * minutes;
        }
    }

    fn close(&mut self, key: &RoleHour, state: &mut LaborHoursState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let value = (state.people > 0).then_some(WorkedHour { worked_minutes: state.minutes });
        state.row.emit_row(key, value, key.hour + HOUR_MS + self.lateness_ms, emit)
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    attendance: &Attendance<'scope>,
) -> Collection<'scope, Row<RoleHour, WorkedHour>> {
    keyed_operator("view: labor.hours", ticks, attendance.worked.clone(), None, LaborHours { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Workforce];
    type Key = RoleHour;
    type Inner = WorkedHour;
    type Value = WorkedHour;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<RoleHour, WorkedHour>> {
        build(graph.inputs.ticks, graph.inputs.lateness_ms, graph.attendance())
    }

    fn publish(row: WorkedHour) -> WorkedHour {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::event::workforce::Role;
    use contract::ids::Id;

    #[test]
    fn people_add_up_and_the_hour_settles() {
        let key = RoleHour { store: Id::new("s1"), role: Role::Floor, hour: HOUR_MS };
        let mut state = KeyedStore::new(LaborHours { lateness_ms: HOUR_MS }, Ticks { tick_ms: 1_000 });
        let mut at = |now: i64, people: &[(i64, i64)]| {
            let mut out = Vec::new();
            people.iter().for_each(|(minutes, diff)| state.update(key, *minutes, Traced::new(*diff, None), now));
            state.fire_timers(now);
            assert!(state.close(now, &mut 10, &mut out));
            let row = |(row, _, change): (Row<_, WorkedHour>, _, Traced<_, _>)| {
                (row.value.worked_minutes, row.settled, change.diff)
            };
            out.into_iter().map(row).collect::<Vec<_>>()
        };
        // Less than a minute of presence is a row with 0 minutes.
        assert_eq!(at(2 * HOUR_MS, &[(0, 1)]), [(0, false, 1)]);
        assert_eq!(at(2 * HOUR_MS + 1_000, &[(40, 1), (0, -1), (25, 1)]), [(0, false, -1), (65, false, 1)]);
        assert_eq!(at(3 * HOUR_MS, &[]), [(65, false, -1), (65, true, 1)]);
        assert_eq!(at(3 * HOUR_MS + 1_000, &[(9, 1)]), []);
    }
}
