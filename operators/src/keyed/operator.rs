//! Timely operator around a [`KeyedStore`]: receives updates and broadcasts, closes ticks as the frontier passes them.
//!
//! Each scheduling has four steps.
//! 1. Receive input in whole containers and retain the earliest capability.
//! 2. For every tick below the frontier, in order: apply broadcasts, then updates, then due timers, then close.
//! 3. Send the output under the retained capability, in whole containers.
//! 4. Downgrade the capability to the next tick with input or a timer.
//!
//! One scheduling may close many ticks: a replay delivers thousands of records of hundreds of ticks at once, and they cost
//! one round of progress tracking. When `FUEL` is spent the operator yields and asks to be scheduled again; the output
//! does not depend on where it yielded.
//!
//! An empty frontier ends the job: all received ticks are closed, and timers before the last of them fire at their own
//! ticks; later timers are dropped. A job that must end at a tick therefore moves its clock past that tick first.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::rc::Rc;

use differential_dataflow::ExchangeData;
use differential_dataflow::collection::AsCollection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::progress::frontier::MutableAntichain;
use timely::progress::operate::FrontierInterest;

use super::inbox::Inbox;
use super::registry::{Checkpointed, StateChunk, StateSize, register};
use super::store::KeyedUpdate;
use super::{Keyed, KeyedStore, Ticks, route, serialized, shape};
use crate::diff::{Traced, TracedCollection};
use crate::io::capability::HeldCapability;
use crate::io::inputs::Inputs;

/// Updates and closes of one scheduling before the operator yields.
const FUEL: usize = 1 << 16;

/// Updates whose entries are looked up together.
const LOOKUP_BATCH: usize = 512;

/// Runs `logic` over `(key, input)` updates of one collection or of several ([`Inputs`]), and over `broadcasts`, which
/// must be present on every worker.
///
/// Inside [`StateRegistry::capture`](super::registry::StateRegistry::capture) the operator registers its state for
/// checkpoints under `name`.
///
/// # Panics
/// If the registry already has an operator called `name`.
pub fn keyed_operator<'scope, L>(
    name: &str,
    ticks: Ticks,
    inputs: impl Into<Inputs<'scope, L::Key, L::Input, L::Diff, L::Cause>>,
    broadcasts: Option<TracedCollection<'scope, L::Broadcast, i64, L::Cause>>,
    logic: L,
) -> TracedCollection<'scope, L::Output, i64, L::Cause>
where
    L: Keyed,
    L::Key: ExchangeData + Hash,
    L::Input: ExchangeData,
    L::Diff: ExchangeData,
    L::Broadcast: ExchangeData,
    L::Cause: ExchangeData,
    L::State: Serialize + DeserializeOwned,
{
    let (mut builder, mut ports) = inputs.into().operator(name);
    let info = builder.operator_info();
    // Broadcasts arrive on every worker already; without any, this input is absent and does not hold the frontier.
    let mut broadcasts_in = broadcasts.map(|broadcasts| {
        let input = builder.new_input(broadcasts.inner, Pipeline);
        builder.set_notify_for(ports.len(), FrontierInterest::IfCapability);
        input
    });
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    let activations = stream.scope().activations();
    let state = OperatorState::new(KeyedStore::new(logic, ticks), broadcasts_in.is_some());
    let shared = Rc::new(RefCell::new(state));
    register(name, shared.clone());
    builder.build(move |mut capabilities| {
        // Held until the first scheduling: a state restored before that may have a timer.
        shared.borrow_mut().capability.set(capabilities.pop());
        let (mut out, mut usual) = (Vec::new(), 0);
        move |frontiers: &[MutableAntichain<i64>]| {
            let state = &mut *shared.borrow_mut();
            for port in &mut ports {
                port(&mut |capability, data| {
                    state.capability.retain_earliest(capability);
                    state.updates.push(data);
                });
            }
            if let Some(broadcasts_in) = &mut broadcasts_in {
                broadcasts_in.for_each(|capability, data| {
                    state.capability.retain_earliest(&capability);
                    state.broadcasts.extend(data.drain(..).map(|(broadcast, tick, change)| (tick, broadcast, change)));
                });
            }
            let frontier = frontiers.iter().filter_map(|frontier| frontier.frontier().first().copied()).min();
            if out.capacity() == 0 && !state.updates.is_empty() {
                // Probably as many as last time, or a few more.
                out.reserve(usual + usual / 4);
            }
            let done = state.advance(frontier, FUEL, &mut out);
            if let Some(capability) = state.capability.get()
                && !out.is_empty()
            {
                usual = out.len();
                output.activate().session(capability).give_container(&mut out);
            }
            // The container comes back used, or not at all.
            out.clear();
            state.downgrade_capability(frontier, done);
            if !done {
                activations.borrow_mut().activate(&info.address);
            }
        }
    });
    stream.as_collection()
}

/// A keyed store with the input that it has received but not yet closed.
struct OperatorState<L: Keyed> {
    store: KeyedStore<L>,
    updates: Inbox<KeyedUpdate<L>>,
    broadcasts: VecDeque<(i64, L::Broadcast, Traced<i64, L::Cause>)>,
    capability: HeldCapability,
    /// The tick being closed, when fuel ran out inside it.
    closing: Option<i64>,
    /// True if the operator has an input of broadcasts.
    takes_broadcasts: bool,
    /// The present broadcasts with their counts.
    present: BTreeMap<L::Broadcast, i64>,
    /// Their encoding as of the beginning of a checkpoint, until that takes it.
    encoded: Vec<u8>,
}

