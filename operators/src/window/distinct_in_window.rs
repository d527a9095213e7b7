//! Count of distinct members whose weights add up to more than zero, over a trailing window.
//!
//! *Meaning.* [`Distinct`] counts the members with a positive sum of weights; [`DistinctInWindow`] does so over the panes
//! of a [`Trail`]. An event weighs +1 and its cancellation −1, so a member counts while it has more of the former.
//! *Time.* As [`crate::window::panes`]. *State.* One weight per member and pane while it is not zero.
//! *Cost.* One hash lookup per update; a pane that leaves costs one per member in it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::panes::Trail;
use crate::diff::TracedCollection;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// Members with their weights, and the number of positive ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "I: Deserialize<'de> + Eq + Hash"))]
pub struct Distinct<I> {
    weights: HashMap<I, i64, FixedState>,
    positive: i64,
}

impl<I> Default for Distinct<I> {
    fn default() -> Self {
        Distinct { weights: HashMap::default(), positive: 0 }
    }
}

impl<I: Eq + Hash + Clone> Distinct<I> {
    /// Adds `weight` to `member`; returns its weight before and after.
    pub fn add(&mut self, member: &I, weight: i64) -> (i64, i64) {
        let entry = self.weights.entry(member.clone()).or_insert(0);
        let before = *entry;
        *entry += weight;
        let after = *entry;
        self.positive += i64::from(after > 0) - i64::from(before > 0);
        if after == 0 {
            self.weights.remove(member);
        }
        (before, after)
    }

    /// The number of members with a positive weight.
    pub fn count(&self) -> i64 {
        self.positive
    }

    /// Returns whether every weight is zero.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

/// Members with their weights by pane, and the number of those that are positive over the panes of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "I: Deserialize<'de> + Eq + Hash"))]
pub struct DistinctInWindow<I> {
    inside: Distinct<I>,
    /// Panes in the window (already in `inside`) and ahead of it (not yet), by start.
    panes: BTreeMap<i64, Pane<I>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "I: Deserialize<'de> + Eq + Hash"))]
struct Pane<I> {
    counted: bool,
    weights: HashMap<I, i64, FixedState>,
}

impl<I> Default for DistinctInWindow<I> {
    fn default() -> Self {
        DistinctInWindow { inside: Distinct::default(), panes: BTreeMap::new() }
    }
}

impl<I: Eq + Hash + Clone> DistinctInWindow<I> {
    /// Adds `weight` to `member` in the pane of `event_time`.
    pub fn add(&mut self, trail: Trail, event_time: i64, member: &I, weight: i64) {
        let start = trail.pane(event_time);
        let pane = self.panes.entry(start).or_insert_with(|| Pane { counted: false, weights: HashMap::default() });
        if pane.counted {
            self.inside.add(member, weight);
        }
        let entry = pane.weights.entry(member.clone()).or_insert(0);
        *entry += weight;
        if *entry == 0 {
            pane.weights.remove(member);
        }
    }

    /// The count at `now`, after panes have entered and left the window.
    pub fn count(&mut self, trail: Trail, now: i64) -> i64 {
        while let Some(first) = self.panes.first_entry()
            && (trail.has_left(*first.key(), now) || first.get().weights.is_empty())
        {
            let pane = first.remove();
            if pane.counted {
                self.shift(&pane.weights, -1);
            }
        }
        let entering: Vec<i64> =
            self.panes.range(..=now).filter(|(_, pane)| !pane.counted).map(|(start, _)| *start).collect();
        for start in entering {
            if let Some(mut pane) = self.panes.remove(&start) {
                pane.counted = true;
                self.shift(&pane.weights, 1);
                self.panes.insert(start, pane);
            }
        }
        self.inside.count()
    }

    #[expect(clippy::iter_over_hash_type, reason = "additions commute; no order is seen")]
    fn shift(&mut self, weights: &HashMap<I, i64, FixedState>, sign: i64) {
        for (member, weight) in weights {
            self.inside.add(member, sign * weight);
        }
    }

    /// The next instant at which the clock may change the count.
    pub fn next(&self, trail: Trail, now: i64) -> Option<i64> {
        self.panes.keys().map(|start| trail.turn(*start, now)).min()
    }

    /// Returns whether there is no pane.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }
}

