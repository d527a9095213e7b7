//! Incremental copy of all entries as they were at one tick, while later ticks are processed.
//!
//! *Meaning.* [`KeyedStore::begin_checkpoint`] fixes the tick. Every entry is then copied as it was at that tick: either
//! when the sweep reaches it ([`KeyedStore::checkpoint`]), or just before its first change, whichever is earlier.
//! *State.* One bit per entry while a checkpoint is in progress. *Cost.* One encoding per hot entry, in steps of the
//! caller's choice; a change between the steps tests one bit.

use super::serialized::{self, DecodeError, Serializable};
use super::table::{ColdEntry, EntryId, KeyedEntry};
use super::{Keyed, KeyedStore};

/// A copy in progress: a sweep over the hot ids, then one over the cold ids.
pub(super) struct Checkpoint {
    hot: Sweep,
    cold: Sweep,
    /// Entries, one after the other: key, state, the tick of the timer.
    copied: Vec<u8>,
}

/// A sweep over ids in ascending order.
struct Sweep {
    /// The id that it reaches next.
    next: usize,
    /// Ids from here on were given after the sweep began.
    end: usize,
    /// Ids ahead of the sweep that it must skip: copied already, or given to another entry since.
    skipped: Vec<u64>,
}

impl Sweep {
    fn new(end: usize) -> Self {
        Sweep { next: 0, end, skipped: vec![0; end.div_ceil(64)] }
    }

    /// Makes the sweep skip an id; returns whether it was still ahead.
    fn skip(&mut self, id: u32) -> bool {
        let at = id as usize;
        let is_ahead = (self.next..self.end).contains(&at) && self.skipped[at / 64] & (1 << (at % 64)) == 0;
        if is_ahead {
            self.skipped[at / 64] |= 1 << (at % 64);
        }
        is_ahead
    }

    /// The next id that is not skipped.
    fn next(&mut self) -> Option<u32> {
        while self.next < self.end {
            let id = u32::try_from(self.next).ok();
            let is_ahead = id.is_some_and(|id| self.skip(id));
            self.next += 1;
            if is_ahead {
                return id;
            }
        }
        None
    }
}

impl Checkpoint {
    /// Skips an id that belongs to another entry from now on.
    pub(super) fn skip(&mut self, id: EntryId) {
        match id {
            EntryId::Hot(hot) => _ = self.hot.skip(hot),
            EntryId::Cold(cold) => _ = self.cold.skip(cold),
        }
    }

    /// Copies a hot entry before its first change since the checkpoint began.
    pub(super) fn copy_before_change<K: Serializable, S: Serializable>(
        &mut self,
        hot: u32,
        entry: Option<&KeyedEntry<K, S>>,
    ) {
        if self.hot.skip(hot) {
            self.copy(entry);
        }
    }

    /// Copies a cold entry before it is decoded for the first time since the checkpoint began.
    pub(super) fn copy_before_decode(&mut self, cold: u32, entry: Option<&ColdEntry>) {
        if self.cold.skip(cold) {
            self.copy_cold(entry);
        }
    }

    fn copy<K: Serializable, S: Serializable>(&mut self, entry: Option<&KeyedEntry<K, S>>) {
        if let Some((key, entry)) = entry {
            serialized::encode_to(&(key, &entry.state, entry.timer), &mut self.copied);
        }
    }

    fn copy_cold(&mut self, entry: Option<&ColdEntry>) {
        if let Some(ColdEntry { bytes, timer }) = entry {
            self.copied.extend_from_slice(bytes);
            serialized::encode_to(timer, &mut self.copied);
        }
    }
}

impl<L: Keyed> KeyedStore<L> {
    /// Begins a checkpoint of the entries as they are now; to be called between ticks.
    pub fn begin_checkpoint(&mut self) {
        let (hot, cold) = self.table.id_bounds();
        self.checkpoint = Some(Checkpoint { hot: Sweep::new(hot), cold: Sweep::new(cold), copied: Vec::new() });
    }

