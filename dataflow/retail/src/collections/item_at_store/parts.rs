//! Dirty parts of keyed entries: the parts that the records of a tick changed, and the least cause of each.

use smallvec::SmallVec;

use operators::diff::least_of;

/// A set of parts of a keyed entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts(u8);

impl Parts {
    /// The empty set.
    pub(super) const NONE: Parts = Parts(0);
    /// The stock ledger.
    pub(super) const BOOKS: Parts = Parts(1);
    /// The demand of the last hour and day.
    pub(super) const DEMAND: Parts = Parts(2);
    /// The promotions.
    pub(super) const OFFERS: Parts = Parts(4);
    /// The inputs of inventory.stockout_risk beside the stock.
    pub(super) const STOCKOUT: Parts = Parts(8);
    /// The inputs of inventory.phantom_stock beside the stock.
    pub(super) const PHANTOM: Parts = Parts(16);
    /// The inputs of inventory.negative_on_hand beside the stock.
    pub(super) const NEGATIVE: Parts = Parts(32);
    /// All parts.
    pub(super) const ALL: Parts = Parts(63);

    /// The union of two sets.
    pub(super) const fn and(self, others: Parts) -> Parts {
        Parts(self.0 | others.0)
    }

    /// The intersection of two sets.
    pub(super) const fn common(self, others: Parts) -> Parts {
        Parts(self.0 & others.0)
    }

    /// This set if `holds`, else the empty set.
    pub(super) fn when(self, holds: bool) -> Parts {
        if holds { self } else { Parts::NONE }
    }

    /// True if the set is not empty.
    pub(super) fn are_any(self) -> bool {
        self != Parts::NONE
    }

    /// True if the two sets have a part in common.
    pub(super) fn meet(self, others: Parts) -> bool {
        self.common(others).are_any()
    }
}

/// The sets of parts that one entry was marked dirty with, each with its least cause.
type PartCauses<C> = SmallVec<[(Parts, Option<C>); 2]>;

/// The dirty entries of a tick, numbered from 1 on; an entry stores its number, 0 while it is clean.
pub(super) struct DirtyEntries<C> {
    entries: Vec<PartCauses<C>>,
    open: usize,
}

impl<C> Default for DirtyEntries<C> {
    fn default() -> Self {
        DirtyEntries { entries: Vec::new(), open: 0 }
    }
}

impl<C: Ord + Clone> DirtyEntries<C> {
    /// Marks parts of an entry dirty, on account of `cause`.
    pub(super) fn mark_dirty(&mut self, number: &mut u32, parts: Parts, cause: Option<&C>) {
        if *number == 0 {
            self.entries.push(SmallVec::new());
            self.open += 1;
            *number = u32::try_from(self.entries.len()).expect("a tick touches fewer than 2^32 drawers");
        }
        let causes = &mut self.entries[*number as usize - 1];
        match causes.iter_mut().find(|(dirty, _)| *dirty == parts) {
            Some((_, least)) => cause.into_iter().for_each(|cause| least_of(least, cause)),
            None => causes.push((parts, cause.cloned())),
        }
    }

    /// Takes the dirty parts of an entry, which is clean afterwards.
    pub(super) fn take(&mut self, number: &mut u32) -> DirtyParts<C> {
        let Some(at) = std::mem::take(number).checked_sub(1) else { return DirtyParts(SmallVec::new()) };
        let causes = std::mem::take(&mut self.entries[at as usize]);
        self.open -= 1;
        if self.open == 0 {
            self.entries.clear();
        }
        DirtyParts(causes)
    }
}

/// The dirty parts of one entry in a tick.
pub(super) struct DirtyParts<C>(PartCauses<C>);

impl<C: Ord + Clone> DirtyParts<C> {
    /// True if any of `parts` is dirty.
    pub(super) fn any(&self, parts: Parts) -> bool {
        self.0.iter().any(|(dirty, _)| dirty.meet(parts))
    }

    /// The least cause that marked any of `parts` dirty.
    pub(super) fn cause(&self, parts: Parts) -> Option<C> {
        self.0.iter().filter(|(dirty, _)| dirty.meet(parts)).filter_map(|(_, cause)| cause.as_ref()).min().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_the_least_cause_that_marked_it_dirty() {
        let (mut dirty, mut one, mut two) = (DirtyEntries::default(), 0, 0);
        let line = Parts::BOOKS.and(Parts::DEMAND);
        for (parts, cause) in [(line, 7), (Parts::DEMAND, 5), (line, 6)] {
            dirty.mark_dirty(&mut one, parts, Some(&cause));
        }
        dirty.mark_dirty(&mut two, Parts::OFFERS, None);
        let parts = dirty.take(&mut one);
        assert_eq!(
            [Parts::BOOKS, Parts::DEMAND, Parts::OFFERS].map(|part| parts.cause(part)),
            [Some(6), Some(5), None]
        );
        assert!(parts.any(Parts::BOOKS) && !parts.any(Parts::OFFERS));
        let parts = dirty.take(&mut two);
        assert!(parts.any(Parts::ALL) && parts.cause(Parts::ALL).is_none());
        assert!(dirty.entries.is_empty() && !dirty.take(&mut one).any(Parts::ALL));
    }
}
