//! Reference versions of the operators from plain differential operators, for tests and benches.
//!
//! Each function has the name, the arguments and the meaning of an operator of this crate. It consists of `count_total`,
//! `reduce`, `join`, `threshold` and `consolidate`, without causes. The functions are short, because they are the
//! definition; they are slower, because an arrangement keeps an index over many times, which a total order of ticks does
//! not need. Where the clock matters it is data: updates at future ticks, which an arrangement holds back until then, or
//! the tick of an arrival beside the arrival.

use std::hash::Hash;

use differential_dataflow::collection::AsCollection;
use differential_dataflow::difference::{Abelian, Multiply};
use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use differential_dataflow::{ExchangeData, VecCollection};
use timely::dataflow::operators::vec::Map;

use crate::ingest::arrival::{Arrival, Fact, Fate, Judged};
use crate::keyed::Ticks;
use crate::window::panes::Trail;

/// A collection on the job's clock with ordinary differences.
pub type PlainCollection<'scope, D, R> = VecCollection<'scope, i64, D, R>;

/// One sum per key: [`crate::aggregate::sum_by_key::sum_by_key`].
pub fn sum_by_key<K, R>(input: PlainCollection<'_, K, R>) -> PlainCollection<'_, (K, R), i64>
where
    K: ExchangeData + Hash,
    R: ExchangeData + Abelian,
{
    input.count_total_core()
}

/// Full outer join of two rows per key: [`crate::join::co_group::co_group`].
pub fn co_group<'scope, K, A, B>(
    left: PlainCollection<'scope, (K, A), i64>,
    right: PlainCollection<'scope, (K, B), i64>,
) -> PlainCollection<'scope, (K, Option<A>, Option<B>), i64>
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

/// Sums by member with the one row of their key: [`crate::join::lookup::lookup`].
pub fn lookup<'scope, K, M, R, V>(
    sums: PlainCollection<'scope, (K, (M, R)), i64>,
    rows: PlainCollection<'scope, (K, V), i64>,
) -> PlainCollection<'scope, ((K, M, Option<V>), R), i64>
where
    K: ExchangeData + Hash,
    M: ExchangeData + Hash,
    R: ExchangeData + Abelian + Multiply<i64, Output = R>,
    V: ExchangeData,
{
    let sums = sum_by_key(sums.explode(|(key, (member, sum))| [((key, member), sum)]));
    let sums = sums.map(|((key, member), sum)| (key, (member, sum)));
    let found = sums.clone().join_map(rows.clone(), |key, (member, sum), row| {
        ((key.clone(), member.clone(), Some(row.clone())), sum.clone())
    });
    let missed = sums.antijoin(rows.map(|(key, _)| key)).map(|(key, (member, sum))| ((key, member, None), sum));
    found.concat(missed)
}

/// The content of a trailing window: each update at the tick at which its pane enters, and its negation at the tick at which
/// the pane leaves.
pub fn in_window<'scope, D, R>(
    ticks: Ticks,
    trail: Trail,
    input: PlainCollection<'scope, (D, i64), R>,
) -> PlainCollection<'scope, D, R>
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

/// Sums over a trailing window: [`crate::window::trailing_sum::trailing_sum`].
pub fn trailing_sum<'scope, K, R>(
    ticks: Ticks,
    trail: Trail,
    input: PlainCollection<'scope, (K, i64), R>,
) -> PlainCollection<'scope, (K, R), i64>
where
    K: ExchangeData + Hash,
    R: ExchangeData + Abelian,
{
    sum_by_key(in_window(ticks, trail, input))
}

/// Number of members with a positive weight over a trailing window: [`crate::window::distinct_in_window::distinct_in_window`].
pub fn distinct_in_window<'scope, K, I>(
    ticks: Ticks,
    trail: Trail,
    input: PlainCollection<'scope, (K, (i64, I)), i64>,
) -> PlainCollection<'scope, (K, i64), i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData + Hash,
{
    let members = in_window(ticks, trail, input.map(|(key, (event_time, member))| ((key, member), event_time)));
    sum_by_key(members.threshold_total(|_, weight| i64::from(*weight > 0)).map(|(key, _)| key))
}

