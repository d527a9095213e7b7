//! Random scripts: facts, rows and arrivals that are added, changed and retracted over the ticks of a clock.

use std::collections::BTreeMap;

use differential_dataflow::difference::Abelian;

use super::{Random, Update};
use crate::ingest::arrival::{Arrival, Place};
use crate::join::co_group::Side;
use crate::keyed::Ticks;

/// A random tick in `tick_ms..=until`.
pub fn tick(random: &mut Random, ticks: Ticks, until: i64) -> i64 {
    ticks.tick_ms * (1 + random.below(until / ticks.tick_ms))
}

/// `size` additions of facts that `fact` draws for their tick; one in three is retracted at that tick or later.
pub fn facts<D: Clone, R: Abelian>(
    random: &mut Random,
    size: usize,
    ticks: Ticks,
    until: i64,
    mut fact: impl FnMut(&mut Random, i64) -> (D, R),
) -> Vec<Update<D, R>> {
    let mut script = Vec::new();
    for _ in 0..size {
        let at = tick(random, ticks, until);
        let (data, diff) = fact(random, at);
        if random.once_in(3) {
            let mut negated = diff.clone();
            negated.negate();
            script.push((at.max(tick(random, ticks, until)), data.clone(), negated));
        }
        script.push((at, data, diff));
    }
    script.sort_by_key(|(tick, ..)| *tick);
    script
}

/// `size` changes to rows, at most one row per key; every fourth change deletes a row.
pub fn rows<K: Ord + Clone, V: Clone>(
    random: &mut Random,
    size: usize,
    ticks: Ticks,
    until: i64,
    mut row: impl FnMut(&mut Random) -> (K, V),
) -> Vec<Update<(K, V), i64>> {
    let mut at: Vec<i64> = (0..size).map(|_| tick(random, ticks, until)).collect();
    at.sort_unstable();
    let mut rows = BTreeMap::new();
    let mut script = Vec::new();
    for tick in at {
        let (key, row) = row(random);
        if let Some(old) = rows.remove(&key) {
            script.push((tick, (key.clone(), old), -1));
        }
        if !random.once_in(4) {
            rows.insert(key.clone(), row.clone());
            script.push((tick, (key, row), 1));
        }
    }
    script
}

/// `size` arrivals of few ids and revisions, keyed by id: up to `back_ms` old, or a little ahead of the clock. The memo of
/// each is its position. Some are duplicates.
pub fn arrivals(
    random: &mut Random,
    size: usize,
    ticks: Ticks,
    until: i64,
    back_ms: i64,
) -> Vec<Update<(char, Arrival<char, i64, u64>), i64>> {
    let mut at: Vec<i64> = (0..size).map(|_| tick(random, ticks, until)).collect();
    at.sort_unstable();
    let arrival = |(tick, position): (i64, u64)| {
        let id = random.letter((1 + size / 5).min(26));
        let content = (!random.once_in(4)).then(|| random.below(3));
        // On half ticks, so that many fall on a boundary.
        let half = (ticks.tick_ms / 2).max(1);
        let event_time = tick + half * (4 - random.below(back_ms / half + 4));
        let revision = random.below(4);
        (tick, (id, Arrival { place: Place::number(position), id, revision, event_time, content, memo: position }), 1)
    };
    at.into_iter().zip(0..).map(arrival).collect()
}

/// Two scripts as one script of two sides, in order of ticks.
pub fn both<A, B, R>(left: Vec<Update<A, R>>, right: Vec<Update<B, R>>) -> Vec<Update<Side<A, B>, R>> {
    let left = left.into_iter().map(|(tick, row, diff)| (tick, Side::Left(row), diff));
    let mut script: Vec<_> =
        left.chain(right.into_iter().map(|(tick, row, diff)| (tick, Side::Right(row), diff))).collect();
    script.sort_by_key(|(tick, ..)| *tick);
    script
}

/// A script of two sides as (key, side), the input of a keyed store.
pub fn by_key<K, A, B, R>(script: Vec<Update<Side<(K, A), (K, B)>, R>>) -> Vec<Update<(K, Side<A, B>), R>> {
    let by_key = |side| match side {
        Side::Left((key, row)) => (key, Side::Left(row)),
        Side::Right((key, row)) => (key, Side::Right(row)),
    };
    script.into_iter().map(|(tick, side, diff)| (tick, by_key(side), diff)).collect()
}

/// The script, followed by the retraction of all its updates at the tick `until`.
pub fn and_retracted<D: Clone, R: Abelian>(mut script: Vec<Update<D, R>>, until: i64) -> Vec<Update<D, R>> {
    for (_, data, mut diff) in script.clone() {
        diff.negate();
        script.push((until, data, diff));
    }
    script
}
