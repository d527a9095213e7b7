//! Hash table of keyed entries; entries that no timer or broadcast is expected to change soon are kept serialized.
//!
//! *State.* Hot entries as they are in memory, cold entries encoded ([`serialized`]), and an index from hashes to entry ids
//! in [`SHARDS`] hash tables. An entry that was cold once keeps its cold id while it is hot: timers refer to it by that
//! id.
//! *Cost.* One hash, one look into the index and one at the entry. Growth adds one block or doubles one index table, so no
//! single change pays for moving or rehashing everything. Tables double when they are full, and tables with equal shares
//! of the keys would all be full at once: their shares differ, from one to two, so they double one after the other.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::arena::Arena;
use super::entry::HotEntry;
use super::serialized::{self, Serializable};

/// Hash tables of the index; each grows by itself.
const SHARDS: usize = 64;
/// Shares of the hash space, each of which belongs to one table.
const SHARES: usize = 1 << SHARE_BITS;
const SHARE_BITS: u32 = 10;

/// The id of an entry: of a hot one, or of a cold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryId {
    Hot(u32),
    Cold(u32),
}

impl EntryId {
    const COLD: u32 = 1 << 31;

    /// Both kinds in one word.
    pub(super) fn to_word(self) -> u32 {
        match self {
            EntryId::Hot(hot) => hot,
            EntryId::Cold(cold) => cold | EntryId::COLD,
        }
    }

    /// The inverse of [`EntryId::to_word`].
    pub(super) fn from_word(word: u32) -> Self {
        if word & EntryId::COLD == 0 { EntryId::Hot(word) } else { EntryId::Cold(word & !EntryId::COLD) }
    }
}

/// One element of the index.
#[derive(Clone, Copy)]
struct IndexEntry {
    /// Half of the hash of the key: a growing table need not read keys.
    hash: u32,
    /// An [`EntryId`] in one word.
    id: u32,
}

impl IndexEntry {
    fn hash(self) -> u64 {
        widen(self.hash)
    }
}

/// A full hash from half of one; hash tables use both ends of it.
fn widen(half: u32) -> u64 {
    u64::from(half) << 32 | u64::from(half)
}

/// A position in the index: the table, and the bucket in it.
type IndexPosition = (usize, usize);

/// A hot entry with its key.
pub(super) type KeyedEntry<K, S> = (K, HotEntry<S>);

/// A serialized entry.
pub(super) struct ColdEntry {
    /// Key and state.
    pub(super) bytes: Box<[u8]>,
    /// The tick of the live timer, `i64::MAX` for none.
    pub(super) timer: i64,
}

impl ColdEntry {
    /// Its key.
    ///
    /// # Panics
    /// If it cannot be decoded.
    pub(super) fn key<K: Serializable>(&self) -> K {
        serialized::decode_next(&mut &*self.bytes).expect("what was encoded can be decoded")
    }
}

/// The value of a cold id.
enum ColdPlace {
    /// The entry is cold.
    Cold(ColdEntry),
    /// The entry is hot now, under this id.
    Hot(u32),
}

/// Entries by key and by id.
pub(super) struct Table<K, S> {
    hasher: FixedState,
    index: Vec<HashTable<IndexEntry>>,
    shares: [u8; SHARES],
    hot: Arena<KeyedEntry<K, S>>,
    cold: Arena<ColdPlace>,
    /// The number of cold entries, and the bytes of their encodings.
    cold_size: (usize, usize),
    /// Buffers of lookups: hashes, and positions found; both empty between calls.
    hashes: Vec<u64>,
    positions: Vec<Option<IndexPosition>>,
    /// Buffer for an encoding; its content between calls is meaningless.
    encoded: Vec<u8>,
}

