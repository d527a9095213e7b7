//! A place for one thing, filled by retractions and additions that arrive in any order within a tick.

use serde::{Deserialize, Serialize};

use crate::slim::Slim;

/// Holds the one row a key has; transiently, inside a tick, none or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One<D>(Held<D>);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Held<D> {
    Nothing,
    /// Once.
    Row(D),
    /// Each so many times.
    Several(Slim<(D, i64)>),
}

impl<D> Default for One<D> {
    fn default() -> Self {
        One(Held::Nothing)
    }
}

impl<D: PartialEq> One<D> {
    /// Takes `diff` copies of `row`.
    pub fn update(&mut self, row: D, diff: i64) {
        self.0 = match (std::mem::replace(&mut self.0, Held::Nothing), diff) {
            (held, 0) => held,
            (Held::Nothing, 1) => Held::Row(row),
            (Held::Row(held), -1) if held == row => Held::Nothing,
            (Held::Nothing, _) => several(Slim::default(), row, diff),
            (Held::Row(held), _) => several([(held, 1)].into_iter().collect(), row, diff),
            (Held::Several(held), _) => several(held, row, diff),
        };
    }

    /// The row that stands, at the close of a tick.
    pub fn get(&self) -> Option<&D> {
        match &self.0 {
            Held::Nothing => None,
            Held::Row(row) => Some(row),
            Held::Several(held) => {
                let standing = || held.iter().filter(|(_, count)| *count > 0);
                debug_assert!(standing().count() <= 1, "a key has one row at the close of a tick");
                standing().next().map(|(row, _)| row)
            }
        }
    }

    /// Whether no row stands.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Held::Nothing)
    }
}

/// `diff` copies of `row` more.
fn several<D: PartialEq>(mut held: Slim<(D, i64)>, row: D, diff: i64) -> Held<D> {
    match held.iter().position(|(other, _)| *other == row) {
        Some(at) if held[at].1 + diff == 0 => _ = held.remove(at),
        Some(at) => held[at].1 += diff,
        None => held.push((row, diff)),
    }
    match &held[..] {
        [] => Held::Nothing,
        [(_, 1)] => Held::Row(held.remove(0).0),
        _ => Held::Several(held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_row_may_come_before_the_old_one_goes() {
        let mut one = One::default();
        one.update('a', 1);
        one.update('b', 1);
        one.update('a', -1);
        assert_eq!(one.get(), Some(&'b'));
        one.update('b', -1);
        assert!(one.is_empty());
    }

    #[test]
    fn copies_are_counted_in_any_order() {
        let mut one = One::default();
        for (row, diff) in [('a', -1), ('b', 2), ('a', 2), ('c', 0), ('b', -2)] {
            one.update(row, diff);
        }
        assert_eq!(one.get(), Some(&'a'));
        one.update('a', -1);
        assert!(one.is_empty() && one.get().is_none());
    }
}
