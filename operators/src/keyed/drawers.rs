//! Where drawers stand: found by key with one hash, numbered as long as they live, and never moved in one heap.
//!
//! *State.* The drawers in blocks of [`BLOCK`], and beside them an index of hashes and numbers in [`SHARDS`] tables.
//! *Cost.* One hash and one look into the index and the drawer. What grows is one block or one table: no single change
//! pays for moving or hashing again all that is held. Tables double when they are full, and equal shares would all be full
//! at once: so their shares differ, from one to two, and one after the other doubles as the drawers do.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Drawers that are allocated together, at most.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 10;
/// Tables of the index; each grows by itself.
const SHARDS: usize = 64;
/// Shares of the hashes, each of which belongs to one table.
const SHARES: usize = 1 << SHARE_BITS;
const SHARE_BITS: u32 = 10;

/// Where a drawer is named in the index.
#[derive(Clone, Copy)]
struct Place {
    /// Half of the hash of its key: a growing table need not look at keys.
    hash: u32,
    number: u32,
}

impl Place {
    fn hash(self) -> u64 {
        spread(self.hash)
    }
}

/// A table looks at both ends of a hash.
fn spread(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

/// Drawers by key and by number.
pub(super) struct Drawers<K, V> {
    hasher: FixedState,
    index: Vec<HashTable<Place>>,
    shares: [u8; SHARES],
    blocks: Vec<Vec<Option<(K, V)>>>,
    free: Vec<u32>,
    numbers: u32,
    /// Of keys that are looked for; empty between calls.
    hashes: Vec<u64>,
}

impl<K: Clone + Eq + Hash, V> Drawers<K, V> {
    pub(super) fn new() -> Self {
        let index = (0..SHARDS).map(|_| HashTable::new()).collect();
        let (hasher, shares) = (FixedState::with_seed(0), shares());
        Drawers { hasher, index, shares, blocks: Vec::new(), free: Vec::new(), numbers: 0, hashes: Vec::new() }
    }

    /// Which table a hash belongs to, and what that table keeps of it.
    #[expect(clippy::cast_possible_truncation, reason = "splits the hash")]
    fn halves(&self, hash: u64) -> (usize, u32) {
        (usize::from(self.shares[(hash >> (64 - SHARE_BITS)) as usize]), hash as u32)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers as usize - self.free.len()
    }

    /// Every number given so far is below this.
    pub(super) fn numbers(&self) -> usize {
        self.numbers as usize
    }

    /// The bytes of index and drawers, without what drawers point to.
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(Vec::capacity).sum();
        let index: usize = self.index.iter().map(HashTable::capacity).sum();
        blocks * size_of::<Option<(K, V)>>() + index * size_of::<Place>() + self.free.capacity() * size_of::<u32>()
    }

    /// The drawer with this number.
    pub(super) fn get(&self, number: u32) -> Option<&(K, V)> {
        let block = self.blocks.get((number >> BLOCK_BITS) as usize)?;
        block.get(number as usize % BLOCK)?.as_ref()
    }

    /// The drawer with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut (K, V)> {
        let block = self.blocks.get_mut((number >> BLOCK_BITS) as usize)?;
        block.get_mut(number as usize % BLOCK)?.as_mut()
    }

    /// Every drawer with its number, in order of numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut (K, V))> {
        let drawers = self.blocks.iter_mut().flatten();
        (0u32..).zip(drawers).filter_map(|(number, drawer)| Some((number, drawer.as_mut()?)))
    }

    /// The number of the drawer of `key`, which `open` fills if there is none, told its number.
    pub(super) fn find_or_open(&mut self, key: &K, open: impl FnOnce(u32) -> V) -> u32 {
        self.find_or_open_at(self.hasher.hash_one(key), key, open)
    }

    /// Appends to `numbers` those of the drawers of `keys`. Looks for all of them step by step, first in the index and then
    /// at the drawers: waiting for memory many times at once takes little longer than once.
    pub(super) fn find_or_open_all<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k K> + Clone,
        numbers: &mut Vec<u32>,
        mut open: impl FnMut(u32) -> V,
    ) where
        K: 'k,
    {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.extend(keys.clone().map(|key| self.hasher.hash_one(key)));
        let before = numbers.len();
        numbers.extend(hashes.iter().map(|hash| self.likely(*hash)));
        for ((key, hash), number) in keys.zip(hashes.drain(..)).zip(&mut numbers[before..]) {
            if key_of(&self.blocks, *number) != Some(key) {
                *number = self.find_or_open_at(hash, key, &mut open);
            }
        }
        self.hashes = hashes;
    }

    /// The number of a drawer whose key may have this hash, without a look at it; of none, if there is none.
    fn likely(&self, hash: u64) -> u32 {
        let (shard, hash) = self.halves(hash);
        self.index[shard].find(spread(hash), |place| place.hash == hash).map_or(u32::MAX, |place| place.number)
    }

    fn find_or_open_at(&mut self, hash: u64, key: &K, open: impl FnOnce(u32) -> V) -> u32 {
        let (shard, hash) = self.halves(hash);
        let blocks = &self.blocks;
        let is_it = |place: &Place| place.hash == hash && key_of(blocks, place.number) == Some(key);
        match self.index[shard].entry(spread(hash), is_it, |place| place.hash()) {
            Entry::Occupied(found) => found.get().number,
            Entry::Vacant(vacant) => {
                let number = self.free.pop().unwrap_or_else(|| {
                    let number = self.numbers;
                    self.numbers = number.checked_add(1).expect("more than 2^32 keys on one worker");
                    number
                });
                vacant.insert(Place { hash, number });
                let drawer = Some((key.clone(), open(number)));
                let block = (number >> BLOCK_BITS) as usize;
                if block == self.blocks.len() {
                    // The first blocks of a small state grow as they must.
                    self.blocks.push(if block < 2 { Vec::new() } else { Vec::with_capacity(BLOCK) });
                }
                let block = &mut self.blocks[block];
                match block.get_mut(number as usize % BLOCK) {
                    Some(freed) => *freed = drawer,
                    None => block.push(drawer),
                }
                number
            }
        }
    }

    /// Takes a drawer away; its number may be given again.
    pub(super) fn remove(&mut self, number: u32) -> Option<(K, V)> {
        let block = self.blocks.get_mut((number >> BLOCK_BITS) as usize)?;
        let drawer = block.get_mut(number as usize % BLOCK)?.take()?;
        let (shard, hash) = self.halves(self.hasher.hash_one(&drawer.0));
        if let Ok(found) = self.index[shard].find_entry(spread(hash), |place| place.number == number) {
            found.remove();
        }
        self.free.push(number);
        Some(drawer)
    }
}

