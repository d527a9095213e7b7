//! The current row of every key of a state topic: of all that was said, the newest stands.

use contract::event::{StateBody, StateKey};
use contract::fate::Outcome;
use contract::ids::EventId;
use engine::edge::Arriving;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::slots::place;

#[derive(Debug, Default)]
struct Held {
    version: Option<(i64, i64, EventId)>,
    body: Option<StateBody>,
    /// The tick last heard of, and the least record of that tick.
    heard: (i64, u32),
    /// It is a policy or a store.
    notice: bool,
}

/// All rows.
#[derive(Debug)]
pub(super) struct States {
    index: HashMap<StateKey, u32, FixedState>,
    rows: Vec<Held>,
}

impl Default for States {
    fn default() -> Self {
        States { index: HashMap::with_hasher(FixedState::with_seed(13)), rows: Vec::new() }
    }
}

/// A row as it was and as it is, if it changed.
pub(super) type Replaced = (Option<StateBody>, Option<StateBody>);

impl States {
    /// A record of a key arrives in this tick; answers the key's place.
    pub(super) fn hear(&mut self, key: StateKey, now: i64, rank: u32) -> u32 {
        let (rows, notice) = (&mut self.rows, matches!(key, StateKey::Policy(_) | StateKey::Store(_)));
        let at = *self.index.entry(key).or_insert_with(|| {
            rows.push(Held { notice, ..Held::default() });
            place(rows.len() - 1)
        });
        let held = &mut rows[at as usize];
        held.heard = if held.heard.0 == now { (now, held.heard.1.min(rank)) } else { (now, rank) };
        at
    }

    /// Whether a key is that of a policy or a store.
    pub(super) fn is_notice(&self, at: u32) -> bool {
        self.rows[at as usize].notice
    }

    /// The least record that spoke of a key in this tick.
    pub(super) fn cause(&self, at: u32) -> u32 {
        self.rows[at as usize].heard.1
    }

    /// Judges a record; the old and the new row if it is accepted and says something.
    pub(super) fn judge(&mut self, at: u32, arrival: Arriving<StateBody>) -> (Outcome, Option<Replaced>) {
        let held = &mut self.rows[at as usize];
        let version = Some((arrival.revision, arrival.event_time, arrival.id));
        if version <= held.version {
            return (Outcome::Duplicate, None);
        }
        let same_record = match (&held.version, &version) {
            (Some((_, one_time, one)), Some((_, other_time, other))) => (one_time, one) == (other_time, other),
            _ => false,
        };
        held.version = version;
        if same_record && held.body == arrival.content {
            return (Outcome::Accepted, None);
        }
        let old = std::mem::replace(&mut held.body, arrival.content.clone());
        (Outcome::Accepted, Some((old, arrival.content)))
    }
}
