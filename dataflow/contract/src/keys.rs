//! Keys that several views and exception types share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::workforce::Role;
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

/// A role at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreRole {
    /// The store.
    pub store: Id,
    /// The role.
    pub role: Role,
}

/// An hour of a role at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct RoleHour {
    /// The store.
    pub store: Id,
    /// The role.
    pub role: Role,
    /// The start of the hour.
    pub hour: i64,
}

/// A day of a department of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreDeptDay {
    /// The store.
    pub store: Id,
    /// The department.
    pub dept: Id,
    /// The start of the UTC day.
    pub day: i64,
}

/// A store and a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreDay {
    /// The store.
    pub store: Id,
    /// The start of the day.
    pub day: i64,
}
