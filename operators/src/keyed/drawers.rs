//! Where drawers stand: open in one heap or, while nothing happens to them, flat in another; found by key with one hash.
//!
//! *State.* Open drawers as they are, flat ones in their plain form ([`plain`]), and beside them an index of hashes and
//! numbers in [`SHARDS`] tables. A drawer that once was flat keeps its place among the flat ones while it is open: the
//! number of that place is what later wake-ups know it by.
//! *Cost.* One hash and one look into the index and the drawer. What grows is one block or one table: no single change
//! pays for moving or hashing again all that is held. Tables double when they are full, and equal shares would all be full
//! at once: so their shares differ, from one to two, and one after the other doubles as the drawers do.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::plain::{self, Plain};
use super::slab::Slab;
use super::slot::Slot;

/// Tables of the index; each grows by itself.
const SHARDS: usize = 64;
/// Shares of the hashes, each of which belongs to one table.
const SHARES: usize = 1 << SHARE_BITS;
const SHARE_BITS: u32 = 10;

/// The number of a drawer: of an open one, or of a place among the flat ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Open(u32),
    Flat(u32),
}

impl Number {
    const FLAT: u32 = 1 << 31;

    /// Both in one word.
    pub(super) fn to_word(self) -> u32 {
        match self {
            Number::Open(number) => number,
            Number::Flat(number) => number | Number::FLAT,
        }
    }

    /// What [`Number::to_word`] gave.
    pub(super) fn of_word(word: u32) -> Self {
        if word & Number::FLAT == 0 { Number::Open(word) } else { Number::Flat(word & !Number::FLAT) }
    }
}

/// Where a drawer is named in the index.
#[derive(Clone, Copy)]
struct Place {
    /// Half of the hash of its key: a growing table need not look at keys.
    hash: u32,
    /// A [`Number`] in one word.
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

/// Where the index knows a drawer: the table, and the place in it.
type Named = (usize, usize);

/// An open drawer.
pub(super) type Drawer<K, S> = (K, Slot<S>);

/// A drawer in its plain form.
pub(super) struct Flat {
    /// Key and state.
    pub(super) bytes: Box<[u8]>,
    /// The tick of its wake-up, `i64::MAX` for none.
    pub(super) wake: i64,
}

impl Flat {
    /// Its key.
    ///
    /// # Panics
    /// If it cannot be read again.
    pub(super) fn key<K: Plain>(&self) -> K {
        plain::take(&mut &*self.bytes).expect("what was laid flat can be read")
    }
}

/// A place among the flat drawers.
enum Laid {
    Flat(Flat),
    /// Its drawer is open, under this number.
    Open(u32),
}

/// Drawers by key and by number.
pub(super) struct Drawers<K, S> {
    hasher: FixedState,
    index: Vec<HashTable<Place>>,
    shares: [u8; SHARES],
    open: Slab<Drawer<K, S>>,
    laid: Slab<Laid>,
    /// How many are flat, and the bytes of their plain forms.
    flat: (usize, usize),
    /// Of keys that are looked for, and where they were found; both empty between calls.
    hashes: Vec<u64>,
    named: Vec<Option<Named>>,
    /// Room for a plain form; what is in it means nothing.
    plain: Vec<u8>,
}

impl<K: Clone + Eq + Hash + Plain, S: Default + Plain> Drawers<K, S> {
    pub(super) fn new() -> Self {
        Drawers {
            hasher: FixedState::with_seed(0),
            index: (0..SHARDS).map(|_| HashTable::new()).collect(),
            shares: shares(),
            open: Slab::default(),
            laid: Slab::default(),
            flat: (0, 0),
            hashes: Vec::new(),
            named: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// Which table a hash belongs to, and what that table keeps of it.
    #[expect(clippy::cast_possible_truncation, reason = "splits the hash")]
    fn halves(&self, hash: u64) -> (usize, u32) {
        (usize::from(self.shares[(hash >> (64 - SHARE_BITS)) as usize]), hash as u32)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open.len() + self.flat.0
    }

    /// How many of them are flat.
    pub(super) fn flat_len(&self) -> usize {
        self.flat.0
    }

    /// Every number of an open drawer given so far is below the first, every place of a flat one below the second.
    pub(super) fn numbers(&self) -> (usize, usize) {
        (self.open.numbers(), self.laid.numbers())
    }

    /// The bytes of index and drawers, without what open drawers point to.
    pub(super) fn bytes(&self) -> usize {
        let index: usize = self.index.iter().map(HashTable::capacity).sum();
        self.open.bytes() + self.laid.bytes() + self.flat.1 + index * size_of::<Place>()
    }

    /// The open drawer with this number.
    pub(super) fn get(&self, number: u32) -> Option<&Drawer<K, S>> {
        self.open.get(number)
    }

    /// The open drawer with this number.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Drawer<K, S>> {
        self.open.get_mut(number)
    }

    /// The drawer at this place among the flat ones, if it is flat.
    pub(super) fn get_flat(&self, place: u32) -> Option<&Flat> {
        match self.laid.get(place)? {
            Laid::Flat(flat) => Some(flat),
            Laid::Open(_) => None,
        }
    }

    /// Every open drawer with its number, in order of numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Drawer<K, S>)> {
        self.open.iter_mut()
    }

