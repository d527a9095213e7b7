//! The drawers of a room: one a key, those touched in a tick marked with the least record that touched them.

use std::hash::Hash;

use contract::ids::Id;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Nobody's doing: the clock's.
pub(super) const NOBODY: u32 = u32::MAX;

/// One drawer.
#[derive(Debug)]
pub(super) struct Slot<K, S> {
    /// Whose it is.
    pub(super) key: K,
    /// What is kept.
    pub(super) state: S,
    cause: u32,
    touched: bool,
}

/// Drawers by key.
#[derive(Debug)]
pub(super) struct Book<K, S> {
    index: HashMap<K, u32, FixedState>,
    slots: Vec<Slot<K, S>>,
    touched: Vec<u32>,
    free: Vec<u32>,
}

impl<K, S> Default for Book<K, S> {
    fn default() -> Self {
        Book {
            index: HashMap::with_hasher(FixedState::with_seed(7)),
            slots: Vec::new(),
            touched: Vec::new(),
            free: Vec::new(),
        }
    }
}

/// A place in a list as a short number.
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than four billion of a thing")
}

impl<K: Clone + Eq + Hash, S> Book<K, S> {
    /// The drawer of a key, if there is one.
    pub(super) fn find(&self, key: &K) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The drawer of a key, opened if there is none; whether it was.
    pub(super) fn open(&mut self, key: &K, state: impl FnOnce() -> S) -> (u32, bool) {
        if let Some(at) = self.index.get(key) {
            return (*at, false);
        }
        let slot = Slot { key: key.clone(), state: state(), cause: NOBODY, touched: false };
        let at = if let Some(at) = self.free.pop() {
            self.slots[at as usize] = slot;
            at
        } else {
            self.slots.push(slot);
            place(self.slots.len() - 1)
        };
        self.index.insert(key.clone(), at);
        (at, true)
    }

    /// Marks a drawer as touched by a record.
    pub(super) fn touch(&mut self, at: u32, cause: u32) -> &mut S {
        let slot = &mut self.slots[at as usize];
        slot.cause = slot.cause.min(cause);
        if !slot.touched {
            slot.touched = true;
            self.touched.push(at);
        }
        &mut slot.state
    }

    /// The drawers touched since the last time, to be given back with [`Book::give_back`].
    pub(super) fn take_touched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.touched)
    }

    /// Gives the list back, so that its memory serves again.
    pub(super) fn give_back(&mut self, mut list: Vec<u32>) {
        if self.touched.is_empty() {
            list.clear();
            self.touched = list;
        }
    }

    /// Opens a touched drawer to bring it up to date: its key, state and cause.
    pub(super) fn close(&mut self, at: u32) -> (&K, &mut S, u32) {
        let slot = &mut self.slots[at as usize];
        slot.touched = false;
        let cause = std::mem::replace(&mut slot.cause, NOBODY);
        (&slot.key, &mut slot.state, cause)
    }

    /// What is kept at a place.
    pub(super) fn get(&self, at: u32) -> &S {
        &self.slots[at as usize].state
    }

    /// What is kept at a place.
    pub(super) fn get_mut(&mut self, at: u32) -> &mut S {
        &mut self.slots[at as usize].state
    }

    /// Whose drawer it is.
    pub(super) fn key(&self, at: u32) -> &K {
        &self.slots[at as usize].key
    }

    /// How many places there are, empty ones included.
    pub(super) fn places(&self) -> u32 {
        place(self.slots.len())
    }

    /// Throws a drawer away that nobody has touched; answers whether it went.
    pub(super) fn forget(&mut self, at: u32) -> bool {
        let slot = &self.slots[at as usize];
        let gone = !slot.touched && self.index.get(&slot.key) == Some(&at);
        if gone {
            let key = slot.key.clone();
            self.index.remove(&key);
            self.free.push(at);
        }
        gone
    }
}

/// Short numbers for names.
#[derive(Debug)]
pub(super) struct Names {
    index: HashMap<usize, u32, FixedState>,
    names: Vec<Id>,
}

impl Default for Names {
    fn default() -> Self {
        Names { index: HashMap::with_hasher(FixedState::with_seed(7)), names: Vec::new() }
    }
}

impl Names {
    /// The number of a name; equal names are one text in memory.
    pub(super) fn of(&mut self, name: Id) -> u32 {
        let names = &mut self.names;
        *self.index.entry(name.as_str().as_ptr() as usize).or_insert_with(|| {
            names.push(name);
            place(names.len() - 1)
        })
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> Id {
        self.names[number as usize]
    }
}

/// Which of many numbered things were touched in a tick, and by which least record.
#[derive(Debug, Default)]
pub(super) struct Marks {
    marks: Vec<(u32, bool)>,
    list: Vec<u32>,
}

impl Marks {
    /// Marks a thing.
    pub(super) fn touch(&mut self, at: u32, cause: u32) {
        if at as usize >= self.marks.len() {
            self.marks.resize(at as usize + 1, (NOBODY, false));
        }
        let mark = &mut self.marks[at as usize];
        mark.0 = mark.0.min(cause);
        if !mark.1 {
            mark.1 = true;
            self.list.push(at);
        }
    }

    /// The things touched, each with its cause; none is touched any more.
    pub(super) fn drain(&mut self, into: &mut Vec<(u32, u32)>) {
        into.clear();
        for at in self.list.drain(..) {
            let mark = &mut self.marks[at as usize];
            into.push((at, mark.0));
            *mark = (NOBODY, false);
        }
    }
}
