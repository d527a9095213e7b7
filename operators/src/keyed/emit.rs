//! Output of one key during its close: receives output updates and attaches tick and cause to them.

use crate::diff::Traced;

/// The function that takes an output update.
type Out<'a, O, C> = &'a mut dyn FnMut(O, Traced<i64, C>);

/// Receives the output updates of one key during [`Keyed::close`](super::Keyed::close).
pub struct Emit<'a, O, C> {
    out: Out<'a, O, C>,
    now: i64,
    /// The tick of the key's timer before this close; `i64::MAX` for none.
    timer: i64,
    cause: &'a Option<C>,
}

impl<'a, O, C: Clone> Emit<'a, O, C> {
    pub(super) fn new(out: Out<'a, O, C>, now: i64, timer: i64, cause: &'a Option<C>) -> Self {
        Emit { out, now, timer, cause }
    }

    /// Emits one output update at this tick with the key's cause.
    pub fn push(&mut self, output: O, diff: i64) {
        (self.out)(output, Traced::new(diff, self.cause.clone()));
    }

    /// The tick being closed.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The least cause among the changes of this key in this tick; `None` if only its timer fired.
    pub fn cause(&self) -> &Option<C> {
        self.cause
    }

    /// Returns whether the key's timer ([`Next::At`](super::Next::At) of an earlier close) is due.
    pub fn is_timer_due(&self) -> bool {
        self.timer <= self.now
    }

    /// The tick of the key's timer, if that is in the future. A `close` that skips clean parts must return a
    /// [`Next`](super::Next) that is not later than this.
    pub fn timer_at(&self) -> Option<i64> {
        (self.now < self.timer && self.timer < i64::MAX).then_some(self.timer)
    }

    /// The same output with another cause, for states whose parts have causes of their own
    /// ([`Keyed::update_with_cause`](super::Keyed::update_with_cause)).
    pub fn with_cause<'b>(&'b mut self, cause: &'b Option<C>) -> Emit<'b, O, C> {
        Emit { out: self.out, now: self.now, timer: self.timer, cause }
    }

    /// Runs `body` with an output of another type and cause; `whole` converts each of its outputs to this one's type.
    pub fn part<P, T>(
        &mut self,
        cause: &Option<C>,
        whole: impl Fn(P) -> O,
        body: impl FnOnce(&mut Emit<'_, P, C>) -> T,
    ) -> T {
        let out = &mut |output, change| (self.out)(whole(output), change);
        body(&mut Emit { out, now: self.now, timer: self.timer, cause })
    }
}

impl<O: PartialEq, C: Clone> Emit<'_, O, C> {
    /// Retracts `old` and adds `new`; emits nothing when they are equal.
    pub fn replace(&mut self, old: Option<O>, new: Option<O>) {
        if old != new {
            old.into_iter().for_each(|row| self.push(row, -1));
            new.into_iter().for_each(|row| self.push(row, 1));
        }
    }
}
