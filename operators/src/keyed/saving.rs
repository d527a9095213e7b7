//! Copies the drawers out as they stood at one tick, while work on them goes on.
//!
//! *Meaning.* [`KeyedState::begin_saving`] fixes the moment; every drawer is then copied as it stood at that moment,
//! either when the sweep comes to it ([`KeyedState::save`]) or just before it first changes, whichever is sooner.
//! *State.* One bit a drawer while saving. *Cost.* One encoding a drawer that is open, in steps as small as the caller
//! likes; work between the steps pays one look at a bit a change.

use super::drawers::{Drawer, Flat, Number};
use super::plain::{self, Plain, Unreadable};
use super::{Keyed, KeyedState};

/// A sweep over the drawers that stood when it began: first the open ones, then the flat ones.
pub(super) struct Saving {
    open: Sweep,
    flat: Sweep,
    /// Drawers, one after the other: key, state, the tick of the wake-up.
    copied: Vec<u8>,
}

/// A sweep over numbers.
struct Sweep {
    /// The number it comes to next.
    next: usize,
    /// Numbers from here on are younger than the sweep.
    end: usize,
    /// Numbers ahead of the sweep that it must pass by: copied already, or younger than it.
    passed: Vec<u64>,
}

impl Sweep {
    fn new(end: usize) -> Self {
        Sweep { next: 0, end, passed: vec![0; end.div_ceil(64)] }
    }

    /// Has the sweep pass by a number; answers whether it was ahead.
    fn pass(&mut self, number: u32) -> bool {
        let at = number as usize;
        let is_ahead = (self.next..self.end).contains(&at) && self.passed[at / 64] & (1 << (at % 64)) == 0;
        if is_ahead {
            self.passed[at / 64] |= 1 << (at % 64);
        }
        is_ahead
    }

    /// The next number that is ahead.
    fn next(&mut self) -> Option<u32> {
        while self.next < self.end {
            let number = u32::try_from(self.next).ok();
            let is_ahead = number.is_some_and(|number| self.pass(number));
            self.next += 1;
            if is_ahead {
                return number;
            }
        }
        None
    }
}

impl Saving {
    /// What stands under a number from now on is younger than the sweep.
    pub(super) fn pass(&mut self, number: Number) {
        match number {
            Number::Open(number) => _ = self.open.pass(number),
            Number::Flat(place) => _ = self.flat.pass(place),
        }
    }

    /// Before an open drawer changes for the first time since the sweep began.
    pub(super) fn before_change<K: Plain, S: Plain>(&mut self, number: u32, drawer: Option<&Drawer<K, S>>) {
        if self.open.pass(number) {
            self.copy(drawer);
        }
    }

    /// Before a flat drawer is opened for the first time since the sweep began.
    pub(super) fn before_unfolding(&mut self, place: u32, flat: Option<&Flat>) {
        if self.flat.pass(place) {
            self.copy_flat(flat);
        }
    }

    fn copy<K: Plain, S: Plain>(&mut self, drawer: Option<&Drawer<K, S>>) {
        if let Some((key, slot)) = drawer {
            plain::append(&(key, &slot.state, slot.wake), &mut self.copied);
        }
    }

    fn copy_flat(&mut self, flat: Option<&Flat>) {
        if let Some(Flat { bytes, wake }) = flat {
            self.copied.extend_from_slice(bytes);
            plain::append(wake, &mut self.copied);
        }
    }
}

impl<L: Keyed> KeyedState<L> {
    /// Fixes the moment: what is copied from now on is what stands now. To be called between ticks.
    pub fn begin_saving(&mut self) {
        let (open, flat) = self.drawers.numbers();
        self.saving = Some(Saving { open: Sweep::new(open), flat: Sweep::new(flat), copied: Vec::new() });
    }

    /// Goes on with up to `fuel` drawers; gives what was copied since the last call, and whether that was the last of it.
    pub fn save(&mut self, fuel: &mut usize) -> (Vec<u8>, bool) {
        let Some(saving) = &mut self.saving else { return (Vec::new(), true) };
        let mut done = false;
        while !done && *fuel > 0 {
            *fuel -= 1;
            if let Some(number) = saving.open.next() {
                saving.copy(self.drawers.get(number));
            } else if let Some(place) = saving.flat.next() {
                saving.copy_flat(self.drawers.get_flat(place));
            } else {
                done = true;
            }
        }
        let copied = std::mem::take(&mut saving.copied);
        if done {
            self.saving = None;
        }
        (copied, done)
    }

