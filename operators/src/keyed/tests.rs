//! Small operators in a store without a dataflow: timers, broadcasts, fuel, cold entries.

use serde::{Deserialize, Serialize};

use super::store::{PRUNED_PER_TIMER, SPARE_TIMERS};
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
    type Broadcast = char;
    type Cause = u32;
    type State = (i64, i64, Option<i64>);
    type Output = (char, i64);

    fn update(&mut self, _: &Self::Key, state: &mut Self::State, (): (), diff: i64, now: i64) {
        state.0 += diff;
        state.1 = now;
    }

    fn is_affected(&self, broadcast: &Self::Broadcast, key: &Self::Key, _: &Self::State) -> bool {
        broadcast == key
    }

    fn close(&mut self, key: &Self::Key, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, u32>) -> Next {
        let until = state.1 + self.span;
        let new = (emit.now() < until).then_some(state.0);
        emit.replace(state.2.map(|n| (*key, n)), new.map(|n| (*key, n)));
        state.2 = new;
        if new.is_some() { Next::At(until) } else { Next::Forget }
    }
}

fn close(state: &mut KeyedStore<Recent>, now: i64) -> Vec<((char, i64), i64, Traced<i64, u32>)> {
    let mut out = Vec::new();
    state.fire_timers(now);
    assert!(state.close(now, &mut 100, &mut out));
    out.sort_unstable();
    out
}

#[test]
fn entries_are_inserted_changed_and_forgotten_by_timer() {
    let mut state = KeyedStore::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
    state.update('a', (), Traced::new(1, Some(7)), 10);
    state.update('a', (), Traced::new(1, Some(3)), 10);
    state.update('b', (), Traced::new(1, None), 10);
    let by_3 = Some(3);
    assert_eq!(close(&mut state, 10), [(('a', 2), 10, Traced::new(1, by_3)), (('b', 1), 10, Traced::new(1, None))]);
    assert_eq!(state.next_timer(), Some(40));
    assert_eq!(close(&mut state, 20), []);
    state.update('a', (), Traced::new(1, None), 30);
    close(&mut state, 30);
    assert_eq!(close(&mut state, 40), [(('b', 1), 40, Traced::new(-1, None))]);
    assert_eq!(state.len(), 1);
    assert_eq!(close(&mut state, 60), [(('a', 3), 60, Traced::new(-1, None))]);
    assert!(state.is_empty());
    assert_eq!(state.next_timer(), None);
}

