//! A script in, what was said out: the harness under every example and every law of an operator.
//!
//! A script is a list of updates `(tick, data, difference)`. [`run`] feeds it to a dataflow and gathers what comes out,
//! consolidated within each tick and sorted. The dataflow may be one operator or a whole view: anything from one
//! collection to another.
//!
//! | function | answers |
//! |---|---|
//! | [`play`] | what was said: the short form for examples |
//! | [`told`] | the same as text, a line an update, with the record to blame |
//! | [`however`] | what was said, after proving that workers, batches and order within a tick change nothing |
//! | [`law`] | nothing: it proves over seeds that an operator says what its plain twin says, at every tick |
//! | [`close`], [`held_after`] | what a [`KeyedState`] says and still holds, with no dataflow around it |
//!
//! The clock of a run stops at a last tick, `until`: it closes, later ones do not. Only then the input ends, for an
//! empty frontier drops what waits for a later tick.

use std::fmt::{Debug, Write};

use differential_dataflow::difference::Semigroup;
use differential_dataflow::{ExchangeData, VecCollection};

use crate::at_close::consolidate;
use crate::co_group::Side;
use crate::diff::Traced;
use crate::keyed::{Keyed, KeyedState, Ticks};

mod handover;
mod random;
mod run;
pub mod scripts;

pub use handover::Handover;
pub use random::Random;
pub use run::run;

/// `difference` copies of `data` at a tick.
pub type Update<D, R> = (i64, D, R);

/// Anything that builds a collection from a collection.
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

/// The script with each update blamed on its own position in it.
pub fn traced<D: Clone, R: Clone>(script: &[Update<D, R>]) -> Vec<Update<D, Traced<R, u64>>> {
    let blame = |((tick, data, diff), position): (&Update<D, R>, u64)| {
        (*tick, data.clone(), Traced::new(diff.clone(), Some(position)))
    };
    script.iter().zip(0..).map(blame).collect()
}

/// What was said, without causes.
pub fn untraced<O: Clone>(said: &[Update<O, Traced<i64, u64>>]) -> Vec<Update<O, i64>> {
    said.iter().map(|(tick, data, change)| (*tick, data.clone(), change.diff)).collect()
}

/// Runs a script in order on one worker: what was said up to the tick `until`, without causes.
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

/// [`play`] as text: `tick difference data by cause`, the cause being a position in the script.
pub fn told<D, R, O>(
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

/// Runs a script in order and then, by chance of `seed`, in disorder on 1, 2 and 4 workers.
///
/// # Panics
/// If any two say different things or blame different records.
pub fn however<D, R, O>(
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
        let said = run(handover, until, &script, graph.clone());
        same(&format!("{handover:?} differs from orderly"), &script, &orderly, &said);
    }
    untraced(&orderly)
}

/// Proves over seeds that `graph` says at every tick up to `until` what `twin` says, however the script is handed over.
///
/// `scripts` draws a script of about a given size; sizes grow, so that the first to fail is about the smallest.
///
/// # Panics
/// If they differ: with the script up to the first tick at which they do.
pub fn law<D, R, O>(
    until: i64,
    scripts: impl Fn(&mut Random, usize) -> Vec<Update<D, R>>,
    graph: impl Graph<D, Traced<R, u64>, O, Traced<i64, u64>>,
    twin: impl Graph<D, R, O, i64>,
) where
    D: ExchangeData,
    R: ExchangeData + Semigroup,
    O: ExchangeData,
{
    for (seed, size) in (0..).zip((1..=120).step_by(3)) {
        let script = scripts(&mut Random::new(seed), size);
        let said = however(seed, until, &script, graph.clone());
        let expected = run(Handover::ORDERLY, until, &script, twin.clone());
        same(&format!("seed {seed} differs from its twin"), &script, &expected, &said);
    }
}

/// A script of two collections, parted again.
pub fn sides<'scope, A: Clone, B: Clone, R: Clone>(
    input: VecCollection<'scope, i64, Side<A, B>, R>,
) -> (VecCollection<'scope, i64, A, R>, VecCollection<'scope, i64, B, R>) {
    let left = input.clone().flat_map(|side| if let Side::Left(row) = side { Some(row) } else { None });
    let right = input.flat_map(|side| if let Side::Right(row) = side { Some(row) } else { None });
    (left, right)
}

/// Checks that two say the same at every tick.
fn same<D: Debug, R: Debug, O: PartialEq + Debug, S: PartialEq + Debug>(
    what: &str,
    script: &[Update<D, R>],
    expected: &[Update<O, S>],
    said: &[Update<O, S>],
) {
    let agree = expected.iter().zip(said).take_while(|(expected, said)| expected == said).count();
    let Some(tick) = [expected.get(agree), said.get(agree)].into_iter().flatten().map(|(tick, ..)| *tick).min() else {
        return;
    };
    let script = lines(script, |at| at <= tick);
    let (expected, said) = (lines(expected, |at| at == tick), lines(said, |at| at == tick));
    panic!("{what} at tick {tick}\nscript:{script}\nexpected:{expected}\nsaid:{said}");
}

fn lines<D: Debug, R: Debug>(updates: &[Update<D, R>], shown: impl Fn(i64) -> bool) -> String {
    updates.iter().filter(|(tick, ..)| shown(*tick)).map(|update| format!("\n  {update:?}")).collect()
}

/// Wakes and closes `tick`: what a state says, consolidated and sorted.
pub fn close<L: Keyed<Output: Ord>>(state: &mut KeyedState<L>, tick: i64) -> Vec<(L::Output, i64)> {
    let (mut fuel, mut out) = (usize::MAX, Vec::new());
    state.wake(tick);
    state.close(tick, &mut fuel, &mut out);
    let mut said = out.into_iter().map(|(data, _, change)| (data, change.diff)).collect();
    consolidate(&mut said);
    said
}

/// How many keys `logic` holds, and when the next would wake, after a script and then the clock alone up to `until`.
pub fn held_after<L: Keyed<Output: Ord>>(
    logic: L,
    ticks: Ticks,
    mut script: Vec<Update<(L::Key, L::Input), L::Diff>>,
    until: i64,
) -> (usize, Option<i64>) {
    let mut state = KeyedState::new(logic, ticks);
    script.sort_by_key(|(tick, ..)| *tick);
    let mut script = script.into_iter().peekable();
    loop {
        let input = script.peek().map(|(tick, ..)| *tick);
        let Some(tick) = input.into_iter().chain(state.next_wake()).min().filter(|tick| *tick <= until) else {
            return (state.len(), state.next_wake());
        };
        while let Some((_, (key, input), diff)) = script.next_if(|(at, ..)| *at == tick) {
            state.update(key, input, Traced::new(diff, None), tick);
        }
        close(&mut state, tick);
    }
}
