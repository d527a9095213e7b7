//! The thin driver: feeds a [`KeyedState`] from timely streams, tick by tick, and sends what it says.
//!
//! Steps, at every scheduling: take input, whole containers at a time, and keep the earliest capability · for every tick
//! below the frontier in order, notices, then updates, then wake-ups, then close · send under the held capability, whole
//! containers again · move the capability to the next thing due. One activation may close many ticks: a replay hands over thousands of records of
//! hundreds of ticks at once, and they cost one round of progress tracking. When `FUEL` is spent the operator yields
//! and asks to be scheduled again; what comes out does not depend on where it yielded.
//!
//! An empty frontier means the job is over: what was received is closed, and what wakes before that, each at its own
//! tick; later wake-ups are dropped. So a job that is to end at a tick moves its clock past that tick first.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::rc::Rc;

use differential_dataflow::ExchangeData;
use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use foldhash::quality::FixedState;
use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::progress::frontier::MutableAntichain;
use timely::progress::operate::FrontierInterest;

use crate::diff::Traced;
use crate::held::Held;
use crate::inputs::Inputs;
use crate::keyed::{Keyed, KeyedState, KeyedUpdate, Ticks, plain};
use crate::received::Received;
use crate::shape;
use crate::vault::{Kept, Piece, Size, register};

/// A collection on the job's clock whose differences carry their cause.
pub type Traces<'scope, D, R, C> = VecCollection<'scope, i64, D, Traced<R, C>>;

/// Updates and closes of one scheduling before the operator yields.
const FUEL: usize = 1 << 16;

/// Updates whose drawers are looked for together.
const TOGETHER: usize = 512;

/// The worker-independent hash that routes a key; equal on every worker and process.
pub fn route<K: Hash>(key: &K) -> u64 {
    // The high half: tables on the receiving worker use the low half.
    FixedState::with_seed(0).hash_one(key) >> 32
}

/// An instant of a span that differs from key to key, alike on every worker: what each key has to do once in a while, and at
/// no certain moment, is not done for all of them in one tick.
///
/// # Panics
/// If the span is not positive.
pub fn spread<K: Hash>(key: &K, span_ms: i64) -> i64 {
    route(key).cast_signed() % span_ms
}

/// Runs `logic` over `(key, input)` updates, of one collection or of several ([`Inputs`]), and broadcast notices.
///
/// Built inside [`Vault::around`](crate::vault::Vault::around), its state can be copied out and put back.
///
/// # Panics
/// If the vault that is being built already has an operator called `name`.
pub fn keyed<'scope, L>(
    name: &str,
    ticks: Ticks,
    inputs: impl Into<Inputs<'scope, L::Key, L::Input, L::Diff, L::Cause>>,
    notices: Option<Traces<'scope, L::Notice, i64, L::Cause>>,
    logic: L,
) -> Traces<'scope, L::Output, i64, L::Cause>
where
    L: Keyed,
    L::Key: ExchangeData + Hash,
    L::Input: ExchangeData,
    L::Diff: ExchangeData,
    L::Notice: ExchangeData,
    L::Cause: ExchangeData,
    L::State: Serialize + DeserializeOwned,
{
    let (mut builder, mut ports) = inputs.into().operator(name);
    let info = builder.operator_info();
    // Notices arrive already broadcast; without any, this input is absent and does not hold the frontier.
    let mut notices_in = notices.map(|notices| {
        let input = builder.new_input(notices.inner, Pipeline);
        builder.set_notify_for(ports.len(), FrontierInterest::IfCapability);
        input
    });
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    let activations = stream.scope().activations();
    let machine = Machine::new(KeyedState::new(logic, ticks), notices_in.is_some());
    let shared = Rc::new(RefCell::new(machine));
    register(name, shared.clone());
    builder.build(move |mut capabilities| {
        // Held until the first scheduling: what is put back before that may have a wake-up coming.
        shared.borrow_mut().capability.hold_at(capabilities.pop());
        let (mut out, mut usual) = (Vec::new(), 0);
        move |frontiers: &[MutableAntichain<i64>]| {
            let machine = &mut *shared.borrow_mut();
            for port in &mut ports {
                port(&mut |capability, data| {
                    machine.capability.hold(capability);
                    machine.updates.take(data);
                });
            }
            if let Some(notices_in) = &mut notices_in {
                notices_in.for_each(|capability, data| {
                    machine.capability.hold(&capability);
                    machine.notices.extend(data.drain(..).map(|(notice, tick, change)| (tick, notice, change)));
                });
            }
            let frontier = frontiers.iter().filter_map(|frontier| frontier.frontier().first().copied()).min();
            if out.capacity() == 0 && !machine.updates.is_empty() {
                // Likely as many as last time, or some more.
                out.reserve(usual + usual / 4);
            }
            let done = machine.advance(frontier, FUEL, &mut out);
            if let Some(capability) = machine.capability.held()
                && !out.is_empty()
            {
                usual = out.len();
                output.activate().session(capability).give_container(&mut out);
            }
            // The container comes back used, or not at all.
            out.clear();
            machine.settle_capability(frontier, done);
            if !done {
                activations.borrow_mut().activate(&info.address);
            }
        }
    });
    stream.as_collection()
}

