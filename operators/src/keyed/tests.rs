//! One small operator, driven by hand.

use serde::{Deserialize, Serialize};

use super::state::{LOOKS, SPARE_WAKES};
use super::*;
use crate::testing::Random;

/// Counts changes per key, and forgets a key `span` ms after its last one.
struct Recent {
    span: i64,
}

impl Keyed for Recent {
    type Key = char;
    type Input = ();
    type Diff = i64;
    type Notice = char;
    type Cause = u32;
    type State = (i64, i64, Option<i64>);
    type Output = (char, i64);

    fn update(&mut self, _: &Self::Key, state: &mut Self::State, (): (), diff: i64, now: i64) {
        state.0 += diff;
        state.1 = now;
    }

    fn concerns(&self, notice: &Self::Notice, key: &Self::Key, _: &Self::State) -> bool {
        notice == key
    }

    fn close(&mut self, key: &Self::Key, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, u32>) -> Next {
        let until = state.1 + self.span;
        let new = (emit.now() < until).then_some(state.0);
        emit.replace(state.2.map(|n| (*key, n)), new.map(|n| (*key, n)));
        state.2 = new;
        if new.is_some() { Next::At(until) } else { Next::Forget }
    }
}

fn close(state: &mut KeyedState<Recent>, now: i64) -> Vec<((char, i64), i64, Traced<i64, u32>)> {
    let mut out = Vec::new();
    state.wake(now);
    assert!(state.close(now, &mut 100, &mut out));
    out.sort_unstable();
    out
}

#[test]
fn keys_open_change_wake_and_are_forgotten() {
    let mut state = KeyedState::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
    state.update('a', (), Traced::new(1, Some(7)), 10);
    state.update('a', (), Traced::new(1, Some(3)), 10);
    state.update('b', (), Traced::new(1, None), 10);
    let by_3 = Some(3);
    assert_eq!(close(&mut state, 10), [(('a', 2), 10, Traced::new(1, by_3)), (('b', 1), 10, Traced::new(1, None))]);
    assert_eq!(state.next_wake(), Some(40));
    assert_eq!(close(&mut state, 20), []);
    state.update('a', (), Traced::new(1, None), 30);
    close(&mut state, 30);
    assert_eq!(close(&mut state, 40), [(('b', 1), 40, Traced::new(-1, None))]);
    assert_eq!(state.len(), 1);
    assert_eq!(close(&mut state, 60), [(('a', 3), 60, Traced::new(-1, None))]);
    assert!(state.is_empty());
    assert_eq!(state.next_wake(), None);
}

#[test]
fn fuel_stops_between_keys_and_loses_none() {
    let mut state = KeyedState::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
    for key in ['a', 'b', 'c'] {
        state.update(key, (), Traced::new(1, None), 10);
    }
    let mut out = Vec::new();
    assert!(!state.close(10, &mut 2, &mut out));
    assert_eq!(out.len(), 2);
    assert!(state.close(10, &mut 2, &mut out));
    assert_eq!(out.len(), 3);
}

#[test]
fn a_notice_touches_only_the_keys_it_concerns() {
    let mut state = KeyedState::new(Recent { span: 100 }, Ticks { tick_ms: 10 });
    state.update('a', (), Traced::new(1, None), 10);
    close(&mut state, 10);
    state.notice(&'b', &Traced::new(1, None));
    assert!(state.touched.is_empty());
    state.notice(&'a', &Traced::new(1, Some(1)));
    assert_eq!(state.touched.len(), 1);
    assert_eq!(close(&mut state, 20), []);
}

#[test]
fn instants_take_effect_at_the_first_tick_not_before_them() {
    let ticks = Ticks { tick_ms: 10 };
    assert_eq!([-11, -10, 0, 1, 10].map(|instant| ticks.at(instant)), [-10, -10, 0, 10, 10]);
    assert_eq!([i64::MIN, i64::MIN + 9].map(|instant| ticks.at(instant)), [i64::MIN + 8, i64::MIN + 18]);
    assert_eq!([i64::MAX - 7, i64::MAX].map(|instant| ticks.at(instant)), [i64::MAX - 7, i64::MAX]);
}

