//! The drawers of one worker, tick by tick: the pure structure behind every keyed operator.
//!
//! A tick goes through notices, updates and wake-ups, which touch drawers, and then closes them. Those that are open are
//! touched at once. Of those that are flat, only updates open one; whose wake-up has come, or who is to be told of a notice, is
//! opened when its turn to be closed comes, and mostly laid flat again at once: they never all stand open.

use std::vec::IntoIter;

use super::attentive::Attentive;
use super::drawers::{Drawers, Flat, Number};
use super::saving::Saving;
use super::slot::Slot;
use super::{Audience, Emit, Keyed, KeyedUpdate, Next, Ticks};
use crate::diff::{Traced, least_of};
use crate::release::Release;

/// Few wake-ups need no sifting.
pub(super) const SPARE_WAKES: usize = 64;
/// Wake-ups looked at for each that is held, while too many wait: what is given up goes sooner than it comes.
pub(super) const LOOKS: usize = 3;

/// Drawers that are woken together: waiting for memory many times at once takes little longer than once.
const TOGETHER: usize = 32;

/// The drawers of one worker: the pure structure behind every keyed operator.
pub struct KeyedState<L: Keyed> {
    pub(super) logic: L,
    ticks: Ticks,
    pub(super) drawers: Drawers<L::Key, L::State>,
    /// The open drawers touched in this tick, each with its least cause.
    pub(super) touched: Vec<(u32, Option<L::Cause>)>,
    /// The drawers of updates that are about to be taken, or that may have to be woken; empty between calls.
    found: Vec<Number>,
    /// The drawers that are to go; empty between calls.
    forgotten: Vec<u32>,
    /// The drawers that attend to notices, by group.
    attentive: Attentive,
    /// The numbers of drawers, each in one word.
    pub(super) wakes: Release<u32>,
    /// The drawers whose wake-up has come in this tick.
    woken: Vec<Vec<u32>>,
    /// What the flat drawers have not been told in this tick.
    untold: Vec<Told<L>>,
    /// The place of the flat drawer that is told next; all are told by the close of the tick.
    telling: usize,
    /// The tick at which every drawer is looked at anew, and on whose account.
    pub(super) reconsidered: Option<(i64, L::Cause)>,
    pub(super) saving: Option<Saving>,
}

/// What every drawer is told: a notice or, without one, to be judged anew; and on whose account.
type Told<L> = (Option<<L as Keyed>::Notice>, Option<<L as Keyed>::Cause>);

