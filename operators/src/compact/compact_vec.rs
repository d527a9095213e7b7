//! Vector of one word with little spare capacity, for states held by the million.

use std::ops::{Deref, DerefMut, RangeTo};

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

/// A vector of one word that grows by half and releases memory when it shrinks; an empty one allocates nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CompactVec<T>(ThinVec<T>);

impl<T> Default for CompactVec<T> {
    fn default() -> Self {
        CompactVec(ThinVec::new())
    }
}

impl<T> Deref for CompactVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for CompactVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> CompactVec<T> {
    /// Inserts a value before the one at `at`.
    ///
    /// # Panics
    /// If there are fewer than `at` values.
    pub fn insert(&mut self, at: usize, value: T) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact((self.0.len() / 2).max(1));
        }
        self.0.insert(at, value);
    }

    /// Appends a value.
    pub fn push(&mut self, value: T) {
        self.insert(self.0.len(), value);
    }

    /// Removes the value at `at`.
    ///
    /// # Panics
    /// If there is no value at `at`.
    pub fn remove(&mut self, at: usize) -> T {
        let removed = self.0.remove(at);
        self.shrink();
        removed
    }

    /// Removes the first values and passes each to `take`.
    ///
    /// # Panics
    /// If there are fewer values.
    pub fn drain(&mut self, range: RangeTo<usize>, take: impl FnMut(T)) {
        if range.end > 0 {
            self.0.drain(range).for_each(take);
            self.shrink();
        }
    }

    /// Keeps the values for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.0.is_empty() {
            self.0 = ThinVec::new();
        } else if self.0.len() * 4 < self.0.capacity() {
            self.0.shrink_to_fit();
        }
    }
}

impl<T> FromIterator<T> for CompactVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut compact = CompactVec(values.into_iter().collect());
        compact.0.shrink_to_fit();
        compact
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn equals_a_vector_and_has_little_spare_capacity() {
        let (mut values, mut model) = (CompactVec::default(), Vec::new());
        let mut random = Random::new(1);
        for step in 0..20_000 {
            let at = usize::try_from(random.below(model.len() as i64 + 1)).expect("not negative");
            match random.below(5) {
                0 if at < model.len() => assert_eq!(values.remove(at), model.remove(at)),
                1 if random.below(20) == 0 => {
                    let mut gone = Vec::new();
                    values.drain(..at, |value| gone.push(value));
                    assert_eq!(gone, model.drain(..at).collect::<Vec<_>>());
                }
                2 if random.below(20) == 0 => {
                    values.retain(|value| value % 3 > 0);
                    model.retain(|value| value % 3 > 0);
                }
                _ => {
                    values.insert(at, step);
                    model.insert(at, step);
                }
            }
            assert_eq!(*values, *model);
            assert!(
                values.0.capacity() <= 4 * model.len().max(1),
                "capacity {} for {}",
                values.0.capacity(),
                model.len()
            );
        }
        assert_eq!(size_of::<CompactVec<u64>>(), size_of::<usize>());
    }

    #[test]
    fn an_empty_one_allocates_nothing() {
        let mut values: CompactVec<i64> = (0..3).collect();
        values.push(7);
        values.drain(..4, drop);
        assert_eq!((values.len(), values.0.capacity()), (0, 0));
    }
}
