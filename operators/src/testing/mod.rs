//! Test harness: runs a script of updates through a dataflow and returns its output.
//!
//! A script is a list of updates `(tick, data, difference)`. [`run`] feeds it to a dataflow and collects the output,
//! consolidated within each tick and sorted. The dataflow may be one operator or many: anything from one collection to
//! another.
//!
//! | function | result |
//! |---|---|
//! | [`play`] | the output: the short form for examples |
//! | [`transcript`] | the same as text, one line per update, with its cause |
//! | [`run_all_ways`] | the output, after a check that workers, batches and order within a tick do not change it |
//! | [`law`] | none: checks over seeds that an operator equals its [`mod@reference`] at every tick |
//! | [`close`], [`entries_after`] | the output and the remaining entries of a [`KeyedStore`] without a dataflow |
//!
//! The clock of a run stops at a last tick, `until`, which closes; later ones do not. The input ends only after that,
//! because an empty frontier drops timers of later ticks.

use std::fmt::{Debug, Write};

use differential_dataflow::difference::Semigroup;
use differential_dataflow::{ExchangeData, VecCollection};

use crate::diff::Traced;
use crate::io::at_close::consolidate;
use crate::join::co_group::Side;
use crate::keyed::{Keyed, KeyedStore, Ticks};

mod handover;
mod random;
pub mod reference;
mod run;
pub mod scripts;

pub use handover::Handover;
pub use random::Random;
pub use run::run;

/// `difference` copies of `data` at a tick.
pub type Update<D, R> = (i64, D, R);

/// A function that builds a collection from a collection.
pub trait Graph<D: 'static, R: 'static, O: 'static, S: 'static>:
    for<'scope> Fn(VecCollection<'scope, i64, D, R>) -> VecCollection<'scope, i64, O, S> + Clone + Send + Sync + 'static
{
}

impl<D: 'static, R: 'static, O: 'static, S: 'static, F> Graph<D, R, O, S> for F where
    F: for<'scope> Fn(VecCollection<'scope, i64, D, R>) -> VecCollection<'scope, i64, O, S>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// The script in which the cause of each update is its position.
pub fn traced<D: Clone, R: Clone>(script: &[Update<D, R>]) -> Vec<Update<D, Traced<R, u64>>> {
    let with_cause = |((tick, data, diff), position): (&Update<D, R>, u64)| {
        (*tick, data.clone(), Traced::new(diff.clone(), Some(position)))
    };
    script.iter().zip(0..).map(with_cause).collect()
}

/// Output without causes.
pub fn untraced<O: Clone>(output: &[Update<O, Traced<i64, u64>>]) -> Vec<Update<O, i64>> {
    output.iter().map(|(tick, data, change)| (*tick, data.clone(), change.diff)).collect()
}

/// Runs a script in order on one worker; returns the output up to the tick `until`, without causes.
///
/// ```
/// # use operators::testing::play;
/// let even = play(&[(10, 3, 1), (10, 4, 2), (20, 4, -1)], 20, |numbers| numbers.filter(|number| number % 2 == 0));
/// assert_eq!(even, [(10, 4, 2), (20, 4, -1)]);
/// ```
pub fn play<D, R, O>(
    script: &[Update<D, R>],
    until: i64,
    graph: impl Graph<D, Traced<R, u64>, O, Traced<i64, u64>>,
) -> Vec<Update<O, i64>>
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
{
    untraced(&run(Handover::ORDERLY, until, &traced(script), graph))
}

/// [`play`] as text: `tick difference data by cause`, where the cause is a position in the script.
pub fn transcript<D, R, O>(
    script: &[Update<D, R>],
    until: i64,
    graph: impl Graph<D, Traced<R, u64>, O, Traced<i64, u64>>,
) -> String
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
{
    run(Handover::ORDERLY, until, &traced(script), graph).iter().fold(
        String::new(),
        |mut text, (tick, data, change)| {
            let cause = change.cause.map_or("the clock".to_owned(), |position| position.to_string());
            writeln!(text, "{tick} {:+} {data:?} by {cause}", change.diff).expect("text takes all");
            text
        },
    )
}

