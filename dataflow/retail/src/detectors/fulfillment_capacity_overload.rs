//! Detector `fulfillment.capacity_overload`: opens when more is due within two hours than the pickers can pick
//! (contract §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::{Row, read};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::collections::attendance::Attendance;
use crate::registry::Graph;
use crate::views::fulfillment_node::{Fulfillment, Node};

/// `fulfillment.capacity_overload`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "fulfillment.capacity_overload",
    key: &["store"],
    views: &[crate::views::fulfillment_node::NAME, crate::views::labor_coverage::NAME],
    feeds: &[Topic::Inventory],
    restricted: false,
    policies: &[
        Policy { name: "open_bp", default: 9_000, unit: "bp", meaning: "opens from this load of the pickers" },
        Policy { name: "clear_bp", default: 7_000, unit: "bp", meaning: "clears below this load of the pickers" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "load_bp ≥ `open_bp`, or due_2h_milli > 0 while no picker is present",
        clears: "load_bp < `clear_bp`, or due_2h_milli = 0",
        severity: "high",
        recommends: &[Recommendation { action: "throttle_node", parameters: &[], approver: "fulfillment_lead" }],
    },
};

/// The load of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Load {
    due_2h_milli: i64,
    /// The load; `None` while no picker is present.
    load_bp: Option<i64>,
}

/// An input of the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// A row of fulfillment.node.
    Load(Load),
    /// A picker who is present.
    Here,
}

/// The load of a node and who is there to bear it.
#[derive(Default, Serialize, Deserialize)]
pub struct CapacityOverloadState {
    load: UniqueRow<Load>,
    present: i64,
}

/// The loads and pickers of all nodes.
pub fn loads<'scope>(
    nodes: &Collection<'scope, Row<Node, Fulfillment>>,
    attendance: &Attendance<'scope>,
) -> Inputs<'scope, Node, Entry> {
    let loads = read(nodes, |row| Entry::Load(Load { due_2h_milli: row.due_2h_milli, load_bp: row.load_bp }));
    loads.and(attendance.pickers().map(|store| (Node { store }, Entry::Here)))
}

/// The detector; it reads fulfillment.node.
pub struct CapacityOverload;

impl Detector for CapacityOverload {
    const KIND: &'static ExceptionType = KIND;
    type Key = Node;
    type State = CapacityOverloadState;

    fn assess(&self, _: &Node, state: &mut CapacityOverloadState, at: &EvaluationContext<'_>) -> Verdict {
        let Some(load) = state.load.get() else { return Verdict::GONE };
        let due = load.due_2h_milli > 0;
        let open = load.load_bp.map_or(due, |load_bp| load_bp >= at.policy[0]);
        let clear = !due || load.load_bp.is_some_and(|load_bp| load_bp < at.policy[1]);
        Verdict { open, clear, ..Verdict::default() }
    }

    fn respond(&self, _: &Node, _: &CapacityOverloadState, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("throttle_node", "fulfillment_lead") }
    }

    fn drivers(&self, _: &Node, state: &CapacityOverloadState, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let load = state.load.get();
        let load_bp = load.and_then(|load| load.load_bp);
        vec![
            Driver::new("load", load_bp, at.policy[0], "bp"),
            Driver::new("due_within_2h", load.map(|load| load.due_2h_milli), 0, "milli-units"),
            Driver::new("pickers_present", state.present, 1, "heads"),
        ]
    }

    fn key_parts(&self, key: &Node) -> Vec<KeyPart> {
        vec![key.store.into()]
    }

    fn store(&self, key: &Node, _: &CapacityOverloadState) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for CapacityOverload {
    type Input = Entry;

    fn update(&self, _: &Node, state: &mut CapacityOverloadState, entry: Entry, diff: i64) {
        match entry {
            Entry::Load(load) => state.load.update(load, diff),
            Entry::Here => state.present += diff,
        }
    }

    fn is_empty(&self, state: &CapacityOverloadState) -> bool {
        state.load.is_empty() && state.present == 0
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(CapacityOverload, loads(graph.fulfillment_node(), graph.attendance()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    #[test]
    fn opens_when_loaded_or_unstaffed_and_clears_with_room() {
        let key = Node { store: Id::new("s1") };
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[9_000, 7_000] };
        let judge = |due_2h_milli, load_bp| {
            let mut state = CapacityOverloadState::default();
            CapacityOverload.update(&key, &mut state, Entry::Load(Load { due_2h_milli, load_bp }), 1);
            let verdict = CapacityOverload.assess(&key, &mut state, &at);
            (verdict.open, verdict.clear)
        };
        assert_eq!(judge(108_000, Some(9_000)), (true, false));
        assert_eq!(judge(90_000, Some(7_500)), (false, false));
        assert_eq!(judge(80_000, Some(6_666)), (false, true));
        assert_eq!(judge(1, None), (true, false));
        assert_eq!(judge(0, None), (false, true));
        assert_eq!(CapacityOverload.assess(&key, &mut CapacityOverloadState::default(), &at), Verdict::GONE);
    }
}
