//! Drawers by the group in which they attend to notices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

/// The numbers of the drawers that attend.
#[derive(Default)]
pub(super) struct Attentive {
    groups: BTreeMap<u64, BTreeSet<u32>>,
    group_of: HashMap<u32, u64, FixedState>,
}

impl Attentive {
    /// The drawers of a group.
    pub(super) fn of(&self, group: u64) -> impl Iterator<Item = u32> {
        self.groups.get(&group).into_iter().flatten().copied()
    }

    /// Puts a drawer into a group, or into none.
    pub(super) fn set(&mut self, number: u32, group: Option<u64>) {
        let before = self.group_of.get(&number).copied();
        if before == group {
            return;
        }
        if let Some(numbers) = before.and_then(|before| self.groups.get_mut(&before)) {
            numbers.remove(&number);
        }
        match group {
            Some(group) => {
                self.groups.entry(group).or_default().insert(number);
                self.group_of.insert(number, group);
            }
            None => _ = self.group_of.remove(&number),
        }
    }
}