    /// Puts copied drawers back, those whose key is `mine`. Whole drawers only: any number of what one `save` gave.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn load(&mut self, mut copied: &[u8], mine: impl Fn(&L::Key) -> bool) -> Result<(), Unreadable> {
        while !copied.is_empty() {
            let (key, state, wake): (L::Key, L::State, i64) = plain::take(&mut copied)?;
            if !mine(&key) {
                continue;
            }
            let number = self.find_or_open(&key);
            if let Some((_, slot)) = self.drawers.get_mut(number) {
                slot.state = state;
                slot.wake = wake;
                self.settle(number, false, true);
            }
        }
        Ok(())
    }

    /// Has every drawer looked at again at `tick`, because of `cause`: what judged it before may have judged otherwise.
    pub fn reconsider(&mut self, tick: i64, cause: &L::Cause) {
        self.reconsidered = Some((tick, cause.clone()));
    }

    /// Takes a notice as one that stood before: the drawers have seen it.
    pub fn recall(&mut self, notice: &L::Notice, diff: i64) {
        self.logic.notice(notice, diff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Traced;
    use crate::keyed::{Emit, Next, Ticks};
    use crate::testing::Random;

    /// Sums per key; a key is forgotten at 0 and looked at again at a multiple of its sum.
    struct Sums;

    impl Keyed for Sums {
        type Key = u32;
        type Input = i64;
        type Diff = i64;
        type Notice = ();
        type Cause = ();
        type State = (i64, Option<i64>);
        type Output = (u32, i64, i64);

        fn update(&mut self, _: &u32, state: &mut Self::State, input: i64, diff: i64, _: i64) {
            state.0 += input * diff;
        }

        fn close(&mut self, key: &u32, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, ()>) -> Next {
            let at = emit.now();
            emit.push((*key, state.0, at), 1);
            if state.0 == 0 { Next::Forget } else { Next::At(at + 10 * state.0.abs()) }
        }

        fn is_at_rest(&self, state: &Self::State) -> bool {
            state.0 > 1
        }
    }

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    /// Some changes at a tick, to the keys that are `mine`, and what is said of them.
    fn step(
        state: &mut KeyedState<Sums>,
        random: &mut Random,
        tick: i64,
        mine: fn(u32) -> bool,
    ) -> Vec<(u32, i64, i64)> {
        for _ in 0..random.below(6) {
            let (key, input) = (u32::try_from(random.below(40)).unwrap(), random.below(3) - 1);
            if mine(key) {
                state.update(key, input, Traced::new(1, None), tick);
            }
        }
        state.wake(tick);
        let mut out = Vec::new();
        assert!(state.close(tick, &mut 1_000, &mut out));
        out.into_iter().map(|(said, ..)| said).collect()
    }

    #[test]
    fn what_is_copied_is_what_stood_when_it_began_and_goes_on_alike() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut state = KeyedState::new(Sums, TICKS);
            let began = 10 * (1 + random.below(20));
            for tick in (10..=began).step_by(10) {
                step(&mut state, &mut random, tick, |_| true);
            }
            state.begin_saving();
            let (mut copies, mut done) = (Vec::new(), false);
            let (mut expected, mut tick, mut later) = (Vec::new(), began, Random::new(seed + 1));
            while !done {
                tick += 10;
                expected.push(step(&mut state, &mut later, tick, |_| true));
                let (copied, last) = state.save(&mut random.index(4));
                copies.push(copied);
                done = last;
            }
            // Restored into two workers, in any order, they say the same from then on.
            copies.reverse();
            const HALVES: [fn(u32) -> bool; 2] = [|key| key % 2 == 0, |key| key % 2 == 1];
            let mut restored = HALVES.map(|mine| {
                let mut state = KeyedState::new(Sums, TICKS);
                copies.iter().for_each(|copy| state.load(copy, |key| mine(*key)).unwrap());
                (state, mine, Random::new(seed + 1))
            });
            for (mut expected, tick) in expected.into_iter().zip((began + 10..).step_by(10)) {
                let said = restored.iter_mut().map(|(state, mine, random)| step(state, random, tick, *mine));
                let mut said: Vec<_> = said.flatten().collect();
                said.sort_unstable();
                expected.sort_unstable();
                assert_eq!(said, expected, "seed {seed} at {tick}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let mut state = KeyedState::new(Sums, TICKS);
        assert!(state.load(&[7, 7], |_| true).is_err());
    }
}
