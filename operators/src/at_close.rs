//! Nothing leaves before its tick is over: the changes of each closed tick, consolidated and in order, once.
//!
//! *Meaning.* For every tick with a net change, `(data, difference)` sorted by data, given to a callback on one worker
//! when the tick has closed; ticks come in order. *Time.* A tick is given when the frontier has passed it.
//! *State.* The changes of ticks that are not closed. *Cost.* One sort a tick.

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::{Operator, OutputBuilderSession};

use crate::diff::Traced;
use crate::driver::Traces;

/// Adds up the differences of equal data and drops what cancels; the result is sorted.
pub fn consolidate<D: Ord, R: Semigroup>(changes: &mut Vec<(D, R)>) {
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1.plus_equals(&later.1);
        }
        same
    });
    changes.retain(|(_, diff)| !diff.is_zero());
}

/// The changes of ticks that are still open: the pure structure.
#[derive(Debug)]
pub struct Open<D, R> {
    changes: Vec<(i64, D, R)>,
}

impl<D, R> Default for Open<D, R> {
    fn default() -> Self {
        Open { changes: Vec::new() }
    }
}

impl<D: Ord, R: Semigroup> Open<D, R> {
    /// Takes one change of a tick.
    pub fn push(&mut self, tick: i64, data: D, diff: R) {
        self.changes.push((tick, data, diff));
    }

    /// Gives every tick before `frontier` (every tick, if there is none) that has a net change, in order.
    pub fn close(&mut self, frontier: Option<i64>, mut give: impl FnMut(i64, Vec<(D, R)>)) {
        self.changes.sort_by_key(|(tick, ..)| *tick);
        let end = frontier.map_or(self.changes.len(), |open| self.changes.partition_point(|(tick, ..)| *tick < open));
        let mut closing = self.changes.drain(..end).peekable();
        while let Some((tick, data, diff)) = closing.next() {
            let mut batch = vec![(data, diff)];
            while let Some((_, data, diff)) = closing.next_if(|(at, ..)| *at == tick) {
                batch.push((data, diff));
            }
            consolidate(&mut batch);
            if !batch.is_empty() {
                give(tick, batch);
            }
        }
    }

    /// How many changes wait.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The output that carries no data, only the frontier: a probe on it says which ticks were given.
type Silent<'a> = OutputBuilderSession<'a, i64, CapacityContainerBuilder<Vec<()>>>;

/// Gives the consolidated changes of each closed tick to `give`, on the first worker.
pub fn at_close<'scope, D, R, C>(
    name: &str,
    input: Traces<'scope, D, R, C>,
    mut give: impl FnMut(i64, Vec<(D, Traced<R, C>)>) + 'static,
) -> timely::dataflow::Stream<'scope, i64, Vec<()>>
where
    D: ExchangeData + Ord,
    R: ExchangeData + Semigroup,
    C: ExchangeData + Ord,
{
    input.inner.unary_frontier(Exchange::new(|_: &(D, i64, Traced<R, C>)| 0), name, move |capability, _| {
        drop(capability);
        let mut open = Open::default();
        move |(input, frontier), _output: &mut Silent<'_>| {
            input.for_each(|_, data| {
                for (data, tick, diff) in data.drain(..) {
                    open.push(tick, data, diff);
                }
            });
            open.close(frontier.frontier().first().copied(), &mut give);
        }
    })
}