/// Touches a drawer on account of `cause`.
fn touch<S, C: Ord + Clone>(touched: &mut Vec<(u32, Option<C>)>, number: u32, slot: &mut Slot<S>, cause: Option<&C>) {
    if slot.touched == 0 {
        touched.push((number, cause.cloned()));
        slot.touched = u32::try_from(touched.len()).expect("a tick touches fewer than 2^32 keys");
    } else if let Some(cause) = cause {
        least_of(&mut touched[slot.touched as usize - 1].1, cause);
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
            forgotten: Vec::new(),
            attentive: Attentive::default(),
            wakes: Release::default(),
            woken: Vec::new(),
            untold: Vec::new(),
            telling: 0,
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

    /// Bytes held, without what open drawers hold outside themselves.
    pub fn bytes(&self) -> usize {
        self.drawers.bytes() + self.wakes.bytes()
    }

    /// The next tick at which the clock alone may change the output.
    pub fn next_wake(&self) -> Option<i64> {
        let reconsidered = self.reconsidered.as_ref().map(|(tick, _)| *tick);
        self.wakes.next().into_iter().chain(reconsidered).min()
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
        self.drawers.find_or_open_all(keys, &mut found, |number| pass(saving, Number::Open(number)));
        for (number, ((key, input), _, change)) in found.drain(..).zip(updates) {
            let number = match number {
                Number::Open(number) => number,
                // An update before this one may have opened it.
                Number::Flat(_) => self.find_or_open(&key),
            };
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
        let cause = change.cause.as_ref();
        match audience {
            Audience::Nobody => {}
            Audience::Attentive(group) => {
                let KeyedState { logic, touched, drawers, attentive, .. } = self;
                for number in attentive.of(group) {
                    if let Some(drawer) = drawers.get_mut(number) {
                        tell(logic, touched, Some(notice), cause, (number, drawer));
                    }
                }
            }
            Audience::Everyone => self.tell_all(Some(notice), cause),
        }
    }

    /// Tells the open drawers at once, and the flat ones by the close of the tick.
    fn tell_all(&mut self, notice: Option<&L::Notice>, cause: Option<&L::Cause>) {
        let KeyedState { logic, touched, drawers, .. } = self;
        drawers.iter_mut().for_each(|drawer| tell(logic, touched, notice, cause, drawer));
        if self.drawers.flat_len() > 0 {
            self.untold.push((notice.cloned(), cause.cloned()));
            self.telling = 0;
        }
    }

    /// Takes note of the keys whose wake-up has come by `now`.
    pub fn wake(&mut self, now: i64) {
        if let Some((_, cause)) = self.reconsidered.take_if(|(tick, _)| *tick <= now) {
            self.tell_all(None, Some(&cause));
        }
        while let Some(due) = self.wakes.due(now) {
            self.woken.push(due);
        }
    }

    /// Closes up to `fuel` touched keys of tick `now` into `out`; answers whether the tick is done.
    pub fn close(
        &mut self,
        now: i64,
        fuel: &mut usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        let mut is_done = false;
        while *fuel > 0 && !is_done {
            *fuel -= 1;
            match self.touched.pop() {
                Some((number, cause)) => self.close_drawer(number, &cause, now, out),
                None => is_done = !self.open_woken(now) && !self.open_told(),
            }
        }
        self.drawers.remove_all(&mut self.forgotten);
        is_done
    }

    /// Touches some drawers whose wake-up has come, if they were not closed since. Some after the others: those that are laid
    /// flat again at once never all stand open. Answers whether there may be more.
    fn open_woken(&mut self, now: i64) -> bool {
        let Some(due) = self.woken.last_mut() else { return false };
        let mut found = std::mem::take(&mut self.found);
        let from = due.len().saturating_sub(TOGETHER);
        found.extend(due.drain(from..).map(Number::of_word));
        if from == 0 {
            self.woken.pop();
        }
        found.retain(|number| self.drawers.wake_of(*number).is_some_and(|wake| wake <= now));
        found.drain(..).for_each(|number| self.open_and_touch(number));
        self.found = found;
        true
    }

    /// Tells the next flat drawer what it has not been told; answers whether there may be more.
    fn open_told(&mut self) -> bool {
        if self.untold.is_empty() {
            return false;
        }
        let Some(place) = u32::try_from(self.telling).ok().filter(|_| self.telling < self.drawers.numbers().1) else {
            self.untold.clear();
            return false;
        };
        self.telling += 1;
        if let Some(key) = self.drawers.get_flat(place).map(Flat::key)
            && self
                .untold
                .iter()
                .any(|(notice, _)| notice.as_ref().is_none_or(|notice| self.logic.may_concern(notice, &key)))
        {
            self.open_and_touch(Number::Flat(place));
        }
        true
    }

    fn open_and_touch(&mut self, number: Number) {
        if let Some(number) = self.open(number)
            && let Some((_, slot)) = self.drawers.get_mut(number)
        {
            touch(&mut self.touched, number, slot, None);
        }
    }

    /// Lets a sweep that is under way have the drawer as it is.
    fn before_change(&mut self, number: u32) {
        if let Some(saving) = &mut self.saving {
            saving.before_change(number, self.drawers.get(number));
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
        let wake = match next {
            Next::Forget | Next::Rest => i64::MAX,
            Next::At(instant) => self.ticks.at(instant).max(now.saturating_add(self.ticks.tick_ms)),
        };
        let moves = wake != slot.wake;
        slot.wake = wake;
        self.settle(number, next == Next::Forget, moves);
    }

    /// Puts an open drawer where it belongs after it was closed, or read: away, flat, or where it stands; `moves` tells
    /// whether its wake-up is another one than before.
    pub(super) fn settle(&mut self, number: u32, forget: bool, moves: bool) {
        let Some((key, slot)) = self.drawers.get_mut(number) else { return };
        let group = if forget { None } else { self.logic.attends(key, &slot.state) };
        if slot.marks.is_attentive() || group.is_some() {
            self.attentive.set(number, group);
            slot.marks.set_attentive(group.is_some());
        }
        if forget {
            self.forgotten.push(number);
            return;
        }
        let (wake, before) = (slot.wake, slot.marks.place().map(Number::Flat).unwrap_or(Number::Open(number)));
        let mut known_by = before;
        if group.is_none()
            && self.logic.is_at_rest(&slot.state)
            && let Some(place) = self.drawers.lay(number)
        {
            known_by = Number::Flat(place);
            pass(&mut self.saving, known_by);
        }
        if (moves || known_by != before) && wake < i64::MAX {
            self.hold(wake, known_by);
        }
    }

    /// Holds a wake-up; a deadline that moves with every change leaves one behind each time.
    fn hold(&mut self, wake: i64, number: Number) {
        self.wakes.hold(wake, number.to_word());
        let (open, flat) = self.drawers.numbers();
        if self.wakes.len() > (open + flat) * 3 / 2 + SPARE_WAKES {
            let drawers = &self.drawers;
            self.wakes.sift(LOOKS, |tick, word| drawers.wake_of(Number::of_word(*word)) == Some(tick));
        }
    }

    /// The number of the open drawer of `key`.
    pub(super) fn find_or_open(&mut self, key: &L::Key) -> u32 {
        let saving = &mut self.saving;
        match self.drawers.find_or_open(key, |number| pass(saving, Number::Open(number))) {
            Number::Open(number) => number,
            flat => self.open(flat).expect("a drawer that was found"),
        }
    }

    /// The number of a drawer once it is open; one that was flat is told what it has not been told.
    fn open(&mut self, number: Number) -> Option<u32> {
        let place = match self.drawers.now(number)? {
            Number::Open(number) => return Some(number),
            Number::Flat(place) => place,
        };
        if let Some(saving) = &mut self.saving {
            saving.before_unfolding(place, self.drawers.get_flat(place));
        }
        let number = self.drawers.unfold(place)?;
        pass(&mut self.saving, Number::Open(number));
        let KeyedState { logic, touched, drawers, untold, .. } = self;
        let drawer = drawers.get_mut(number)?;
        for (notice, cause) in untold.iter() {
            tell(logic, touched, notice.as_ref(), cause.as_ref(), (number, drawer));
        }
        Some(number)
    }
}

/// Tells an open drawer of a notice, if that concerns it, or that it is to be judged anew.
fn tell<L: Keyed>(
    logic: &mut L,
    touched: &mut Vec<(u32, Option<L::Cause>)>,
    notice: Option<&L::Notice>,
    cause: Option<&L::Cause>,
    (number, (key, slot)): (u32, &mut (L::Key, Slot<L::State>)),
) {
    if notice.is_none_or(|notice| logic.concerns(notice, key, &slot.state)) {
        touch(touched, number, slot, cause);
        logic.touched_by(notice, key, &mut slot.state, cause);
    }
}

/// Another drawer stands under a number from now on: a sweep that is under way passes it by.
fn pass(saving: &mut Option<Saving>, number: Number) {
    saving.iter_mut().for_each(|saving| saving.pass(number));
}
