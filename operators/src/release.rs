//! What is due later: things to be looked at again when the clock reaches a tick.
//!
//! *Meaning.* A multiset of `(tick, item)`; [`Release::due`] hands out everything of the earliest tick that has come.
//! *Time.* What is due within the present span, about a minute, waits by tick; what is due later waits by span, in no
//! order, and is sorted out when its span comes. So holding is an append to a list that is at hand, whether the items
//! have few ticks (panes of many keys leave at one boundary) or each its own.
//! *State.* One entry an item until it is due, of two bytes beside the item while its span is ahead. Nothing is looked at more than twice before its tick, which is why future
//! updates wait here and not in an arrangement, whose batcher looks at all held updates at every seal. Items that were given
//! up are let go a few at a time ([`Release::sift`]): no single call looks at all of them.

use std::collections::BTreeMap;

use crate::pile::Pile;

/// A span is this power of two of milliseconds: about a minute.
const SPAN_BITS: u32 = 16;

/// Items of a later span, and beside them the tick of each as of the beginning of the span.
#[derive(Debug)]
struct Later<I> {
    first: i64,
    items: Pile<I>,
    within: Pile<u16>,
}

/// How far into its span a tick is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "takes the low bits")]
fn within(tick: i64) -> u16 {
    tick as u16
}

/// The tick that is so far into a span.
fn tick_of(span: i64, within: u16) -> i64 {
    span << SPAN_BITS | i64::from(within)
}

/// Items waiting for their tick.
#[derive(Debug)]
pub struct Release<I> {
    /// Of spans before `sorted_to`, by tick.
    near: BTreeMap<i64, Vec<I>>,
    /// Of spans from `sorted_to` on.
    far: BTreeMap<i64, Later<I>>,
    sorted_to: i64,
    items: usize,
    /// Where sifting goes on: a span, and a place in its list.
    sifted: (i64, usize),
}

impl<I> Default for Release<I> {
    fn default() -> Self {
        Release { near: BTreeMap::new(), far: BTreeMap::new(), sorted_to: i64::MIN, items: 0, sifted: (i64::MIN, 0) }
    }
}

impl<I> Release<I> {
    /// Holds `item` until `tick`.
    pub fn hold(&mut self, tick: i64, item: I) {
        self.items += 1;
        let span = tick >> SPAN_BITS;
        if span < self.sorted_to {
            self.near.entry(tick).or_default().push(item);
            return;
        }
        let none = || Later { first: tick, items: Pile::default(), within: Pile::default() };
        let later = self.far.entry(span).or_insert_with(none);
        later.first = later.first.min(tick);
        later.items.push(item);
        later.within.push(within(tick));
    }

    /// The earliest tick that anything waits for; sooner, if that was let go by [`Release::sift`].
    pub fn next(&self) -> Option<i64> {
        let near = self.near.first_key_value().map(|(tick, _)| *tick);
        near.or_else(|| self.far.first_key_value().map(|(_, later)| later.first))
    }

    /// Everything of the earliest tick, if that tick is `now` or before.
    pub fn due(&mut self, now: i64) -> Option<Vec<I>> {
        loop {
            if let Some(first) = self.near.first_entry() {
                let items = (*first.key() <= now).then(|| first.remove())?;
                self.items -= items.len();
                return Some(items);
            }
            let later = self.far.first_entry().filter(|later| later.get().first <= now)?;
            let span = *later.key();
            self.sorted_to = span + 1;
            let Later { items, within, .. } = later.remove();
            for (within, item) in within.into_iter().zip(items) {
                self.near.entry(tick_of(span, within)).or_default().push(item);
            }
        }
    }

    /// Looks at the next `count` of the items that wait for a later span, going round, and lets go those that `keep`
    /// refuses.
    pub fn sift(&mut self, count: usize, mut keep: impl FnMut(i64, &I) -> bool) {
        for _ in 0..count {
            let Some((span, later)) = self.far.range_mut(self.sifted.0..).next() else {
                self.sifted = (i64::MIN, 0);
                continue;
            };
            let span = *span;
            let at = if span == self.sifted.0 { self.sifted.1 } else { 0 };
            self.sifted = (span, at);
            match later.items.get(at).zip(later.within.get(at)) {
                None => self.sifted = (span + 1, 0),
                Some((item, within)) if keep(tick_of(span, *within), item) => self.sifted.1 += 1,
                Some(_) => {
                    later.items.swap_remove(at);
                    later.within.swap_remove(at);
                    self.items -= 1;
                    if later.items.is_empty() {
                        self.far.remove(&span);
                    }
                }
            }
        }
    }

    /// Bytes of what waits.
    pub fn bytes(&self) -> usize {
        self.items * (size_of::<I>() + size_of::<u16>())
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn hands_out_what_is_due_earliest_first_and_only_once() {
        let mut release = Release::default();
        for (tick, item) in [(30, 'c'), (10, 'a'), (20, 'b'), (10, 'A')] {
            release.hold(tick, item);
        }
        assert_eq!(release.next(), Some(10));
        assert_eq!(release.due(9), None);
        assert_eq!(release.due(20), Some(vec!['a', 'A']));
        assert_eq!(release.due(20), Some(vec!['b']));
        assert_eq!(release.due(20), None);
        assert_eq!(release.len(), 1);
        assert_eq!(release.due(i64::MAX), Some(vec!['c']));
        assert!(release.is_empty());
    }

    #[test]
    fn what_is_given_up_is_let_go_and_all_else_comes_at_its_tick() {
        let (mut release, mut random, mut now) = (Release::default(), Random::new(5), 0);
        let mut expected = BTreeMap::<i64, Vec<i64>>::new();
        for item in 0..20_000 {
            let ahead = 1 << random.below(22);
            let tick = now + 1 + random.below(ahead);
            release.hold(tick, item);
            // Two of three are given up at once.
            if item % 3 == 0 {
                expected.entry(tick).or_default().push(item);
            }
            release.sift(4, |_, item| item % 3 == 0);
            now += random.below(400);
            while let Some(items) = release.due(now) {
                let mut wanted: Vec<i64> = items.into_iter().filter(|item| item % 3 == 0).collect();
                wanted.sort_unstable();
                if !wanted.is_empty() {
                    assert_eq!(expected.pop_first().map(|(_, items)| items), Some(wanted));
                }
            }
            assert!(expected.first_key_value().is_none_or(|(tick, _)| *tick > now));
            assert!(release.next() <= expected.first_key_value().map(|(tick, _)| *tick) || expected.is_empty());
        }
        let wanted: usize = expected.values().map(Vec::len).sum();
        assert!(release.len() < 2 * wanted, "{} wait, {wanted} of them wanted", release.len());
    }

    #[test]
    fn spans_come_in_order_whatever_came_first() {
        let (mut release, mut model, mut random) =
            (Release::default(), BTreeMap::<i64, Vec<i64>>::new(), Random::new(3));
        let mut now = -200_000;
        for item in 0..5_000 {
            let ahead = 1 << random.below(22);
            let tick = now + 10 + random.below(ahead);
            release.hold(tick, item);
            model.entry(tick).or_default().push(item);
            if random.below(3) == 0 {
                now += random.below(40_000);
                while let Some(items) = release.due(now) {
                    assert_eq!(model.pop_first().map(|(_, items)| items), Some(items));
                }
            }
            assert_eq!(release.next(), model.first_key_value().map(|(tick, _)| *tick));
            assert_eq!(release.len(), model.values().map(Vec::len).sum::<usize>());
        }
    }
}
