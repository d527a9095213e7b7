//! Variances of an item at a store: each count against the book value just before it.
//!
//! Covered by the tests of view inventory.accuracy.

use contract::ids::Id;
use contract::keys::StoreDay;
use contract::time::day;
use operators::compact::compact_vec::CompactVec;
use serde::{Deserialize, Serialize};

use crate::state::ledger::{Counted, Ledger};

/// The variance of each count, as last emitted.
#[derive(Default, Serialize, Deserialize)]
pub struct Variances {
    /// True if a change may affect a variance.
    moved: bool,
    last_emitted: CompactVec<(Counted, i64)>,
}

impl Variances {
    /// A count comes or goes.
    pub fn count(&mut self) {
        self.moved = true;
    }

    /// Notes that the stock moves by `milli`; a move after the last count affects no variance.
    pub fn moved(&mut self, event_time: i64, milli: i64, ledger: &Ledger) {
        self.moved |= milli != 0 && ledger.anchor().is_some_and(|anchor| event_time <= anchor.0);
    }

    /// Emits the changed variances through `push`, as a variance of a day and a difference; a count before `edge` is
    /// final.
    pub fn emit(&mut self, store: Id, ledger: &Ledger, edge: i64, mut push: impl FnMut((StoreDay, i64), i64)) {
        if std::mem::take(&mut self.moved) {
            self.last_emitted.retain(|(count, _)| count.0 >= edge);
            let new: CompactVec<_> = ledger.variances().into_iter().filter(|(count, _)| count.0 >= edge).collect();
            let row = |(count, variance): &(Counted, i64)| (StoreDay { store, day: day(count.0) }, *variance);
            if new != self.last_emitted {
                self.last_emitted.iter().map(row).for_each(|row| push(row, -1));
                new.iter().map(row).for_each(|row| push(row, 1));
                self.last_emitted = new;
            }
        }
        if self.last_emitted.iter().all(|(count, _)| count.0 < edge) {
            self.last_emitted = CompactVec::default();
        }
    }
}