#[test]
fn close_stops_between_keys_when_fuel_is_spent() {
    let mut state = KeyedStore::new(Recent { span: 25 }, Ticks { tick_ms: 10 });
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
fn a_broadcast_marks_only_affected_keys_dirty() {
    let mut state = KeyedStore::new(Recent { span: 100 }, Ticks { tick_ms: 10 });
    state.update('a', (), Traced::new(1, None), 10);
    close(&mut state, 10);
    state.broadcast(&'b', &Traced::new(1, None));
    assert!(state.dirty.is_empty());
    state.broadcast(&'a', &Traced::new(1, Some(1)));
    assert_eq!(state.dirty.len(), 1);
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
fn cancelled_timers_do_not_accumulate() {
    let mut state = KeyedStore::new(Recent { span: 1_000_000 }, Ticks { tick_ms: 10 });
    for tick in (10..100_000).step_by(10) {
        // Every change postpones the timer of its key.
        state.update('a', (), Traced::new(1, None), tick);
        close(&mut state, tick);
        assert!(state.timers.len() <= state.table.id_bounds().0 * 3 / 2 + SPARE_TIMERS + PRUNED_PER_TIMER);
    }
    assert_eq!(close(&mut state, 1_099_990), [(('a', 9_999), 1_099_990, Traced::new(-1, None))]);
    assert_eq!((state.len(), state.next_timer()), (0, None));
}

/// A state of two parts: values are echoed at once, and an alarm is emitted at its instant. A part that is clean is
/// skipped by `close`.
struct EchoAndAlarm;

#[derive(Default, Serialize, Deserialize)]
struct EchoState {
    values: Vec<i64>,
    alarm: Option<i64>,
}

impl Keyed for EchoAndAlarm {
    type Key = char;
    /// A value to echo, or (negative) the instant of an alarm.
    type Input = i64;
    type Diff = i64;
    type Broadcast = ();
    type Cause = u32;
    type State = EchoState;
    type Output = (&'static str, i64);

    fn update(&mut self, _: &char, state: &mut EchoState, input: i64, _: i64, _: i64) {
        if input < 0 { state.alarm = Some(-input) } else { state.values.push(input) }
    }

    fn close(&mut self, _: &char, state: &mut EchoState, emit: &mut Emit<'_, Self::Output, u32>) -> Next {
        let cause = *emit.cause();
        for value in state.values.drain(..) {
            emit.part(&cause, |value| ("echo", value), |emit| emit.push(value, 1));
        }
        if !emit.is_timer_due() && emit.timer_at().is_some() {
            // The alarm is clean.
            return Next::Rest.or_at(emit.timer_at());
        }
        let now = emit.now();
        state.alarm.take_if(|alarm| *alarm <= now).into_iter().for_each(|alarm| {
            emit.part(&None, |alarm| ("alarm", alarm), |emit| emit.push(alarm, 1));
        });
        Next::Rest.or_at(state.alarm).merge(Next::Forget)
    }
}

#[test]
fn a_close_that_skips_a_clean_part_keeps_its_timer() {
    let mut state = KeyedStore::new(EchoAndAlarm, Ticks { tick_ms: 10 });
    let mut output = Vec::new();
    for (now, inputs) in [(10, vec![-35, 1]), (20, vec![2]), (30, vec![]), (40, vec![3]), (50, vec![4])] {
        for input in inputs {
            state.update('k', input, Traced::new(1, Some(7)), now);
        }
        state.fire_timers(now);
        assert!(state.close(now, &mut 10, &mut output));
    }
    let echo = |value, now| (("echo", value), now, Traced::new(1, Some(7)));
    let alarm = (("alarm", 35), 40, Traced::new(1, None));
    assert_eq!(output, [echo(1, 10), echo(2, 20), echo(3, 40), alarm, echo(4, 50)]);
    assert_eq!(state.next_timer(), None);
}

#[test]
fn merging_takes_the_earlier_instant_and_keeps_what_either_keeps() {
    let (at, rest, forget) = (Next::At, Next::Rest, Next::Forget);
    let pairs = [(at(3), at(2)), (rest, at(2)), (at(3), rest), (rest, forget), (forget, rest), (at(3), forget)];
    assert_eq!(pairs.map(|(left, right)| left.merge(right)), [at(2), at(2), at(3), rest, rest, at(3)]);
}

/// The sum of each key, compared with a limit that a broadcast sets: the result is emitted when it changes, and that of a
/// sum above 40 again after half as many milliseconds. A key is forgotten at 0; even sums are cold if `may_be_cold`.
struct Compare {
    limit: i64,
    may_be_cold: bool,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Compared {
    sum: i64,
    last_emitted: Option<(bool, i64)>,
}

impl Keyed for Compare {
    type Key = i64;
    type Input = i64;
    type Diff = i64;
    /// A limit, and the keys that it affects, by their remainder modulo three.
    type Broadcast = (i64, i64);
    type Cause = i64;
    type State = Compared;
    type Output = (i64, bool, i64);

    fn update(&mut self, _: &i64, state: &mut Compared, input: i64, diff: i64, _: i64) {
        state.sum += input * diff;
    }

    fn on_broadcast(&mut self, (limit, _): &Self::Broadcast, diff: i64) {
        self.limit += limit * diff;
    }

    fn key_in_scope(&self, (_, rest): &Self::Broadcast, key: &i64) -> bool {
        key % 3 == *rest
    }

    fn is_affected(&self, broadcast: &Self::Broadcast, key: &i64, state: &Compared) -> bool {
        self.key_in_scope(broadcast, key) && state.sum > 1
    }

    fn close(&mut self, key: &i64, state: &mut Compared, emit: &mut Emit<'_, Self::Output, i64>) -> Next {
        let now = emit.now();
        let since = state.last_emitted.map(|(_, at)| at).filter(|at| state.sum <= 40 || now < at + state.sum / 2);
        let new = (state.sum != 0).then(|| (state.sum > self.limit, since.unwrap_or(now)));
        emit.replace(state.last_emitted.map(|row| (*key, row.0, row.1)), new.map(|row| (*key, row.0, row.1)));
        state.last_emitted = new;
        match new {
            None => Next::Forget,
            Some((_, at)) if state.sum > 40 => Next::At(at + state.sum / 2),
            Some(_) => Next::Rest,
        }
    }

    fn is_cold(&self, state: &Compared) -> bool {
        self.may_be_cold && state.sum % 2 == 0
    }
}

#[test]
fn cold_entries_emit_the_same_as_hot_ones() {
    let ticks = Ticks { tick_ms: 10 };
    let mut cold = 0;
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut states = [false, true].map(|may_be_cold| KeyedStore::new(Compare { limit: 0, may_be_cold }, ticks));
        for now in (10..600).step_by(10) {
            let broadcasts: Vec<((i64, i64), Traced<i64, i64>)> = (0..random.below(6).saturating_sub(3))
                .map(|_| ((random.below(30), random.below(3)), Traced::new(1, Some(random.below(90)))))
                .collect();
            let updates: Vec<(i64, i64, Option<i64>)> = (0..random.below(8))
                .map(|_| (random.below(30), random.below(60) - 20, Some(random.below(90))))
                .collect();
            let reevaluated = (random.below(20) == 0).then(|| random.below(90));
            let fuel = 1 + random.index(5);
            let outputs = states.each_mut().map(|state| {
                reevaluated.iter().for_each(|cause| state.reevaluate(now, cause));
                broadcasts.iter().for_each(|(broadcast, change)| state.broadcast(broadcast, change));
                updates.iter().for_each(|(key, input, cause)| state.update(*key, *input, Traced::new(1, *cause), now));
                state.fire_timers(now);
                let mut output = Vec::new();
                while !state.close(now, &mut { fuel }, &mut output) {}
                output.sort_unstable();
                output
            });
            assert_eq!(outputs[0], outputs[1], "seed {seed} at {now}");
            assert_eq!(states[0].len(), states[1].len(), "seed {seed} at {now}");
        }
        cold += states[1].table.cold_len();
    }
    assert!(cold > 1_000, "{cold}");
}

#[test]
fn an_entry_that_turns_cold_again_has_one_timer() {
    let mut state = KeyedStore::new(Compare { limit: 0, may_be_cold: true }, Ticks { tick_ms: 10 });
    for now in (10..2_000).step_by(10) {
        // The entry changes, and its timer stays where it is.
        state.update(1, 10_000, Traced::new(1, None), now);
        state.update(1, 10_000, Traced::new(-1, None), now);
        if now == 10 {
            state.update(1, 90_000, Traced::new(1, None), now);
        }
        state.fire_timers(now);
        assert!(state.close(now, &mut 100, &mut Vec::new()));
        assert_eq!((state.table.cold_len(), state.timers.len(), state.len()), (1, 1, 1));
    }
}
