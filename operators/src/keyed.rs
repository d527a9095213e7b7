//! One drawer per key, opened once per tick: the state machine that every stateful operator here is an instance of.
//!
//! An operator says what it keeps for a key and how a change enters it ([`Keyed::update`]), and, at the close of a
//! tick, what the key's output is now and when the clock alone would change it ([`Keyed::close`]). [`KeyedState`] owns
//! the drawers: it finds them, remembers which were touched in the tick, wakes those whose time has come, and forgets
//! the empty ones. It knows neither timely nor threads; the thin driver is [`crate::driver`].
//!
//! *Time.* One hash lookup a change, one `close` per touched or woken key and tick.
//! *State.* One drawer a key until `close` answers [`Next::Forget`], laid flat while it rests ([`Keyed::is_at_rest`]), and
//! one live wake-up per key; those given up are let go a few at a time, so that they stay about as many as the drawers.

use std::hash::Hash;

use crate::diff::Traced;
use crate::inputs::Update;

mod attentive;
mod drawers;
pub mod plain;
mod saving;
mod slab;
mod slot;
mod state;

use plain::Plain;
pub use state::KeyedState;

/// The clock of a dataflow: every instant takes effect at the first tick that is not before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// Length of a tick in milliseconds, ≥ 1.
    pub tick_ms: i64,
}

impl Ticks {
    /// The first tick ≥ `instant` (milliseconds); `i64::MAX` where there is none.
    pub fn at(self, instant: i64) -> i64 {
        match instant.rem_euclid(self.tick_ms) {
            0 => instant,
            past => instant.saturating_add(self.tick_ms - past),
        }
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

    /// The earlier of two looks; what one part of a drawer forgets, the other may keep.
    #[must_use]
    pub fn or_as(self, other: Next) -> Next {
        match (self, other) {
            (Next::Forget, other) => other,
            (next, Next::At(instant)) => next.or_at(Some(instant)),
            (next, Next::Forget | Next::Rest) => next,
        }
    }
}

/// Whom a notice may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// No key.
    Nobody,
    /// Only keys that attend in this group ([`Keyed::attends`]): as many looks as there are of those.
    Attentive(u64),
    /// Any key: a look at every drawer.
    Everyone,
}

/// Where an output update goes.
type Out<'a, O, C> = &'a mut dyn FnMut(O, Traced<i64, C>);

/// Where the output updates of one key go during [`Keyed::close`].
pub struct Emit<'a, O, C> {
    out: Out<'a, O, C>,
    now: i64,
    /// When the clock wakes the key, as was wanted last; `i64::MAX` for never.
    wake: i64,
    cause: &'a Option<C>,
}

impl<O, C: Clone> Emit<'_, O, C> {
    /// One output update at this tick with the key's cause.
    pub fn push(&mut self, output: O, diff: i64) {
        (self.out)(output, Traced::new(diff, self.cause.clone()));
    }

    /// The tick being closed.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The least cause among the changes that touched this key in this tick.
    pub fn cause(&self) -> &Option<C> {
        self.cause
    }

    /// Whether the clock has woken the key: what was wanted last ([`Next::At`]) has come.
    pub fn is_woken(&self) -> bool {
        self.wake <= self.now
    }

    /// When the clock wakes the key, as was wanted last, if that is ahead: who closes but a part of what it keeps has to
    /// want no later look than this.
    pub fn wakes_at(&self) -> Option<i64> {
        (self.now < self.wake && self.wake < i64::MAX).then_some(self.wake)
    }

    /// The same place for outputs that have a cause of their own ([`Keyed::update_because`]).
    pub fn because<'b>(&'b mut self, cause: &'b Option<C>) -> Emit<'b, O, C> {
        Emit { out: self.out, now: self.now, wake: self.wake, cause }
    }

    /// The same place for a part of a logic, which says things of another type for reasons of its own.
    pub fn part<P, T>(
        &mut self,
        cause: &Option<C>,
        whole: impl Fn(P) -> O,
        body: impl FnOnce(&mut Emit<'_, P, C>) -> T,
    ) -> T {
        let out = &mut |said, change| (self.out)(whole(said), change);
        body(&mut Emit { out, now: self.now, wake: self.wake, cause })
    }
}

impl<O: PartialEq, C: Clone> Emit<'_, O, C> {
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
    type Key: Clone + Eq + Hash + Plain;
    /// One change to a key.
    type Input: 'static;
    /// How often, or by how much, the change happens.
    type Diff: 'static;
    /// A change that every key may care about (a policy, a store's hours).
    type Notice: Clone + 'static;
    /// The tag carried by changes, to name the record behind an output.
    type Cause: Ord + Clone + 'static;
    /// What is kept for a key.
    type State: Default + Plain;
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

    /// Whom a notice may concern at all: only those are asked.
    fn audience(&self, _notice: &Self::Notice) -> Audience {
        Audience::Everyone
    }

    /// The group in which a key is attentive, if it is; asked whenever it was closed.
    fn attends(&self, _key: &Self::Key, _state: &Self::State) -> Option<u64> {
        None
    }

    /// Whether a notice may concern this key, whatever is kept of it: only then a drawer that is flat is read.
    fn may_concern(&self, _notice: &Self::Notice, _key: &Self::Key) -> bool {
        true
    }

    /// Whether a notice makes this key due for [`Keyed::close`].
    fn concerns(&self, _notice: &Self::Notice, _key: &Self::Key, _state: &Self::State) -> bool {
        false
    }

    /// Whether little will happen to this key for long, asked whenever it was closed: then it is kept in its plain form, which
    /// takes less room, and read from it when something happens to it. Not asked of a key that is attentive.
    fn is_at_rest(&self, _state: &Self::State) -> bool {
        false
    }

    /// Told that a notice concerns this key or, without one, that it is to be judged anew whatever it last said; a
    /// [`Keyed::close`] follows. Only who closes some of what it keeps, and not all of it, needs to know.
    fn touched_by(
        &mut self,
        _notice: Option<&Self::Notice>,
        _key: &Self::Key,
        _state: &mut Self::State,
        _cause: Option<&Self::Cause>,
    ) {
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

/// An update of a key, with its tick.
pub(crate) type KeyedUpdate<L> =
    Update<<L as Keyed>::Key, <L as Keyed>::Input, <L as Keyed>::Diff, <L as Keyed>::Cause>;

#[cfg(test)]
mod tests;