    /// The tick of the live wake-up of a drawer.
    pub(super) fn wake_of(&self, number: Number) -> Option<i64> {
        match number {
            Number::Open(number) => Some(self.open.get(number)?.1.wake),
            Number::Flat(place) => match self.laid.get(place)? {
                Laid::Flat(flat) => Some(flat.wake),
                Laid::Open(number) => Some(self.open.get(*number)?.1.wake),
            },
        }
    }

    /// Where a drawer stands now that had this number.
    pub(super) fn now(&self, number: Number) -> Option<Number> {
        match number {
            Number::Open(number) => self.open.get(number).map(|_| Number::Open(number)),
            Number::Flat(place) => match self.laid.get(place)? {
                Laid::Flat(_) => Some(Number::Flat(place)),
                Laid::Open(number) => Some(Number::Open(*number)),
            },
        }
    }

    /// The number of the drawer of `key`; `opened` is told that of a new one.
    pub(super) fn find_or_open(&mut self, key: &K, opened: impl FnOnce(u32)) -> Number {
        self.find_or_open_at(self.hasher.hash_one(key), key, opened)
    }

    /// Appends to `numbers` those of the drawers of `keys`. Looks for all of them step by step, first in the index and then
    /// at the drawers: waiting for memory many times at once takes little longer than once.
    pub(super) fn find_or_open_all<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k K> + Clone,
        numbers: &mut Vec<Number>,
        mut opened: impl FnMut(u32),
    ) where
        K: 'k,
    {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.extend(keys.clone().map(|key| self.hasher.hash_one(key)));
        let before = numbers.len();
        numbers.extend(hashes.iter().map(|hash| self.likely(*hash)));
        for ((key, hash), number) in keys.zip(hashes.drain(..)).zip(&mut numbers[before..]) {
            let is_it = match *number {
                Number::Open(open) => self.open.get(open).is_some_and(|drawer| drawer.0 == *key),
                Number::Flat(_) => false,
            };
            if !is_it {
                *number = self.find_or_open_at(hash, key, &mut opened);
            }
        }
        self.hashes = hashes;
    }

    /// The number of a drawer whose key may have this hash, without a look at it; of none, if there is none.
    fn likely(&self, hash: u64) -> Number {
        let (shard, hash) = self.halves(hash);
        let found = self.index[shard].find(spread(hash), |place| place.hash == hash);
        Number::of_word(found.map_or(u32::MAX, |place| place.number))
    }

    fn find_or_open_at(&mut self, hash: u64, key: &K, opened: impl FnOnce(u32)) -> Number {
        let (shard, hash) = self.halves(hash);
        let Drawers { index, open, laid, plain, .. } = self;
        let is_it = |place: &Place| {
            place.hash == hash
                && match Number::of_word(place.number) {
                    Number::Open(number) => open.get(number).is_some_and(|drawer| drawer.0 == *key),
                    Number::Flat(at) => laid.get(at).is_some_and(|laid| laid.is_of(key, plain)),
                }
        };
        match index[shard].entry(spread(hash), is_it, |place| place.hash()) {
            Entry::Occupied(found) => Number::of_word(found.get().number),
            Entry::Vacant(vacant) => {
                let number = open.insert(|_| (key.clone(), Slot::new()));
                vacant.insert(Place { hash, number });
                opened(number);
                Number::Open(number)
            }
        }
    }

