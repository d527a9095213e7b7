//! Received updates that wait for their tick, in the containers they arrived in.

use std::collections::VecDeque;
use std::vec::IntoIter;

/// Updates by container; containers are neither copied nor merged while their ticks are in order.
pub(crate) struct Inbox<U> {
    containers: VecDeque<IntoIter<U>>,
    is_sorted: bool,
}

impl<U> Default for Inbox<U> {
    fn default() -> Self {
        Inbox { containers: VecDeque::new(), is_sorted: true }
    }
}

impl<U> Inbox<U> {
    /// Takes the updates of a container.
    pub(crate) fn push(&mut self, container: &mut Vec<U>) {
        if !container.is_empty() {
            self.containers.push_back(std::mem::take(container).into_iter());
            self.is_sorted = false;
        }
    }

    /// Sorts all updates by `tick`. Input that arrives tick by tick is sorted already and is only checked.
    pub(crate) fn sort(&mut self, tick: impl Fn(&U) -> i64) {
        if self.is_sorted {
            return;
        }
        self.is_sorted = true;
        let all = self.containers.iter().flat_map(IntoIter::as_slice);
        if !all.map(&tick).is_sorted() {
            let mut all: Vec<U> = self.containers.drain(..).flatten().collect();
            all.sort_by_key(tick);
            self.containers.push_back(all.into_iter());
        }
    }

    /// Returns whether no update waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// The next update.
    pub(crate) fn first(&self) -> Option<&U> {
        self.containers.iter().find_map(|container| container.as_slice().first())
    }

    /// The first non-empty container, and how many of its first updates are wanted, up to `most`. The caller reads them as
    /// a slice and then removes them. Wanted updates must come before others.
    pub(crate) fn next_batch(
        &mut self,
        most: usize,
        is_wanted: impl Fn(&U) -> bool,
    ) -> Option<(&mut IntoIter<U>, usize)> {
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
    fn updates_leave_in_order_of_ticks() {
        let mut inbox = Inbox::default();
        for (containers, expected) in
            [(vec![vec![1, 1], vec![2]], vec![1i64, 1, 2]), (vec![vec![5, 7], vec![6]], vec![5, 6, 7])]
        {
            containers.into_iter().for_each(|mut container| inbox.push(&mut container));
            inbox.push(&mut Vec::new());
            inbox.sort(|tick| *tick);
            assert_eq!(inbox.first(), expected.first());
            assert!(inbox.next_batch(9, |tick| *tick < expected[0]).is_none());
            let mut given = Vec::new();
            while let Some((updates, count)) = inbox.next_batch(1, |tick| *tick < expected[2]) {
                assert_eq!(count, 1);
                given.extend(updates.take(count));
            }
            assert_eq!(given, expected[..2]);
            assert_eq!(
                inbox.next_batch(9, |_| true).map(|(updates, count)| (updates.next(), count)),
                Some((Some(expected[2]), 1))
            );
            assert!(inbox.next_batch(9, |_| true).is_none() && inbox.is_empty());
        }
    }
}