/// The logic of [`distinct_in_window`].
pub struct CountDistinct<K, I, C> {
    trail: Trail,
    types: PhantomData<(K, I, C)>,
}

/// The members of a key and the count last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Members", bound(deserialize = "I: Deserialize<'de> + Eq + Hash"))]
pub struct CountState<I> {
    members: DistinctInWindow<I>,
    #[serde(rename = "said")]
    last_emitted: Option<i64>,
}

impl<I> Default for CountState<I> {
    fn default() -> Self {
        CountState { members: DistinctInWindow::default(), last_emitted: None }
    }
}

impl<K, I, C> Keyed for CountDistinct<K, I, C>
where
    K: Clone + Eq + Hash + Serializable,
    I: Clone + Eq + Hash + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = K;
    /// The event time and the member.
    type Input = (i64, I);
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = CountState<I>;
    type Output = (K, i64);

    fn update(&mut self, _: &K, state: &mut CountState<I>, (event_time, member): (i64, I), diff: i64, _: i64) {
        state.members.add(self.trail, event_time, &member, diff);
    }

    fn close(&mut self, key: &K, state: &mut CountState<I>, emit: &mut Emit<'_, (K, i64), C>) -> Next {
        let now = emit.now();
        let count = Some(state.members.count(self.trail, now)).filter(|count| *count > 0);
        let row = |count| (key.clone(), count);
        emit.replace(state.last_emitted.take().map(row), count.map(row));
        state.last_emitted = count;
        match state.members.next(self.trail, now) {
            Some(instant) => Next::At(instant),
            None => Next::Forget,
        }
    }
}

/// Counts the members of each key that have a positive weight over a trailing window of event time.
///
/// ```
/// # use operators::{keyed::Ticks, testing::play, window::{distinct_in_window::distinct_in_window, panes::Trail}};
/// let trail = Trail { window_ms: 60, pane_ms: 20 };
/// // Two requests of user 7 and one of user 8; then that of 8 is cancelled.
/// let requests = [(10, ('s', (5, 7)), 1), (10, ('s', (6, 7)), 1), (10, ('s', (6, 8)), 1), (20, ('s', (15, 8)), -1)];
/// let counts = play(&requests, 60, move |requests| distinct_in_window("users", Ticks { tick_ms: 10 }, trail, requests));
/// assert_eq!(counts, [(10, ('s', 2), 1), (20, ('s', 1), 1), (20, ('s', 2), -1), (60, ('s', 1), -1)]);
/// ```
pub fn distinct_in_window<'scope, K, I, C>(
    name: &str,
    ticks: Ticks,
    trail: Trail,
    input: TracedCollection<'scope, (K, (i64, I)), i64, C>,
) -> TracedCollection<'scope, (K, i64), i64, C>
where
    K: ExchangeData + Eq + Hash,
    I: ExchangeData + Eq + Hash,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, input, None, CountDistinct { trail, types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };
    const TRAIL: Trail = Trail { window_ms: 75, pane_ms: 25 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, (i64, char)), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, tick| {
            ((random.letter(3), (tick + 40 - random.below(140), random.letter(5))), random.below(4) - 1)
        })
    }

    #[test]
    fn a_member_counts_while_its_weight_in_the_window_is_positive() {
        let script =
            [(10, ('a', (5, 'x')), 1), (10, ('a', (5, 'y')), 1), (40, ('a', (30, 'x')), 1), (60, ('a', (55, 'y')), -1)];
        let output = transcript(&script, 200, |input| distinct_in_window("lately", TICKS, TRAIL, input));
        expect![[r#"
            10 +1 ('a', 2) by 0
            60 +1 ('a', 1) by 3
            60 -1 ('a', 2) by 3
            100 -1 ('a', 1) by the clock
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_a_threshold_of_future_negated_copies() {
        law(
            300,
            script,
            |input| distinct_in_window("lately", TICKS, TRAIL, input),
            |input| reference::distinct_in_window(TICKS, TRAIL, input),
        );
    }

    #[test]
    fn a_key_is_forgotten_with_its_last_pane() {
        let logic = CountDistinct::<_, _, ()> { trail: TRAIL, types: PhantomData };
        assert_eq!(entries_after(logic, TICKS, script(&mut Random::new(1), 100), 330), (0, None));
    }
}
