//! Storage of values under stable ids: values are never moved, and the id of a removed value is used again.
//!
//! *State.* Blocks of [`BLOCK`] places; a free place is filled before a new one is made.

/// Values that are allocated together, at most.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 10;

/// Values by id.
pub(super) struct Arena<T> {
    blocks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    id_bound: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { blocks: Vec::new(), free: Vec::new(), id_bound: 0 }
    }
}

impl<T> Arena<T> {
    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.id_bound as usize - self.free.len()
    }

    /// Every id given so far is below this.
    pub(super) fn id_bound(&self) -> usize {
        self.id_bound as usize
    }

    /// Bytes allocated, without allocations that the values own.
    pub(super) fn bytes(&self) -> usize {
        let places: usize = self.blocks.iter().map(Vec::capacity).sum();
        places * size_of::<Option<T>>() + self.free.capacity() * size_of::<u32>()
    }

    /// The value with this id.
    pub(super) fn get(&self, id: u32) -> Option<&T> {
        let block = self.blocks.get((id >> BLOCK_BITS) as usize)?;
        block.get(id as usize % BLOCK)?.as_ref()
    }

    /// The value with this id.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let block = self.blocks.get_mut((id >> BLOCK_BITS) as usize)?;
        block.get_mut(id as usize % BLOCK)?.as_mut()
    }

    /// Every value with its id, in order of ids.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = self.blocks.iter_mut().flatten();
        (0u32..).zip(places).filter_map(|(id, place)| Some((id, place.as_mut()?)))
    }

    /// Adds a value and returns its id.
    ///
    /// # Panics
    /// If there are 2³¹ ids.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            let id = self.id_bound;
            assert!(id < u32::MAX >> 1, "more than 2^31 keys on one worker");
            self.id_bound += 1;
            id
        });
        let value = Some(value);
        let block = (id >> BLOCK_BITS) as usize;
        if block == self.blocks.len() {
            // The first blocks of a small state grow by need.
            self.blocks.push(if block < 2 { Vec::new() } else { Vec::with_capacity(BLOCK) });
        }
        let block = &mut self.blocks[block];
        match block.get_mut(id as usize % BLOCK) {
            Some(free) => *free = value,
            None => block.push(value),
        }
        id
    }

    /// Removes a value; its id may be given again.
    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let block = self.blocks.get_mut((id >> BLOCK_BITS) as usize)?;
        let value = block.get_mut(id as usize % BLOCK)?.take()?;
        self.free.push(id);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Random;

    #[test]
    fn equals_a_map_from_ids_to_values() {
        let (mut arena, mut model, mut random) = (Arena::default(), BTreeMap::new(), Random::new(1));
        for step in 0..20_000_u32 {
            if let Some(id) = model.keys().nth(random.index(4_000)).copied() {
                assert_eq!(arena.remove(id), model.remove(&id));
                assert!(arena.get(id).is_none() && arena.remove(id).is_none());
            } else {
                let id = arena.insert(step);
                assert_eq!(model.insert(id, step), None);
            }
            assert_eq!(arena.len(), model.len());
        }
        assert!(arena.id_bound() <= 4_001 && arena.bytes() >= arena.len() * size_of::<Option<u32>>());
        assert_eq!(arena.iter_mut().map(|(id, value)| (id, *value)).collect::<BTreeMap<_, _>>(), model);
    }
}
