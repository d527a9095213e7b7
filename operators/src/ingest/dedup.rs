//! Deduplication of events by id: drops duplicates, replaces corrected events, removes deleted ones.
//!
//! *Meaning.* Per id, arrivals are judged in order of position: a revision not greater than the accepted one is a
//! duplicate; one that would replace content older than the correction horizon is late; any other is accepted and
//! replaces the earlier content (a delete leaves none, and is remembered).
//! *Time.* An id is remembered while the greatest event time of its accepted revisions ≥ now − lateness.
//! *State.* One entry per id inside the horizon. Its content is serialized, because it is read only when it is corrected. An
//! entry is freed soon after it leaves the horizon, and ignored from the exact tick at which it leaves.
//! *Cost.* One hash lookup and one encoding per arrival.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use super::arrival::{Arrival, Fact, Fate, Judged, PendingArrivals};
use crate::diff::TracedCollection;
use crate::keyed::serialized::{self, Serializable};
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`dedup`]: ids are unique within their group.
pub struct Dedup<G, I, D, M, C> {
    lateness_ms: i64,
    pending: PendingArrivals<Arrival<I, D, M>>,
    /// Buffer for an encoding; its content between calls is meaningless.
    encoded: Vec<u8>,
    types: PhantomData<(G, C)>,
}

impl<G, I, D, M, C> Dedup<G, I, D, M, C> {
    /// Deduplication that remembers ids for `lateness_ms` of event time.
    pub fn new(lateness_ms: i64) -> Self {
        Dedup { lateness_ms, pending: PendingArrivals::default(), encoded: Vec::new(), types: PhantomData }
    }
}

/// The accepted revision of one id.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "Seen")]
pub struct DedupState {
    accepted: Option<Accepted>,
    /// The number of the last pending arrival, 0 for none.
    #[serde(skip)]
    last_pending: u32,
}

#[derive(Serialize, Deserialize)]
struct Accepted {
    revision: i64,
    horizon: i64,
    /// Event time and body, serialized; empty if deleted.
    content: Box<[u8]>,
}

impl Accepted {
    /// # Panics
    /// If the content cannot be decoded.
    fn content<D: Serializable>(&self) -> Option<(i64, D)> {
        let decode = || serialized::decode(&self.content).expect("accepted content can be decoded");
        (!self.content.is_empty()).then(decode)
    }
}

/// Ids that leave within the same span are freed together: they share a timer tick, and no tick frees many.
const SWEEP_MS: i64 = 100;

