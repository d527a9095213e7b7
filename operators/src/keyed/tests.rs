//! One small operator, driven by hand.

use super::*;

/// Counts changes per key, and forgets a key `span` ms after its last one.
struct Recent {
    span: i64,
}

impl Keyed for Recent {
    type Key = &'static str;
    type Input = ();
    type Diff = i64;
    type Notice = &'static str;
    type Cause = u32;
    type State = (i64, i64, Option<i64>);
    type Output = (&'static str, i64);

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

fn close(state: &mut KeyedState<Recent>, now: i64) -> Vec<((&'static str, i64), i64, Traced<i64, u32>)> {
    let mut out = Vec::new();
    state.wake(now);
    assert!(state.close(now, &mut 100, &mut out));
    out.sort_unstable();
    out
}

#[test]
fn keys_open_change_wake_and_are_forgotten() {
    let mut state = KeyedState::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
    state.update("a", (), Traced::new(1, Some(7)), 10);
    state.update("a", (), Traced::new(1, Some(3)), 10);
    state.update("b", (), Traced::new(1, None), 10);
    let by_3 = Some(3);
    assert_eq!(close(&mut state, 10), [(("a", 2), 10, Traced::new(1, by_3)), (("b", 1), 10, Traced::new(1, None))]);
    assert_eq!(state.next_wake(), Some(40));
    assert_eq!(close(&mut state, 20), []);
    state.update("a", (), Traced::new(1, None), 30);
    close(&mut state, 30);
    assert_eq!(close(&mut state, 40), [(("b", 1), 40, Traced::new(-1, None))]);
    assert_eq!(state.len(), 1);
    assert_eq!(close(&mut state, 60), [(("a", 3), 60, Traced::new(-1, None))]);
    assert!(state.is_empty());
    assert_eq!(state.next_wake(), None);
}

#[test]
fn fuel_stops_between_keys_and_loses_none() {
    let mut state = KeyedState::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
    for key in ["a", "b", "c"] {
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
    state.update("a", (), Traced::new(1, None), 10);
    close(&mut state, 10);
    state.notice(&"b", &Traced::new(1, None));
    assert!(state.touched.is_empty());
    state.notice(&"a", &Traced::new(1, Some(1)));
    assert_eq!(state.touched.len(), 1);
    assert_eq!(close(&mut state, 20), []);
}

#[test]
fn instants_take_effect_at_the_first_tick_not_before_them() {
    let ticks = Ticks { tick_ms: 10 };
    assert_eq!([-11, -10, 0, 1, 10].map(|instant| ticks.at(instant)), [-10, -10, 0, 10, 10]);
}

#[test]
fn wake_ups_given_up_do_not_pile_up() {
    let mut state = KeyedState::new(Recent { span: 1_000_000 }, Ticks { tick_ms: 10 });
    for tick in (10..100_000).step_by(10) {
        // Every change moves the wake-up of its key further away.
        state.update("a", (), Traced::new(1, None), tick);
        close(&mut state, tick);
        assert!(state.wakes.len() <= 2 * state.drawers.numbers() + SPARE_WAKES + LOOKS);
    }
    assert_eq!(close(&mut state, 1_099_990), [(("a", 9_999), 1_099_990, Traced::new(-1, None))]);
    assert_eq!((state.len(), state.next_wake()), (0, None));
}

/// Two parts in one drawer: what is heard is said again at once, and an alarm rings when its instant has come. A part that nothing
/// concerns is not looked at.
struct ClockRadio;

#[derive(Default)]
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
