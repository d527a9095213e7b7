//! Things that are numbered as long as they live, and are never moved.
//!
//! *State.* Blocks of [`BLOCK`] places; a place that is left is filled again before there is a new one.

/// Things that are allocated together, at most.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 10;

/// Things by number.
pub(super) struct Slab<T> {
    blocks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    numbers: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { blocks: Vec::new(), free: Vec::new(), numbers: 0 }
    }
}

impl<T> Slab<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers as usize - self.free.len()
    }

    /// Every number given so far is below this.
    pub(super) fn numbers(&self) -> usize {
        self.numbers as usize
    }

    /// Its bytes, without what things point to.
    pub(super) fn bytes(&self) -> usize {
        let places: usize = self.blocks.iter().map(Vec::capacity).sum();
        places * size_of::<Option<T>>() + self.free.capacity() * size_of::<u32>()
    }

    /// The thing with this number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let block = self.blocks.get((number >> BLOCK_BITS) as usize)?;
        block.get(number as usize % BLOCK)?.as_ref()
    }

    /// The thing with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let block = self.blocks.get_mut((number >> BLOCK_BITS) as usize)?;
        block.get_mut(number as usize % BLOCK)?.as_mut()
    }

    /// Every thing with its number, in order of numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = self.blocks.iter_mut().flatten();
        (0u32..).zip(places).filter_map(|(number, place)| Some((number, place.as_mut()?)))
    }

    /// Adds what `thing` makes of its number.
    ///
    /// # Panics
    /// If there are 2³¹ numbers.
    pub(super) fn insert(&mut self, thing: impl FnOnce(u32) -> T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            let number = self.numbers;
            assert!(number < u32::MAX >> 1, "more than 2^31 keys on one worker");
            self.numbers += 1;
            number
        });
        let thing = Some(thing(number));
        let block = (number >> BLOCK_BITS) as usize;
        if block == self.blocks.len() {
            // The first blocks of a small state grow as they must.
            self.blocks.push(if block < 2 { Vec::new() } else { Vec::with_capacity(BLOCK) });
        }
        let block = &mut self.blocks[block];
        match block.get_mut(number as usize % BLOCK) {
            Some(left) => *left = thing,
            None => block.push(thing),
        }
        number
    }

    /// Takes a thing away; its number may be given again.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let block = self.blocks.get_mut((number >> BLOCK_BITS) as usize)?;
        let thing = block.get_mut(number as usize % BLOCK)?.take()?;
        self.free.push(number);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Random;

    #[test]
    fn a_map_by_numbers_it_gives() {
        let (mut slab, mut model, mut random) = (Slab::default(), BTreeMap::new(), Random::new(1));
        for step in 0..20_000_u32 {
            if let Some(number) = model.keys().nth(random.index(4_000)).copied() {
                assert_eq!(slab.remove(number), model.remove(&number));
                assert!(slab.get(number).is_none() && slab.remove(number).is_none());
            } else {
                let number = slab.insert(|number| (number, step));
                assert_eq!(model.insert(number, (number, step)), None);
            }
            assert_eq!(slab.len(), model.len());
        }
        assert!(slab.numbers() <= 4_001 && slab.bytes() >= slab.len() * size_of::<Option<(u32, u32)>>());
        assert_eq!(slab.iter_mut().map(|(number, thing)| (number, *thing)).collect::<BTreeMap<_, _>>(), model);
    }
}
