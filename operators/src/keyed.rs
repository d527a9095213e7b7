//! One drawer per key, opened once per tick: the state machine that every stateful operator here is an instance of.
//!
//! An operator says what it keeps for a key and how a change enters it ([`Keyed::update`]), and, at the close of a
//! tick, what the key's output is now and when the clock alone would change it ([`Keyed::close`]). [`KeyedState`] owns
//! the drawers: it finds them, remembers which were touched in the tick, wakes those whose time has come, and forgets
//! the empty ones. It knows neither timely nor threads; the thin driver is [`crate::driver`].
//!
//! *Time.* One hash lookup a change, one `close` per touched or woken key and tick.
//! *State.* One drawer a key until `close` answers [`Next::Forget`], and one live wake-up per key; those given up are
//! swept out before they outnumber the drawers.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hash};

use crate::diff::{Traced, least};
use crate::release::Release;

pub mod saving;

use saving::Saving;

/// The clock of a dataflow: every instant takes effect at the first tick that is not before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// Length of a tick in milliseconds, ≥ 1.
    pub tick_ms: i64,
}

impl Ticks {
    /// The first tick ≥ `instant` (milliseconds); saturates at the last multiple.
    pub fn at(self, instant: i64) -> i64 {
        let floor = instant - instant.rem_euclid(self.tick_ms);
        if floor == instant { instant } else { floor.saturating_add(self.tick_ms) }
    }
}

/// What a key wants after it was brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing is kept for this key any more: drop its state.
    Forget,
    /// Keep the state; only input changes it.
    Rest,
    /// Keep the state and look again at the first tick ≥ this instant (milliseconds), if no input comes before.
    At(i64),
}

impl Next {
    /// The earlier of this and `instant`.
    #[must_use]
    pub fn or_at(self, instant: Option<i64>) -> Next {
        match (self, instant) {
            (Next::At(held), Some(instant)) => Next::At(held.min(instant)),
            (_, Some(instant)) => Next::At(instant),
            (next, None) => next,
        }
    }
}

/// Where the output updates of one key go during [`Keyed::close`].
pub struct Emit<'a, O, C> {
    out: &'a mut Vec<(O, i64, Traced<i64, C>)>,
    now: i64,
    cause: &'a Option<C>,
}

impl<O: PartialEq, C: Clone> Emit<'_, O, C> {
    /// One output update at this tick with the key's cause.
    pub fn push(&mut self, output: O, diff: i64) {
        self.out.push((output, self.now, Traced::new(diff, self.cause.clone())));
    }

    /// The tick being closed.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The least cause among the changes that touched this key in this tick.
    pub fn cause(&self) -> &Option<C> {
        self.cause
    }

    /// The same place for outputs that have a cause of their own ([`Keyed::update_because`]).
    pub fn because<'b>(&'b mut self, cause: &'b Option<C>) -> Emit<'b, O, C> {
        Emit { out: self.out, now: self.now, cause }
    }

    /// Replaces `old` by `new`, saying nothing when they are the same.
    pub fn replace(&mut self, old: Option<O>, new: Option<O>) {
        if old != new {
            old.into_iter().for_each(|row| self.push(row, -1));
            new.into_iter().for_each(|row| self.push(row, 1));
        }
    }
}

/// What an operator keeps for one key and says about it.
pub trait Keyed: 'static {
    /// Names a drawer; updates of one key meet on one worker.
    type Key: Clone + Eq + Hash + 'static;
    /// One change to a key.
    type Input: 'static;
    /// How often, or by how much, the change happens.
    type Diff: 'static;
    /// A change that every key may care about (a policy, a store's hours).
    type Notice: 'static;
    /// The tag carried by changes, to name the record behind an output.
    type Cause: Ord + Clone + 'static;
    /// What is kept for a key.
    type State: Default + 'static;
    /// One element of the output collection.
    type Output: Clone + PartialEq + 'static;

    /// Takes one change into the state. Order within a tick is arbitrary: the state at the close must not depend on it.
    fn update(&mut self, key: &Self::Key, state: &mut Self::State, input: Self::Input, diff: Self::Diff, now: i64);

    /// Takes one change with the record behind it. Only a logic that says many things of one key needs to know which of
    /// them a record is to blame for; to others the least of a key and tick is told by [`Emit`].
    fn update_because(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        input: Self::Input,
        change: Traced<Self::Diff, Self::Cause>,
        now: i64,
    ) {
        self.update(key, state, input, change.diff, now);
    }

    /// Takes a notice before the tick's updates; retractions of a tick come before its additions.
    fn notice(&mut self, _notice: &Self::Notice, _diff: i64) {}

    /// Whether a notice makes this key due for [`Keyed::close`].
    fn concerns(&self, _notice: &Self::Notice, _key: &Self::Key, _state: &Self::State) -> bool {
        false
    }

    /// Brings the key's output up to date at the close of `emit.now()`. Called again without a change it must emit
    /// nothing: a wake-up may be spurious.
    fn close(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        emit: &mut Emit<'_, Self::Output, Self::Cause>,
    ) -> Next;
}

struct Slot<L: Keyed> {
    key: L::Key,
    state: L::State,
    cause: Option<L::Cause>,
    /// The tick of the live wake-up, `i64::MAX` for none.
    wake: i64,
    touched: bool,
}

/// Few wake-ups need no sweeping.
const SPARE_WAKES: usize = 64;

/// The drawers of one worker: the pure structure behind every keyed operator.
pub struct KeyedState<L: Keyed> {
    logic: L,
    ticks: Ticks,
    hasher: FixedState,
    index: HashTable<u32>,
    slots: Vec<Option<Slot<L>>>,
    free: Vec<u32>,
    touched: Vec<u32>,
    wakes: Release<u32>,
    saving: Option<Saving<L>>,
}

