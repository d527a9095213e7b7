//! Updates that wait for their tick, in the containers they came in: taken over whole, given out one by one.

use std::collections::VecDeque;

/// What was received, in the containers it came in.
pub(crate) struct Received<U> {
    containers: VecDeque<std::vec::IntoIter<U>>,
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
        let all = self.containers.iter().flat_map(std::vec::IntoIter::as_slice);
        if !all.map(&tick).is_sorted() {
            let mut all: Vec<U> = self.containers.drain(..).flatten().collect();
            all.sort_by_key(tick);
            self.containers.push_back(all.into_iter());
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// The next update.
    pub(crate) fn first(&self) -> Option<&U> {
        self.containers.front()?.as_slice().first()
    }

    /// Takes the next update, if it is wanted.
    pub(crate) fn next_if(&mut self, is_wanted: impl FnOnce(&U) -> bool) -> Option<U> {
        let front = self.containers.front_mut()?;
        let next = if is_wanted(front.as_slice().first()?) { front.next() } else { None };
        if front.len() == 0 {
            self.containers.pop_front();
        }
        next
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
            assert_eq!(received.next_if(|tick| *tick < expected[0]), None);
            let given: Vec<i64> = std::iter::from_fn(|| received.next_if(|tick| *tick < 10)).collect();
            assert_eq!(given, expected);
        }
    }
}
