//! Which parts of a drawer records touched in a tick, and which of the records is to blame for each.

use smallvec::SmallVec;

use operators::diff::least_of;

/// A set of parts of a drawer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts(u8);

impl Parts {
    /// None.
    pub(super) const NONE: Parts = Parts(0);
    /// What the books are made of.
    pub(super) const BOOKS: Parts = Parts(1);
    /// What the demand is made of.
    pub(super) const DEMAND: Parts = Parts(2);
    /// What promotions are made of.
    pub(super) const OFFERS: Parts = Parts(4);
    /// What stockout_risk reads beside the books.
    pub(super) const STOCKOUT: Parts = Parts(8);
    /// What phantom_stock reads beside the books.
    pub(super) const PHANTOM: Parts = Parts(16);
    /// What negative_on_hand reads beside the books.
    pub(super) const NEGATIVE: Parts = Parts(32);
    /// All of them.
    pub(super) const ALL: Parts = Parts(63);

    /// These and others.
    pub(super) const fn and(self, others: Parts) -> Parts {
        Parts(self.0 | others.0)
    }

    /// Those of these that are among others.
    pub(super) const fn common(self, others: Parts) -> Parts {
        Parts(self.0 & others.0)
    }

    /// These, if it holds.
    pub(super) fn when(self, holds: bool) -> Parts {
        if holds { self } else { Parts::NONE }
    }

    /// Whether there are any.
    pub(super) fn are_any(self) -> bool {
        self != Parts::NONE
    }

    /// Whether they have a part in common.
    pub(super) fn meet(self, others: Parts) -> bool {
        self.common(others).are_any()
    }
}

/// What touched a drawer: parts, and the least record that touched just these.
type PartCauses<C> = SmallVec<[(Parts, Option<C>); 2]>;

/// The touches of a tick, numbered from 1 on: a drawer holds its number, 0 if it was not touched.
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
    /// Parts of a drawer are touched on account of `cause`.
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

    /// What touched a drawer, which then is not touched any more.
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

/// What touched a drawer in a tick.
pub(super) struct DirtyParts<C>(PartCauses<C>);

impl<C: Ord + Clone> DirtyParts<C> {
    /// Whether any of `parts` was touched.
    pub(super) fn any(&self, parts: Parts) -> bool {
        self.0.iter().any(|(dirty, _)| dirty.meet(parts))
    }

    /// The least record that touched any of `parts`.
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
