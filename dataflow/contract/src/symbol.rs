//! Symbols: the fixed vocabulary of exceptions (measures, units, actions, roles).
//!
//! A [`Symbol`] is a static string of the source, so copying it costs nothing. One that is read from another process or
//! a snapshot is interned for the life of the process, as an [`Id`] is: there are no more than the source has.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::Id;

/// A symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Symbol(&'static str);

impl Symbol {
    /// The word.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static str> for Symbol {
    fn from(word: &'static str) -> Self {
        Symbol(word)
    }
}

impl From<Id> for Symbol {
    fn from(id: Id) -> Self {
        Symbol(id.as_str())
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Id::deserialize(deserializer).map(Symbol::from)
    }
}

impl JsonSchema for Symbol {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        String::inline_schema()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_survives_a_round_trip() {
        let written = Symbol::from("milli-units");
        let read: Symbol = bincode::deserialize(&bincode::serialize(&written).unwrap()).unwrap();
        assert_eq!((read, read.as_str()), (written, "milli-units"));
        assert!(Symbol::from("bp") < Symbol::from("cents"));
    }
}
