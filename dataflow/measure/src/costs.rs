//! Cost of each view and part over the measured window: the time that timely logs for each operator.
//!
//! Every stateful operator is named after its view or detector; the stateless ones between them (maps, exchanges) have
//! common names and are summed as "between operators". One worker, a run of its own: logging has a cost, so the shares
//! are meaningful and their sum is not.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::batch::{Batch, Bound};
use engine::clock::Stopwatch;
use live::error::Error;
use retail::detectors::KINDS;
use retail::views;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Task};
use crate::drive::Decoded;
use crate::inside::{Inside, inside};
use crate::load::Load;
use crate::result::{OperatorState, Settings, ViewCost};

/// Operators that serve one part but are not named after it.
const HELPERS: [(&str, &str); 7] = [
    ("attendance", "presence, for four labour views"),
    ("customers by segment", "customer.segments"),
    ("stale feeds", "feed.health"),
    ("promise scores", "detector: fulfillment.promise_risk"),
    ("promotion windows", "promotion.performance"),
    ("case packs of ranged items", "detector: inventory.stockout_risk"),
    ("Dataflow", "scheduling and progress"),
];
const BETWEEN: &str = "between operators";

/// The part that an operator belongs to.
pub fn part(operator: &str) -> String {
    if let Some((_, part)) = HELPERS.iter().find(|(helper, _)| *helper == operator) {
        return (*part).to_owned();
    }
    let named = ["view: ", "detector: "].iter().find_map(|kind| operator.strip_prefix(kind));
    let named = named.unwrap_or(operator);
    let name = named.split_once(": ").map_or(named, |(name, _)| name);
    if views::tables().iter().any(|table| table.name == name) {
        return name.to_owned();
    }
    if KINDS.iter().any(|kind| kind.name == name) {
        return format!("detector: {name}");
    }
    if let Some(topic) = operator.strip_prefix("output: ") {
        return format!("topic: {topic}");
    }
    match name {
        "edge" | "governance" => name.to_owned(),
        _ => BETWEEN.to_owned(),
    }
}

/// Task: the measured window with logging of every operator.
#[derive(Debug, Serialize, Deserialize)]
pub struct Costs(Settings);

impl Task for Costs {
    const NAME: &'static str = "costs";
    type Answer = (Vec<ViewCost>, Vec<OperatorState>);

    fn run(&self) -> Result<Self::Answer, Error> {
        measure_parts(&self.0)
    }
}

/// Measures the cost of each part over the measured window, the dearest first, and the state of each operator at its
/// end; `progress` receives a line before each step.
///
/// # Errors
/// If the load cannot be made or run.
pub fn measure(
    settings: &Settings,
    apart: &Apart,
    progress: &mut dyn FnMut(&str),
) -> Result<(Vec<ViewCost>, Vec<OperatorState>), Error> {
    progress("cost of each view");
    Ok(apart.run(&Costs(settings.clone()))?.answer)
}

fn measure_parts(settings: &Settings) -> Result<(Vec<ViewCost>, Vec<OperatorState>), Error> {
    let work = Decoded::new(&Load::new(settings.size())?)?;
    let events = work.window.len().max(1);
    let first = work.warm_up.first().or(work.window.first()).map_or(0, |bound| bound.0);
    let (mut ran, states) = inside(work.settings.clone(), first, move |job| {
        let warm_up_end = work.warm_up_end();
        job.take(Batch { records: work.warm_up, upto: warm_up_end })?;
        job.ran();
        let took = run(job, work.window)?;
        let mut ran = job.ran();
        // Who had nothing to do has no cost, and a part.
        job.operators().into_iter().for_each(|operator| _ = ran.entry(operator).or_default());
        let inside: Duration = ran.values().sum();
        ran.insert("encoding, and taking records in".to_owned(), took.saturating_sub(inside));
        Ok::<_, Error>((ran, job.states()))
    })?;
    let encoding = ran.remove_entry("encoding, and taking records in");
    let mut parts: BTreeMap<String, Duration> = encoding.into_iter().collect();
    for (operator, ran) in ran {
        *parts.entry(part(&operator)).or_default() += ran;
    }
    let cost = |(part, ran): (String, Duration)| ViewCost {
        part,
        busy_seconds: ran.as_secs_f64(),
        nanos_per_event: ran.as_secs_f64() * 1e9 / events as f64,
    };
    let mut costs: Vec<ViewCost> = parts.into_iter().map(cost).collect();
    costs.sort_by(|a, b| b.busy_seconds.total_cmp(&a.busy_seconds));
    Ok((costs, states))
}

/// Runs the measured window tick by tick; returns the time taken.
fn run(job: &mut Inside<'_>, window: Vec<Bound>) -> Result<Duration, Error> {
    let stopwatch = Stopwatch::start();
    let mut window = window.into_iter().peekable();
    while let Some(upto) = window.peek().map(|bound| bound.0) {
        let records = std::iter::from_fn(|| window.next_if(|bound| bound.0 == upto)).collect();
        job.take(Batch { records, upto })?;
    }
    Ok(stopwatch.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_belong_to_their_views() {
        let parts = [
            ("view: store.sales", "store.sales"),
            ("demand.index: items", "demand.index"),
            ("customers by segment", "customer.segments"),
            ("output: exceptions", "topic: exceptions"),
            ("output: views", "topic: views"),
            ("detector: demand.surge", "detector: demand.surge"),
            ("store.conversion_drop: hours", "detector: store.conversion_drop"),
            ("edge: facts", "edge"),
            ("FlatMap", BETWEEN),
        ];
        for (operator, wanted) in parts {
            assert_eq!(part(operator), wanted, "{operator}");
        }
    }

    #[test]
    fn every_view_has_a_cost_and_every_keeping_operator_a_part() {
        let (costs, states) = measure(&Settings::quick(), &Apart::Here, &mut |_| {}).expect("measured");
        for table in views::tables() {
            assert!(costs.iter().any(|cost| cost.part == table.name), "{}", table.name);
        }
        assert!(costs.is_sorted_by(|a, b| a.busy_seconds >= b.busy_seconds));
        // A new operator needs a name with its view in it, or a place among the helpers.
        for state in &states {
            assert_ne!(part(&state.operator), BETWEEN, "{}", state.operator);
        }
        assert!(states.iter().map(|state| state.entries).sum::<u64>() > 0);
    }
}