impl<K: Clone + Eq + Hash + Serializable, S: Default + Serializable> Table<K, S> {
    pub(super) fn new() -> Self {
        Table {
            hasher: FixedState::with_seed(0),
            index: (0..SHARDS).map(|_| HashTable::new()).collect(),
            shares: shares(),
            hot: Arena::default(),
            cold: Arena::default(),
            cold_size: (0, 0),
            hashes: Vec::new(),
            positions: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// The table that a hash belongs to, and the half of the hash that the table stores.
    #[expect(clippy::cast_possible_truncation, reason = "splits the hash")]
    fn halves(&self, hash: u64) -> (usize, u32) {
        (usize::from(self.shares[(hash >> (64 - SHARE_BITS)) as usize]), hash as u32)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.hot.len() + self.cold_size.0
    }

    /// The number of cold entries.
    pub(super) fn cold_len(&self) -> usize {
        self.cold_size.0
    }

    /// Bounds of the ids given so far: hot ids are below the first, cold ids below the second.
    pub(super) fn id_bounds(&self) -> (usize, usize) {
        (self.hot.id_bound(), self.cold.id_bound())
    }

    /// Bytes of index and entries, without allocations that hot entries own.
    pub(super) fn bytes(&self) -> usize {
        let index: usize = self.index.iter().map(HashTable::capacity).sum();
        self.hot.bytes() + self.cold.bytes() + self.cold_size.1 + index * size_of::<IndexEntry>()
    }

    /// The hot entry with this id.
    pub(super) fn get(&self, hot: u32) -> Option<&KeyedEntry<K, S>> {
        self.hot.get(hot)
    }

    /// The hot entry with this id.
    pub(super) fn get_mut(&mut self, hot: u32) -> Option<&mut KeyedEntry<K, S>> {
        self.hot.get_mut(hot)
    }

    /// The cold entry with this id, if it is cold now.
    pub(super) fn get_cold(&self, cold: u32) -> Option<&ColdEntry> {
        match self.cold.get(cold)? {
            ColdPlace::Cold(entry) => Some(entry),
            ColdPlace::Hot(_) => None,
        }
    }

    /// Every hot entry with its id, in order of ids.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut KeyedEntry<K, S>)> {
        self.hot.iter_mut()
    }

    /// The tick of the live timer of an entry.
    pub(super) fn timer_of(&self, id: EntryId) -> Option<i64> {
        match id {
            EntryId::Hot(hot) => Some(self.hot.get(hot)?.1.timer),
            EntryId::Cold(cold) => match self.cold.get(cold)? {
                ColdPlace::Cold(entry) => Some(entry.timer),
                ColdPlace::Hot(hot) => Some(self.hot.get(*hot)?.1.timer),
            },
        }
    }

    /// The present id of the entry that had this id.
    pub(super) fn resolve(&self, id: EntryId) -> Option<EntryId> {
        match id {
            EntryId::Hot(hot) => self.hot.get(hot).map(|_| EntryId::Hot(hot)),
            EntryId::Cold(cold) => match self.cold.get(cold)? {
                ColdPlace::Cold(_) => Some(EntryId::Cold(cold)),
                ColdPlace::Hot(hot) => Some(EntryId::Hot(*hot)),
            },
        }
    }

    /// The id of the entry of `key`, which is inserted if there is none; `inserted` receives the hot id of a new one.
    pub(super) fn find_or_insert(&mut self, key: &K, inserted: impl FnOnce(u32)) -> EntryId {
        self.find_or_insert_hashed(self.hasher.hash_one(key), key, inserted)
    }

    /// Appends the ids of the entries of `keys` to `ids`, and inserts missing ones. All hashes are looked up in the index
    /// before any entry is read: many cache misses at a time take little longer than one.
    pub(super) fn find_or_insert_all<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k K> + Clone,
        ids: &mut Vec<EntryId>,
        mut inserted: impl FnMut(u32),
    ) where
        K: 'k,
    {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.extend(keys.clone().map(|key| self.hasher.hash_one(key)));
        let before = ids.len();
        ids.extend(hashes.iter().map(|hash| self.candidate(*hash)));
        for ((key, hash), id) in keys.zip(hashes.drain(..)).zip(&mut ids[before..]) {
            let is_it = match *id {
                EntryId::Hot(hot) => self.hot.get(hot).is_some_and(|entry| entry.0 == *key),
                EntryId::Cold(_) => false,
            };
            if !is_it {
                *id = self.find_or_insert_hashed(hash, key, &mut inserted);
            }
        }
        self.hashes = hashes;
    }

    /// The id of an entry whose key may have this hash, found without reading the entry; an unused id if there is none.
    fn candidate(&self, hash: u64) -> EntryId {
        let (shard, hash) = self.halves(hash);
        let found = self.index[shard].find(widen(hash), |entry| entry.hash == hash);
        EntryId::from_word(found.map_or(u32::MAX, |entry| entry.id))
    }

    fn find_or_insert_hashed(&mut self, hash: u64, key: &K, inserted: impl FnOnce(u32)) -> EntryId {
        let (shard, hash) = self.halves(hash);
        let Table { index, hot, cold, encoded, .. } = self;
        let is_it = |entry: &IndexEntry| {
            entry.hash == hash
                && match EntryId::from_word(entry.id) {
                    EntryId::Hot(id) => hot.get(id).is_some_and(|entry| entry.0 == *key),
                    EntryId::Cold(id) => cold.get(id).is_some_and(|place| place.is_of(key, encoded)),
                }
        };
        match index[shard].entry(widen(hash), is_it, |entry| entry.hash()) {
            Entry::Occupied(found) => EntryId::from_word(found.get().id),
            Entry::Vacant(vacant) => {
                let id = hot.insert((key.clone(), HotEntry::new()));
                vacant.insert(IndexEntry { hash, id });
                inserted(id);
                EntryId::Hot(id)
            }
        }
    }