    /// Lays an open drawer flat; answers at which place it is now.
    pub(super) fn lay(&mut self, number: u32) -> Option<u32> {
        let (key, slot) = self.open.remove(number)?;
        self.plain.clear();
        plain::append(&key, &mut self.plain);
        plain::append(&slot.state, &mut self.plain);
        let flat = Flat { bytes: self.plain.as_slice().into(), wake: slot.wake };
        self.flat = (self.flat.0 + 1, self.flat.1 + flat.bytes.len());
        let place = match slot.marks.place().and_then(|place| Some((place, self.laid.get_mut(place)?))) {
            Some((place, laid)) => {
                *laid = Laid::Flat(flat);
                place
            }
            None => self.laid.insert(|_| Laid::Flat(flat)),
        };
        self.rename(&key, Number::Open(number), Number::Flat(place));
        Some(place)
    }

    /// Opens a flat drawer; answers its number.
    ///
    /// # Panics
    /// If the plain form cannot be read again.
    pub(super) fn unfold(&mut self, place: u32) -> Option<u32> {
        let laid = self.laid.get_mut(place).filter(|laid| matches!(laid, Laid::Flat(_)))?;
        let Laid::Flat(Flat { bytes, wake }) = std::mem::replace(laid, Laid::Open(u32::MAX)) else { return None };
        self.flat = (self.flat.0 - 1, self.flat.1 - bytes.len());
        let (key, state): (K, S) = plain::from_bytes(&bytes).expect("what was laid flat can be read");
        let mut slot = Slot { state, wake, ..Slot::new() };
        slot.marks.set_place(place);
        let named = key.clone();
        let number = self.open.insert(|_| (key, slot));
        if let Some(laid) = self.laid.get_mut(place) {
            *laid = Laid::Open(number);
        }
        self.rename(&named, Number::Flat(place), Number::Open(number));
        Some(number)
    }

    /// Takes open drawers away; their numbers may be given again. Looks for all of them first, as
    /// [`find_or_open_all`](Drawers::find_or_open_all) does.
    pub(super) fn remove_all(&mut self, numbers: &mut Vec<u32>) {
        let (mut hashes, mut named) = (std::mem::take(&mut self.hashes), std::mem::take(&mut self.named));
        numbers.retain(|number| match self.open.get(*number) {
            Some((key, _)) => {
                hashes.push(self.hasher.hash_one(key));
                true
            }
            None => false,
        });
        let sought = hashes.drain(..).zip(&*numbers);
        named.extend(sought.map(|(hash, number)| self.find(hash, Number::Open(*number))));
        for (number, named) in numbers.drain(..).zip(named.drain(..)) {
            self.remove_named(number, named);
        }
        (self.hashes, self.named) = (hashes, named);
    }

    fn remove_named(&mut self, number: u32, named: Option<Named>) {
        let Some((_, slot)) = self.open.remove(number) else { return };
        if let Some(place) = slot.marks.place() {
            self.laid.remove(place);
        }
        if let Some((shard, at)) = named
            && let Ok(found) = self.index[shard].get_bucket_entry(at)
        {
            found.remove();
        }
    }

    /// Where the index knows a drawer by this number, whose key has this hash.
    fn find(&self, hash: u64, number: Number) -> Option<Named> {
        let (shard, half) = self.halves(hash);
        let number = number.to_word();
        let at = self.index[shard].find_bucket_index(spread(half), |place| place.number == number)?;
        Some((shard, at))
    }

    /// Has the index know the drawer of `key` by another number.
    fn rename(&mut self, key: &K, before: Number, after: Number) {
        if let Some((shard, at)) = self.find(self.hasher.hash_one(key), before)
            && let Some(place) = self.index[shard].get_bucket_mut(at)
        {
            place.number = after.to_word();
        }
    }
}

impl Laid {
    /// Whether it is a flat drawer of `key`; `plain` is room for the plain form of that.
    fn is_of<K: Plain>(&self, key: &K, plain: &mut Vec<u8>) -> bool {
        let Laid::Flat(flat) = self else { return false };
        plain.clear();
        plain::append(key, plain);
        flat.bytes.starts_with(plain)
    }
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

    type Numbers = Drawers<i64, i64>;

