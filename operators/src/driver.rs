//! The thin driver: feeds a [`KeyedState`] from timely streams, tick by tick, and sends what it says.
//!
//! Steps, at every scheduling: take input and keep the earliest capability · sort by tick · for every tick below the
//! frontier in order, notices, then updates, then wake-ups, then close · send under the held capability · move the
//! capability to the next thing due. One activation may close many ticks: a replay hands over thousands of records of
//! hundreds of ticks at once, and they cost one round of progress tracking. When `FUEL` is spent the operator yields
//! and asks to be scheduled again; what comes out does not depend on where it yielded.
//!
//! An empty frontier means the job is over: what was received is closed, and what wakes before that, each at its own
//! tick; later wake-ups are dropped. So a job that is to end at a tick moves its clock past that tick first.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};

use differential_dataflow::ExchangeData;
use differential_dataflow::VecCollection;
use differential_dataflow::collection::AsCollection;
use foldhash::quality::FixedState;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;

use crate::diff::Traced;
use crate::keyed::{Keyed, KeyedState, Ticks};

/// A collection on the job's clock whose differences carry their cause.
pub type Traces<'scope, D, R, C> = VecCollection<'scope, i64, D, Traced<R, C>>;

/// Updates and closes of one scheduling before the operator yields.
const FUEL: usize = 1 << 16;

/// The worker-independent hash that routes a key; equal on every worker and process.
pub fn route<K: Hash>(key: &K) -> u64 {
    // The high half: tables on the receiving worker use the low half.
    FixedState::with_seed(0).hash_one(key) >> 32
}

/// Runs `logic` over `(key, input)` updates and broadcast notices.
///
/// # Panics
/// If the clock of an input runs backwards, which timely forbids.
pub fn keyed<'scope, L>(
    name: &str,
    ticks: Ticks,
    input: Traces<'scope, (L::Key, L::Input), L::Diff, L::Cause>,
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
{
    let mut builder = OperatorBuilder::new(name.to_owned(), input.inner.scope());
    let info = builder.operator_info();
    let exchange = Exchange::new(|update: &((L::Key, L::Input), i64, Traced<L::Diff, L::Cause>)| route(&update.0.0));
    let mut updates_in = builder.new_input(input.inner, exchange);
    // Notices arrive already broadcast; without any, this input is absent and does not hold the frontier.
    let mut notices_in = notices.map(|notices| builder.new_input(notices.inner, Pipeline));
    let (output, stream) = builder.new_output();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(output);
    let activations = stream.scope().activations();
    builder.build(move |capabilities| {
        drop(capabilities);
        let mut machine = Machine::new(KeyedState::new(logic, ticks));
        move |frontiers: &[MutableAntichain<i64>]| {
            updates_in.for_each(|capability, data| {
                machine.hold(capability.retain_least(0));
                machine.updates.extend(data.drain(..).map(|((key, input), tick, change)| (tick, key, input, change)));
            });
            if let Some(notices_in) = &mut notices_in {
                notices_in.for_each(|capability, data| {
                    machine.hold(capability.retain_least(0));
                    machine.notices.extend(data.drain(..).map(|(notice, tick, change)| (tick, notice, change)));
                });
            }
            let frontier = frontiers.iter().filter_map(|frontier| frontier.frontier().first().copied()).min();
            let mut out = Vec::new();
            let done = machine.advance(frontier, FUEL, &mut out);
            if let Some(capability) = &machine.capability {
                output.activate().session(capability).give_iterator(out.drain(..));
            }
            machine.settle_capability(frontier, done);
            if !done {
                activations.borrow_mut().activate(&info.address);
            }
        }
    });
    stream.as_collection()
}

type Updates<L> =
    VecDeque<(i64, <L as Keyed>::Key, <L as Keyed>::Input, Traced<<L as Keyed>::Diff, <L as Keyed>::Cause>)>;

/// A keyed state with what it has received but not yet closed.
struct Machine<L: Keyed> {
    state: KeyedState<L>,
    updates: Updates<L>,
    notices: VecDeque<(i64, L::Notice, Traced<i64, L::Cause>)>,
    capability: Option<Capability<i64>>,
    /// The tick being closed, when fuel ran out inside it.
    closing: Option<i64>,
}

impl<L: Keyed> Machine<L> {
    fn new(state: KeyedState<L>) -> Self {
        Machine { state, updates: VecDeque::new(), notices: VecDeque::new(), capability: None, closing: None }
    }

    fn hold(&mut self, capability: Option<Capability<i64>>) {
        if let Some(new) = capability
            && self.capability.as_ref().is_none_or(|held| new.time() < held.time())
        {
            self.capability = Some(new);
        }
    }

    /// Closes the ticks below `frontier` (all that was received, if there is none) while fuel lasts; `true` when done.
    fn advance(
        &mut self,
        frontier: Option<i64>,
        mut fuel: usize,
        out: &mut Vec<(L::Output, i64, Traced<i64, L::Cause>)>,
    ) -> bool {
        if self.capability.is_none() {
            return true;
        }
        self.updates.make_contiguous().sort_by_key(|update| update.0);
        self.notices.make_contiguous().sort_by_key(|(tick, _, change)| (*tick, change.diff));
        loop {
            let Some(tick) = self.closing.or_else(|| self.next_tick(frontier)) else { return true };
            self.closing = Some(tick);
            while let Some((_, notice, change)) = self.notices.pop_front_if(|(at, ..)| *at <= tick) {
                self.state.notice(&notice, &change);
            }
            while let Some((_, key, input, change)) = self.updates.pop_front_if(|(at, ..)| *at <= tick) {
                self.state.update(key, input, change, tick);
                fuel = fuel.saturating_sub(1);
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
        let tick = first(self.updates.front().map(|update| update.0)).min(first(self.notices.front().map(|n| n.0)));
        (tick < i64::MAX).then_some(tick)
    }

    /// Keeps the right to speak at the next thing due, and no more.
    fn settle_capability(&mut self, frontier: Option<i64>, done: bool) {
        if !done {
            return;
        }
        let wake = frontier.and(self.state.next_wake()).unwrap_or(i64::MAX);
        let next = self.received().unwrap_or(i64::MAX).min(wake);
        match &mut self.capability {
            Some(capability) if next < i64::MAX => capability.downgrade(&next),
            held => *held = None,
        }
    }
}

#[cfg(test)]
mod tests;
