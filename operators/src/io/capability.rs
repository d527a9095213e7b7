//! Capability of an operator for its next output tick, or none.
//!
//! While an operator holds a capability, its output frontier waits at that tick, and timely schedules the operator when its
//! inputs have passed it ([`FrontierInterest::IfCapability`](timely::progress::operate::FrontierInterest)). An operator
//! without pending output holds none and is not scheduled as time passes. *Cost.* Every capability that is created,
//! downgraded or dropped is a change that progress tracking adds up, so none is created to be dropped at once.

use timely::dataflow::operators::{Capability, InputCapability};

/// A capability for the first output of an operator, or none.
#[derive(Default)]
pub(crate) struct HeldCapability(Option<Capability<i64>>);

impl HeldCapability {
    /// Retains the capability of a container, if it is earlier than the held one.
    pub(crate) fn retain_earliest(&mut self, arrived: &InputCapability<i64>) {
        if let Some(at) = arrived.least()
            && self.0.as_ref().is_none_or(|held| at < held.time())
        {
            self.0 = arrived.retain_least(0);
        }
    }

    /// Sets the capability that timely gives to a new operator.
    pub(crate) fn set(&mut self, initial: Option<Capability<i64>>) {
        self.0 = initial;
    }

    /// The held capability.
    pub(crate) fn get(&self) -> Option<&Capability<i64>> {
        self.0.as_ref()
    }

    /// Downgrades the capability to the tick `next`; drops it if there is none.
    ///
    /// # Panics
    /// If `next` is before the held tick.
    pub(crate) fn downgrade(&mut self, next: Option<i64>) {
        match (&mut self.0, next) {
            (Some(held), Some(next)) if *held.time() == next => {}
            (Some(held), Some(next)) => held.downgrade(&next),
            (held, _) => *held = None,
        }
    }
}