    /// The number of the open drawer of `key`, which holds `state` if it is new.
    fn open(drawers: &mut Numbers, key: i64, state: i64) -> u32 {
        let mut is_new = false;
        let number = match drawers.find_or_open(&key, |_| is_new = true) {
            Number::Open(number) => number,
            Number::Flat(place) => drawers.unfold(place).expect("it is flat"),
        };
        if is_new {
            drawers.get_mut(number).expect("it is open").1.state = state;
        }
        number
    }

    fn held(drawers: &Numbers, number: u32) -> Option<(i64, i64)> {
        drawers.get(number).map(|(key, slot)| (*key, slot.state))
    }

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
        let mut number_of = |key: u32| drawers.find_or_open(&i64::from(key), |_| panic!("it is there"));
        assert!((0..200_000).all(|key| number_of(key) == Number::Open(key)));
    }

    #[test]
    fn many_are_found_as_each_is() {
        let (mut drawers, mut random) = (Numbers::new(), Random::new(2));
        for _ in 0..200 {
            let keys: Vec<i64> = (0..random.index(60)).map(|_| random.below(500)).collect();
            let mut numbers = vec![Number::Open(7)];
            drawers.find_or_open_all(keys.iter(), &mut numbers, |_| ());
            assert_eq!(numbers.remove(0), Number::Open(7));
            for (key, number) in keys.iter().zip(&numbers) {
                assert_eq!(drawers.find_or_open(key, |_| panic!("it is there")), *number);
            }
            match numbers.first() {
                Some(Number::Open(number)) if random.below(2) == 0 => drawers.remove_all(&mut vec![*number]),
                Some(Number::Open(number)) => _ = drawers.lay(*number),
                Some(Number::Flat(place)) => _ = drawers.unfold(*place),
                None => {}
            }
        }
        assert!(drawers.len() > 300 && drawers.flat_len() > 10);
    }

    #[test]
    fn a_map_whose_drawers_are_open_or_flat() {
        let (mut drawers, mut model) = (Numbers::new(), BTreeMap::new());
        let mut random = Random::new(1);
        for step in 0..30_000 {
            let key = random.below(4_000);
            let state = *model.entry(key).or_insert(step);
            let number = open(&mut drawers, key, step);
            assert_eq!(held(&drawers, number), Some((key, state)));
            assert_eq!(drawers.now(Number::Open(number)), Some(Number::Open(number)));
            match random.below(3) {
                0 => {
                    let wake = random.below(1_000);
                    drawers.get_mut(number).expect("it is open").1.wake = wake;
                    let place = drawers.lay(number).expect("it is open");
                    let flat = drawers.get_flat(place).expect("it is flat");
                    assert_eq!((flat.key::<i64>(), flat.wake), (key, wake));
                    assert_eq!(drawers.wake_of(Number::Flat(place)), Some(wake));
                    assert!(held(&drawers, number).is_none() && drawers.lay(number).is_none());
                }
                1 => {
                    model.remove(&key);
                    drawers.remove_all(&mut vec![number, number]);
                    assert!(drawers.get(number).is_none());
                }
                _ => {}
            }
            assert_eq!(drawers.len(), model.len());
        }
        assert!(drawers.flat_len() > 500 && drawers.numbers().0 <= 4_000 && drawers.numbers().1 <= 4_000);
        for (key, state) in &model {
            let number = open(&mut drawers, *key, -1);
            assert_eq!(held(&drawers, number), Some((*key, *state)));
        }
        assert_eq!((drawers.flat_len(), drawers.flat.1), (0, 0));
    }

    #[test]
    fn a_drawer_keeps_its_place_among_the_flat_ones() {
        let mut drawers = Numbers::new();
        let number = open(&mut drawers, 1, 11);
        drawers.get_mut(number).expect("it is open").1.wake = 5;
        let place = drawers.lay(number).expect("it is open");
        let number = open(&mut drawers, 2, 12);
        assert_eq!(drawers.lay(number), Some(place + 1));
        let number = drawers.unfold(place).expect("it is flat");
        assert_eq!(drawers.now(Number::Flat(place)), Some(Number::Open(number)));
        assert_eq!(drawers.wake_of(Number::Flat(place)), Some(5));
        assert!(drawers.get_flat(place).is_none() && drawers.unfold(place).is_none());
        assert_eq!(drawers.lay(number), Some(place));
    }
}
