//! The counts of an item against the books: by how much each was off.
//!
//! Covered by the tests of view inventory.accuracy.

use contract::ids::Id;
use contract::keys::StoreDay;
use contract::time::day;
use operators::slim::Slim;
use serde::{Deserialize, Serialize};

use crate::state::ledger::{Counted, Ledger};

/// Each count of an item against the book just before it, as last said.
#[derive(Default, Serialize, Deserialize)]
pub struct Variances {
    /// Something happened that a variance may depend on.
    moved: bool,
    last_emitted: Slim<(Counted, i64)>,
}

impl Variances {
    /// A count comes or goes.
    pub fn count(&mut self) {
        self.moved = true;
    }

    /// The stock moves by `milli`; what happens after the last count is no count's business yet.
    pub fn moved(&mut self, event_time: i64, milli: i64, ledger: &Ledger) {
        self.moved |= milli != 0 && ledger.anchor().is_some_and(|anchor| event_time <= anchor.0);
    }

    /// Gives `push` what has changed, as a variance of a day and a difference; a count before `edge` changes no more.
    pub fn emit(&mut self, store: Id, ledger: &Ledger, edge: i64, mut push: impl FnMut((StoreDay, i64), i64)) {
        if std::mem::take(&mut self.moved) {
            self.last_emitted.retain(|(count, _)| count.0 >= edge);
            let new: Slim<_> = ledger.variances().into_iter().filter(|(count, _)| count.0 >= edge).collect();
            let row = |(count, variance): &(Counted, i64)| (StoreDay { store, day: day(count.0) }, *variance);
            if new != self.last_emitted {
                self.last_emitted.iter().map(row).for_each(|row| push(row, -1));
                new.iter().map(row).for_each(|row| push(row, 1));
                self.last_emitted = new;
            }
        }
        if self.last_emitted.iter().all(|(count, _)| count.0 < edge) {
            self.last_emitted = Slim::default();
        }
    }
}
