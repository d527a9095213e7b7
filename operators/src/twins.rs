//! The same answers from plain differential operators, for tests and benches.
//!
//! Each function here has the name, the arguments and the meaning of an operator of this crate, and is put together
//! from `count_total`, `reduce`, `join`, `threshold` and `consolidate` alone, without causes. They are short because they
//! say what is meant; they are slower because an arrangement keeps an index over many times where one total order
//! of ticks needs none. Where the clock matters, it is fed as data: as updates at future ticks, which an arrangement
//! holds back until then, or as the tick of an arrival beside the arrival.

use std::hash::Hash;

use differential_dataflow::collection::AsCollection;
use differential_dataflow::difference::{Abelian, Multiply};
use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use differential_dataflow::{ExchangeData, VecCollection};
use timely::dataflow::operators::vec::Map;

use crate::arrival::{Arrival, Fact, Fate, Judged};
use crate::keyed::Ticks;
use crate::panes::Trail;

/// A collection on the job's clock with ordinary differences.
pub type Plain<'scope, D, R> = VecCollection<'scope, i64, D, R>;

/// One sum per key: [`crate::totals::totals`].
pub fn totals<K, R>(input: Plain<'_, K, R>) -> Plain<'_, (K, R), i64>
where
    K: ExchangeData + Hash,
    R: ExchangeData + Abelian,
{
    input.count_total_core()
}

/// Two rows of a key side by side: [`crate::co_group::co_group`].
pub fn co_group<'scope, K, A, B>(
    left: Plain<'scope, (K, A), i64>,
    right: Plain<'scope, (K, B), i64>,
) -> Plain<'scope, (K, Option<A>, Option<B>), i64>
where
    K: ExchangeData + Hash,
    A: ExchangeData,
    B: ExchangeData,
{
    let both = left.clone().join_map(right.clone(), |key, a, b| (key.clone(), Some(a.clone()), Some(b.clone())));
    let left_only = left.clone().antijoin(right.clone().map(|(key, _)| key)).map(|(key, a)| (key, Some(a), None));
    let right_only = right.antijoin(left.map(|(key, _)| key)).map(|(key, b)| (key, None, Some(b)));
    both.concat(left_only).concat(right_only)
}

/// Sums by member beside the one row of their key: [`crate::lookup::lookup`].
pub fn lookup<'scope, K, M, R, V>(
    sums: Plain<'scope, (K, (M, R)), i64>,
    rows: Plain<'scope, (K, V), i64>,
) -> Plain<'scope, ((K, M, Option<V>), R), i64>
where
    K: ExchangeData + Hash,
    M: ExchangeData + Hash,
    R: ExchangeData + Abelian + Multiply<i64, Output = R>,
    V: ExchangeData,
{
    let sums = totals(sums.explode(|(key, (member, sum))| [((key, member), sum)]));
    let sums = sums.map(|((key, member), sum)| (key, (member, sum)));
    let found = sums.clone().join_map(rows.clone(), |key, (member, sum), row| {
        ((key.clone(), member.clone(), Some(row.clone())), sum.clone())
    });
    let missed = sums.antijoin(rows.map(|(key, _)| key)).map(|(key, (member, sum))| ((key, member, None), sum));
    found.concat(missed)
}

/// What is in a trailing window: each update at the tick its pane enters, and its negation at the tick the pane leaves.
pub fn in_window<'scope, D, R>(ticks: Ticks, trail: Trail, input: Plain<'scope, (D, i64), R>) -> Plain<'scope, D, R>
where
    D: Clone + 'static,
    R: Abelian + 'static,
{
    let copies = move |((data, event_time), tick, diff): ((D, i64), i64, R)| {
        let start = trail.pane(event_time);
        let (enters, leaves) = (ticks.at(start).max(tick), ticks.at(start + trail.window_ms));
        let mut negated = diff.clone();
        negated.negate();
        let copies = [(data.clone(), enters, diff), (data, leaves, negated)];
        copies.into_iter().filter(move |_| enters < leaves)
    };
    input.inner.flat_map(copies).as_collection()
}

/// Sums over a trailing window: [`crate::panes::trailing`].
pub fn trailing<'scope, K, R>(
    ticks: Ticks,
    trail: Trail,
    input: Plain<'scope, (K, i64), R>,
) -> Plain<'scope, (K, R), i64>
where
    K: ExchangeData + Hash,
    R: ExchangeData + Abelian,
{
    totals(in_window(ticks, trail, input))
}

/// How many members weigh more than nothing over a trailing window: [`crate::distinct::distinct_in_window`].
pub fn distinct_in_window<'scope, K, I>(
    ticks: Ticks,
    trail: Trail,
    input: Plain<'scope, (K, (i64, I)), i64>,
) -> Plain<'scope, (K, i64), i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData + Hash,
{
    let members = in_window(ticks, trail, input.map(|(key, (event_time, member))| ((key, member), event_time)));
    totals(members.threshold_total(|_, weight| i64::from(*weight > 0)).map(|(key, _)| key))
}