fn key_of<K, V>(blocks: &[Vec<Option<(K, V)>>], number: u32) -> Option<&K> {
    let drawer = blocks.get((number >> BLOCK_BITS) as usize)?.get(number as usize % BLOCK)?;
    drawer.as_ref().map(|(key, _)| key)
}

/// The table of each share of the hashes: table i of n has (n + i) / n times as many as the first.
fn shares() -> [u8; SHARES] {
    let before = |table: usize| table * SHARDS + table * table.saturating_sub(1) / 2;
    let mut table = 0;
    std::array::from_fn(|share| {
        while before(table + 1) <= share * before(SHARDS) / SHARES {
            table += 1;
        }
        u8::try_from(table).expect("there are fewer than 256 tables")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::Random;

    #[test]
    fn tables_double_one_after_the_other() {
        let mut drawers = Drawers::new();
        let room = |drawers: &Drawers<i64, ()>| drawers.index.iter().map(HashTable::capacity).collect::<Vec<_>>();
        let (mut before, mut together) = (room(&drawers), 0);
        for hundred in 0..2_000 {
            (0..100).for_each(|key| _ = drawers.find_or_open(&(100 * hundred + key), |_| ()));
            let now = room(&drawers);
            // Few drawers fill small tables, which cost nothing.
            let doubled = now.iter().zip(&before).filter(|(now, before)| now > before && **now > 1_000).count();
            together = together.max(doubled);
            before = now;
        }
        assert!((1..=SHARDS / 8).contains(&together), "{together} at once");
        assert!((0..200_000).all(|key| drawers.find_or_open(&key, |_| panic!("it is there")) as i64 == key));
    }

    #[test]
    fn many_are_found_as_each_is() {
        let (mut drawers, mut random) = (Drawers::new(), Random::new(2));
        for _ in 0..200 {
            let keys: Vec<i64> = (0..random.index(60)).map(|_| random.below(500)).collect();
            let mut numbers = vec![7];
            drawers.find_or_open_all(keys.iter(), &mut numbers, |number| number);
            assert_eq!(numbers.remove(0), 7);
            for (key, number) in keys.iter().zip(&numbers) {
                assert_eq!(drawers.find_or_open(key, |_| panic!("it is there")), *number);
                assert_eq!(drawers.get(*number), Some(&(*key, *number)));
            }
            if let Some(number) = numbers.first() {
                drawers.remove(*number);
            }
        }
        assert!(drawers.len() > 400);
    }

    #[test]
    fn a_map_with_numbers() {
        let (mut drawers, mut model) = (Drawers::new(), BTreeMap::new());
        let mut random = Random::new(1);
        for step in 0..20_000 {
            let key = random.below(4_000);
            if random.below(3) == 0
                && let Some((number, _)) = model.remove(&key)
            {
                assert!(drawers.remove(number).is_some_and(|(removed, _)| removed == key));
                assert!(drawers.remove(number).is_none() && drawers.get(number).is_none());
            } else {
                let number = drawers.find_or_open(&key, |_| step);
                let (held, opened) = *model.entry(key).or_insert((number, step));
                assert_eq!((number, drawers.get(number)), (held, Some(&(key, opened))));
            }
            assert_eq!(drawers.len(), model.len());
        }
        let held: BTreeMap<_, _> =
            drawers.iter_mut().map(|(number, (key, opened))| (*key, (number, *opened))).collect();
        assert_eq!(held, model);
        assert!(drawers.numbers() <= 4_000);
    }
}