#[test]
fn wake_ups_given_up_do_not_pile_up() {
    let mut state = KeyedState::new(Recent { span: 1_000_000 }, Ticks { tick_ms: 10 });
    for tick in (10..100_000).step_by(10) {
        // Every change moves the wake-up of its key further away.
        state.update('a', (), Traced::new(1, None), tick);
        close(&mut state, tick);
        assert!(state.wakes.len() <= state.drawers.numbers().0 * 3 / 2 + SPARE_WAKES + LOOKS);
    }
    assert_eq!(close(&mut state, 1_099_990), [(('a', 9_999), 1_099_990, Traced::new(-1, None))]);
    assert_eq!((state.len(), state.next_wake()), (0, None));
}

/// Two parts in one drawer: what is heard is said again at once, and an alarm rings when its instant has come. A part that nothing
/// concerns is not looked at.
struct ClockRadio;

#[derive(Default, Serialize, Deserialize)]
struct Set {
    heard: Vec<i64>,
    alarm: Option<i64>,
}

impl Keyed for ClockRadio {
    type Key = char;
    /// A word, or (negative) the instant of an alarm.
    type Input = i64;
    type Diff = i64;
    type Notice = ();
    type Cause = u32;
    type State = Set;
    type Output = (&'static str, i64);

    fn update(&mut self, _: &char, set: &mut Set, input: i64, _: i64, _: i64) {
        if input < 0 { set.alarm = Some(-input) } else { set.heard.push(input) }
    }

    fn close(&mut self, _: &char, set: &mut Set, emit: &mut Emit<'_, Self::Output, u32>) -> Next {
        let cause = *emit.cause();
        for word in set.heard.drain(..) {
            emit.part(&cause, |word| ("radio", word), |emit| emit.push(word, 1));
        }
        if !emit.is_woken() && emit.wakes_at().is_some() {
            // The alarm is not concerned.
            return Next::Rest.or_at(emit.wakes_at());
        }
        let now = emit.now();
        set.alarm.take_if(|alarm| *alarm <= now).into_iter().for_each(|alarm| {
            emit.part(&None, |alarm| ("alarm", alarm), |emit| emit.push(alarm, 1));
        });
        Next::Rest.or_at(set.alarm).or_as(Next::Forget)
    }
}

#[test]
fn who_closes_a_part_of_a_drawer_sleeps_no_longer_for_it() {
    let mut state = KeyedState::new(ClockRadio, Ticks { tick_ms: 10 });
    let mut said = Vec::new();
    for (now, inputs) in [(10, vec![-35, 1]), (20, vec![2]), (30, vec![]), (40, vec![3]), (50, vec![4])] {
        for input in inputs {
            state.update('k', input, Traced::new(1, Some(7)), now);
        }
        state.wake(now);
        assert!(state.close(now, &mut 10, &mut said));
    }
    let word = |word, now| (("radio", word), now, Traced::new(1, Some(7)));
    let alarm = (("alarm", 35), 40, Traced::new(1, None));
    assert_eq!(said, [word(1, 10), word(2, 20), word(3, 40), alarm, word(4, 50)]);
    assert_eq!(state.next_wake(), None);
}

#[test]
fn the_earlier_of_two_looks_counts_and_a_part_that_forgets_does_not() {
    let (at, rest, forget) = (Next::At, Next::Rest, Next::Forget);
    let looks = [(at(3), at(2)), (rest, at(2)), (at(3), rest), (rest, forget), (forget, rest), (at(3), forget)];
    assert_eq!(looks.map(|(one, other)| one.or_as(other)), [at(2), at(2), at(3), rest, rest, at(3)]);
}

/// Sums per key, judged against a limit that a notice sets: a judgement is said when it changes, and that of a sum
/// above 40 again when half as many milliseconds have passed. A drawer is forgotten at 0, and laid flat when it may rest.
struct Judge {
    limit: i64,
    may_rest: bool,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Judged {
    sum: i64,
    said: Option<(bool, i64)>,
}

impl Keyed for Judge {
    type Key = i64;
    type Input = i64;
    type Diff = i64;
    /// A limit, and whom it concerns: keys of this remainder by three.
    type Notice = (i64, i64);
    type Cause = i64;
    type State = Judged;
    type Output = (i64, bool, i64);