/// The greatest standing value of each key: [`crate::greatest::greatest`].
pub fn greatest<K, V>(input: Plain<'_, (K, V), i64>) -> Plain<'_, (K, V), i64>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
{
    input.reduce(|_, values, out| {
        let standing = values.iter().rev().find(|(_, count)| *count > 0);
        out.extend(standing.map(|(value, _)| ((*value).clone(), 1)));
    })
}

/// Updates at the first tick not before their instant: [`crate::release_at::release_at`].
pub fn release_at<D>(ticks: Ticks, input: Plain<'_, (D, i64), i64>) -> Plain<'_, D, i64>
where
    D: ExchangeData + Hash,
{
    let later = move |((data, from), tick, diff): ((D, i64), i64, i64)| (data, ticks.at(from).max(tick), diff);
    input.inner.map(later).as_collection().consolidate()
}

/// The changes of each tick, consolidated: [`crate::at_close::at_close`].
pub fn at_close<D: ExchangeData + Hash>(input: Plain<'_, D, i64>) -> Plain<'_, D, i64> {
    input.consolidate()
}

/// Each event once: [`crate::dedup::dedup`].
///
/// No differential operator has a clock, but none is needed: a judgement reads the clock only when an arrival is
/// judged, so the tick of each arrival beside it says all, and the fates are a function of all arrivals so far.
pub fn dedup<'scope, K, I, D, M>(
    lateness_ms: i64,
    arrivals: Plain<'scope, (K, Arrival<I, D, M>), i64>,
) -> Plain<'scope, Judged<I, D, M>, i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    D: ExchangeData,
    M: ExchangeData,
{
    history(arrivals)
        .reduce(move |_, arrivals, out| {
            // The accepted revision, its horizon, and its content. What is forgotten goes on standing.
            let mut held: Option<(i64, i64, Option<Fact<I, D>>)> = None;
            for ((tick, arrival), _) in arrivals {
                let edge = tick - lateness_ms;
                held = held.filter(|(_, horizon, _)| *horizon >= edge);
                let fate = match &held {
                    Some((revision, ..)) if *revision >= arrival.revision => Fate::Duplicate,
                    Some((.., Some(fact))) if fact.event_time < edge => Fate::Late(edge - fact.event_time),
                    _ => Fate::Accepted,
                };
                out.push((Judged::Fate(fate, arrival.memo.clone()), 1));
                if fate == Fate::Accepted {
                    let horizon =
                        held.as_ref().map_or(arrival.event_time, |(_, held, _)| arrival.event_time.max(*held));
                    let fact = fact(arrival, horizon);
                    out.extend(held.and_then(|(.., replaced)| replaced).map(|replaced| (Judged::Fact(replaced), -1)));
                    out.extend(fact.clone().map(|fact| (Judged::Fact(fact), 1)));
                    held = Some((arrival.revision, horizon, fact));
                }
            }
        })
        .map(|(_, judged)| judged)
}

/// The current row of every key: [`crate::latest::latest_by_key`].
pub fn latest_by_key<K, I, D, M>(arrivals: Plain<'_, (K, Arrival<I, D, M>), i64>) -> Plain<'_, Judged<I, D, M>, i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    D: ExchangeData,
    M: ExchangeData,
{
    history(arrivals)
        .reduce(|_, arrivals, out| {
            let mut held: Option<&Arrival<I, D, M>> = None;
            let version = |arrival: &Arrival<I, D, M>| (arrival.revision, arrival.event_time, arrival.id.clone());
            for ((_, arrival), _) in arrivals {
                let newer = held.is_none_or(|held| version(arrival) > version(held));
                let fate = if newer { Fate::Accepted } else { Fate::Duplicate };
                out.push((Judged::Fate(fate, arrival.memo.clone()), 1));
                held = if newer { Some(arrival) } else { held };
            }
            out.extend(held.and_then(|held| fact(held, held.event_time)).map(|fact| (Judged::Fact(fact), 1)));
        })
        .map(|(_, judged)| judged)
}

/// Arrivals beside their ticks: a `reduce` sees those of a key in the order in which they are judged.
fn history<K, I, D, M>(arrivals: Plain<'_, (K, Arrival<I, D, M>), i64>) -> Plain<'_, (K, (i64, Arrival<I, D, M>)), i64>
where
    K: ExchangeData,
    I: ExchangeData,
    D: ExchangeData,
    M: ExchangeData,
{
    arrivals.inner.map(|((key, arrival), tick, diff)| ((key, (tick, arrival)), tick, diff)).as_collection()
}

fn fact<I: Clone, D: Clone, M>(arrival: &Arrival<I, D, M>, horizon: i64) -> Option<Fact<I, D>> {
    let body = arrival.content.clone()?;
    Some(Fact { id: arrival.id.clone(), event_time: arrival.event_time, horizon, body })
}
