//! A place for one thing, filled by retractions and additions that arrive in any order within a tick.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Holds the one row a key has; transiently, inside a tick, none or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct One<D> {
    held: SmallVec<[(D, i64); 1]>,
}

impl<D> Default for One<D> {
    fn default() -> Self {
        One { held: SmallVec::new() }
    }
}

impl<D: PartialEq> One<D> {
    /// Takes `diff` copies of `row`.
    pub fn update(&mut self, row: D, diff: i64) {
        match self.held.iter().position(|(held, _)| *held == row) {
            Some(at) => {
                self.held[at].1 += diff;
                if self.held[at].1 == 0 {
                    self.held.swap_remove(at);
                }
            }
            None if diff != 0 => self.held.push((row, diff)),
            None => {}
        }
    }

    /// The row that stands, at the close of a tick.
    pub fn get(&self) -> Option<&D> {
        let standing = || self.held.iter().filter(|(_, count)| *count > 0);
        debug_assert!(standing().count() <= 1, "a key has one row at the close of a tick");
        standing().next().map(|(row, _)| row)
    }

    /// Whether no row stands.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
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
}
