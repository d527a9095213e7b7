//! Handover of a script to the workers: distribution of updates, ticks per batch, order within a batch.

use super::{Random, Update};

/// A handover of a script; the output must not depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// The number of workers.
    pub workers: usize,
    /// The seed of a random handover: updates go to any worker, several ticks at once, in any order. Without a seed, ticks
    /// come one by one in the order of the script, each complete before the next.
    pub disorder: Option<u64>,
}

impl Handover {
    /// One worker, one tick after another.
    pub const ORDERLY: Handover = Handover { workers: 1, disorder: None };
}

/// The updates that one worker hands over together, and the tick to which it then moves the clock.
pub(super) struct Batch<D, R> {
    pub(super) updates: Vec<Update<D, R>>,
    pub(super) frontier: i64,
    /// True if the worker waits until the output is complete up to the frontier.
    pub(super) settle: bool,
}

/// The batches of each worker; all end with the clock just past `until`.
pub(super) fn plan<D: Clone, R: Clone>(
    handover: Handover,
    until: i64,
    script: &[Update<D, R>],
) -> Vec<Vec<Batch<D, R>>> {
    let mut random = handover.disorder.map(Random::new);
    let mut shares = vec![Vec::new(); handover.workers];
    for (position, update) in script.iter().filter(|(tick, ..)| *tick <= until).enumerate() {
        let worker = random.as_mut().map_or(position % handover.workers, |random| random.index(handover.workers));
        shares[worker].push(update.clone());
    }
    let first = script.iter().map(|(tick, ..)| *tick).min().unwrap_or(until).min(until);
    shares.into_iter().map(|share| batches(share, first, until, random.as_mut())).collect()
}

fn batches<D, R>(
    mut share: Vec<Update<D, R>>,
    first: i64,
    until: i64,
    mut random: Option<&mut Random>,
) -> Vec<Batch<D, R>> {
    share.sort_by_key(|(tick, ..)| *tick);
    let mut frontiers = Vec::new();
    if let Some(random) = random.as_deref_mut() {
        // From a clock that moves by milliseconds to one that moves over everything at once.
        let reach = 1 + random.below(until - first + 1);
        let mut at = first;
        while at <= until {
            at = (at + 1 + random.below(reach)).min(until + 1);
            frontiers.push(at);
        }
    } else {
        frontiers.extend(share.iter().map(|(tick, ..)| tick + 1));
        frontiers.dedup();
        frontiers.push(until + 1);
    }
    let mut share = share.into_iter().peekable();
    let batch = |frontier| {
        let mut updates = Vec::new();
        while let Some(update) = share.next_if(|(tick, ..)| *tick < frontier) {
            updates.push(update);
        }
        if let Some(random) = random.as_deref_mut() {
            random.shuffle(&mut updates);
        }
        let settle = random.as_deref_mut().is_none_or(|random| random.once_in(2));
        Batch { updates, frontier, settle }
    };
    frontiers.into_iter().map(batch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_update_is_handed_over_once_before_its_tick_closes() {
        let script: Vec<Update<i64, i64>> = (0..60).map(|position| (10 * (position % 9), position, 1)).collect();
        for seed in 0..50 {
            let handover = Handover { workers: 3, disorder: Some(seed) };
            let mut given = Vec::new();
            for share in plan(handover, 90, &script) {
                let mut clock = i64::MIN;
                for batch in share {
                    assert!(batch.updates.iter().all(|(tick, ..)| (clock..batch.frontier).contains(tick)));
                    assert!(clock < batch.frontier);
                    clock = batch.frontier;
                    given.extend(batch.updates);
                }
                assert_eq!(clock, 91);
            }
            given.sort_by_key(|(_, position, _)| *position);
            assert_eq!(given, script);
        }
    }
}
