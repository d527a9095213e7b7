//! The current row of every key: of all that was said about it, the newest stands.
//!
//! *Meaning.* Per key, arrivals are judged in order of position: one that is not greater than the held one by
//! (revision, event time, id) is a duplicate; any other is accepted and replaces it (a delete leaves none, and its
//! version is held on as a tombstone).
//! *Time.* None: what is current does not age.
//! *State.* One entry a key in its plain form, tombstones included, for ever: the sources own the number of keys.
//! *Cost.* One hash lookup an arrival.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::arrival::{Arrival, Fact, Fate, Judged, Waiting};
use crate::driver::{Traces, keyed};
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use serde::{Deserialize, Serialize};

/// The logic of [`latest_by_key`].
pub struct Latest<K, I, D, M, C> {
    waiting: Waiting<Arrival<I, D, M>>,
    types: PhantomData<(K, C)>,
}

impl<K, I, D, M, C> Default for Latest<K, I, D, M, C> {
    fn default() -> Self {
        Latest { waiting: Waiting::default(), types: PhantomData }
    }
}

/// What is held of one key.
#[derive(Serialize, Deserialize)]
pub struct Held<I, D> {
    version: Option<(i64, i64, I)>,
    fact: Option<Fact<I, D>>,
    /// Its arrivals of this tick.
    #[serde(skip)]
    waiting: u32,
}

impl<I, D> Default for Held<I, D> {
    fn default() -> Self {
        Held { version: None, fact: None, waiting: 0 }
    }
}

impl<K, I, D, M, C> Keyed for Latest<K, I, D, M, C>
where
    K: Clone + Eq + Hash + Plain,
    I: Clone + Ord + Plain,
    D: Clone + PartialEq + Plain,
    M: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Arrival<I, D, M>;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Held<I, D>;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &K, state: &mut Self::State, arrival: Self::Input, _: i64, _: i64) {
        self.waiting.put(&mut state.waiting, arrival);
    }

    fn close(&mut self, _: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        for arrival in self.waiting.take(&mut state.waiting) {
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

    /// What is current seldom changes.
    fn is_at_rest(&self, _: &Self::State) -> bool {
        true
    }
}

/// Judges arrivals by key: the newest fact of each key stands, and every arrival has one fate.
///
/// ```
/// # use operators::{arrival::{Arrival, Place, Fact, Fate, Judged}, keyed::Ticks, latest::latest_by_key, testing::play};
/// let says = |tick, position, revision, content| {
///     (tick, ('k', Arrival { place: Place::number(position), id: 'k', revision, event_time: 5, content, memo: position }), 1)
/// };
/// // Said, deleted, and then an older word arrives.
/// let arrivals = [says(10, 0, 0, Some(3)), says(20, 1, 2, None), says(30, 2, 1, Some(4))];
/// let judged = play(&arrivals, 30, |arrivals| latest_by_key("rows", Ticks { tick_ms: 10 }, arrivals));
/// let fact = |body| Judged::Fact(Fact { id: 'k', event_time: 5, horizon: 5, body });
/// assert_eq!(judged[..2], [(10, fact(3), 1), (10, Judged::Fate(Fate::Accepted, 0), 1)]);
/// assert_eq!(judged[2..4], [(20, fact(3), -1), (20, Judged::Fate(Fate::Accepted, 1), 1)]);
/// assert_eq!(judged[4..], [(30, Judged::Fate(Fate::Duplicate, 2), 1)]);
/// ```
pub fn latest_by_key<'scope, K, I, D, M, C>(
    name: &str,
    ticks: Ticks,
    arrivals: Traces<'scope, (K, Arrival<I, D, M>), i64, C>,
) -> Traces<'scope, Judged<I, D, M>, i64, C>
where
    K: ExchangeData + Eq + Hash,
    I: ExchangeData + Ord,
    D: ExchangeData + PartialEq,
    M: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, arrivals, None, Latest::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Place;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    /// Several ids speak about one key.
    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, Arrival<char, i64, u64>), i64>> {
        let mut script = scripts::arrivals(random, size, TICKS, 200, 90);
        script.iter_mut().for_each(|(_, (key, _), _)| *key = if *key < 'm' { 'k' } else { 'l' });
        script
    }

    #[test]
    fn the_newest_stands_and_a_delete_is_remembered() {
        let given = |tick, position, id, revision, content: Option<i64>| {
            (
                tick,
                ('k', Arrival { place: Place::number(position), id, revision, event_time: 5, content, memo: position }),
                1,
            )
        };
        let script = [
            given(10, 1, 'x', 0, Some(2)),
            given(10, 0, 'y', 0, Some(1)),
            given(20, 2, 'x', 2, None),
            given(30, 3, 'x', 1, Some(3)),
            given(40, 4, 'x', 3, Some(4)),
        ];
        let said = told(&script, 40, |arrivals| latest_by_key("row", TICKS, arrivals));
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
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_a_reduce_over_all_arrivals() {
        law(200, script, |arrivals| latest_by_key("row", TICKS, arrivals), twins::latest_by_key);
    }

    #[test]
    fn one_entry_a_key_is_held_and_nothing_waits_for_the_clock() {
        let script = script(&mut Random::new(1), 100);
        assert_eq!(held_after(Latest::<_, _, _, _, ()>::default(), TICKS, script, 300), (2, None));
    }
}