/// A keyed state with what it has received but not yet closed.
struct Machine<L: Keyed> {
    state: KeyedState<L>,
    updates: Received<KeyedUpdate<L>>,
    notices: VecDeque<(i64, L::Notice, Traced<i64, L::Cause>)>,
    capability: Held,
    /// The tick being closed, when fuel ran out inside it.
    closing: Option<i64>,
    /// Whether what every key is told of reaches this operator.
    hears_notices: bool,
    /// The notices that stand.
    standing: BTreeMap<L::Notice, i64>,
    /// The same as they stood when a copy began, until it takes them.
    copied: Vec<u8>,
}

impl<L: Keyed<Notice: Ord + Clone>> Machine<L> {
    fn new(state: KeyedState<L>, hears_notices: bool) -> Self {
        Machine {
            state,
            hears_notices,
            updates: Received::default(),
            notices: VecDeque::new(),
            capability: Held::default(),
            closing: None,
            standing: BTreeMap::new(),
            copied: Vec::new(),
        }
    }

    /// Closes the ticks below `frontier` (all that was received, if there is none) while fuel lasts; `true` when done.
    fn advance(
        &mut self,
        frontier: Option<i64>,
        mut fuel: usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        if self.capability.held().is_none() {
            return true;
        }
        self.updates.order(|update| update.1);
        self.notices.make_contiguous().sort_by_key(|(tick, _, change)| (*tick, change.diff));
        loop {
            let Some(tick) = self.closing.or_else(|| self.next_tick(frontier)) else { return true };
            self.closing = Some(tick);
            while let Some((_, notice, change)) = self.notices.pop_front_if(|(at, ..)| *at <= tick) {
                self.state.notice(&notice, &change);
                self.stand(notice, change.diff);
            }
            while let Some((updates, count)) = self.updates.next(TOGETHER, |(_, at, _)| *at <= tick) {
                self.state.update_all(updates, count, tick);
                fuel = fuel.saturating_sub(count);
            }
            self.state.wake(tick);
            if !self.state.close(tick, &mut fuel, out) {
                return false;
            }
            self.closing = None;
            if fuel == 0 {
                return self.next_tick(frontier).is_none();
            }
        }
    }

    fn stand(&mut self, notice: L::Notice, diff: i64) {
        let count = self.standing.entry(notice.clone()).or_default();
        *count += diff;
        if *count == 0 {
            self.standing.remove(&notice);
        }
    }

    /// The earliest tick that has something to do and is closed by `frontier`.
    fn next_tick(&self, frontier: Option<i64>) -> Option<i64> {
        let received = self.received();
        let due = received.into_iter().chain(self.state.next_wake()).min();
        match frontier {
            Some(frontier) => due.filter(|tick| *tick < frontier),
            None => received.and(due),
        }
    }

    fn received(&self) -> Option<i64> {
        let first = |tick: Option<i64>| tick.unwrap_or(i64::MAX);
        let tick = first(self.updates.first().map(|update| update.1)).min(first(self.notices.front().map(|n| n.0)));
        (tick < i64::MAX).then_some(tick)
    }

    /// Keeps the right to speak at the next thing due, and no more.
    fn settle_capability(&mut self, frontier: Option<i64>, done: bool) {
        if !done {
            return;
        }
        let wake = frontier.and(self.state.next_wake()).unwrap_or(i64::MAX);
        let next = self.received().unwrap_or(i64::MAX).min(wake);
        self.capability.release((next < i64::MAX).then_some(next));
    }
}

impl<L> Kept for Machine<L>
where
    L: Keyed,
    L::Key: ExchangeData + Hash,
    L::Notice: ExchangeData,
    L::State: Serialize + DeserializeOwned,
{
    fn begin(&mut self) {
        self.state.begin_saving();
        let standing: Vec<_> = self.standing.iter().collect();
        self.copied = if standing.is_empty() { Vec::new() } else { plain::to_bytes(&standing) };
    }

    fn save(&mut self, fuel: &mut usize) -> (Piece, bool) {
        let (drawers, done) = self.state.save(fuel);
        (Piece { drawers, notices: std::mem::take(&mut self.copied) }, done)
    }

    fn load(&mut self, piece: &Piece, (index, peers): (usize, usize)) -> Result<(), String> {
        let mine = |key: &L::Key| route(key) % peers as u64 == index as u64;
        self.state.load(&piece.drawers, mine).map_err(|error| error.to_string())?;
        // Every worker had the same notices: the first copy will do.
        if !piece.notices.is_empty() && self.standing.is_empty() {
            let standing: Vec<(L::Notice, i64)> =
                plain::from_bytes(&piece.notices).map_err(|error| error.to_string())?;
            for (notice, count) in standing {
                self.state.recall(&notice, count);
                self.stand(notice, count);
            }
        }
        Ok(())
    }

    fn reconsider(&mut self, tick: i64, cause: &dyn Any) {
        if let Some(cause) = cause.downcast_ref::<L::Cause>().filter(|_| self.hears_notices) {
            self.state.reconsider(tick, cause);
        }
    }

    fn size(&self) -> Size {
        Size { entries: self.state.len(), bytes: self.state.bytes() }
    }

    fn shape(&self) -> String {
        if self.hears_notices {
            shape::of::<(L::Key, L::State, L::Notice)>()
        } else {
            shape::of::<(L::Key, L::State)>()
        }
    }
}

#[cfg(test)]
mod tests;