    /// Makes a hot entry cold; returns its cold id.
    pub(super) fn encode(&mut self, hot: u32) -> Option<u32> {
        let (key, entry) = self.hot.remove(hot)?;
        self.encoded.clear();
        serialized::encode_to(&key, &mut self.encoded);
        serialized::encode_to(&entry.state, &mut self.encoded);
        let cold_entry = ColdEntry { bytes: self.encoded.as_slice().into(), timer: entry.timer };
        self.cold_size = (self.cold_size.0 + 1, self.cold_size.1 + cold_entry.bytes.len());
        let cold = match entry.flags.cold_id().and_then(|cold| Some((cold, self.cold.get_mut(cold)?))) {
            Some((cold, place)) => {
                *place = ColdPlace::Cold(cold_entry);
                cold
            }
            None => self.cold.insert(ColdPlace::Cold(cold_entry)),
        };
        self.change_id(&key, EntryId::Hot(hot), EntryId::Cold(cold));
        Some(cold)
    }

    /// Makes a cold entry hot; returns its hot id.
    ///
    /// # Panics
    /// If its bytes cannot be decoded.
    pub(super) fn decode(&mut self, cold: u32) -> Option<u32> {
        let place = self.cold.get_mut(cold).filter(|place| matches!(place, ColdPlace::Cold(_)))?;
        let ColdPlace::Cold(ColdEntry { bytes, timer }) = std::mem::replace(place, ColdPlace::Hot(u32::MAX)) else {
            return None;
        };
        self.cold_size = (self.cold_size.0 - 1, self.cold_size.1 - bytes.len());
        let (key, state): (K, S) = serialized::decode(&bytes).expect("what was encoded can be decoded");
        let mut entry = HotEntry { state, timer, ..HotEntry::new() };
        entry.flags.set_cold_id(cold);
        let hot = self.hot.insert((key.clone(), entry));
        if let Some(place) = self.cold.get_mut(cold) {
            *place = ColdPlace::Hot(hot);
        }
        self.change_id(&key, EntryId::Cold(cold), EntryId::Hot(hot));
        Some(hot)
    }

    /// Removes hot entries; their ids may be given again. All of them are looked up before any is removed, as in
    /// [`find_or_insert_all`](Table::find_or_insert_all).
    pub(super) fn remove_all(&mut self, ids: &mut Vec<u32>) {
        let (mut hashes, mut positions) = (std::mem::take(&mut self.hashes), std::mem::take(&mut self.positions));
        ids.retain(|hot| match self.hot.get(*hot) {
            Some((key, _)) => {
                hashes.push(self.hasher.hash_one(key));
                true
            }
            None => false,
        });
        let sought = hashes.drain(..).zip(&*ids);
        positions.extend(sought.map(|(hash, hot)| self.position(hash, EntryId::Hot(*hot))));
        for (hot, position) in ids.drain(..).zip(positions.drain(..)) {
            self.remove_at(hot, position);
        }
        (self.hashes, self.positions) = (hashes, positions);
    }

    fn remove_at(&mut self, hot: u32, position: Option<IndexPosition>) {
        let Some((_, entry)) = self.hot.remove(hot) else { return };
        if let Some(cold) = entry.flags.cold_id() {
            self.cold.remove(cold);
        }
        if let Some((shard, bucket)) = position
            && let Ok(found) = self.index[shard].get_bucket_entry(bucket)
        {
            found.remove();
        }
    }

    /// The position in the index of the entry with this id, whose key has this hash.
    fn position(&self, hash: u64, id: EntryId) -> Option<IndexPosition> {
        let (shard, half) = self.halves(hash);
        let id = id.to_word();
        let bucket = self.index[shard].find_bucket_index(widen(half), |entry| entry.id == id)?;
        Some((shard, bucket))
    }

    /// Replaces the id of the entry of `key` in the index.
    fn change_id(&mut self, key: &K, before: EntryId, after: EntryId) {
        if let Some((shard, bucket)) = self.position(self.hasher.hash_one(key), before)
            && let Some(entry) = self.index[shard].get_bucket_mut(bucket)
        {
            entry.id = after.to_word();
        }
    }
}

impl ColdPlace {
    /// Returns whether it is a cold entry of `key`; `encoded` is a buffer for the encoding of `key`.
    fn is_of<K: Serializable>(&self, key: &K, encoded: &mut Vec<u8>) -> bool {
        let ColdPlace::Cold(entry) = self else { return false };
        encoded.clear();
        serialized::encode_to(key, encoded);
        entry.bytes.starts_with(encoded)
    }
}

/// The table of each share of the hash space: table i of n has (n + i) / n times as many shares as the first.
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
mod tests;
