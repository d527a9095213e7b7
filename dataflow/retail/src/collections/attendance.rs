//! Attendance: the role in which each employee is present at a store, and the minutes worked in each ended hour.

use std::collections::BTreeMap;

use contract::event::workforce::{Punch, Role};
use contract::ids::Id;
use contract::time::{Cause, HOUR_MS, MINUTE_MS, hour};
use engine::streams::Timed;
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

use crate::registry::Graph;
use crate::state::presence::{Punched, Punches};
use contract::keys::RoleHour;
use contract::keys::StoreRole;
use serde::{Deserialize, Serialize};

/// An output row for one employee at a store.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum AttendanceRow {
    /// In, and not on a break.
    Here(StoreRole),
    /// Whole minutes worked in an hour that has ended; also none, of less than one minute.
    Worked(RoleHour, i64),
}

/// A person at a store.
type Employee = (Id, Id);

/// State of one employee at a store, until no correction can change it.
#[derive(Default, Serialize, Deserialize)]
struct PersonState {
    punches: Punches,
    here: Option<Role>,
    /// Minutes by hour and role, as last emitted, of the hours that may still change.
    worked: BTreeMap<(i64, Role), i64>,
}

struct Clocks {
    lateness_ms: i64,
}

impl Clocks {
    /// Emits the current presence; returns the instant at which the clock changes it.
    fn emit_here(store: Id, state: &mut PersonState, emit: &mut Emit<'_, AttendanceRow, Cause>) -> Option<i64> {
        let (here, turn) = state.punches.here(emit.now());
        let row = |role| AttendanceRow::Here(StoreRole { store, role });
        emit.replace(state.here.map(row), here.map(row));
        state.here = here;
        turn
    }

    /// Emits the minutes of the ended hours; returns the instant at which the next hour ends.
    fn emit_worked(store: Id, state: &mut PersonState, emit: &mut Emit<'_, AttendanceRow, Cause>) -> Option<i64> {
        let (worked, next) = state.punches.worked(emit.now());
        let minutes: BTreeMap<_, _> = worked.into_iter().map(|(key, ms)| (key, ms / MINUTE_MS)).collect();
        if minutes != state.worked {
            let row = |key: &(i64, Role), minutes| {
                AttendanceRow::Worked(RoleHour { store, role: key.1, hour: key.0 }, minutes)
            };
            for (key, before) in &state.worked {
                emit.replace(Some(row(key, *before)), minutes.get(key).map(|now| row(key, *now)));
            }
            for (key, now) in minutes.iter().filter(|(key, _)| !state.worked.contains_key(key)) {
                emit.push(row(key, *now), 1);
            }
            state.worked = minutes;
        }
        next
    }
}

impl Keyed for Clocks {
    type Key = Employee;
    type Input = Punched;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = PersonState;
    type Output = AttendanceRow;

    fn update(&mut self, _: &Employee, state: &mut PersonState, punch: Punched, diff: i64, _: i64) {
        state.punches.update(punch, diff);
    }

    fn close(
        &mut self,
        (store, _): &Employee,
        state: &mut PersonState,
        emit: &mut Emit<'_, AttendanceRow, Cause>,
    ) -> Next {
        let turn = Self::emit_here(*store, state, emit);
        let ends = Self::emit_worked(*store, state, emit);
        // Folded hours have settled: their last emitted rows stay.
        let first = state.punches.fold(emit.now() - self.lateness_ms);
        state.worked.retain(|key, _| key.0 >= first);
        if state.punches.is_empty() && state.worked.is_empty() && state.here.is_none() {
            return Next::Forget;
        }
        let earliest = state.worked.keys().map(|key| key.0).next().into_iter().chain(state.punches.earliest()).min();
        let folds = earliest.map(|at| hour(at) + HOUR_MS + self.lateness_ms);
        Next::Rest.or_at(turn).or_at(ends).or_at(folds)
    }
}