impl<L: Keyed<Broadcast: Ord + Clone>> OperatorState<L> {
    fn new(store: KeyedStore<L>, takes_broadcasts: bool) -> Self {
        OperatorState {
            store,
            takes_broadcasts,
            updates: Inbox::default(),
            broadcasts: VecDeque::new(),
            capability: HeldCapability::default(),
            closing: None,
            present: BTreeMap::new(),
            encoded: Vec::new(),
        }
    }

    /// Closes the ticks below `frontier` (all received ticks, if there is none) while fuel lasts; `true` when done.
    fn advance(
        &mut self,
        frontier: Option<i64>,
        mut fuel: usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        if self.capability.get().is_none() {
            return true;
        }
        self.updates.sort(|update| update.1);
        self.broadcasts.make_contiguous().sort_by_key(|(tick, _, change)| (*tick, change.diff));
        loop {
            let Some(tick) = self.closing.or_else(|| self.next_tick(frontier)) else { return true };
            self.closing = Some(tick);
            while let Some((_, broadcast, change)) = self.broadcasts.pop_front_if(|(at, ..)| *at <= tick) {
                self.store.broadcast(&broadcast, &change);
                self.count_broadcast(broadcast, change.diff);
            }
            while let Some((updates, count)) = self.updates.next_batch(LOOKUP_BATCH, |(_, at, _)| *at <= tick) {
                self.store.update_all(updates, count, tick);
                fuel = fuel.saturating_sub(count);
            }
            self.store.fire_timers(tick);
            if !self.store.close(tick, &mut fuel, out) {
                return false;
            }
            self.closing = None;
            if fuel == 0 {
                return self.next_tick(frontier).is_none();
            }
        }
    }

    fn count_broadcast(&mut self, broadcast: L::Broadcast, diff: i64) {
        let count = self.present.entry(broadcast.clone()).or_default();
        *count += diff;
        if *count == 0 {
            self.present.remove(&broadcast);
        }
    }

    /// The earliest tick that has input or a timer and is below `frontier`.
    fn next_tick(&self, frontier: Option<i64>) -> Option<i64> {
        let received = self.first_received();
        let due = received.into_iter().chain(self.store.next_timer()).min();
        match frontier {
            Some(frontier) => due.filter(|tick| *tick < frontier),
            None => received.and(due),
        }
    }

    fn first_received(&self) -> Option<i64> {
        let first = |tick: Option<i64>| tick.unwrap_or(i64::MAX);
        let tick = first(self.updates.first().map(|update| update.1)).min(first(self.broadcasts.front().map(|b| b.0)));
        (tick < i64::MAX).then_some(tick)
    }

    /// Downgrades the capability to the next tick that has input or a timer, once all closed ticks are done.
    fn downgrade_capability(&mut self, frontier: Option<i64>, done: bool) {
        if !done {
            return;
        }
        let timer = frontier.and(self.store.next_timer()).unwrap_or(i64::MAX);
        let next = self.first_received().unwrap_or(i64::MAX).min(timer);
        self.capability.downgrade((next < i64::MAX).then_some(next));
    }
}

impl<L> Checkpointed for OperatorState<L>
where
    L: Keyed,
    L::Key: ExchangeData + Hash,
    L::Broadcast: ExchangeData,
    L::State: Serialize + DeserializeOwned,
{
    fn begin_checkpoint(&mut self) {
        self.store.begin_checkpoint();
        let present: Vec<_> = self.present.iter().collect();
        self.encoded = if present.is_empty() { Vec::new() } else { serialized::encode(&present) };
    }

    fn checkpoint(&mut self, fuel: &mut usize) -> (StateChunk, bool) {
        let (entries, done) = self.store.checkpoint(fuel);
        (StateChunk { entries, broadcasts: std::mem::take(&mut self.encoded) }, done)
    }

    fn restore(&mut self, chunk: &StateChunk, (index, peers): (usize, usize)) -> Result<(), String> {
        let is_mine = |key: &L::Key| route(key) % peers as u64 == index as u64;
        self.store.restore(&chunk.entries, is_mine).map_err(|error| error.to_string())?;
        // Every worker had the same broadcasts: the first copy is enough.
        if !chunk.broadcasts.is_empty() && self.present.is_empty() {
            let present: Vec<(L::Broadcast, i64)> =
                serialized::decode(&chunk.broadcasts).map_err(|error| error.to_string())?;
            for (broadcast, count) in present {
                self.store.restore_broadcast(&broadcast, count);
                self.count_broadcast(broadcast, count);
            }
        }
        Ok(())
    }

    fn reevaluate(&mut self, tick: i64, cause: &dyn Any) {
        if let Some(cause) = cause.downcast_ref::<L::Cause>().filter(|_| self.takes_broadcasts) {
            self.store.reevaluate(tick, cause);
        }
    }

    fn size(&self) -> StateSize {
        StateSize { entries: self.store.len(), bytes: self.store.bytes() }
    }

    fn shape(&self) -> String {
        if self.takes_broadcasts {
            shape::of::<(L::Key, L::State, L::Broadcast)>()
        } else {
            shape::of::<(L::Key, L::State)>()
        }
    }
}

#[cfg(test)]
mod tests;
