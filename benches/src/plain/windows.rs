//! What is in a trailing window: everything by the day or hour it happened, beside those days or hours that count now.
//!
//! Only panes come and go by updates at future ticks, and they are few. An arrangement goes through all that it holds
//! back at every tick, so a retraction ahead of its time for each thing that happened ([`reference::in_window`]) costs the
//! more the more has happened. The price is that what has left is never given back: the join keeps it.

use differential_dataflow::ExchangeData;
use differential_dataflow::collection::AsCollection;
use differential_dataflow::difference::{Abelian, Multiply};
use differential_dataflow::operators::ThresholdTotal;
use operators::keyed::Ticks;
use operators::testing::reference::{self, PlainCollection};
use operators::window::panes::Trail;
use timely::dataflow::operators::vec::Map;

/// What is in the window, of data with their event times.
pub(super) fn in_window<'scope, D, R>(
    ticks: Ticks,
    trail: Trail,
    input: PlainCollection<'scope, (D, i64), R>,
) -> PlainCollection<'scope, D, R>
where
    D: ExchangeData,
    R: ExchangeData + Abelian + Multiply<i64, Output = R>,
{
    let by_pane = input.map(move |(data, at)| (trail.pane(at), data));
    let panes = by_pane.clone().inner.map(|((pane, _), tick, _)| (((pane, ()), pane), tick, 1)).as_collection();
    let open = reference::in_window(ticks, trail, panes.distinct_total_core::<i64>());
    by_pane.join_map(open, |_, data, ()| data.clone())
}
