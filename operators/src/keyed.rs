//! One drawer per key, opened once per tick: the state machine that every stateful operator here is an instance of.
//!
//! An operator says what it keeps for a key and how a change enters it ([`Keyed::update`]), and, at the close of a
//! tick, what the key's output is now and when the clock alone would change it ([`Keyed::close`]). [`KeyedState`] owns
//! the drawers: it finds them, remembers which were touched in the tick, wakes those whose time has come, and forgets
//! the empty ones. It knows neither timely nor threads; the thin driver is [`crate::driver`].
//!
//! *Time.* One hash lookup a change, one `close` per touched or woken key and tick.
//! *State.* One drawer a key until `close` answers [`Next::Forget`], and one live wake-up per key; those given up are
//! let go a few at a time, so that they stay about as many as the drawers.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::vec::IntoIter;

use crate::diff::{Traced, least_of};
use crate::inputs::Update;
use crate::release::Release;

mod drawers;
pub mod saving;

use drawers::Drawers;
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

    /// Whom a notice may concern at all: only those are asked.
    fn audience(&self, _notice: &Self::Notice) -> Audience {
        Audience::Everyone
    }

    /// The group in which a key is attentive, if it is; asked whenever it was closed.
    fn attends(&self, _key: &Self::Key, _state: &Self::State) -> Option<u64> {
        None
    }

    /// Whether a notice makes this key due for [`Keyed::close`].
    fn concerns(&self, _notice: &Self::Notice, _key: &Self::Key, _state: &Self::State) -> bool {
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

/// A drawer: what is kept of a key, and how it stands in the tick.
struct Slot<S> {
    state: S,
    /// The tick of the live wake-up, `i64::MAX` for none.
    wake: i64,
    /// Its place among the touched, from 1 on; 0 when it is not.
    touched: u32,
    is_attentive: bool,
}

impl<S: Default> Slot<S> {
    fn new() -> Self {
        Slot { state: S::default(), wake: i64::MAX, touched: 0, is_attentive: false }
    }
}

/// Few wake-ups need no sifting.
const SPARE_WAKES: usize = 64;
/// Wake-ups looked at for each that is held, while too many wait: what is given up goes sooner than it comes.
const LOOKS: usize = 3;

/// An update of a key, with its tick.
pub(crate) type KeyedUpdate<L> =
    Update<<L as Keyed>::Key, <L as Keyed>::Input, <L as Keyed>::Diff, <L as Keyed>::Cause>;

/// The drawers of one worker: the pure structure behind every keyed operator.
pub struct KeyedState<L: Keyed> {
    logic: L,
    ticks: Ticks,
    drawers: Drawers<L::Key, Slot<L::State>>,
    /// The drawers touched in this tick, each with its least cause.
    touched: Vec<(u32, Option<L::Cause>)>,
    /// The drawers of updates that are about to be taken; empty between calls.
    found: Vec<u32>,
    /// The drawers that attend to notices, by group.
    attentive: Attentive,
    wakes: Release<u32>,
    /// The tick at which every drawer is looked at anew, and on whose account.
    reconsidered: Option<(i64, L::Cause)>,
    saving: Option<Saving<L>>,
}

/// Touches a drawer on account of `cause`.
fn touch<S, C: Ord + Clone>(touched: &mut Vec<(u32, Option<C>)>, number: u32, slot: &mut Slot<S>, cause: Option<&C>) {
    if slot.touched == 0 {
        touched.push((number, cause.cloned()));
        slot.touched = u32::try_from(touched.len()).expect("a tick touches fewer than 2^32 keys");
    } else if let Some(cause) = cause {
        least_of(&mut touched[slot.touched as usize - 1].1, cause);
    }
}

/// Drawers by the group in which they attend to notices.
#[derive(Default)]
struct Attentive {
    groups: BTreeMap<u64, BTreeSet<u32>>,
    group_of: BTreeMap<u32, u64>,
}

impl Attentive {
    fn of(&self, group: u64) -> impl Iterator<Item = u32> {
        self.groups.get(&group).into_iter().flatten().copied()
    }

    fn set(&mut self, number: u32, group: Option<u64>) {
        let before = self.group_of.get(&number).copied();
        if before == group {
            return;
        }
        if let Some(numbers) = before.and_then(|before| self.groups.get_mut(&before)) {
            numbers.remove(&number);
        }
        match group {
            Some(group) => {
                self.groups.entry(group).or_default().insert(number);
                self.group_of.insert(number, group);
            }
            None => _ = self.group_of.remove(&number),
        }
    }
}

impl<L: Keyed> KeyedState<L> {
    /// No drawers yet.
    pub fn new(logic: L, ticks: Ticks) -> Self {
        KeyedState {
            logic,
            ticks,
            drawers: Drawers::new(),
            touched: Vec::new(),
            found: Vec::new(),
            attentive: Attentive::default(),
            wakes: Release::default(),
            reconsidered: None,
            saving: None,
        }
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.drawers.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next tick at which the clock alone may change the output.
    pub fn next_wake(&self) -> Option<i64> {
        self.wakes.next()
    }

    /// Takes one change of `key` at tick `now`.
    pub fn update(&mut self, key: L::Key, input: L::Input, change: Traced<L::Diff, L::Cause>, now: i64) {
        let number = self.find_or_open(&key);
        self.apply(number, input, change, now);
    }

    /// Takes the first `count` of these updates at tick `now`: finds the drawers of all of them first.
    pub(crate) fn update_all(&mut self, updates: &mut IntoIter<KeyedUpdate<L>>, count: usize, now: i64) {
        let mut found = std::mem::take(&mut self.found);
        let keys = updates.as_slice()[..count].iter().map(|((key, _), ..)| key);
        let saving = &mut self.saving;
        self.drawers.find_or_open_all(keys, &mut found, |number| open(saving, number));
        for (number, ((_, input), _, change)) in found.drain(..).zip(updates) {
            self.apply(number, input, change, now);
        }
        self.found = found;
    }

    fn apply(&mut self, number: u32, input: L::Input, change: Traced<L::Diff, L::Cause>, now: i64) {
        self.before_change(number);
        if let Some((key, slot)) = self.drawers.get_mut(number) {
            touch(&mut self.touched, number, slot, change.cause.as_ref());
            self.logic.update_because(key, &mut slot.state, input, change, now);
        }
    }

    /// Takes one notice at tick `now`, before that tick's updates, and touches the keys it concerns.
    pub fn notice(&mut self, notice: &L::Notice, change: &Traced<i64, L::Cause>) {
        self.logic.notice(notice, change.diff);
        let audience = self.logic.audience(notice);
        let (logic, touched, cause) = (&mut self.logic, &mut self.touched, change.cause.as_ref());
        let mut tell = |number, (key, slot): &mut (L::Key, Slot<L::State>)| {
            if logic.concerns(notice, key, &slot.state) {
                touch(touched, number, slot, cause);
                logic.touched_by(Some(notice), key, &mut slot.state, cause);
            }
        };
        match audience {
            Audience::Nobody => {}
            Audience::Attentive(group) => {
                for number in self.attentive.of(group) {
                    if let Some(drawer) = self.drawers.get_mut(number) {
                        tell(number, drawer);
                    }
                }
            }
            Audience::Everyone => self.drawers.iter_mut().for_each(|(number, drawer)| tell(number, drawer)),
        }
    }

    /// Touches the keys whose wake-up has come by `now`.
    pub fn wake(&mut self, now: i64) {
        let reconsidered = self.reconsidered.take_if(|(tick, _)| *tick <= now);
        let cause = reconsidered.as_ref().map(|(_, cause)| cause);
        while let Some(due) = self.wakes.due(now) {
            for number in due {
                if self.drawers.get(number).is_some_and(|(_, slot)| slot.wake <= now) {
                    self.before_change(number);
                    if let Some((key, slot)) = self.drawers.get_mut(number) {
                        touch(&mut self.touched, number, slot, cause);
                        if cause.is_some() {
                            self.logic.touched_by(None, key, &mut slot.state, cause);
                        }
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
            let Some((number, cause)) = self.touched.pop() else { return true };
            *fuel -= 1;
            self.close_drawer(number, &cause, now, out);
        }
        self.touched.is_empty()
    }

    /// Lets a sweep that is under way have the drawer as it is.
    fn before_change(&mut self, number: u32) {
        if let Some(saving) = &mut self.saving {
            saving.before_change(number as usize, self.drawers.get(number));
        }
    }

    fn close_drawer(
        &mut self,
        number: u32,
        cause: &Option<L::Cause>,
        now: i64,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) {
        self.before_change(number);
        let Some((key, slot)) = self.drawers.get_mut(number) else { return };
        slot.touched = 0;
        let mut push = |output, change| out.push((output, now, change));
        let mut emit = Emit { out: &mut push, now, wake: slot.wake, cause };
        let next = self.logic.close(key, &mut slot.state, &mut emit);
        let group = if next == Next::Forget { None } else { self.logic.attends(key, &slot.state) };
        if slot.is_attentive || group.is_some() {
            self.attentive.set(number, group);
            slot.is_attentive = group.is_some();
        }
        match next {
            Next::Forget => _ = self.drawers.remove(number),
            Next::Rest => slot.wake = i64::MAX,
            Next::At(instant) => {
                let tick = self.ticks.at(instant).max(now.saturating_add(self.ticks.tick_ms));
                if slot.wake != tick {
                    slot.wake = tick;
                    self.wakes.hold(tick, number);
                    if self.wakes.len() > 2 * self.drawers.numbers() + SPARE_WAKES {
                        // A deadline that moves with every change leaves a wake-up behind each time.
                        let wakes_at = |number: u32| self.drawers.get(number).map(|(_, slot)| slot.wake);
                        self.wakes.sift(LOOKS, |tick, number| wakes_at(*number) == Some(tick));
                    }
                }
            }
        }
    }

    fn find_or_open(&mut self, key: &L::Key) -> u32 {
        let saving = &mut self.saving;
        self.drawers.find_or_open(key, |number| open(saving, number))
    }
}

/// An empty drawer at a number, of which a sweep that is under way has to know.
fn open<L: Keyed>(saving: &mut Option<Saving<L>>, number: u32) -> Slot<L::State> {
    if let Some(saving) = saving {
        saving.before_change(number as usize, None);
    }
    Slot::new()
}

#[cfg(test)]
mod tests;
