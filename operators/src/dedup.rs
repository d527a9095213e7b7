//! Each event once: drops what was already accepted, replaces what is corrected, removes what is deleted.
//!
//! *Meaning.* Per id, arrivals are judged in order of position: a revision not greater than the accepted one is a
//! duplicate; one that would replace content older than the correction horizon is late; any other is accepted and
//! replaces the earlier content (a delete leaves none, and is remembered).
//! *Time.* An id is remembered while the greatest event time of its accepted revisions ≥ now − lateness.
//! *State.* One entry an id inside the horizon; it is freed within a minute of leaving it, and ignored from the exact
//! tick at which it leaves.
//! *Cost.* One hash lookup an arrival.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::arrival::{Arrival, Fact, Fate, Judged};
use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};

/// The logic of [`dedup`].
pub struct Dedup<K, I, D, M, C> {
    lateness_ms: i64,
    types: PhantomData<(K, I, D, M, C)>,
}

impl<K, I, D, M, C> Dedup<K, I, D, M, C> {
    /// Remembers ids for `lateness_ms` of event time.
    pub fn new(lateness_ms: i64) -> Self {
        Dedup { lateness_ms, types: PhantomData }
    }
}

/// What is remembered of one id.
pub struct Seen<I, D, M> {
    accepted: Option<Accepted<I, D>>,
    arrivals: Vec<Arrival<I, D, M>>,
}

impl<I, D, M> Default for Seen<I, D, M> {
    fn default() -> Self {
        Seen { accepted: None, arrivals: Vec::new() }
    }
}

struct Accepted<I, D> {
    revision: i64,
    horizon: i64,
    fact: Option<Fact<I, D>>,
}

/// Freed ids are looked for this often: finer would cost a wake-up list per millisecond.
const SWEEP_MS: i64 = 60_000;

impl<K, I, D, M, C> Keyed for Dedup<K, I, D, M, C>
where
    K: Clone + Eq + Hash + 'static,
    I: Clone + PartialEq + 'static,
    D: Clone + PartialEq + 'static,
    M: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Arrival<I, D, M>;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Seen<I, D, M>;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &K, state: &mut Self::State, arrival: Self::Input, _: i64, _: i64) {
        state.arrivals.push(arrival);
    }

    fn close(&mut self, _: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let edge = emit.now() - self.lateness_ms;
        if state.accepted.as_ref().is_some_and(|accepted| accepted.horizon < edge) {
            state.accepted = None;
        }
        state.arrivals.sort_by_key(|arrival| arrival.position);
        for arrival in std::mem::take(&mut state.arrivals) {
            let fate = judge(state.accepted.as_ref(), &arrival, edge);
            emit.push(Judged::Fate(fate, arrival.memo.clone()), 1);
            if fate == Fate::Accepted {
                accept(&mut state.accepted, arrival, emit);
            }
        }
        match &state.accepted {
            None => Next::Forget,
            Some(accepted) => {
                let leaves = accepted.horizon.saturating_add(self.lateness_ms);
                Next::At(leaves.saturating_add(SWEEP_MS - leaves.rem_euclid(SWEEP_MS)))
            }
        }
    }
}

fn judge<I, D, M>(accepted: Option<&Accepted<I, D>>, arrival: &Arrival<I, D, M>, edge: i64) -> Fate {
    match accepted {
        Some(accepted) if accepted.revision >= arrival.revision => Fate::Duplicate,
        Some(Accepted { fact: Some(fact), .. }) if fact.event_time < edge => Fate::Late(edge - fact.event_time),
        _ => Fate::Accepted,
    }
}

fn accept<I, D, M, C>(
    held: &mut Option<Accepted<I, D>>,
    arrival: Arrival<I, D, M>,
    emit: &mut Emit<'_, Judged<I, D, M>, C>,
) where
    I: Clone + PartialEq,
    D: Clone + PartialEq,
    M: Clone + PartialEq,
    C: Clone,
{
    let old = held.take();
    let horizon = old.as_ref().map_or(arrival.event_time, |old| old.horizon.max(arrival.event_time));
    let Arrival { id, event_time, content, .. } = arrival;
    let fact = content.map(|body| Fact { id, event_time, horizon, body });
    emit.replace(old.and_then(|old| old.fact).map(Judged::Fact), fact.clone().map(Judged::Fact));
    *held = Some(Accepted { revision: arrival.revision, horizon, fact });
}

/// Judges arrivals by key: their facts come and go, and every arrival has one fate.
pub fn dedup<'scope, K, I, D, M, C>(
    name: &str,
    ticks: Ticks,
    lateness_ms: i64,
    arrivals: Traces<'scope, (K, Arrival<I, D, M>), i64, C>,
) -> Traces<'scope, Judged<I, D, M>, i64, C>
where
    K: ExchangeData + Eq + Hash,
    I: ExchangeData + PartialEq,
    D: ExchangeData + PartialEq,
    M: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, arrivals, None, Dedup::new(lateness_ms))
}
