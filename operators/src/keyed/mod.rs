//! Keyed, total-order state: one entry per key in a hash table, updated and closed once per tick.
//!
//! An operator implements [`Keyed`]: it defines the state of a key and applies changes to it ([`Keyed::update`]). When a
//! tick closes, it emits the change of the key's output and names the next instant at which the clock alone changes that
//! output ([`Keyed::close`]). [`KeyedStore`] holds the entries of one worker: it looks them up, lists those that are
//! dirty in this tick, fires their timers and drops empty ones. It uses neither timely nor threads; [`keyed_operator`]
//! connects it to a dataflow.
//!
//! *Time.* A change costs one hash lookup. `close` runs once per tick for each key that is dirty or whose timer fires.
//! *State.* One entry per key until `close` returns [`Next::Forget`]; serialized while it is cold ([`Keyed::is_cold`]).
//! One live timer per key; cancelled timers are dropped a few at a time, so that they stay about as many as the entries.
//!
//! | file | holds |
//! |---|---|
//! | [`store`] | [`KeyedStore`]: the entries of one worker, tick by tick |
//! | `table` | hash table of hot and cold entries |
//! | `entry`, `arena` | one hot entry; storage with stable ids |
//! | [`serialized`] | encoding of cold entries and checkpoints |
//! | [`broadcast`] | scope of a broadcast, and the subscribed entries |
//! | [`timer_queue`] | timers by tick |
//! | `checkpoint`, [`registry`] | copies of the entries at one tick; all operators of a worker |
//! | [`operator`], [`routing`], `inbox` | the timely operator: routing, received updates, frontier |
//! | [`shape`] | fingerprint of a serialized type |

use std::hash::Hash;

use crate::diff::Traced;

mod arena;
pub mod broadcast;
mod checkpoint;
mod emit;
mod entry;
mod inbox;
pub mod operator;
pub mod registry;
pub mod routing;
pub mod serialized;
pub mod shape;
pub mod store;
mod table;
pub mod timer_queue;

pub use broadcast::BroadcastScope;
pub use emit::Emit;
pub use operator::keyed_operator;
pub use routing::{route, stagger};
use serialized::Serializable;
pub use store::KeyedStore;

/// The clock of a dataflow: an instant takes effect at the first tick that is not before it.
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

/// The result of closing a key: whether to keep its state, and when to close it next without input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Drop the state of the key.
    Forget,
    /// Keep the state; only input changes it.
    Rest,
    /// Keep the state and close the key at the first tick ≥ this instant (milliseconds), if no input comes earlier.
    At(i64),
}

impl Next {
    /// This or `instant`, whichever is earlier.
    #[must_use]
    pub fn or_at(self, instant: Option<i64>) -> Next {
        match (self, instant) {
            (Next::At(planned), Some(instant)) => Next::At(planned.min(instant)),
            (_, Some(instant)) => Next::At(instant),
            (next, None) => next,
        }
    }

    /// Combines the results of two parts of one state: the earlier instant; kept if either part keeps it.
    #[must_use]
    pub fn merge(self, other: Next) -> Next {
        match (self, other) {
            (Next::Forget, other) => other,
            (next, Next::At(instant)) => next.or_at(Some(instant)),
            (next, Next::Forget | Next::Rest) => next,
        }
    }
}

/// An operator with one state per key.
pub trait Keyed: 'static {
    /// The key of an entry; a key is routed to one worker by its hash.
    type Key: Clone + Eq + Hash + Serializable;
    /// One change to a key.
    type Input: 'static;
    /// The multiplicity or amount of a change.
    type Diff: 'static;
    /// A change that any key may depend on, such as a setting; every worker receives it.
    type Broadcast: Clone + 'static;
    /// The tag carried by changes, which names the record behind an output.
    type Cause: Ord + Clone + 'static;
    /// The state of a key.
    type State: Default + Serializable;
    /// One element of the output collection.
    type Output: Clone + PartialEq + 'static;

    /// Applies one change to the state. Order within a tick is arbitrary: the state at the close must not depend on it.
    fn update(&mut self, key: &Self::Key, state: &mut Self::State, input: Self::Input, diff: Self::Diff, now: i64);

    /// Applies one change together with its cause. The default ignores the cause, and [`Emit`] attaches the least cause
    /// of the key and tick to every output. An operator with several outputs per key implements this to give each
    /// output the cause of its own changes.
    fn update_with_cause(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        input: Self::Input,
        change: Traced<Self::Diff, Self::Cause>,
        now: i64,
    ) {
        self.update(key, state, input, change.diff, now);
    }

    /// Applies a broadcast before the updates of its tick; the retractions of a tick come before its additions.
    fn on_broadcast(&mut self, _broadcast: &Self::Broadcast, _diff: i64) {}

    /// The keys that a broadcast can affect; only those are checked with [`Keyed::is_affected`].
    fn scope(&self, _broadcast: &Self::Broadcast) -> BroadcastScope {
        BroadcastScope::AllKeys
    }

    /// The group whose broadcasts a key subscribes to, if any ([`BroadcastScope::Subscribers`]); read after every close.
    fn subscription(&self, _key: &Self::Key, _state: &Self::State) -> Option<u64> {
        None
    }

    /// Returns whether a broadcast can affect this key in any state. Cold entries are decoded only where this holds.
    fn key_in_scope(&self, _broadcast: &Self::Broadcast, _key: &Self::Key) -> bool {
        true
    }

    /// Returns whether a broadcast marks this key dirty.
    fn is_affected(&self, _broadcast: &Self::Broadcast, _key: &Self::Key, _state: &Self::State) -> bool {
        false
    }

    /// Returns whether the state is unlikely to change soon; read after every close. A cold entry is kept serialized, which
    /// takes less memory, and decoded when something happens to it. Entries with a subscription are never cold.
    fn is_cold(&self, _state: &Self::State) -> bool {
        false
    }

    /// Notes in the state which of its parts a broadcast makes dirty; without a broadcast, all parts are to be evaluated
    /// again. A [`Keyed::close`] follows. Only an operator whose `close` skips clean parts implements this.
    fn mark_dirty(
        &mut self,
        _broadcast: Option<&Self::Broadcast>,
        _key: &Self::Key,
        _state: &mut Self::State,
        _cause: Option<&Self::Cause>,
    ) {
    }

    /// Emits the change of the key's output at the close of tick `emit.now()`. Called again without a change it must emit
    /// nothing, because a timer may fire without need.
    fn close(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        emit: &mut Emit<'_, Self::Output, Self::Cause>,
    ) -> Next;
}

#[cfg(test)]
mod tests;
