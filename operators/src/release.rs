//! What is due later: things to be looked at again when the clock reaches a tick.
//!
//! *Meaning.* A multiset of `(tick, item)`; [`Release::due`] hands out everything of the earliest tick that has come.
//! *Time.* Logarithmic in the number of distinct ticks held, constant per item: panes of many keys leave at the same
//! boundary, so distinct ticks are few where items are many.
//! *State.* One entry an item until it is due. Nothing here is ever re-examined before its tick, which is why future
//! updates wait here and not in an arrangement, whose batcher looks at all held updates at every seal.

use std::collections::BTreeMap;

/// Items waiting for their tick.
#[derive(Debug)]
pub struct Release<I> {
    waiting: BTreeMap<i64, Vec<I>>,
    items: usize,
}

impl<I> Default for Release<I> {
    fn default() -> Self {
        Release { waiting: BTreeMap::new(), items: 0 }
    }
}

impl<I> Release<I> {
    /// Holds `item` until `tick`.
    pub fn hold(&mut self, tick: i64, item: I) {
        self.waiting.entry(tick).or_default().push(item);
        self.items += 1;
    }

    /// The earliest tick that anything waits for.
    pub fn next(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|(tick, _)| *tick)
    }

    /// Everything of the earliest tick, if that tick is `now` or before.
    pub fn due(&mut self, now: i64) -> Option<Vec<I>> {
        let first = self.waiting.first_entry()?;
        if *first.key() > now {
            return None;
        }
        let items = first.remove();
        self.items -= items.len();
        Some(items)
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
}
