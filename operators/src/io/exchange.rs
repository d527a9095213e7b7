//! Exchange between workers that sends one container per worker for each container received.
//!
//! *Meaning.* Every update goes to the worker that its number names, modulo the number of workers. *Time.* None.
//! *State.* None. *Cost.* One move per update. Timely's own exchange fills containers of 8 KiB: a few dozen of updates as wide
//! as these, each container with an allocation and a message of its own.

use timely::communication::Push;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::progress::Stamp;

/// Distributes by a function of the update.
pub(crate) struct ExchangeBy<F>(F);

impl<D, F: FnMut(&D) -> u64> Distributor<Vec<D>> for ExchangeBy<F> {
    fn partition<T: Clone, P: Push<Message<T, Vec<D>>>>(
        &mut self,
        container: &mut Vec<D>,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let peers = pushers.len() as u64;
        // An even share, and a few more.
        let capacity = container.len() / pushers.len() + container.len() / 8 + 1;
        let mut shares: Vec<Vec<D>> = pushers.iter().map(|_| Vec::with_capacity(capacity)).collect();
        for update in container.drain(..) {
            let to = usize::try_from((self.0)(&update) % peers).expect("there are fewer peers than 2^32");
            shares[to].push(update);
        }
        for (share, pusher) in shares.iter_mut().zip(pushers).filter(|(share, _)| !share.is_empty()) {
            Message::push_at(share, stamp.clone(), pusher);
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Vec<D>>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

/// Distributes everything to the first worker.
pub(crate) struct ToFirstWorker;

impl<D> Distributor<Vec<D>> for ToFirstWorker {
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

/// Sends each update to worker `to(update)` modulo the number of workers.
pub(crate) fn exchange_by<F>(to: F) -> DistributorPact<impl FnOnce(usize) -> ExchangeBy<F>> {
    DistributorPact(|_| ExchangeBy(to))
}

/// Sends every container to the first worker.
pub(crate) fn to_first_worker() -> DistributorPact<impl FnOnce(usize) -> ToFirstWorker> {
    DistributorPact(|_| ToFirstWorker)
}

#[cfg(test)]
mod tests {
    use timely::progress::Stamp;

    use super::*;

    /// The containers that a worker receives.
    #[derive(Default)]
    struct Received(Vec<Vec<u64>>);

    impl Push<Message<i64, Vec<u64>>> for Received {
        fn push(&mut self, message: &mut Option<Message<i64, Vec<u64>>>) {
            self.0.extend(message.take().map(|message| message.data));
        }
    }

    fn distributed(mut distributor: impl Distributor<Vec<u64>>, peers: usize) -> Vec<Vec<Vec<u64>>> {
        let mut workers: Vec<Received> = (0..peers).map(|_| Received::default()).collect();
        for updates in [0..7, 7..8] {
            distributor.partition(&mut updates.collect(), &Stamp::from_elem(10), &mut workers);
        }
        workers.into_iter().map(|worker| worker.0).collect()
    }

    #[test]
    fn a_container_becomes_one_per_worker_in_order() {
        let by_three = distributed(ExchangeBy(|update: &u64| *update), 3);
        assert_eq!(by_three, [vec![vec![0, 3, 6]], vec![vec![1, 4], vec![7]], vec![vec![2, 5]]]);
        let first = distributed(ToFirstWorker, 2);
        assert_eq!(first, [vec![(0..7).collect(), vec![7]], vec![]]);
    }
}