impl<L: Keyed> KeyedState<L> {
    /// No drawers yet.
    pub fn new(logic: L, ticks: Ticks) -> Self {
        KeyedState {
            logic,
            ticks,
            hasher: FixedState::with_seed(0),
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            touched: Vec::new(),
            wakes: Release::default(),
            saving: None,
        }
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The next tick at which the clock alone may change the output.
    pub fn next_wake(&self) -> Option<i64> {
        self.wakes.next()
    }

    /// Takes one change of `key` at tick `now`.
    pub fn update(&mut self, key: L::Key, input: L::Input, change: Traced<L::Diff, L::Cause>, now: i64) {
        let at = self.find_or_open(key);
        self.before_change(at);
        if let Some(slot) = &mut self.slots[at as usize] {
            least(&mut slot.cause, &change.cause);
            self.logic.update_because(&slot.key, &mut slot.state, input, change, now);
            if !slot.touched {
                slot.touched = true;
                self.touched.push(at);
            }
        }
    }

    /// Takes one notice at tick `now`, before that tick's updates, and touches the keys it concerns.
    pub fn notice(&mut self, notice: &L::Notice, change: &Traced<i64, L::Cause>) {
        self.logic.notice(notice, change.diff);
        for (at, slot) in (0u32..).zip(self.slots.iter_mut()) {
            if let Some(slot) = slot
                && self.logic.concerns(notice, &slot.key, &slot.state)
            {
                least(&mut slot.cause, &change.cause);
                if !slot.touched {
                    slot.touched = true;
                    self.touched.push(at);
                }
            }
        }
    }

    /// Touches the keys whose wake-up has come by `now`.
    pub fn wake(&mut self, now: i64) {
        while let Some(due) = self.wakes.due(now) {
            for at in due {
                if self.slots.get(at as usize).is_some_and(Option::is_some) {
                    self.before_change(at);
                }
                if let Some(Some(slot)) = self.slots.get_mut(at as usize)
                    && slot.wake <= now
                {
                    slot.wake = i64::MAX;
                    if !slot.touched {
                        slot.touched = true;
                        self.touched.push(at);
                    }
                }
            }
        }
    }

    /// Closes up to `fuel` touched keys of tick `now` into `out`; answers whether the tick is done.
    pub fn close(
        &mut self,
        now: i64,
        fuel: &mut usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        while *fuel > 0 {
            let Some(at) = self.touched.pop() else { return true };
            *fuel -= 1;
            self.close_slot(at, now, out);
        }
        self.touched.is_empty()
    }

    /// Lets a sweep that is under way have the drawer as it is.
    fn before_change(&mut self, at: u32) {
        if let Some(saving) = &mut self.saving {
            saving.before_change(at as usize, self.slots[at as usize].as_ref());
        }
    }

    fn close_slot(&mut self, at: u32, now: i64, out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>) {
        self.before_change(at);
        let Some(slot) = &mut self.slots[at as usize] else { return };
        slot.touched = false;
        let cause = slot.cause.take();
        let next = self.logic.close(&slot.key, &mut slot.state, &mut Emit { out, now, cause: &cause });
        match next {
            Next::Forget => self.forget(at),
            Next::Rest => slot.wake = i64::MAX,
            Next::At(instant) => {
                let tick = self.ticks.at(instant).max(now.saturating_add(self.ticks.tick_ms));
                if slot.wake != tick {
                    slot.wake = tick;
                    self.wakes.hold(tick, at);
                    if self.wakes.len() > 2 * self.slots.len() + SPARE_WAKES {
                        self.sweep_wakes();
                    }
                }
            }
        }
    }

    /// Drops the wake-ups that were given up: a deadline that moves with every change leaves one behind each time.
    fn sweep_wakes(&mut self) {
        let mut live = Release::default();
        for (at, slot) in (0u32..).zip(&self.slots) {
            if let Some(slot) = slot.as_ref().filter(|slot| slot.wake < i64::MAX) {
                live.hold(slot.wake, at);
            }
        }
        self.wakes = live;
    }

    fn find_or_open(&mut self, key: L::Key) -> u32 {
        let hash = self.hasher.hash_one(&key);
        let (slots, hasher) = (&self.slots, &self.hasher);
        let slot_of = |at: &u32| slots[*at as usize].as_ref();
        let entry = self.index.entry(
            hash,
            |at| slot_of(at).is_some_and(|slot| slot.key == key),
            |at| slot_of(at).map_or(0, |slot| hasher.hash_one(&slot.key)),
        );
        match entry {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(vacant) => {
                let at = self
                    .free
                    .pop()
                    .unwrap_or_else(|| u32::try_from(self.slots.len()).expect("more than 2^32 keys on one worker"));
                vacant.insert(at);
                if let Some(saving) = &mut self.saving {
                    saving.before_change(at as usize, None);
                }
                let slot = Slot { key, state: L::State::default(), cause: None, wake: i64::MAX, touched: false };
                if at as usize == self.slots.len() {
                    self.slots.push(Some(slot));
                } else {
                    self.slots[at as usize] = Some(slot);
                }
                at
            }
        }
    }

    fn forget(&mut self, at: u32) {
        if let Some(slot) = self.slots[at as usize].take() {
            let hash = self.hasher.hash_one(&slot.key);
            if let Ok(found) = self.index.find_entry(hash, |held| *held == at) {
                found.remove();
            }
            self.free.push(at);
        }
    }
}

#[cfg(test)]
mod tests;
