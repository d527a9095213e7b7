//! Deals updates out to workers, a container at a time.
//!
//! Timely's own exchange fills containers of 8 KiB: of updates as wide as these that is a few dozen, each with an allocation
//! and a message of its own. Here every container that comes leaves as one a worker.

use timely::communication::Push;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::progress::Stamp;

/// Deals by a function of the update.
pub(crate) struct Deal<F>(F);

impl<D, F: FnMut(&D) -> u64> Distributor<Vec<D>> for Deal<F> {
    fn partition<T: Clone, P: Push<Message<T, Vec<D>>>>(
        &mut self,
        container: &mut Vec<D>,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let peers = pushers.len() as u64;
        // An even share, and some more.
        let share = container.len() / pushers.len() + container.len() / 8 + 1;
        let mut hands: Vec<Vec<D>> = pushers.iter().map(|_| Vec::with_capacity(share)).collect();
        for update in container.drain(..) {
            let to = usize::try_from((self.0)(&update) % peers).expect("there are fewer peers than 2^32");
            hands[to].push(update);
        }
        for (hand, pusher) in hands.iter_mut().zip(pushers).filter(|(hand, _)| !hand.is_empty()) {
            Message::push_at(hand, stamp.clone(), pusher);
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Vec<D>>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

/// Gives everything to the first worker.
pub(crate) struct ToFirst;

impl<D> Distributor<Vec<D>> for ToFirst {
    fn partition<T: Clone, P: Push<Message<T, Vec<D>>>>(
        &mut self,
        container: &mut Vec<D>,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        Message::push_at(container, stamp.clone(), &mut pushers[0]);
    }

    fn flush<T: Clone, P: Push<Message<T, Vec<D>>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

/// Each update to the worker whose number it has, modulo their number.
pub(crate) fn deal<F>(to: F) -> DistributorPact<impl FnOnce(usize) -> Deal<F>> {
    DistributorPact(|_| Deal(to))
}

/// Everything to the first worker, as it is.
pub(crate) fn to_first() -> DistributorPact<impl FnOnce(usize) -> ToFirst> {
    DistributorPact(|_| ToFirst)
}

#[cfg(test)]
mod tests {
    use timely::progress::Stamp;

    use super::*;

    /// What a worker is given.
    #[derive(Default)]
    struct Hand(Vec<Vec<u64>>);

    impl Push<Message<i64, Vec<u64>>> for Hand {
        fn push(&mut self, message: &mut Option<Message<i64, Vec<u64>>>) {
            self.0.extend(message.take().map(|message| message.data));
        }
    }

    fn dealt(mut distributor: impl Distributor<Vec<u64>>, peers: usize) -> Vec<Vec<Vec<u64>>> {
        let mut hands: Vec<Hand> = (0..peers).map(|_| Hand::default()).collect();
        for updates in [0..7, 7..8] {
            distributor.partition(&mut updates.collect(), &Stamp::from_elem(10), &mut hands);
        }
        hands.into_iter().map(|hand| hand.0).collect()
    }

    #[test]
    fn a_container_leaves_as_one_a_worker_in_order() {
        let by_three = dealt(Deal(|update: &u64| *update), 3);
        assert_eq!(by_three, [vec![vec![0, 3, 6]], vec![vec![1, 4], vec![7]], vec![vec![2, 5]]]);
        let first = dealt(ToFirst, 2);
        assert_eq!(first, [vec![(0..7).collect(), vec![7]], vec![]]);
    }
}
