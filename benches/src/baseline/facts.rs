//! The book of what happened: every accepted fact until nobody can correct it any more, found by its name.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use contract::event::{FactBody, Topic};
use contract::ids::EventId;
use contract::time::MINUTE_MS;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::slots::place;

/// No shelf.
pub(super) const NOWHERE: u32 = u32::MAX;

/// An accepted fact, by its last revision.
#[derive(Debug)]
pub(super) struct Fact {
    /// Its topic.
    pub(super) topic: Topic,
    /// Its name there.
    pub(super) id: EventId,
    /// Its revision.
    pub(super) revision: i64,
    /// The greatest event time of its revisions: it is remembered until this is out of the horizon.
    pub(super) horizon: i64,
    /// When it happened.
    pub(super) event_time: i64,
    /// What it says; `None` of a deleted one.
    pub(super) body: Option<FactBody>,
    /// The shelf that holds it.
    pub(super) shelf: u32,
    /// The shelf has it in its sums for good.
    pub(super) booked: bool,
    /// Promotions have it in their sums for good.
    pub(super) folded: bool,
    generation: u32,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Facts {
    index: HashTable<u32>,
    hasher: FixedState,
    facts: Vec<Fact>,
    free: Vec<u32>,
    /// By minute, who can be corrected no longer after it.
    expiring: BTreeMap<i64, Vec<(u32, u32)>>,
}

impl Default for Facts {
    fn default() -> Self {
        let hasher = FixedState::with_seed(11);
        Facts { index: HashTable::new(), hasher, facts: Vec::new(), free: Vec::new(), expiring: BTreeMap::new() }
    }
}

impl Facts {
    fn hash(&self, topic: Topic, id: &EventId) -> u64 {
        self.hasher.hash_one((topic as u8, id.as_str()))
    }

    /// A fact.
    pub(super) fn get(&self, at: u32) -> &Fact {
        &self.facts[at as usize]
    }

    /// A fact, to be changed.
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Fact {
        &mut self.facts[at as usize]
    }

    /// Where a fact is.
    pub(super) fn find(&self, topic: Topic, id: &EventId) -> Option<u32> {
        let is = |at: &u32| {
            let fact = &self.facts[*at as usize];
            fact.topic == topic && fact.id == *id
        };
        self.index.find(self.hash(topic, id), is).copied()
    }

    /// Makes a place for a new fact.
    pub(super) fn open(&mut self, topic: Topic, id: EventId) -> u32 {
        let hash = self.hash(topic, &id);
        let mut fact = Fact {
            topic,
            id,
            revision: 0,
            horizon: i64::MIN,
            event_time: 0,
            body: None,
            shelf: NOWHERE,
            booked: false,
            folded: false,
            generation: 0,
        };
        let at = if let Some(at) = self.free.pop() {
            fact.generation = self.facts[at as usize].generation + 1;
            self.facts[at as usize] = fact;
            at
        } else {
            self.facts.push(fact);
            place(self.facts.len() - 1)
        };
        let (facts, hasher) = (&self.facts, &self.hasher);
        self.index.insert_unique(hash, at, |at| {
            let fact = &facts[*at as usize];
            hasher.hash_one((fact.topic as u8, fact.id.as_str()))
        });
        at
    }

    /// Lets the clock look at a fact when its content, or, booked already, its name can be forgotten.
    pub(super) fn expire_later(&mut self, at: u32, lateness_ms: i64) {
        let fact = &mut self.facts[at as usize];
        fact.generation += 1;
        let until = if fact.booked || fact.body.is_none() { fact.horizon } else { fact.event_time };
        let minute = (until + lateness_ms).div_euclid(MINUTE_MS) + 1;
        self.expiring.entry(minute).or_default().push((at, fact.generation));
    }

    /// The facts that can be corrected no longer at `now`, oldest first.
    pub(super) fn expired(&mut self, now: i64, into: &mut Vec<u32>) {
        while let Some(first) = self.expiring.first_entry()
            && *first.key() * MINUTE_MS <= now
        {
            let from = into.len();
            let due = first.remove();
            into.extend(
                due.into_iter().filter(|(at, generation)| self.get(*at).generation == *generation).map(|(at, _)| at),
            );
            let facts = &self.facts;
            into[from..].sort_by_key(|at| facts[*at as usize].event_time);
        }
    }

    /// Forgets a fact.
    pub(super) fn forget(&mut self, at: u32) {
        let fact = &mut self.facts[at as usize];
        fact.body = None;
        fact.generation += 1;
        let hash = self.hasher.hash_one((fact.topic as u8, fact.id.as_str()));
        if let Ok(found) = self.index.find_entry(hash, |held| *held == at) {
            found.remove();
        }
        self.free.push(at);
    }
}
