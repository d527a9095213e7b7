//! The one row of a key, updated by retractions and additions that arrive in any order within a tick.

use serde::{Deserialize, Serialize};

use super::compact_vec::CompactVec;

/// The one row of a key, or none. Within a tick it may hold several rows with counts, until the tick closes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "One")]
pub struct UniqueRow<D>(Rows<D>);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Held")]
enum Rows<D> {
    #[serde(rename = "Nothing")]
    Empty,
    /// One row with count 1.
    #[serde(rename = "Row")]
    Single(D),
    /// Rows with their counts.
    Several(CompactVec<(D, i64)>),
}

impl<D> Default for UniqueRow<D> {
    fn default() -> Self {
        UniqueRow(Rows::Empty)
    }
}

impl<D: PartialEq> UniqueRow<D> {
    /// Adds `diff` copies of `row`.
    pub fn update(&mut self, row: D, diff: i64) {
        self.0 = match (std::mem::replace(&mut self.0, Rows::Empty), diff) {
            (rows, 0) => rows,
            (Rows::Empty, 1) => Rows::Single(row),
            (Rows::Single(single), -1) if single == row => Rows::Empty,
            (Rows::Empty, _) => several(CompactVec::default(), row, diff),
            (Rows::Single(single), _) => several([(single, 1)].into_iter().collect(), row, diff),
            (Rows::Several(rows), _) => several(rows, row, diff),
        };
    }

    /// The row, at the close of a tick.
    pub fn get(&self) -> Option<&D> {
        match &self.0 {
            Rows::Empty => None,
            Rows::Single(row) => Some(row),
            Rows::Several(rows) => {
                let present = || rows.iter().filter(|(_, count)| *count > 0);
                debug_assert!(present().count() <= 1, "a key has one row at the close of a tick");
                present().next().map(|(row, _)| row)
            }
        }
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Rows::Empty)
    }
}

/// The rows after `diff` copies of `row` were added.
fn several<D: PartialEq>(mut rows: CompactVec<(D, i64)>, row: D, diff: i64) -> Rows<D> {
    match rows.iter().position(|(other, _)| *other == row) {
        Some(at) if rows[at].1 + diff == 0 => _ = rows.remove(at),
        Some(at) => rows[at].1 += diff,
        None => rows.push((row, diff)),
    }
    match &rows[..] {
        [] => Rows::Empty,
        [(_, 1)] => Rows::Single(rows.remove(0).0),
        _ => Rows::Several(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_row_may_arrive_before_the_old_one_is_retracted() {
        let mut unique = UniqueRow::default();
        unique.update('a', 1);
        unique.update('b', 1);
        unique.update('a', -1);
        assert_eq!(unique.get(), Some(&'b'));
        unique.update('b', -1);
        assert!(unique.is_empty());
    }

    #[test]
    fn copies_are_counted_in_any_order() {
        let mut unique = UniqueRow::default();
        for (row, diff) in [('a', -1), ('b', 2), ('a', 2), ('c', 0), ('b', -2)] {
            unique.update(row, diff);
        }
        assert_eq!(unique.get(), Some(&'a'));
        unique.update('a', -1);
        assert!(unique.is_empty() && unique.get().is_none());
    }
}
