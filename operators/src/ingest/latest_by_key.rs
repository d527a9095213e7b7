//! Current row of every key: the newest of its arrivals.
//!
//! *Meaning.* Per key, arrivals are judged in order of position: one that is not greater than the accepted one
//! by (revision, event time, id) is a duplicate; any other is accepted and replaces it (a delete leaves no row, and its
//! version stays as a tombstone).
//! *Time.* None: a row does not age.
//! *State.* One cold entry per key, tombstones included, for ever: the sources bound the number of keys.
//! *Cost.* One hash lookup, one decoding and one encoding per arrival.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, Fact, Fate, Judged, PendingArrivals};
use crate::diff::TracedCollection;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`latest_by_key`].
pub struct LatestByKey<K, I, D, M, C> {
    pending: PendingArrivals<Arrival<I, D, M>>,
    types: PhantomData<(K, C)>,
}

impl<K, I, D, M, C> Default for LatestByKey<K, I, D, M, C> {
    fn default() -> Self {
        LatestByKey { pending: PendingArrivals::default(), types: PhantomData }
    }
}

/// The current row of a key and its version.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Held")]
pub struct LatestState<I, D> {
    version: Option<(i64, i64, I)>,
    fact: Option<Fact<I, D>>,
    /// The number of the last pending arrival, 0 for none.
    #[serde(skip)]
    last_pending: u32,
}

impl<I, D> Default for LatestState<I, D> {
    fn default() -> Self {
        LatestState { version: None, fact: None, last_pending: 0 }
    }
}

impl<K, I, D, M, C> Keyed for LatestByKey<K, I, D, M, C>
where
    K: Clone + Eq + Hash + Serializable,
    I: Clone + Ord + Serializable,
    D: Clone + PartialEq + Serializable,
    M: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Arrival<I, D, M>;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = LatestState<I, D>;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &K, state: &mut Self::State, arrival: Self::Input, _: i64, _: i64) {
        self.pending.push(&mut state.last_pending, arrival);
    }

    fn close(&mut self, _: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        for arrival in self.pending.take(&mut state.last_pending) {
            let Arrival { id, revision, event_time, content, memo, .. } = arrival;
            let version = Some((revision, event_time, id.clone()));
            if version <= state.version {
                emit.push(Judged::Fate(Fate::Duplicate, memo), 1);
                continue;
            }
            emit.push(Judged::Fate(Fate::Accepted, memo), 1);
            let fact = content.map(|body| Fact { id, event_time, horizon: event_time, body });
            emit.replace(state.fact.take().map(Judged::Fact), fact.clone().map(Judged::Fact));
            state.fact = fact;
            state.version = version;
        }
        Next::Rest
    }

    /// A row seldom changes.
    fn is_cold(&self, _: &Self::State) -> bool {
        true
    }
}

/// Judges arrivals by key: emits the newest fact of each key with its retraction, and one fate per arrival.
///
/// ```
/// # use operators::{ingest::{arrival::{Arrival, Fact, Fate, Judged, Place}, latest_by_key::latest_by_key}, keyed::Ticks, testing::play};
/// let arrival = |tick, position, revision, content| {
///     (tick, ('k', Arrival { place: Place::number(position), id: 'k', revision, event_time: 5, content, memo: position }), 1)
/// };
/// // A row, its deletion, and then an older revision.
/// let arrivals = [arrival(10, 0, 0, Some(3)), arrival(20, 1, 2, None), arrival(30, 2, 1, Some(4))];
/// let judged = play(&arrivals, 30, |arrivals| latest_by_key("rows", Ticks { tick_ms: 10 }, arrivals));
/// let fact = |body| Judged::Fact(Fact { id: 'k', event_time: 5, horizon: 5, body });
/// assert_eq!(judged[..2], [(10, fact(3), 1), (10, Judged::Fate(Fate::Accepted, 0), 1)]);
/// assert_eq!(judged[2..4], [(20, fact(3), -1), (20, Judged::Fate(Fate::Accepted, 1), 1)]);
/// assert_eq!(judged[4..], [(30, Judged::Fate(Fate::Duplicate, 2), 1)]);
/// ```
pub fn latest_by_key<'scope, K, I, D, M, C>(
    name: &str,
    ticks: Ticks,
    arrivals: TracedCollection<'scope, (K, Arrival<I, D, M>), i64, C>,
) -> TracedCollection<'scope, Judged<I, D, M>, i64, C>
where
    K: ExchangeData + Eq + Hash,
    I: ExchangeData + Ord,
    D: ExchangeData + PartialEq,
    M: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, arrivals, None, LatestByKey::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::arrival::Place;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    /// Arrivals of several ids for each of two keys.
    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, Arrival<char, i64, u64>), i64>> {
        let mut script = scripts::arrivals(random, size, TICKS, 200, 90);
        script.iter_mut().for_each(|(_, (key, _), _)| *key = if *key < 'm' { 'k' } else { 'l' });
        script
    }

    #[test]
    fn the_newest_revision_wins_and_a_delete_is_remembered() {
        let arrival = |tick, position, id, revision, content: Option<i64>| {
            (
                tick,
                ('k', Arrival { place: Place::number(position), id, revision, event_time: 5, content, memo: position }),
                1,
            )
        };
        let script = [
            arrival(10, 1, 'x', 0, Some(2)),
            arrival(10, 0, 'y', 0, Some(1)),
            arrival(20, 2, 'x', 2, None),
            arrival(30, 3, 'x', 1, Some(3)),
            arrival(40, 4, 'x', 3, Some(4)),
        ];
        let output = transcript(&script, 40, |arrivals| latest_by_key("row", TICKS, arrivals));
        expect![[r#"
            10 +1 Fact(Fact { id: 'y', event_time: 5, horizon: 5, body: 1 }) by 0
            10 +1 Fate(Accepted, 0) by 0
            10 +1 Fate(Duplicate, 1) by 0
            20 -1 Fact(Fact { id: 'y', event_time: 5, horizon: 5, body: 1 }) by 2
            20 +1 Fate(Accepted, 2) by 2
            30 +1 Fate(Duplicate, 3) by 3
            40 +1 Fact(Fact { id: 'x', event_time: 5, horizon: 5, body: 4 }) by 4
            40 +1 Fate(Accepted, 4) by 4
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_a_reduce_over_all_arrivals() {
        law(200, script, |arrivals| latest_by_key("row", TICKS, arrivals), reference::latest_by_key);
    }

    #[test]
    fn one_entry_per_key_is_kept_without_a_timer() {
        let script = script(&mut Random::new(1), 100);
        assert_eq!(entries_after(LatestByKey::<_, _, _, _, ()>::default(), TICKS, script, 300), (2, None));
    }
}
