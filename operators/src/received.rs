//! Updates that wait for their tick, in the containers they came in: taken over whole, and given out from there.

use std::collections::VecDeque;
use std::vec::IntoIter;

/// What was received, in the containers it came in.
pub(crate) struct Received<U> {
    containers: VecDeque<IntoIter<U>>,
    is_ordered: bool,
}

impl<U> Default for Received<U> {
    fn default() -> Self {
        Received { containers: VecDeque::new(), is_ordered: true }
    }
}

impl<U> Received<U> {
    /// Takes a container over.
    pub(crate) fn take(&mut self, container: &mut Vec<U>) {
        if !container.is_empty() {
            self.containers.push_back(std::mem::take(container).into_iter());
            self.is_ordered = false;
        }
    }

    /// Puts everything in order of `tick`. What comes tick by tick is so already, and is only looked at.
    pub(crate) fn order(&mut self, tick: impl Fn(&U) -> i64) {
        if self.is_ordered {
            return;
        }
        self.is_ordered = true;
        let all = self.containers.iter().flat_map(IntoIter::as_slice);
        if !all.map(&tick).is_sorted() {
            let mut all: Vec<U> = self.containers.drain(..).flatten().collect();
            all.sort_by_key(tick);
            self.containers.push_back(all.into_iter());
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The next update.
    pub(crate) fn first(&self) -> Option<&U> {
        self.containers.iter().find_map(|container| container.as_slice().first())
    }

    /// The container of the next updates, and how many of its first are wanted, up to `most`: to look at all of them, and
    /// then to take them out. Those that are wanted come before those that are not.
    pub(crate) fn next(&mut self, most: usize, is_wanted: impl Fn(&U) -> bool) -> Option<(&mut IntoIter<U>, usize)> {
        while self.containers.front().is_some_and(|front| front.len() == 0) {
            self.containers.pop_front();
        }
        let front = self.containers.front_mut()?;
        let first = &front.as_slice()[..most.min(front.len())];
        let wanted = first.partition_point(is_wanted);
        (wanted > 0).then_some((front, wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_in_order_are_left_alone_and_others_sorted() {
        let mut received = Received::default();
        for (containers, expected) in
            [(vec![vec![1, 1], vec![2]], vec![1i64, 1, 2]), (vec![vec![5, 7], vec![6]], vec![5, 6, 7])]
        {
            containers.into_iter().for_each(|mut container| received.take(&mut container));
            received.take(&mut Vec::new());
            received.order(|tick| *tick);
            assert_eq!(received.first(), expected.first());
            assert!(received.next(9, |tick| *tick < expected[0]).is_none());
            let mut given = Vec::new();
            while let Some((updates, count)) = received.next(1, |tick| *tick < expected[2]) {
                assert_eq!(count, 1);
                given.extend(updates.take(count));
            }
            assert_eq!(given, expected[..2]);
            assert_eq!(
                received.next(9, |_| true).map(|(updates, count)| (updates.next(), count)),
                Some((Some(expected[2]), 1))
            );
            assert!(received.next(9, |_| true).is_none() && received.is_empty());
        }
    }
}