/// The greatest value of each key: [`crate::aggregate::max_by_key::max_by_key`].
pub fn max_by_key<K, V>(input: PlainCollection<'_, (K, V), i64>) -> PlainCollection<'_, (K, V), i64>
where
    K: ExchangeData + Hash,
    V: ExchangeData,
{
    input.reduce(|_, values, out| {
        let greatest = values.iter().rev().find(|(_, count)| *count > 0);
        out.extend(greatest.map(|(value, _)| ((*value).clone(), 1)));
    })
}

/// Updates at the first tick not before their instant: [`crate::window::delay_until::delay_until`].
pub fn delay_until<D>(ticks: Ticks, input: PlainCollection<'_, (D, i64), i64>) -> PlainCollection<'_, D, i64>
where
    D: ExchangeData + Hash,
{
    let later = move |((data, from), tick, diff): ((D, i64), i64, i64)| (data, ticks.at(from).max(tick), diff);
    input.inner.map(later).as_collection().consolidate()
}

/// The changes of each tick, consolidated: [`crate::io::at_close::at_close`].
pub fn at_close<D: ExchangeData + Hash>(input: PlainCollection<'_, D, i64>) -> PlainCollection<'_, D, i64> {
    input.consolidate()
}

/// Each event once: [`crate::ingest::dedup::dedup`].
///
/// No differential operator has a clock. None is needed: the clock is read only when an arrival is judged, so the tick of
/// each arrival is enough, and the fates are a function of all arrivals so far.
pub fn dedup<'scope, K, I, D, M>(
    lateness_ms: i64,
    arrivals: PlainCollection<'scope, (K, Arrival<I, D, M>), i64>,
) -> PlainCollection<'scope, Judged<I, D, M>, i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    D: ExchangeData,
    M: ExchangeData,
{
    history(arrivals)
        .reduce(move |_, arrivals, out| {
            // The accepted revision, its horizon and its content. The output keeps the content of forgotten ids.
            let mut accepted: Option<(i64, i64, Option<Fact<I, D>>)> = None;
            for ((tick, arrival), _) in arrivals {
                let edge = tick - lateness_ms;
                accepted = accepted.filter(|(_, horizon, _)| *horizon >= edge);
                let fate = match &accepted {
                    Some((revision, ..)) if *revision >= arrival.revision => Fate::Duplicate,
                    Some((.., Some(fact))) if fact.event_time < edge => Fate::Late(edge - fact.event_time),
                    _ => Fate::Accepted,
                };
                out.push((Judged::Fate(fate, arrival.memo.clone()), 1));
                if fate == Fate::Accepted {
                    let horizon = accepted
                        .as_ref()
                        .map_or(arrival.event_time, |(_, accepted, _)| arrival.event_time.max(*accepted));
                    let fact = fact(arrival, horizon);
                    out.extend(
                        accepted.and_then(|(.., replaced)| replaced).map(|replaced| (Judged::Fact(replaced), -1)),
                    );
                    out.extend(fact.clone().map(|fact| (Judged::Fact(fact), 1)));
                    accepted = Some((arrival.revision, horizon, fact));
                }
            }
        })
        .map(|(_, judged)| judged)
}

/// The current row of every key: [`crate::ingest::latest_by_key::latest_by_key`].
pub fn latest_by_key<K, I, D, M>(
    arrivals: PlainCollection<'_, (K, Arrival<I, D, M>), i64>,
) -> PlainCollection<'_, Judged<I, D, M>, i64>
where
    K: ExchangeData + Hash,
    I: ExchangeData,
    D: ExchangeData,
    M: ExchangeData,
{
    history(arrivals)
        .reduce(|_, arrivals, out| {
            let mut accepted: Option<&Arrival<I, D, M>> = None;
            let version = |arrival: &Arrival<I, D, M>| (arrival.revision, arrival.event_time, arrival.id.clone());
            for ((_, arrival), _) in arrivals {
                let newer = accepted.is_none_or(|accepted| version(arrival) > version(accepted));
                let fate = if newer { Fate::Accepted } else { Fate::Duplicate };
                out.push((Judged::Fate(fate, arrival.memo.clone()), 1));
                accepted = if newer { Some(arrival) } else { accepted };
            }
            out.extend(
                accepted.and_then(|accepted| fact(accepted, accepted.event_time)).map(|fact| (Judged::Fact(fact), 1)),
            );
        })
        .map(|(_, judged)| judged)
}

/// Arrivals with their ticks: a `reduce` receives those of a key in the order in which they are judged.
fn history<K, I, D, M>(
    arrivals: PlainCollection<'_, (K, Arrival<I, D, M>), i64>,
) -> PlainCollection<'_, (K, (i64, Arrival<I, D, M>)), i64>
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
