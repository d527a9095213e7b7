//! Timer queue: items by the tick at which they are due, removed tick by tick in order.
//!
//! *Meaning.* A multiset of `(tick, item)`; [`TimerQueue::pop_due`] removes all items of the earliest tick that is due.
//! *Time.* Items due within the present span, about a minute, are kept by tick. Later items are kept by span, without
//! order, and sorted when their span begins. Scheduling therefore appends to a list, whether many items share a tick
//! (panes of many keys that leave at one boundary) or each has its own.
//! *State.* One item until it is due, and two bytes beside it while its span is in the future.
//! *Cost.* An item is read at most twice before its tick. An arrangement of future updates reads all of them at every
//! seal of its batcher. Cancelled items are dropped a few at a time ([`TimerQueue::prune`]): no call reads all of them.

use std::collections::BTreeMap;

use crate::compact::chunk_list::ChunkList;

/// A span is this power of two of milliseconds: about a minute.
const SPAN_BITS: u32 = 16;

/// Items of a future span, and the offset of each item's tick within the span.
#[derive(Debug)]
struct FutureSpan<I> {
    first: i64,
    items: ChunkList<I>,
    offsets: ChunkList<u16>,
}

/// The offset of a tick within its span.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "takes the low bits")]
fn offset(tick: i64) -> u16 {
    tick as u16
}

/// The tick at an offset of a span.
fn tick_of(span: i64, offset: u16) -> i64 {
    span << SPAN_BITS | i64::from(offset)
}

/// Items by due tick.
#[derive(Debug)]
pub struct TimerQueue<I> {
    /// Items of spans before `sorted_to`, by tick.
    near: BTreeMap<i64, Vec<I>>,
    /// Items of spans from `sorted_to` on.
    far: BTreeMap<i64, FutureSpan<I>>,
    sorted_to: i64,
    items: usize,
    /// The position at which pruning continues: a span, and an index into its list.
    pruned: (i64, usize),
}

impl<I> Default for TimerQueue<I> {
    fn default() -> Self {
        TimerQueue { near: BTreeMap::new(), far: BTreeMap::new(), sorted_to: i64::MIN, items: 0, pruned: (i64::MIN, 0) }
    }
}

impl<I> TimerQueue<I> {
    /// Adds an item that is due at `tick`.
    pub fn schedule(&mut self, tick: i64, item: I) {
        self.items += 1;
        let span = tick >> SPAN_BITS;
        if span < self.sorted_to {
            self.near.entry(tick).or_default().push(item);
            return;
        }
        let empty = || FutureSpan { first: tick, items: ChunkList::default(), offsets: ChunkList::default() };
        let future = self.far.entry(span).or_insert_with(empty);
        future.first = future.first.min(tick);
        future.items.push(item);
        future.offsets.push(offset(tick));
    }

    /// A lower bound of the earliest due tick; exact unless [`TimerQueue::prune`] dropped the earliest item of a future
    /// span.
    pub fn next(&self) -> Option<i64> {
        let near = self.near.first_key_value().map(|(tick, _)| *tick);
        near.or_else(|| self.far.first_key_value().map(|(_, future)| future.first))
    }

    /// Removes and returns all items of the earliest tick, if that tick is `now` or before.
    pub fn pop_due(&mut self, now: i64) -> Option<Vec<I>> {
        loop {
            if let Some(first) = self.near.first_entry() {
                let items = (*first.key() <= now).then(|| first.remove())?;
                self.items -= items.len();
                return Some(items);
            }
            let future = self.far.first_entry().filter(|future| future.get().first <= now)?;
            let span = *future.key();
            self.sorted_to = span + 1;
            let FutureSpan { items, offsets, .. } = future.remove();
            for (offset, item) in offsets.into_iter().zip(items) {
                self.near.entry(tick_of(span, offset)).or_default().push(item);
            }
        }
    }

