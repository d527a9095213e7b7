//! Ids: interned for master data, stored whole for events, transactions, orders and tasks.
//!
//! Ids of master data (stores, items, customers, operators, promotions, …) are interned for the life of the process: an
//! [`Id`] is one pointer to its text and its hash, and the hash is equal in every process, as routing and snapshots
//! need. Each distinct id costs 60–120 bytes. Unbounded ids (events, transactions, orders, tasks) are never interned.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{LazyLock, PoisonError, RwLock};

use compact_str::CompactString;
use foldhash::quality::FixedState;
use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An interned id of master data.
#[derive(Clone, Copy)]
pub struct Id(&'static Name);

struct Name {
    hash: u64,
    text: Box<str>,
}

/// Ids by the hashes of their texts, in tables that threads seldom want at once.
static NAMES: LazyLock<[RwLock<HashTable<Id>>; 16]> = LazyLock::new(Default::default);

/// The hash of a text, and the table that holds its id.
fn table_of(text: &str) -> (u64, &'static RwLock<HashTable<Id>>) {
    let hash = FixedState::with_seed(0).hash_one(text);
    (hash, &NAMES[(hash >> 32) as usize % NAMES.len()])
}

impl Id {
    /// The id of this text; the caller has checked the grammar.
    pub fn new(text: &str) -> Self {
        let (hash, names) = table_of(text);
        let is_it = |id: &Id| &*id.0.text == text;
        if let Some(id) = Id::interned(text) {
            return id;
        }
        let mut names = names.write().unwrap_or_else(PoisonError::into_inner);
        let name = || Id(Box::leak(Box::new(Name { hash, text: text.into() })));
        *names.entry(hash, is_it, |id| id.0.hash).or_insert_with(name).get()
    }

    /// Returns the id of this text if it has been interned. It interns nothing: this is the look-up for text that comes
    /// from outside and may name nothing.
    pub fn interned(text: &str) -> Option<Self> {
        let (hash, names) = table_of(text);
        // A table is whole whenever its lock is let go.
        let names = names.read().unwrap_or_else(PoisonError::into_inner);
        names.find(hash, |id| &*id.0.text == text).copied()
    }

    /// The id's text.
    pub fn as_str(self) -> &'static str {
        &self.0.text
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Id {}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id::new(text))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl Default for Id {
    fn default() -> Self {
        Id::new("")
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$" })
    }
}

/// The name of an event, an order, a task or an exception; inline up to 24 bytes.
pub type EventId = CompactString;

/// A transaction, by the 128-bit hash of its id: only ever compared, and stored by the million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transaction(u64, u64);

impl Transaction {
    /// The transaction with this id.
    #[expect(clippy::cast_possible_truncation, reason = "splits the hash into its halves")]
    pub fn new(text: &str) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
        Transaction((hash >> 64) as u64, hash as u64)
    }
}

/// True if `text` is an id: 1–64 bytes from `A–Z a–z 0–9 . _ : -`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_id_with_one_hash_in_every_form() {
        let texts: Vec<String> = (0..1_000).map(|number| format!("item-{number}")).collect();
        let named = || texts.iter().map(|text| Id::new(text)).collect::<Vec<_>>();
        let ids = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(named)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert!(ids.iter().all(|ids| *ids == named()));
        assert!(named().iter().zip(&texts).all(|(id, text)| id.as_str() == text));
        let read: Id = bincode::deserialize(&bincode::serialize("item-7").unwrap()).unwrap();
        assert_eq!((read, serde_json::to_string(&read).unwrap()), (Id::new("item-7"), "\"item-7\"".to_owned()));
        let hash = |id| FixedState::with_seed(0).hash_one(id);
        assert_eq!(hash(read), hash(Id::new("item-7")));
        assert_ne!(hash(read), hash(Id::new("item-8")));
        // The hash routes keys, and other processes read it from snapshots.
        assert_eq!(read.0.hash, FixedState::with_seed(0).hash_one("item-7"));
    }

    #[test]
    fn ids_order_by_their_bytes_and_follow_the_grammar() {
        assert!(Id::new("a10") < Id::new("a9"));
        assert!(Id::new("B") < Id::new("a"));
        assert!(is_id("s01.r-2:x_9") && !is_id("") && !is_id("a b") && !is_id("é") && !is_id(&"x".repeat(65)));
    }
}
