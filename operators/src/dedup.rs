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

use crate::arrival::{Arrival, Fact, Fate, Judged, Waiting};
use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};
use serde::{Deserialize, Serialize};

/// The logic of [`dedup`].
pub struct Dedup<K, I, D, M, C> {
    lateness_ms: i64,
    waiting: Waiting<Arrival<I, D, M>>,
    types: PhantomData<(K, C)>,
}

impl<K, I, D, M, C> Dedup<K, I, D, M, C> {
    /// Remembers ids for `lateness_ms` of event time.
    pub fn new(lateness_ms: i64) -> Self {
        Dedup { lateness_ms, waiting: Waiting::default(), types: PhantomData }
    }
}

/// What is remembered of one id.
#[derive(Serialize, Deserialize)]
pub struct Seen<I, D> {
    accepted: Option<Accepted<I, D>>,
    /// Its arrivals of this tick.
    #[serde(skip)]
    waiting: u32,
}

impl<I, D> Default for Seen<I, D> {
    fn default() -> Self {
        Seen { accepted: None, waiting: 0 }
    }
}

#[derive(Serialize, Deserialize)]
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
    type State = Seen<I, D>;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &K, state: &mut Self::State, arrival: Self::Input, _: i64, _: i64) {
        self.waiting.put(&mut state.waiting, arrival);
    }

    fn close(&mut self, _: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let edge = emit.now() - self.lateness_ms;
        let gone = |accepted: &mut Accepted<I, D>| accepted.horizon < edge;
        for arrival in self.waiting.take(&mut state.waiting) {
            state.accepted.take_if(gone);
            let fate = judge(state.accepted.as_ref(), &arrival, edge);
            let memo = if fate == Fate::Accepted { accept(&mut state.accepted, arrival, emit) } else { arrival.memo };
            emit.push(Judged::Fate(fate, memo), 1);
        }
        state.accepted.take_if(gone);
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
) -> M
where
    I: Clone + PartialEq,
    D: Clone + PartialEq,
    M: Clone + PartialEq,
    C: Clone,
{
    let old = held.take();
    let horizon = old.as_ref().map_or(arrival.event_time, |old| old.horizon.max(arrival.event_time));
    let Arrival { id, revision, event_time, content, memo, .. } = arrival;
    let fact = content.map(|body| Fact { id, event_time, horizon, body });
    emit.replace(old.and_then(|old| old.fact).map(Judged::Fact), fact.clone().map(Judged::Fact));
    *held = Some(Accepted { revision, horizon, fact });
    memo
}

/// Judges arrivals by key: their facts come and go, and every arrival has one fate.
///
/// ```
/// # use operators::{arrival::{Arrival, Place, Fact, Fate, Judged}, dedup::dedup, keyed::Ticks, testing::play};
/// let says = |tick, position, revision, content| {
///     (tick, ('k', Arrival { place: Place::number(position), id: 'k', revision, event_time: 5, content, memo: position }), 1)
/// };
/// // Said, said again, corrected.
/// let arrivals = [says(10, 0, 0, Some(3)), says(20, 1, 0, Some(3)), says(30, 2, 1, Some(4))];
/// let judged = play(&arrivals, 30, |arrivals| dedup("events", Ticks { tick_ms: 10 }, 1_000, arrivals));
/// let fact = |body| Judged::Fact(Fact { id: 'k', event_time: 5, horizon: 5, body });
/// assert_eq!(judged[..2], [(10, fact(3), 1), (10, Judged::Fate(Fate::Accepted, 0), 1)]);
/// assert_eq!(judged[2], (20, Judged::Fate(Fate::Duplicate, 1), 1));
/// assert_eq!(judged[3..], [(30, fact(3), -1), (30, fact(4), 1), (30, Judged::Fate(Fate::Accepted, 2), 1)]);
/// ```
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Place;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10_000 };
    const LATENESS_MS: i64 = 65_000;

    type Given = (char, Arrival<char, i64, u64>);

    fn script(random: &mut Random, size: usize) -> Vec<Update<Given, i64>> {
        scripts::arrivals(random, size, TICKS, 300_000, 90_000)
    }

    #[test]
    fn duplicates_go_corrections_replace_and_what_is_old_stays() {
        let given = |tick, position, revision, event_time, content: Option<i64>| {
            (
                tick,
                (
                    'k',
                    Arrival { place: Place::number(position), id: 'k', revision, event_time, content, memo: position },
                ),
                1,
            )
        };
        let script = [
            given(10_000, 0, 1, 5_000, Some(1)),
            given(10_000, 1, 1, 5_000, Some(2)),
            given(20_000, 3, 3, 5_000, None),
            given(20_000, 2, 2, 15_000, Some(3)),
            given(30_000, 4, 4, 5_000, Some(4)),
            given(80_000, 5, 5, 75_000, Some(5)),
            given(90_000, 6, 0, 90_000, Some(6)),
        ];
        let said = told(&script, 90_000, |arrivals| dedup("once", TICKS, LATENESS_MS, arrivals));
        expect![[r#"
            10000 +1 Fact(Fact { id: 'k', event_time: 5000, horizon: 5000, body: 1 }) by 0
            10000 +1 Fate(Accepted, 0) by 0
            10000 +1 Fate(Duplicate, 1) by 0
            20000 -1 Fact(Fact { id: 'k', event_time: 5000, horizon: 5000, body: 1 }) by 2
            20000 +1 Fate(Accepted, 2) by 2
            20000 +1 Fate(Accepted, 3) by 2
            30000 +1 Fact(Fact { id: 'k', event_time: 5000, horizon: 15000, body: 4 }) by 4
            30000 +1 Fate(Accepted, 4) by 4
            80000 +1 Fate(Late(10000), 5) by 5
            90000 +1 Fact(Fact { id: 'k', event_time: 90000, horizon: 90000, body: 6 }) by 6
            90000 +1 Fate(Accepted, 6) by 6
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_a_reduce_over_all_arrivals() {
        law(
            300_000,
            script,
            |arrivals| dedup("once", TICKS, LATENESS_MS, arrivals),
            |arrivals| twins::dedup(LATENESS_MS, arrivals),
        );
    }

    #[test]
    fn an_id_is_forgotten_within_a_minute_of_its_horizon() {
        let script = script(&mut Random::new(1), 100);
        let horizon = script.iter().map(|(_, (_, arrival), _)| arrival.event_time).max().expect("a script");
        let logic = || Dedup::<_, _, _, _, ()>::new(LATENESS_MS);
        assert_ne!(held_after(logic(), TICKS, script.clone(), horizon), (0, None));
        let until = TICKS.at(horizon + LATENESS_MS + SWEEP_MS);
        assert_eq!(held_after(logic(), TICKS, script, until), (0, None));
    }
}
