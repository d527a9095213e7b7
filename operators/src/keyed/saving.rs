//! Copies the drawers out as they stood at one tick, while work on them goes on.
//!
//! *Meaning.* [`KeyedState::begin_saving`] fixes the moment; every drawer is then copied as it stood at that moment,
//! either when the sweep comes to it ([`KeyedState::save`]) or just before it first changes, whichever is sooner.
//! *State.* One bit a drawer while saving. *Cost.* One encoding a drawer, in steps as small as the caller likes; work
//! between the steps pays one look at a bit a change.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Keyed, KeyedState, Slot};

type Drawer<L> = (<L as Keyed>::Key, Slot<<L as Keyed>::State>);

/// Appends one drawer: its key, its state, the tick of its wake-up.
type Encode<L> = fn(&<L as Keyed>::Key, &<L as Keyed>::State, i64, &mut Vec<u8>);

/// A sweep over the drawers that stood when it began.
pub(super) struct Saving<L: Keyed> {
    encode: Encode<L>,
    /// The drawer the sweep comes to next.
    next: usize,
    /// Drawers from here on are younger than the sweep.
    end: usize,
    /// Drawers ahead of the sweep that it must pass by: copied already, or younger than it.
    passed: Vec<u64>,
    copied: Vec<u8>,
}

impl<L: Keyed> Saving<L> {
    fn is_ahead(&self, at: usize) -> bool {
        (self.next..self.end).contains(&at) && self.passed[at / 64] & (1 << (at % 64)) == 0
    }

    /// Before the drawer at `at` changes (or, if there is none, is filled) for the first time since the sweep began.
    pub(super) fn before_change(&mut self, at: usize, drawer: Option<&Drawer<L>>) {
        if self.is_ahead(at) {
            self.passed[at / 64] |= 1 << (at % 64);
            self.copy(drawer);
        }
    }

    fn copy(&mut self, drawer: Option<&Drawer<L>>) {
        if let Some((key, slot)) = drawer {
            (self.encode)(key, &slot.state, slot.wake, &mut self.copied);
        }
    }
}

/// How a drawer is written: small integers in few bytes.
fn options() -> impl Options {
    bincode::DefaultOptions::new()
}

/// What is kept beside drawers, in the same form.
pub(crate) fn to_bytes(kept: &impl Serialize) -> Vec<u8> {
    options().serialize(kept).expect("what is kept has a plain form and memory takes it")
}

/// Reads what [`to_bytes`] wrote.
pub(crate) fn from_bytes<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, Unreadable> {
    Ok(options().deserialize(bytes)?)
}

/// Copied drawers that cannot be read: written by another program, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a drawer cannot be read: {0}")]
pub struct Unreadable(#[from] bincode::Error);

impl<L: Keyed> KeyedState<L>
where
    L::Key: Serialize + DeserializeOwned,
    L::State: Serialize + DeserializeOwned,
{
    /// Fixes the moment: what is copied from now on is what stands now. To be called between ticks.
    pub fn begin_saving(&mut self) {
        let encode: Encode<L> = |key, state, wake, into| {
            let drawer = options().serialize_into(into, &(key, state, wake));
            drawer.expect("a drawer has a plain form and memory takes it");
        };
        let end = self.drawers.numbers();
        self.saving = Some(Saving { encode, next: 0, end, passed: vec![0; end.div_ceil(64)], copied: Vec::new() });
    }

    /// Goes on with up to `fuel` drawers; gives what was copied since the last call, and whether that was the last of it.
    pub fn save(&mut self, fuel: &mut usize) -> (Vec<u8>, bool) {
        let Some(mut saving) = self.saving.take() else { return (Vec::new(), true) };
        while saving.next < saving.end && *fuel > 0 {
            if saving.is_ahead(saving.next) {
                saving.copy(u32::try_from(saving.next).ok().and_then(|number| self.drawers.get(number)));
                *fuel -= 1;
            }
            saving.next += 1;
        }
        let copied = std::mem::take(&mut saving.copied);
        let done = saving.next == saving.end;
        if !done {
            self.saving = Some(saving);
        }
        (copied, done)
    }

    /// Puts copied drawers back, those whose key is `mine`. Whole drawers only: any number of what one `save` gave.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn load(&mut self, mut copied: &[u8], mine: impl Fn(&L::Key) -> bool) -> Result<(), Unreadable> {
        while !copied.is_empty() {
            let (key, state, wake): (L::Key, L::State, i64) = options().deserialize_from(&mut copied)?;
            if !mine(&key) {
                continue;
            }
            let number = self.find_or_open(&key);
            if let Some((key, slot)) = self.drawers.get_mut(number) {
                slot.state = state;
                slot.wake = wake;
                let group = self.logic.attends(key, &slot.state);
                slot.is_attentive = group.is_some();
                self.attentive.set(number, group);
                if wake < i64::MAX {
                    self.wakes.hold(wake, number);
                }
            }
        }
        Ok(())
    }

    /// Has every drawer looked at again at `tick`, because of `cause`: what judged it before may have judged otherwise.
    pub fn reconsider(&mut self, tick: i64, cause: &L::Cause) {
        self.reconsidered = Some((tick, cause.clone()));
        for (number, (_, slot)) in self.drawers.iter_mut().filter(|(_, (_, slot))| slot.wake > tick) {
            slot.wake = tick;
            self.wakes.hold(tick, number);
        }
    }

    /// Takes a notice as one that stood before: the drawers have seen it.
    pub fn recall(&mut self, notice: &L::Notice, diff: i64) {
        self.logic.notice(notice, diff);
    }

    /// Bytes held, without what drawers hold outside themselves.
    pub fn bytes(&self) -> usize {
        self.drawers.bytes() + self.wakes.len() * size_of::<u32>()
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
