//! The current row of every key: of all that was said about it, the newest stands.
//!
//! *Meaning.* Per key, arrivals are judged in order of position: one that is not greater than the held one by
//! (revision, event time, id) is a duplicate; any other is accepted and replaces it (a delete leaves none, and its
//! version is held on as a tombstone).
//! *Time.* None: what is current does not age.
//! *State.* One entry a key, tombstones included, for ever: the sources own the number of keys.
//! *Cost.* One hash lookup an arrival.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::arrival::{Arrival, Fact, Fate, Judged};
use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};

/// The logic of [`latest_by_key`].
pub struct Latest<K, I, D, M, C> {
    types: PhantomData<(K, I, D, M, C)>,
}

impl<K, I, D, M, C> Default for Latest<K, I, D, M, C> {
    fn default() -> Self {
        Latest { types: PhantomData }
    }
}

/// What is held of one key.
pub struct Held<I, D, M> {
    version: Option<(i64, i64, I)>,
    fact: Option<Fact<I, D>>,
    arrivals: Vec<Arrival<I, D, M>>,
}

impl<I, D, M> Default for Held<I, D, M> {
    fn default() -> Self {
        Held { version: None, fact: None, arrivals: Vec::new() }
    }
}

impl<K, I, D, M, C> Keyed for Latest<K, I, D, M, C>
where
    K: Clone + Eq + Hash + 'static,
    I: Clone + Ord + 'static,
    D: Clone + PartialEq + 'static,
    M: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Arrival<I, D, M>;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Held<I, D, M>;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &K, state: &mut Self::State, arrival: Self::Input, _: i64, _: i64) {
        state.arrivals.push(arrival);
    }

    fn close(&mut self, _: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        state.arrivals.sort_by_key(|arrival| arrival.position);
        for arrival in std::mem::take(&mut state.arrivals) {
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
}

/// Judges arrivals by key: the newest fact of each key stands, and every arrival has one fate.
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
