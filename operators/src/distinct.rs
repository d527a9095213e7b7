//! How many different things: members whose weights add up to more than zero, over all time or a trailing window.
//!
//! *Meaning.* [`Distinct`] counts the members with a positive sum of weights; [`DistinctInWindow`] does so over the panes
//! of a [`Trail`]. A sale line weighs +1 and a void −1, so a transaction counts while it has more sales than voids.
//! *Time.* As [`crate::panes`]. *State.* One weight a member and pane while it is not zero.
//! *Cost.* One hash lookup an update; a leaving pane costs one per member it holds.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use foldhash::fast::FixedState;

use crate::driver::{Traces, keyed};
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::panes::Trail;
use serde::{Deserialize, Serialize};

/// Members and their weights; counts the positive ones.
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
    /// Adds `weight` to `member`; answers its weight before and after.
    pub fn add(&mut self, member: &I, weight: i64) -> (i64, i64) {
        let held = self.weights.entry(member.clone()).or_insert(0);
        let before = *held;
        *held += weight;
        let after = *held;
        self.positive += i64::from(after > 0) - i64::from(before > 0);
        if after == 0 {
            self.weights.remove(member);
        }
        (before, after)
    }

    /// How many members weigh more than nothing.
    pub fn count(&self) -> i64 {
        self.positive
    }

    /// Whether no member has any weight.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

/// Members and their weights by pane; counts those positive over the panes of a window.
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
        let held = pane.weights.entry(member.clone()).or_insert(0);
        *held += weight;
        if *held == 0 {
            pane.weights.remove(member);
        }
    }

    /// Lets panes enter and leave by the clock, then counts.
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

    /// When the clock next changes the count, if ever.
    pub fn next(&self, trail: Trail, now: i64) -> Option<i64> {
        self.panes.keys().map(|start| trail.turn(*start, now)).min()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }
}

/// The logic of [`distinct_in_window`].
pub struct CountDistinct<K, I, C> {
    trail: Trail,
    types: PhantomData<(K, I, C)>,
}

/// The members of a key and what was last said of them.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "I: Deserialize<'de> + Eq + Hash"))]
pub struct Members<I> {
    members: DistinctInWindow<I>,
    said: Option<i64>,
}

impl<I> Default for Members<I> {
    fn default() -> Self {
        Members { members: DistinctInWindow::default(), said: None }
    }
}

impl<K, I, C> Keyed for CountDistinct<K, I, C>
where
    K: Clone + Eq + Hash + Plain,
    I: Clone + Eq + Hash + Plain,
    C: Ord + Clone + 'static,
{
    type Key = K;
    /// The event time and the member.
    type Input = (i64, I);
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Members<I>;
    type Output = (K, i64);

    fn update(&mut self, _: &K, state: &mut Members<I>, (event_time, member): (i64, I), diff: i64, _: i64) {
        state.members.add(self.trail, event_time, &member, diff);
    }

    fn close(&mut self, key: &K, state: &mut Members<I>, emit: &mut Emit<'_, (K, i64), C>) -> Next {
        let now = emit.now();
        let count = Some(state.members.count(self.trail, now)).filter(|count| *count > 0);
        let row = |count| (key.clone(), count);
        emit.replace(state.said.take().map(row), count.map(row));
        state.said = count;
        match state.members.next(self.trail, now) {
            Some(instant) => Next::At(instant),
            None => Next::Forget,
        }
    }
}

/// How many members of each key have a positive weight over a trailing window of their event times.
///
/// ```
/// # use operators::{distinct::distinct_in_window, keyed::Ticks, panes::Trail, testing::play};
/// let trail = Trail { window_ms: 60, pane_ms: 20 };
/// // Two lines of transaction 7 and one of 8; then the line of 8 is voided.
/// let lines = [(10, ('s', (5, 7)), 1), (10, ('s', (6, 7)), 1), (10, ('s', (6, 8)), 1), (20, ('s', (15, 8)), -1)];
/// let counts = play(&lines, 60, move |lines| distinct_in_window("visits", Ticks { tick_ms: 10 }, trail, lines));
/// assert_eq!(counts, [(10, ('s', 2), 1), (20, ('s', 1), 1), (20, ('s', 2), -1), (60, ('s', 1), -1)]);
/// ```
pub fn distinct_in_window<'scope, K, I, C>(
    name: &str,
    ticks: Ticks,
    trail: Trail,
    input: Traces<'scope, (K, (i64, I)), i64, C>,
) -> Traces<'scope, (K, i64), i64, C>
where
    K: ExchangeData + Eq + Hash,
    I: ExchangeData + Eq + Hash,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, input, None, CountDistinct { trail, types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
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
        let said = told(&script, 200, |input| distinct_in_window("lately", TICKS, TRAIL, input));
        expect![[r#"
            10 +1 ('a', 2) by 0
            60 +1 ('a', 1) by 3
            60 -1 ('a', 2) by 3
            100 -1 ('a', 1) by the clock
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_a_threshold_of_negated_future_copies() {
        law(
            300,
            script,
            |input| distinct_in_window("lately", TICKS, TRAIL, input),
            |input| twins::distinct_in_window(TICKS, TRAIL, input),
        );
    }

    #[test]
    fn a_key_is_forgotten_with_its_last_pane() {
        let logic = CountDistinct::<_, _, ()> { trail: TRAIL, types: PhantomData };
        assert_eq!(held_after(logic, TICKS, script(&mut Random::new(1), 100), 330), (0, None));
    }
}
