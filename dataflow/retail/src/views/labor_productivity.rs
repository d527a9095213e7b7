//! View `labor.productivity`: net sales for each hour worked at a store (contract §4, view 9).

use contract::event::Topic;
use contract::keys::StoreHour;
use contract::time::{Cause, HOUR_MS};
use contract::units::quotient;
use engine::row::{Row, Tumbling, read};
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::views::labor_hours::WorkedHour;
use crate::views::store_sales::Sales;
use contract::keys::RoleHour;

/// The name of the view.
pub const NAME: &str = "labor.productivity";

/// Sales and work of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Productivity {
    /// Minutes worked, all roles.
    pub worked_minutes: i64,
    /// Net sales of the hour.
    pub net_cents: i64,
    /// Net sales per worked hour.
    pub splh_cents: Option<i64>,
}

/// A row of one of the joined views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The minutes of a role.
    Worked(i64),
    /// The net sales.
    Sold(i64),
}

/// The state of an hour until its parts are retracted.
#[derive(Default, Serialize, Deserialize)]
struct LaborProductivityState {
    roles: i64,
    minutes: i64,
    sales: i64,
    net_cents: i64,
    row: Tumbling<Productivity>,
}

impl LaborProductivityState {
    fn value(&self) -> Option<Productivity> {
        let splh_cents = quotient(i128::from(self.net_cents) * 60, i128::from(self.minutes));
        let row = Productivity { worked_minutes: self.minutes, net_cents: self.net_cents, splh_cents };
        (self.roles > 0).then_some(row)
    }
}

struct LaborProductivity {
    lateness_ms: i64,
}

impl Keyed for LaborProductivity {
    type Key = StoreHour;
    type Input = Part;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = LaborProductivityState;
    type Output = Row<StoreHour, Productivity>;

    fn update(&mut self, _: &StoreHour, state: &mut LaborProductivityState, part: Part, diff: i64, _: i64) {
        match part {
            Part::Worked(minutes) => {
                state.roles += diff;
                state.minutes += diff * minutes;
            }
            Part::Sold(net_cents) => {
                state.sales += diff;
                state.net_cents += diff * net_cents;
            }
        }
    }

    fn close(
        &mut self,
        key: &StoreHour,
        state: &mut LaborProductivityState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let next = state.row.emit_row(key, state.value(), key.hour + HOUR_MS + self.lateness_ms, emit);
        let parts = state.roles != 0 || state.sales != 0;
        if next == Next::Forget && parts { Next::Rest } else { next }
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    hours: &Collection<'scope, Row<RoleHour, WorkedHour>>,
    sales: &Collection<'scope, Row<StoreHour, Sales>>,
) -> Collection<'scope, Row<StoreHour, Productivity>> {
    let worked = hours.clone().map(|row| {
        let key = StoreHour { store: row.key.store, hour: row.key.hour };
        (key, Part::Worked(row.value.worked_minutes))
    });
    let sold = read(sales, |sales| Part::Sold(sales.net_cents));
    keyed_operator("view: labor.productivity", ticks, sold.and(worked), None, LaborProductivity { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos, Topic::Workforce];
    type Key = StoreHour;
    type Inner = Productivity;
    type Value = Productivity;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreHour, Productivity>> {
        build(graph.inputs.ticks, graph.inputs.lateness_ms, graph.labor_hours(), graph.store_sales())
    }

    fn publish(row: Productivity) -> Productivity {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_sales_per_worked_hour_are_floored_and_need_work() {
        let mut logic = LaborProductivity { lateness_ms: 0 };
        let key = StoreHour { store: contract::ids::Id::new("s1"), hour: 0 };
        let mut state = LaborProductivityState::default();
        logic.update(&key, &mut state, Part::Sold(-100), 1, 0);
        assert_eq!(state.value(), None);
        logic.update(&key, &mut state, Part::Worked(0), 1, 0);
        let row = Productivity { worked_minutes: 0, net_cents: -100, splh_cents: None };
        assert_eq!(state.value(), Some(row));
        logic.update(&key, &mut state, Part::Worked(70), 1, 0);
        // −100 · 60 / 70 = −85.7…
        let row = Productivity { worked_minutes: 70, net_cents: -100, splh_cents: Some(-86) };
        assert_eq!(state.value(), Some(row));
    }
}