/// The collections derived from punches.
#[derive(Clone)]
pub struct Attendance<'scope> {
    /// One for each person who is in and not on a break.
    pub here: Collection<'scope, StoreRole>,
    /// The minutes of each person in each ended hour with presence.
    pub worked: Collection<'scope, (RoleHour, i64)>,
}

impl<'scope> Attendance<'scope> {
    /// The store of each person who is there to pick orders.
    pub fn pickers(&self) -> Collection<'scope, Id> {
        self.here.clone().flat_map(|key| (key.role == Role::Fulfillment).then_some(key.store))
    }
}

/// Reads the punches.
pub fn build<'scope>(ticks: Ticks, lateness_ms: i64, punches: &Collection<'scope, Timed<Punch>>) -> Attendance<'scope> {
    let punches = punches.clone().map(|punch| {
        let Punch { store, employee, role, kind } = punch.body;
        ((store, employee), (punch.event_time, punch.id, role, kind))
    });
    let row = keyed_operator("attendance", ticks, punches, None, Clocks { lateness_ms });
    let here = row.clone().flat_map(|row| if let AttendanceRow::Here(key) = row { Some(key) } else { None });
    let worked =
        row.flat_map(|row| if let AttendanceRow::Worked(key, minutes) = row { Some((key, minutes)) } else { None });
    Attendance { here, worked }
}

/// The collections as they are listed.
pub type Collected<'scope> = Attendance<'scope>;

/// Builds them for a graph.
pub fn collect<'scope>(graph: &Graph<'scope>) -> Collected<'scope> {
    build(graph.inputs.ticks, graph.inputs.lateness_ms, &graph.inputs.streams.punches)
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::event::workforce::PunchKind;
    use contract::ids::EventId;

    /// Punches of one person as (arrives in minute, happened in minute, kind, diff); checks the emitted rows and their
    /// minutes.
    fn check(script: &[(i64, i64, PunchKind, i64)], until: i64, expected: &[&str]) {
        let (store, employee) = (Id::new("s1"), Id::new("e1"));
        let mut state = KeyedStore::new(Clocks { lateness_ms: 2 * HOUR_MS }, Ticks { tick_ms: MINUTE_MS });
        let mut emitted = Vec::new();
        for now in 0..until {
            for (_, at, kind, diff) in script.iter().filter(|punch| punch.0 == now) {
                let punch = (at * MINUTE_MS, EventId::new(format!("p{at}")), Role::Floor, *kind);
                state.update((store, employee), punch, Traced::new(*diff, None), now * MINUTE_MS);
            }
            let mut out = Vec::new();
            state.fire_timers(now * MINUTE_MS);
            assert!(state.close(now * MINUTE_MS, &mut 10, &mut out));
            emitted.extend(out.into_iter().map(|(row, time, change)| {
                let what = match row {
                    AttendanceRow::Here(_) => "here".to_owned(),
                    AttendanceRow::Worked(key, minutes) => format!("{minutes} in hour {}", key.hour / HOUR_MS),
                };
                format!("{}: {:+} {what}", time / MINUTE_MS, change.diff)
            }));
        }
        assert_eq!(emitted, expected);
        assert!(state.is_empty());
    }

    #[test]
    fn hours_are_emitted_when_they_end_and_again_when_corrected() {
        use PunchKind::{In, Out};
        let script = [(30, 30, In, 1), (61, 63, Out, 1), (100, 40, Out, 1)];
        let expected =
            ["30: +1 here", "60: +1 30 in hour 0", "63: -1 here", "100: -1 30 in hour 0", "100: +1 10 in hour 0"];
        check(&script, 400, &expected);
    }

    #[test]
    fn a_forgotten_out_is_over_after_fourteen_hours() {
        let mut expected = vec!["59: +1 here".to_owned()];
        expected.extend(
            (1..=14)
                .map(|ended| format!("{}: +1 {} in hour {}", ended * 60, if ended == 1 { 1 } else { 60 }, ended - 1)),
        );
        expected.extend(["899: -1 here".to_owned(), "900: +1 59 in hour 14".to_owned()]);
        check(&[(59, 59, PunchKind::In, 1)], 1200, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