impl<G, I, D, M, C> Keyed for Dedup<G, I, D, M, C>
where
    G: Clone + Eq + Hash + Serializable,
    I: Clone + Eq + Hash + Serializable,
    D: Clone + PartialEq + Serializable,
    M: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = (G, I);
    type Input = Arrival<I, D, M>;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = DedupState;
    type Output = Judged<I, D, M>;

    fn update(&mut self, _: &(G, I), state: &mut DedupState, arrival: Self::Input, _: i64, _: i64) {
        self.pending.push(&mut state.last_pending, arrival);
    }

    fn close(&mut self, (_, id): &(G, I), state: &mut DedupState, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let edge = emit.now() - self.lateness_ms;
        let gone = |accepted: &mut Accepted| accepted.horizon < edge;
        for arrival in self.pending.take(&mut state.last_pending) {
            state.accepted.take_if(gone);
            let old = match &state.accepted {
                Some(accepted) if accepted.revision >= arrival.revision => {
                    emit.push(Judged::Fate(Fate::Duplicate, arrival.memo), 1);
                    continue;
                }
                Some(accepted) => accepted.content::<D>().map(|content| (accepted.horizon, content)),
                None => None,
            };
            if let Some((_, (event_time, _))) = &old
                && *event_time < edge
            {
                emit.push(Judged::Fate(Fate::Late(edge - event_time), arrival.memo), 1);
                continue;
            }
            let horizon = state.accepted.as_ref().map_or(i64::MIN, |old| old.horizon).max(arrival.event_time);
            let Arrival { revision, event_time, content, memo, .. } = arrival;
            self.encoded.clear();
            content.iter().for_each(|body| serialized::encode_to(&(event_time, body), &mut self.encoded));
            state.accepted = Some(Accepted { revision, horizon, content: self.encoded.as_slice().into() });
            let fact = |horizon, event_time, body| Judged::Fact(Fact { id: id.clone(), event_time, horizon, body });
            let old = old.map(|(horizon, (event_time, body))| fact(horizon, event_time, body));
            emit.replace(old, content.map(|body| fact(horizon, event_time, body)));
            emit.push(Judged::Fate(Fate::Accepted, memo), 1);
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

/// Judges arrivals by group and id: emits facts with their retractions, and one fate per arrival.
///
/// ```
/// # use operators::{ingest::{arrival::{Arrival, Fact, Fate, Judged, Place}, dedup::dedup}, keyed::Ticks, testing::play};
/// let arrival = |tick, position, revision, content| {
///     (tick, (((), 'k'), Arrival { place: Place::number(position), id: 'k', revision, event_time: 5, content, memo: position }), 1)
/// };
/// // An event, its duplicate, and a correction.
/// let arrivals = [arrival(10, 0, 0, Some(3)), arrival(20, 1, 0, Some(3)), arrival(30, 2, 1, Some(4))];
/// let judged = play(&arrivals, 30, |arrivals| dedup("events", Ticks { tick_ms: 10 }, 1_000, arrivals));
/// let fact = |body| Judged::Fact(Fact { id: 'k', event_time: 5, horizon: 5, body });
/// assert_eq!(judged[..2], [(10, fact(3), 1), (10, Judged::Fate(Fate::Accepted, 0), 1)]);
/// assert_eq!(judged[2], (20, Judged::Fate(Fate::Duplicate, 1), 1));
/// assert_eq!(judged[3..], [(30, fact(3), -1), (30, fact(4), 1), (30, Judged::Fate(Fate::Accepted, 2), 1)]);
/// ```
pub fn dedup<'scope, G, I, D, M, C>(
    name: &str,
    ticks: Ticks,
    lateness_ms: i64,
    arrivals: TracedCollection<'scope, ((G, I), Arrival<I, D, M>), i64, C>,
) -> TracedCollection<'scope, Judged<I, D, M>, i64, C>
where
    G: ExchangeData + Eq + Hash,
    I: ExchangeData + Eq + Hash,
    D: ExchangeData + PartialEq,
    M: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, arrivals, None, Dedup::new(lateness_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Traced;
    use crate::ingest::arrival::Place;
    use crate::keyed::KeyedStore;
    use crate::testing::{Random, Update, close, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10_000 };
    const LATENESS_MS: i64 = 65_000;

    type KeyedArrival = ((char, char), Arrival<char, i64, u64>);

    fn script(random: &mut Random, size: usize) -> Vec<Update<KeyedArrival, i64>> {
        let script = scripts::arrivals(random, size, TICKS, 300_000, 90_000);
        script.into_iter().map(|(tick, (key, arrival), diff)| (tick, (('g', key), arrival), diff)).collect()
    }

    #[test]
    fn duplicates_are_dropped_and_corrections_replace_inside_the_horizon() {
        let arrival = |tick, position, revision, event_time, content: Option<i64>| {
            (
                tick,
                (
                    ('g', 'k'),
                    Arrival { place: Place::number(position), id: 'k', revision, event_time, content, memo: position },
                ),
                1,
            )
        };
        let script = [
            arrival(10_000, 0, 1, 5_000, Some(1)),
            arrival(10_000, 1, 1, 5_000, Some(2)),
            arrival(20_000, 3, 3, 5_000, None),
            arrival(20_000, 2, 2, 15_000, Some(3)),
            arrival(30_000, 4, 4, 5_000, Some(4)),
            arrival(80_000, 5, 5, 75_000, Some(5)),
            arrival(90_000, 6, 0, 90_000, Some(6)),
        ];
        let output = transcript(&script, 90_000, |arrivals| dedup("once", TICKS, LATENESS_MS, arrivals));
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
        .assert_eq(&output);
    }

    #[test]
    fn equals_a_reduce_over_all_arrivals() {
        law(
            300_000,
            script,
            |arrivals| dedup("once", TICKS, LATENESS_MS, arrivals),
            |arrivals| reference::dedup(LATENESS_MS, arrivals),
        );
    }

    #[test]
    fn an_id_is_forgotten_soon_after_its_horizon() {
        let script = script(&mut Random::new(1), 100);
        let horizon = script.iter().map(|(_, (_, arrival), _)| arrival.event_time).max().expect("a script");
        let logic = || Dedup::<_, _, _, _, ()>::new(LATENESS_MS);
        assert_ne!(entries_after(logic(), TICKS, script.clone(), horizon), (0, None));
        let until = TICKS.at(horizon + LATENESS_MS + SWEEP_MS);
        assert_eq!(entries_after(logic(), TICKS, script, until), (0, None));
    }

    #[test]
    fn ids_are_forgotten_steadily_and_never_many_at_once() {
        let ticks = Ticks { tick_ms: 10 };
        let mut state = KeyedStore::new(Dedup::<char, i64, i64, (), ()>::new(LATENESS_MS), ticks);
        // One per tick for two minutes.
        let (first, last) = (ticks.tick_ms, 120_000);
        let (mut entries, mut most) = (0, 0);
        for now in (first..=last + LATENESS_MS + SWEEP_MS).step_by(10) {
            if now <= last {
                let place = Place::number(now.cast_unsigned());
                let arrival = Arrival { place, id: now, revision: 0, event_time: now, content: Some(1), memo: () };
                state.update(('g', now), arrival, Traced::new(1, None), now);
            }
            close(&mut state, now);
            most = most.max(entries - state.len().min(entries));
            entries = state.len();
        }
        assert_eq!((entries, most), (0, 10));
    }
}
