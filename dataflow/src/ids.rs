//! Names of things: short for what returns again and again, whole for what is seen once.
//!
//! Ids of master data (stores, items, customers, operators, promotions, …) are interned for the life of the process: an
//! [`Id`] is one pointer, and hashes and orders by its bytes: alike in every process, which routing and snapshots need
//! (the interner's own hash is seeded anew in each process). The price is some 40–100 bytes for
//! each distinct such id ever seen. Names without end (events, transactions, orders, tasks) are never interned.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use ustr::Ustr;

/// An interned id of master data.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id(Ustr);

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

// Equal ids are one pointer and have one text: equality and hash agree.
impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Id {
    /// The id of this text; the caller has checked the grammar.
    pub fn new(text: &str) -> Self {
        Id(ustr::ustr(text))
    }

    /// Its text.
    pub fn as_str(self) -> &'static str {
        self.0.as_str()
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

/// A transaction, by the 128-bit hash of its id: only ever compared, and held by the million.
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

/// Whether `text` is an id: 1–64 bytes from `A–Z a–z 0–9 . _ : -`.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_order_by_their_bytes_and_follow_the_grammar() {
        assert!(Id::new("a10") < Id::new("a9"));
        assert!(Id::new("B") < Id::new("a"));
        assert!(is_id("s01.r-2:x_9") && !is_id("") && !is_id("a b") && !is_id("é") && !is_id(&"x".repeat(65)));
    }
}