/// Runs a script in order, and in disorder by `seed` on 1, 2 and 4 workers; returns the output.
///
/// # Panics
/// If two runs differ in output or causes.
pub fn run_all_ways<D, R, O>(
    seed: u64,
    until: i64,
    script: &[Update<D, R>],
    graph: impl Graph<D, Traced<R, u64>, O, Traced<i64, u64>>,
) -> Vec<Update<O, i64>>
where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
{
    let script = traced(script);
    let orderly = run(Handover::ORDERLY, until, &script, graph.clone());
    for workers in [1, 2, 4] {
        let handover = Handover { workers, disorder: Some(seed) };
        let output = run(handover, until, &script, graph.clone());
        assert_same(&format!("{handover:?} differs from orderly"), &script, &orderly, &output);
    }
    untraced(&orderly)
}

/// Checks over seeds that `graph` equals `reference` at every tick up to `until`, for every [`Handover`] of the script.
///
/// `scripts` draws a script of about a given size; sizes grow, so that the first to fail is about the smallest.
///
/// # Panics
/// If they differ, with the script up to the first tick at which they do.
pub fn law<D, R, O>(
    until: i64,
    scripts: impl Fn(&mut Random, usize) -> Vec<Update<D, R>>,
    graph: impl Graph<D, Traced<R, u64>, O, Traced<i64, u64>>,
    reference: impl Graph<D, R, O, i64>,
) where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
{
    for (seed, size) in (0..).zip((1..=120).step_by(3)) {
        let script = scripts(&mut Random::new(seed), size);
        let output = run_all_ways(seed, until, &script, graph.clone());
        let expected = run(Handover::ORDERLY, until, &script, reference.clone());
        assert_same(&format!("seed {seed} differs from its reference"), &script, &expected, &output);
    }
}

/// Splits a collection of two sides into its two collections.
pub fn sides<'scope, A: Clone, B: Clone, R: Clone>(
    input: VecCollection<'scope, i64, Side<A, B>, R>,
) -> (VecCollection<'scope, i64, A, R>, VecCollection<'scope, i64, B, R>) {
    let left = input.clone().flat_map(|side| if let Side::Left(row) = side { Some(row) } else { None });
    let right = input.flat_map(|side| if let Side::Right(row) = side { Some(row) } else { None });
    (left, right)
}

/// Checks that two outputs are equal at every tick.
fn assert_same<D: Debug, R: Debug, O: PartialEq + Debug, S: PartialEq + Debug>(
    what: &str,
    script: &[Update<D, R>],
    expected: &[Update<O, S>],
    actual: &[Update<O, S>],
) {
    let agree = expected.iter().zip(actual).take_while(|(expected, actual)| expected == actual).count();
    let Some(tick) = [expected.get(agree), actual.get(agree)].into_iter().flatten().map(|(tick, ..)| *tick).min()
    else {
        return;
    };
    let script = lines(script, |at| at <= tick);
    let (expected, actual) = (lines(expected, |at| at == tick), lines(actual, |at| at == tick));
    panic!("{what} at tick {tick}\nscript:{script}\nexpected:{expected}\nactual:{actual}");
}

fn lines<D: Debug, R: Debug>(updates: &[Update<D, R>], shown: impl Fn(i64) -> bool) -> String {
    updates.iter().filter(|(tick, ..)| shown(*tick)).map(|update| format!("\n  {update:?}")).collect()
}

/// Fires the timers of `tick` and closes it; returns the output of the store, consolidated and sorted.
pub fn close<L: Keyed<Output: Ord>>(state: &mut KeyedStore<L>, tick: i64) -> Vec<(L::Output, i64)> {
    let (mut fuel, mut out) = (usize::MAX, Vec::new());
    state.fire_timers(tick);
    state.close(tick, &mut fuel, &mut out);
    let mut output = out.into_iter().map(|(data, _, change)| (data, change.diff)).collect();
    consolidate(&mut output);
    output
}

/// The number of entries of `logic` and its next timer, after a script and then the clock alone up to `until`.
pub fn entries_after<L: Keyed<Output: Ord>>(
    logic: L,
    ticks: Ticks,
    mut script: Vec<Update<(L::Key, L::Input), L::Diff>>,
    until: i64,
) -> (usize, Option<i64>) {
    let mut state = KeyedStore::new(logic, ticks);
    script.sort_by_key(|(tick, ..)| *tick);
    let mut script = script.into_iter().peekable();
    loop {
        let input = script.peek().map(|(tick, ..)| *tick);
        let Some(tick) = input.into_iter().chain(state.next_timer()).min().filter(|tick| *tick <= until) else {
            return (state.len(), state.next_timer());
        };
        while let Some((_, (key, input), diff)) = script.next_if(|(at, ..)| *at == tick) {
            state.update(key, input, Traced::new(diff, None), tick);
        }
        close(&mut state, tick);
    }
}
