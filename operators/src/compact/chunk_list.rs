//! Unordered list that grows by fixed chunks: no item is moved to make room.

/// Items of a chunk. The first chunk grows by need.
const CHUNK: usize = 1 << 12;

/// Items in no order.
#[derive(Debug)]
pub(crate) struct ChunkList<T> {
    /// Every chunk but the last is full.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for ChunkList<T> {
    fn default() -> Self {
        ChunkList { chunks: Vec::new() }
    }
}

impl<T> ChunkList<T> {
    /// Adds an item.
    pub(crate) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|last| last.len() < CHUNK) {
            Some(last) => last.push(item),
            None => {
                let mut chunk = if self.chunks.is_empty() { Vec::new() } else { Vec::with_capacity(CHUNK) };
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    /// The item at an index.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    /// Removes the item at an index and moves the last item there.
    pub(crate) fn swap_remove(&mut self, at: usize) {
        let Some(last) = self.chunks.last_mut().and_then(Vec::pop) else { return };
        if let Some(removed) = self.chunks.get_mut(at / CHUNK).and_then(|chunk| chunk.get_mut(at % CHUNK)) {
            *removed = last;
        }
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
    }

    /// Returns whether there is no item.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl<T> IntoIterator for ChunkList<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn equals_a_vector() {
        let (mut list, mut model, mut random) = (ChunkList::default(), Vec::new(), Random::new(2));
        for item in 0..30_000 {
            list.push(item);
            model.push(item);
            if random.below(3) == 0 {
                let at = usize::try_from(random.below(model.len() as i64)).expect("not negative");
                assert_eq!(list.get(at), Some(&model[at]));
                list.swap_remove(at);
                model.swap_remove(at);
            }
        }
        assert!(list.get(model.len()).is_none() && list.chunks.len() == model.len().div_ceil(CHUNK));
        assert_eq!(list.into_iter().collect::<Vec<_>>(), model);
        let mut one = ChunkList::default();
        one.push(1);
        one.swap_remove(0);
        assert!(one.is_empty());
    }
}