    /// Examines the next `count` items of future spans, cyclically, and drops those for which `keep` is false.
    pub fn prune(&mut self, count: usize, mut keep: impl FnMut(i64, &I) -> bool) {
        for _ in 0..count {
            let Some((span, future)) = self.far.range_mut(self.pruned.0..).next() else {
                self.pruned = (i64::MIN, 0);
                continue;
            };
            let span = *span;
            let at = if span == self.pruned.0 { self.pruned.1 } else { 0 };
            self.pruned = (span, at);
            match future.items.get(at).zip(future.offsets.get(at)) {
                None => self.pruned = (span + 1, 0),
                Some((item, offset)) if keep(tick_of(span, *offset), item) => self.pruned.1 += 1,
                Some(_) => {
                    future.items.swap_remove(at);
                    future.offsets.swap_remove(at);
                    self.items -= 1;
                    if future.items.is_empty() {
                        self.far.remove(&span);
                    }
                }
            }
        }
    }

    /// Bytes of the items and their offsets.
    pub fn bytes(&self) -> usize {
        self.items * (size_of::<I>() + size_of::<u16>())
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Returns whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn due_items_leave_once_and_earliest_first() {
        let mut queue = TimerQueue::default();
        for (tick, item) in [(30, 'c'), (10, 'a'), (20, 'b'), (10, 'A')] {
            queue.schedule(tick, item);
        }
        assert_eq!(queue.next(), Some(10));
        assert_eq!(queue.pop_due(9), None);
        assert_eq!(queue.pop_due(20), Some(vec!['a', 'A']));
        assert_eq!(queue.pop_due(20), Some(vec!['b']));
        assert_eq!(queue.pop_due(20), None);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop_due(i64::MAX), Some(vec!['c']));
        assert!(queue.is_empty());
    }

    #[test]
    fn pruning_drops_cancelled_items_and_no_others() {
        let (mut queue, mut random, mut now) = (TimerQueue::default(), Random::new(5), 0);
        let mut expected = BTreeMap::<i64, Vec<i64>>::new();
        for item in 0..20_000 {
            let ahead = 1 << random.below(22);
            let tick = now + 1 + random.below(ahead);
            queue.schedule(tick, item);
            // Two of three are cancelled at once.
            if item % 3 == 0 {
                expected.entry(tick).or_default().push(item);
            }
            queue.prune(4, |_, item| item % 3 == 0);
            now += random.below(400);
            while let Some(items) = queue.pop_due(now) {
                let mut wanted: Vec<i64> = items.into_iter().filter(|item| item % 3 == 0).collect();
                wanted.sort_unstable();
                if !wanted.is_empty() {
                    assert_eq!(expected.pop_first().map(|(_, items)| items), Some(wanted));
                }
            }
            assert!(expected.first_key_value().is_none_or(|(tick, _)| *tick > now));
            assert!(queue.next() <= expected.first_key_value().map(|(tick, _)| *tick) || expected.is_empty());
        }
        let wanted: usize = expected.values().map(Vec::len).sum();
        assert!(queue.len() < 2 * wanted, "{} items, {wanted} of them wanted", queue.len());
    }

    #[test]
    fn items_leave_in_order_across_spans() {
        let (mut queue, mut model, mut random) =
            (TimerQueue::default(), BTreeMap::<i64, Vec<i64>>::new(), Random::new(3));
        let mut now = -200_000;
        for item in 0..5_000 {
            let ahead = 1 << random.below(22);
            let tick = now + 10 + random.below(ahead);
            queue.schedule(tick, item);
            model.entry(tick).or_default().push(item);
            if random.below(3) == 0 {
                now += random.below(40_000);
                while let Some(items) = queue.pop_due(now) {
                    assert_eq!(model.pop_first().map(|(_, items)| items), Some(items));
                }
            }
            assert_eq!(queue.next(), model.first_key_value().map(|(tick, _)| *tick));
            assert_eq!(queue.len(), model.values().map(Vec::len).sum::<usize>());
        }
    }
}
