//! A list in no order that grows by a piece at a time: nothing that it holds is ever moved to make room.

/// Items of a piece. The first piece grows as it must.
const PIECE: usize = 1 << 12;

/// Items in no order.
#[derive(Debug)]
pub(crate) struct Pile<T> {
    /// Every piece but the last is full.
    pieces: Vec<Vec<T>>,
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Pile { pieces: Vec::new() }
    }
}

impl<T> Pile<T> {
    /// Adds an item.
    pub(crate) fn push(&mut self, item: T) {
        match self.pieces.last_mut().filter(|last| last.len() < PIECE) {
            Some(last) => last.push(item),
            None => {
                let mut piece = if self.pieces.is_empty() { Vec::new() } else { Vec::with_capacity(PIECE) };
                piece.push(item);
                self.pieces.push(piece);
            }
        }
    }

    /// The item at a place.
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.pieces.get(at / PIECE)?.get(at % PIECE)
    }

    /// Takes the item at a place out; another one comes to stand there.
    pub(crate) fn swap_remove(&mut self, at: usize) {
        let Some(last) = self.pieces.last_mut().and_then(Vec::pop) else { return };
        if let Some(place) = self.pieces.get_mut(at / PIECE).and_then(|piece| piece.get_mut(at % PIECE)) {
            *place = last;
        }
        if self.pieces.last().is_some_and(Vec::is_empty) {
            self.pieces.pop();
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

impl<T> IntoIterator for Pile<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    #[test]
    fn a_vector_in_pieces() {
        let (mut pile, mut model, mut random) = (Pile::default(), Vec::new(), Random::new(2));
        for item in 0..30_000 {
            pile.push(item);
            model.push(item);
            if random.below(3) == 0 {
                let at = usize::try_from(random.below(model.len() as i64)).expect("not negative");
                assert_eq!(pile.get(at), Some(&model[at]));
                pile.swap_remove(at);
                model.swap_remove(at);
            }
        }
        assert!(pile.get(model.len()).is_none() && pile.pieces.len() == model.len().div_ceil(PIECE));
        assert_eq!(pile.into_iter().collect::<Vec<_>>(), model);
        let mut one = Pile::default();
        one.push(1);
        one.swap_remove(0);
        assert!(one.is_empty());
    }
}
