//! Two logics over the same key in one drawer: one look for both, and the second may read what the first says.
//!
//! *Meaning.* The same as both side by side, each on its own input, the second fed with what it [`Reads`] of the first's
//! output in the same tick; the outputs are told apart by [`Side`]. Each has its own causes and its own wake-ups, as if
//! it stood alone. *Time.* That of both. *State.* One drawer a key while either side keeps something.
//! *Cost.* One hash lookup a change where two operators in a row make three, and one key where they hold two.

use serde::{Deserialize, Serialize};

use crate::co_group::Side;
use crate::diff::{Traced, least, least_of};
use crate::keyed::{Audience, Emit, Keyed, Next};

/// What a logic says of a key in a tick.
pub type Said<L> = [(<L as Keyed>::Output, i64, Traced<i64, <L as Keyed>::Cause>)];

/// What the second logic reads of what the first says of a key in a tick: it calls back with each of its inputs, how often it
/// comes, and the change to blame.
pub type Reads<A, B> = fn(&Said<A>, &mut dyn FnMut(<B as Keyed>::Input, &Traced<i64, <A as Keyed>::Cause>));

/// Two logics over one key.
pub struct Fused<A: Keyed, B: Keyed> {
    first: A,
    second: B,
    reads: Reads<A, B>,
    touched: Touched<A::Cause>,
    /// What the first says of a key; empty between closes.
    said: Vec<(A::Output, i64, Traced<i64, A::Cause>)>,
    /// What the second says of a key; empty between closes.
    answered: Vec<(B::Output, i64, Traced<i64, A::Cause>)>,
}

impl<A: Keyed, B: Keyed> Fused<A, B> {
    /// Both logics, the second reading what `reads` takes from what the first says.
    pub fn new(first: A, second: B, reads: Reads<A, B>) -> Self {
        Fused { first, second, reads, touched: Touched::default(), said: Vec::new(), answered: Vec::new() }
    }

    /// Both logics, neither of which reads the other.
    pub fn beside(first: A, second: B) -> Self {
        Fused::new(first, second, |_, _| {})
    }
}

/// What both keep of a key.
#[derive(Serialize, Deserialize)]
pub struct Pair<A, B> {
    first: Half<A>,
    second: Half<B>,
    /// Whether each keeps anything.
    kept: [bool; 2],
    /// How it was touched in this tick: its number in [`Touched`], 0 if it was not.
    #[serde(skip)]
    touched: u32,
}

/// What one logic keeps of a key, and when it wants to look again.
#[derive(Serialize, Deserialize)]
struct Half<S> {
    state: S,
    next: i64,
}

impl<A: Default, B: Default> Default for Pair<A, B> {
    fn default() -> Self {
        Pair { first: Half::default(), second: Half::default(), kept: [false; 2], touched: 0 }
    }
}

impl<S: Default> Default for Half<S> {
    fn default() -> Self {
        Half { state: S::default(), next: i64::MAX }
    }
}

impl<S: Default> Half<S> {
    /// Takes note of what its logic wants; answers whether it keeps anything.
    fn settle(&mut self, next: Next) -> bool {
        self.next = if let Next::At(instant) = next { instant } else { i64::MAX };
        let kept = next != Next::Forget;
        if !kept {
            self.state = S::default();
        }
        kept
    }
}

/// Which side of a key was touched, and on whose account; `None` was not.
type Touch<C> = [Option<Option<C>>; 2];

/// The touches of a tick, numbered from 1 on.
struct Touched<C> {
    touches: Vec<Touch<C>>,
    open: usize,
}

impl<C> Default for Touched<C> {
    fn default() -> Self {
        Touched { touches: Vec::new(), open: 0 }
    }
}

