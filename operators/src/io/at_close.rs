//! Output at the close of a tick: its consolidated changes, sorted, once, to a callback on the first worker.
//!
//! *Meaning.* For every tick with a net change, the callback receives `(data, difference)` sorted by data; ticks come in
//! order. *Time.* A tick is passed on when the frontier has passed it.
//! *State.* The changes of ticks that are not closed. *Cost.* One sort per tick.

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;
use timely::progress::operate::FrontierInterest;

use crate::diff::{Traced, TracedCollection};
use crate::io::capability::HeldCapability;
use crate::io::exchange::to_first_worker;

/// Adds up the differences of equal data and drops zero sums; the result is sorted by data.
pub fn consolidate<D: Ord, R: Semigroup>(changes: &mut Vec<(D, R)>) {
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1.plus_equals(&later.1);
        }
        same
    });
    changes.retain(|(_, diff)| !diff.is_zero());
}

/// The changes of ticks that are not closed: the pure structure.
#[derive(Debug)]
pub struct OpenTicks<D, R> {
    changes: Vec<(i64, D, R)>,
}

impl<D, R> Default for OpenTicks<D, R> {
    fn default() -> Self {
        OpenTicks { changes: Vec::new() }
    }
}

impl<D: Ord, R: Semigroup> OpenTicks<D, R> {
    /// Adds one change of a tick.
    pub fn push(&mut self, tick: i64, data: D, diff: R) {
        self.changes.push((tick, data, diff));
    }

    /// Passes every tick before `frontier` (every tick, if there is none) with a net change to `give`, in order; returns
    /// the first tick that stays open.
    pub fn close(&mut self, frontier: Option<i64>, mut give: impl FnMut(i64, Vec<(D, R)>)) -> Option<i64> {
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
        drop(closing);
        self.changes.first().map(|(tick, ..)| *tick)
    }

    /// The number of changes of open ticks.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Returns whether no tick is open.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Passes the consolidated changes of each closed tick to `give`, on the first worker. The returned stream carries no data;
/// its frontier passes a tick when that has been passed on.
///
/// ```
/// # use differential_dataflow::input::Input;
/// # use operators::{io::at_close::at_close, diff::Traced};
/// let (give, given) = std::sync::mpsc::channel();
/// timely::execute_directly(move |worker| {
///     let mut input = worker.dataflow(|scope| {
///         let (input, changes) = scope.new_collection();
///         at_close("out", changes, move |tick, changes| give.send((tick, changes)).unwrap());
///         input
///     });
///     for (tick, data, diff, record) in [(20, 'b', 1, 7), (10, 'a', 1, 3), (20, 'b', 1, 5)] {
///         input.update_at(data, tick, Traced::new(diff, Some(record)));
///     }
/// });
/// let given: Vec<(i64, Vec<_>)> = given.iter().collect();
/// assert_eq!(given[0], (10, vec![('a', Traced::new(1, Some(3)))]));
/// assert_eq!(given[1], (20, vec![('b', Traced::new(2, Some(5)))]));
/// ```
pub fn at_close<'scope, D, R, C>(
    name: &str,
    input: TracedCollection<'scope, D, R, C>,
    mut give: impl FnMut(i64, Vec<(D, Traced<R, C>)>) + 'static,
) -> timely::dataflow::Stream<'scope, i64, Vec<()>>
where
    D: ExchangeData + Ord,
    R: ExchangeData + Semigroup,
    C: ExchangeData + Ord,
{
    let mut builder = OperatorBuilder::new(name.to_owned(), input.inner.scope());
    let mut input = builder.new_input(input.inner, to_first_worker());
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    let (_, done) = builder.new_output();
    builder.build(move |_| {
        let (mut open, mut held) = (OpenTicks::default(), HeldCapability::default());
        move |frontiers: &[MutableAntichain<i64>]| {
            input.for_each(|capability, data| {
                held.retain_earliest(&capability);
                data.drain(..).for_each(|(data, tick, diff)| open.push(tick, data, diff));
            });
            let next = open.close(frontiers[0].frontier().first().copied(), &mut give);
            held.downgrade(next);
        }
    });
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Ticks;
    use crate::testing::{Handover, Random, Update, reference, run, scripts, traced};
    use differential_dataflow::AsCollection;
    use std::sync::mpsc;
    use timely::dataflow::operators::vec::Map;

    /// The result of a script, tick by tick.
    fn given(
        handover: Handover,
        until: i64,
        script: &[Update<char, i64>],
    ) -> Vec<(i64, Vec<(char, Traced<i64, u64>)>)> {
        let (give, given) = mpsc::channel();
        let no_output: Vec<Update<(), i64>> = run(handover, until, &traced(script), move |input| {
            let give = give.clone();
            let done = at_close("out", input, move |tick, changes| give.send((tick, changes)).unwrap());
            done.flat_map(|()| None).as_collection()
        });
        assert_eq!(no_output, []);
        given.iter().collect()
    }

    #[test]
    fn ticks_leave_once_in_order_with_the_least_cause() {
        let script =
            [(20, 'b', 1), (10, 'c', 1), (20, 'a', 1), (20, 'b', 1), (30, 'b', 1), (30, 'b', -1), (40, 'b', -2)];
        let change = |diff, cause| Traced::new(diff, Some(cause));
        let expected = [
            (10, vec![('c', change(1, 1))]),
            (20, vec![('a', change(1, 2)), ('b', change(2, 0))]),
            (40, vec![('b', change(-2, 6))]),
        ];
        for workers in [1, 2, 4] {
            assert_eq!(given(Handover { workers, disorder: Some(1) }, 40, &script), expected);
        }
    }

    #[test]
    fn equals_consolidate() {
        for seed in 0..40 {
            let ticks = Ticks { tick_ms: 10 };
            let fact = |random: &mut Random, _| (random.letter(5), random.below(5) - 2);
            let script = scripts::facts(&mut Random::new(seed), 60, ticks, 200, fact);
            let expected = run(Handover::ORDERLY, 200, &script, reference::at_close);
            for workers in [1, 2, 4] {
                let given = given(Handover { workers, disorder: Some(seed) }, 200, &script);
                let changes = |(tick, changes): (i64, Vec<(char, Traced<i64, u64>)>)| {
                    changes.into_iter().map(move |(data, change)| (tick, data, change.diff))
                };
                assert_eq!(given.into_iter().flat_map(changes).collect::<Vec<_>>(), expected, "seed {seed}");
            }
        }
    }

    #[test]
    fn a_closed_tick_frees_its_changes() {
        let mut open = OpenTicks::default();
        open.push(20, 'b', 1);
        open.push(10, 'a', 1);
        let mut given = Vec::new();
        let next = open.close(Some(20), |tick, changes| given.push((tick, changes)));
        assert_eq!((open.len(), next), (1, Some(20)));
        let next = open.close(None, |tick, changes| given.push((tick, changes)));
        assert!(open.is_empty() && next.is_none());
        assert_eq!(given, [(10, vec![('a', 1)]), (20, vec![('b', 1)])]);
    }
}