    /// Copies up to `fuel` more entries; returns the entries copied since the last call, and whether they were the last.
    pub fn checkpoint(&mut self, fuel: &mut usize) -> (Vec<u8>, bool) {
        let Some(checkpoint) = &mut self.checkpoint else { return (Vec::new(), true) };
        let mut done = false;
        while !done && *fuel > 0 {
            *fuel -= 1;
            if let Some(hot) = checkpoint.hot.next() {
                checkpoint.copy(self.table.get(hot));
            } else if let Some(cold) = checkpoint.cold.next() {
                checkpoint.copy_cold(self.table.get_cold(cold));
            } else {
                done = true;
            }
        }
        let copied = std::mem::take(&mut checkpoint.copied);
        if done {
            self.checkpoint = None;
        }
        (copied, done)
    }

    /// Restores copied entries whose key satisfies `is_mine`. `copied` is the result of any number of whole
    /// [`KeyedStore::checkpoint`] calls.
    ///
    /// # Errors
    /// If an entry cannot be decoded.
    pub fn restore(&mut self, mut copied: &[u8], is_mine: impl Fn(&L::Key) -> bool) -> Result<(), DecodeError> {
        while !copied.is_empty() {
            let (key, state, timer): (L::Key, L::State, i64) = serialized::decode_next(&mut copied)?;
            if !is_mine(&key) {
                continue;
            }
            let hot = self.find_or_insert(&key);
            if let Some((_, entry)) = self.table.get_mut(hot) {
                entry.state = state;
                entry.timer = timer;
                self.place_entry(hot, false, true);
            }
        }
        Ok(())
    }

    /// Evaluates every entry again at `tick`, with `cause`: for a program whose rules differ from those of the program
    /// that wrote the checkpoint.
    pub fn reevaluate(&mut self, tick: i64, cause: &L::Cause) {
        self.reevaluation = Some((tick, cause.clone()));
    }

    /// Restores a broadcast of an earlier tick, which the entries have received already.
    pub fn restore_broadcast(&mut self, broadcast: &L::Broadcast, diff: i64) {
        self.logic.on_broadcast(broadcast, diff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Traced;
    use crate::keyed::{Emit, Next, Ticks};
    use crate::testing::Random;

    /// Sums per key; a key is forgotten at 0, and its timer is at a multiple of its sum.
    struct Sums;

    impl Keyed for Sums {
        type Key = u32;
        type Input = i64;
        type Diff = i64;
        type Broadcast = ();
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

        fn is_cold(&self, state: &Self::State) -> bool {
            state.0 > 1
        }
    }

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    /// Applies some changes of keys that are `mine` at a tick; returns the output.
    fn step(
        state: &mut KeyedStore<Sums>,
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
        state.fire_timers(tick);
        let mut out = Vec::new();
        assert!(state.close(tick, &mut 1_000, &mut out));
        out.into_iter().map(|(output, ..)| output).collect()
    }

    #[test]
    fn a_restored_copy_behaves_like_the_store_at_the_tick_it_began() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut state = KeyedStore::new(Sums, TICKS);
            let began = 10 * (1 + random.below(20));
            for tick in (10..=began).step_by(10) {
                step(&mut state, &mut random, tick, |_| true);
            }
            state.begin_checkpoint();
            let (mut copies, mut done) = (Vec::new(), false);
            let (mut expected, mut tick, mut later) = (Vec::new(), began, Random::new(seed + 1));
            while !done {
                tick += 10;
                expected.push(step(&mut state, &mut later, tick, |_| true));
                let (copied, is_last) = state.checkpoint(&mut random.index(4));
                copies.push(copied);
                done = is_last;
            }
            // Restored into two workers, in any order, it emits the same from then on.
            copies.reverse();
            const HALVES: [fn(u32) -> bool; 2] = [|key| key % 2 == 0, |key| key % 2 == 1];
            let mut restored = HALVES.map(|mine| {
                let mut state = KeyedStore::new(Sums, TICKS);
                copies.iter().for_each(|copy| state.restore(copy, |key| mine(*key)).unwrap());
                (state, mine, Random::new(seed + 1))
            });
            for (mut expected, tick) in expected.into_iter().zip((began + 10..).step_by(10)) {
                let actual = restored.iter_mut().map(|(state, mine, random)| step(state, random, tick, *mine));
                let mut actual: Vec<_> = actual.flatten().collect();
                actual.sort_unstable();
                expected.sort_unstable();
                assert_eq!(actual, expected, "seed {seed} at {tick}");
            }
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let mut state = KeyedStore::new(Sums, TICKS);
        assert!(state.restore(&[7, 7], |_| true).is_err());
    }
}
