//! Broadcasts to many keys: the scope of a broadcast, and the index of entries that subscribe to one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

/// The keys that a broadcast can affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BroadcastScope {
    /// No key.
    NoKey,
    /// The keys that subscribe to this group ([`Keyed::subscription`](super::Keyed::subscription)): one check for each.
    Subscribers(u64),
    /// Any key: one check for every entry.
    AllKeys,
}

/// The ids of hot entries by the group that they subscribe to.
#[derive(Default)]
pub(super) struct Subscriptions {
    groups: BTreeMap<u64, BTreeSet<u32>>,
    group_of: HashMap<u32, u64, FixedState>,
}

impl Subscriptions {
    /// The entries that subscribe to a group.
    pub(super) fn subscribers(&self, group: u64) -> impl Iterator<Item = u32> {
        self.groups.get(&group).into_iter().flatten().copied()
    }

    /// Sets or clears the subscription of an entry.
    pub(super) fn set(&mut self, hot: u32, group: Option<u64>) {
        let before = self.group_of.get(&hot).copied();
        if before == group {
            return;
        }
        if let Some(subscribers) = before.and_then(|before| self.groups.get_mut(&before)) {
            subscribers.remove(&hot);
        }
        match group {
            Some(group) => {
                self.groups.entry(group).or_default().insert(hot);
                self.group_of.insert(hot, group);
            }
            None => _ = self.group_of.remove(&hot),
        }
    }
}