    fn update(&mut self, _: &i64, state: &mut Judged, input: i64, diff: i64, _: i64) {
        state.sum += input * diff;
    }

    fn notice(&mut self, (limit, _): &Self::Notice, diff: i64) {
        self.limit += limit * diff;
    }

    fn may_concern(&self, (_, rest): &Self::Notice, key: &i64) -> bool {
        key % 3 == *rest
    }

    fn concerns(&self, notice: &Self::Notice, key: &i64, state: &Judged) -> bool {
        self.may_concern(notice, key) && state.sum > 1
    }

    fn close(&mut self, key: &i64, state: &mut Judged, emit: &mut Emit<'_, Self::Output, i64>) -> Next {
        let now = emit.now();
        let since = state.said.map(|(_, at)| at).filter(|at| state.sum <= 40 || now < at + state.sum / 2);
        let new = (state.sum != 0).then(|| (state.sum > self.limit, since.unwrap_or(now)));
        emit.replace(state.said.map(|said| (*key, said.0, said.1)), new.map(|said| (*key, said.0, said.1)));
        state.said = new;
        match new {
            None => Next::Forget,
            Some((_, at)) if state.sum > 40 => Next::At(at + state.sum / 2),
            Some(_) => Next::Rest,
        }
    }

    fn is_at_rest(&self, state: &Judged) -> bool {
        self.may_rest && state.sum % 2 == 0
    }
}

#[test]
fn what_is_laid_flat_says_what_it_would_have_said_open() {
    let ticks = Ticks { tick_ms: 10 };
    let mut flat = 0;
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut states = [false, true].map(|may_rest| KeyedState::new(Judge { limit: 0, may_rest }, ticks));
        for now in (10..600).step_by(10) {
            let notices: Vec<((i64, i64), Traced<i64, i64>)> = (0..random.below(6).saturating_sub(3))
                .map(|_| ((random.below(30), random.below(3)), Traced::new(1, Some(random.below(90)))))
                .collect();
            let updates: Vec<(i64, i64, Option<i64>)> = (0..random.below(8))
                .map(|_| (random.below(30), random.below(60) - 20, Some(random.below(90))))
                .collect();
            let reconsidered = (random.below(20) == 0).then(|| random.below(90));
            let fuel = 1 + random.index(5);
            let said = states.each_mut().map(|state| {
                reconsidered.iter().for_each(|cause| state.reconsider(now, cause));
                notices.iter().for_each(|(notice, change)| state.notice(notice, change));
                updates.iter().for_each(|(key, input, cause)| state.update(*key, *input, Traced::new(1, *cause), now));
                state.wake(now);
                let mut said = Vec::new();
                while !state.close(now, &mut { fuel }, &mut said) {}
                said.sort_unstable();
                said
            });
            assert_eq!(said[0], said[1], "seed {seed} at {now}");
            assert_eq!(states[0].len(), states[1].len(), "seed {seed} at {now}");
        }
        flat += states[1].drawers.flat_len();
    }
    assert!(flat > 1_000, "{flat}");
}

#[test]
fn a_drawer_that_rests_takes_its_plain_form_and_one_wake_up() {
    let mut state = KeyedState::new(Judge { limit: 0, may_rest: true }, Ticks { tick_ms: 10 });
    for now in (10..2_000).step_by(10) {
        // Something happens, and its wake-up stays where it is.
        state.update(1, 10_000, Traced::new(1, None), now);
        state.update(1, 10_000, Traced::new(-1, None), now);
        if now == 10 {
            state.update(1, 90_000, Traced::new(1, None), now);
        }
        state.wake(now);
        assert!(state.close(now, &mut 100, &mut Vec::new()));
        assert_eq!((state.drawers.flat_len(), state.wakes.len(), state.len()), (1, 1, 1));
    }
}
