//! A vector for what is held by the million: one word while it is empty, and hardly more room than it needs.

use std::ops::{Deref, DerefMut, RangeTo};

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

/// A vector of one word that grows by halves; what it gives up, it gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slim<T>(ThinVec<T>);

impl<T> Default for Slim<T> {
    fn default() -> Self {
        Slim(ThinVec::new())
    }
}

impl<T> Deref for Slim<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Slim<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Slim<T> {
    /// Puts a value before the one at `at`.
    ///
    /// # Panics
    /// If there are fewer than `at` values.
    pub fn insert(&mut self, at: usize, value: T) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact((self.0.len() / 2).max(1));
        }
        self.0.insert(at, value);
    }

    /// Puts a value behind the others.
    pub fn push(&mut self, value: T) {
        self.insert(self.0.len(), value);
    }

    /// Takes the value at `at` out.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn remove(&mut self, at: usize) -> T {
        let removed = self.0.remove(at);
        self.give_back();
        removed
    }

    /// Takes the first values out, giving each to `take`.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn drain(&mut self, range: RangeTo<usize>, take: impl FnMut(T)) {
        if range.end > 0 {
            self.0.drain(range).for_each(take);
            self.give_back();
        }
    }

    /// Keeps the values for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
        self.give_back();
    }

    fn give_back(&mut self) {
        if self.0.is_empty() {
            self.0 = ThinVec::new();
        } else if self.0.len() * 4 < self.0.capacity() {
            self.0.shrink_to_fit();
        }
    }
}

impl<T> FromIterator<T> for Slim<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut slim = Slim(values.into_iter().collect());
        slim.0.shrink_to_fit();
        slim
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn a_vector_with_little_room() {
        let (mut slim, mut model) = (Slim::default(), Vec::new());
        let mut random = Random::new(1);
        for step in 0..20_000 {
            let at = usize::try_from(random.below(model.len() as i64 + 1)).expect("not negative");
            match random.below(5) {
                0 if at < model.len() => assert_eq!(slim.remove(at), model.remove(at)),
                1 if random.below(20) == 0 => {
                    let mut gone = Vec::new();
                    slim.drain(..at, |value| gone.push(value));
                    assert_eq!(gone, model.drain(..at).collect::<Vec<_>>());
                }
                2 if random.below(20) == 0 => {
                    slim.retain(|value| value % 3 > 0);
                    model.retain(|value| value % 3 > 0);
                }
                _ => {
                    slim.insert(at, step);
                    model.insert(at, step);
                }
            }
            assert_eq!(*slim, *model);
            assert!(slim.0.capacity() <= 4 * model.len().max(1), "room for {} of {}", slim.0.capacity(), model.len());
        }
        assert_eq!(size_of::<Slim<u64>>(), size_of::<usize>());
    }

    #[test]
    fn nothing_takes_no_room() {
        let mut slim: Slim<i64> = (0..3).collect();
        slim.push(7);
        slim.drain(..4, drop);
        assert_eq!((slim.len(), slim.0.capacity()), (0, 0));
    }
}
