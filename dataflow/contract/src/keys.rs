//! Keys that several views and exception types share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Id;

/// A store and an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreHour {
    /// The store.
    pub store: Id,
    /// The start of the hour.
    pub hour: i64,
}

/// An item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreItem {
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
}

/// A department of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreDept {
    /// The store.
    pub store: Id,
    /// The department.
    pub dept: Id,
}
