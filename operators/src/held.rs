//! The right to speak at the next thing due, and no more.
//!
//! While an operator holds it, its output waits for that tick, and timely tells the operator when its inputs have passed
//! it ([`FrontierInterest::IfCapability`](timely::progress::operate::FrontierInterest)). Whoever has nothing to say holds
//! nothing, and is not asked as time passes. *Cost.* Every capability that is made, moved or let go is a change that progress
//! tracking has to add up: so none is made that is let go at once.

use timely::dataflow::operators::{Capability, InputCapability};

/// A capability for the first output of an operator, or none.
#[derive(Default)]
pub(crate) struct Held(Option<Capability<i64>>);

impl Held {
    /// Holds what has come with a container, if it is earlier than what is held.
    pub(crate) fn hold(&mut self, came: &InputCapability<i64>) {
        if let Some(at) = came.least()
            && self.0.as_ref().is_none_or(|held| at < held.time())
        {
            self.0 = came.retain_least(0);
        }
    }

    /// Holds what the operator was given to begin with.
    pub(crate) fn hold_at(&mut self, first: Option<Capability<i64>>) {
        self.0 = first;
    }

    /// What is held.
    pub(crate) fn held(&self) -> Option<&Capability<i64>> {
        self.0.as_ref()
    }

    /// Nothing is due before `next`; nothing at all, if there is none.
    ///
    /// # Panics
    /// If something is due before what is held.
    pub(crate) fn release(&mut self, next: Option<i64>) {
        match (&mut self.0, next) {
            (Some(held), Some(next)) if *held.time() == next => {}
            (Some(held), Some(next)) => held.downgrade(&next),
            (held, _) => *held = None,
        }
    }
}