impl<C: Ord + Clone> Touched<C> {
    fn touch(&mut self, number: &mut u32, side: usize, cause: Option<&C>) {
        if *number == 0 {
            self.touches.push([None, None]);
            self.open += 1;
            *number = u32::try_from(self.touches.len()).expect("a tick touches fewer than 2^32 keys");
        }
        let held = self.touches[*number as usize - 1][side].get_or_insert_default();
        if let Some(cause) = cause {
            least_of(held, cause);
        }
    }

    fn take(&mut self, number: &mut u32) -> Touch<C> {
        let Some(at) = std::mem::take(number).checked_sub(1) else { return [None, None] };
        let touch = std::mem::take(&mut self.touches[at as usize]);
        self.open -= 1;
        if self.open == 0 {
            self.touches.clear();
        }
        touch
    }
}

/// Whether a notice makes a key due for a logic.
fn is_concerned<L: Keyed>(logic: &L, notice: &L::Notice, key: &L::Key, state: &L::State) -> bool {
    let is_in_audience = match logic.audience(notice) {
        Audience::Nobody => false,
        Audience::Attentive(group) => logic.attends(key, state) == Some(group),
        Audience::Everyone => true,
    };
    is_in_audience && logic.concerns(notice, key, state)
}

impl<A, B> Keyed for Fused<A, B>
where
    A: Keyed,
    B: Keyed<Key = A::Key, Diff = i64, Notice = A::Notice, Cause = A::Cause>,
    A: Keyed<Diff = i64>,
{
    type Key = A::Key;
    type Input = Side<A::Input, B::Input>;
    type Diff = i64;
    type Notice = A::Notice;
    type Cause = A::Cause;
    type State = Pair<A::State, B::State>;
    type Output = Side<A::Output, B::Output>;

    fn update(&mut self, key: &A::Key, pair: &mut Self::State, input: Self::Input, diff: i64, now: i64) {
        self.update_because(key, pair, input, Traced::new(diff, None), now);
    }

    fn update_because(
        &mut self,
        key: &A::Key,
        pair: &mut Self::State,
        input: Self::Input,
        change: Traced<i64, A::Cause>,
        now: i64,
    ) {
        match input {
            Side::Left(input) => {
                self.touched.touch(&mut pair.touched, 0, change.cause.as_ref());
                self.first.update_because(key, &mut pair.first.state, input, change, now);
            }
            Side::Right(input) => {
                self.touched.touch(&mut pair.touched, 1, change.cause.as_ref());
                self.second.update_because(key, &mut pair.second.state, input, change, now);
            }
        }
    }

    fn notice(&mut self, notice: &A::Notice, diff: i64) {
        self.first.notice(notice, diff);
        self.second.notice(notice, diff);
    }

    fn audience(&self, notice: &A::Notice) -> Audience {
        self.first.audience(notice).max(self.second.audience(notice))
    }

    /// Both sides of a key attend in one group, if they do.
    fn attends(&self, key: &A::Key, pair: &Self::State) -> Option<u64> {
        self.first.attends(key, &pair.first.state).or_else(|| self.second.attends(key, &pair.second.state))
    }

    fn concerns(&self, notice: &A::Notice, key: &A::Key, pair: &Self::State) -> bool {
        is_concerned(&self.first, notice, key, &pair.first.state)
            || is_concerned(&self.second, notice, key, &pair.second.state)
    }

    fn touched_by(
        &mut self,
        notice: Option<&A::Notice>,
        key: &A::Key,
        pair: &mut Self::State,
        cause: Option<&A::Cause>,
    ) {
        let (first, second) = (&mut pair.first.state, &mut pair.second.state);
        if notice.is_none_or(|notice| is_concerned(&self.first, notice, key, first)) {
            self.touched.touch(&mut pair.touched, 0, cause);
            self.first.touched_by(notice, key, first, cause);
        }
        if notice.is_none_or(|notice| is_concerned(&self.second, notice, key, second)) {
            self.touched.touch(&mut pair.touched, 1, cause);
            self.second.touched_by(notice, key, second, cause);
        }
    }

    fn close(&mut self, key: &A::Key, pair: &mut Self::State, emit: &mut Emit<'_, Self::Output, A::Cause>) -> Next {
        let now = emit.now();
        let [first, mut second] = self.touched.take(&mut pair.touched);
        if first.is_some() || pair.first.next <= now {
            let cause = first.flatten();
            let mut emit = Emit::new(&mut self.said, now, &cause);
            let next = self.first.close(key, &mut pair.first.state, &mut emit);
            pair.kept[0] = pair.first.settle(next);
        }
        if !self.said.is_empty() {
            (self.reads)(&self.said, &mut |input, change| {
                least(second.get_or_insert_default(), &change.cause);
                self.second.update_because(key, &mut pair.second.state, input, change.clone(), now);
            });
        }
        if second.is_some() || pair.second.next <= now {
            let cause = second.flatten();
            let mut emit = Emit::new(&mut self.answered, now, &cause);
            let next = self.second.close(key, &mut pair.second.state, &mut emit);
            pair.kept[1] = pair.second.settle(next);
        }
        self.said.drain(..).for_each(|(said, _, change)| emit.push_because(Side::Left(said), change));
        self.answered.drain(..).for_each(|(said, _, change)| emit.push_because(Side::Right(said), change));
        match pair.first.next.min(pair.second.next) {
            _ if pair.kept == [false; 2] => Next::Forget,
            i64::MAX => Next::Rest,
            instant => Next::At(instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Traces, keyed};
    use crate::greatest::{Maximum, greatest};
    use crate::keyed::Ticks;
    use crate::panes::{Trail, Trailing, trailing};
    use crate::testing::{Handover, Random, Update, run, scripts, sides, traced};

    const TICKS: Ticks = Ticks { tick_ms: 10 };
    const TRAIL: Trail = Trail { window_ms: 75, pane_ms: 25 };

    type Sum = (char, i64);
    /// Event times to be counted, and sums from elsewhere.
    type Given = Side<(char, i64), Sum>;

    fn script(random: &mut Random, size: usize) -> Vec<Update<Given, i64>> {
        let times = scripts::facts(random, size, TICKS, 200, |random, tick| {
            ((random.letter(4), tick + 40 - random.below(140)), random.below(4) - 1)
        });
        let sums = scripts::facts(random, size / 2, TICKS, 200, |random, _| ((random.letter(4), random.below(9)), 1));
        scripts::both(times, sums)
    }

    fn apart(given: Traces<'_, Given, i64, u64>) -> Traces<'_, Side<Sum, Sum>, i64, u64> {
        let (times, sums) = sides(given);
        let counted = trailing("lately", TICKS, TRAIL, times);
        greatest("top", TICKS, counted.clone().concat(sums)).map(Side::Right).concat(counted.map(Side::Left))
    }

    fn fused(given: Traces<'_, Given, i64, u64>) -> Traces<'_, Side<Sum, Sum>, i64, u64> {
        let given = given.map(|given| match given {
            Side::Left((key, time)) => (key, Side::Left(time)),
            Side::Right((key, sum)) => (key, Side::Right(sum)),
        });
        let trailing = Trailing::new(TRAIL);
        let both = Fused::new(trailing, Maximum::default(), |said, say| {
            said.iter().for_each(|((_, sum), _, change)| say(*sum, change));
        });
        keyed("both", TICKS, given, None, both)
    }

    #[test]
    fn says_what_two_in_a_row_say_and_blames_whom_they_blame() {
        for seed in 0..60 {
            let script = traced(&script(&mut Random::new(seed), 40));
            let expected = run(Handover::ORDERLY, 400, &script, apart);
            for workers in [1, 2, 4] {
                let said = run(Handover { workers, disorder: Some(seed) }, 400, &script, fused);
                assert_eq!(said, expected, "seed {seed}, {workers} workers");
            }
        }
    }
}
