//! Who is there, who should be, and how many are needed, per store and role.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::workforce::Role;
use crate::ids::Id;

/// The name of the view.
pub const NAME: &str = "labor.coverage";

/// A role at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreRole {
    /// The store.
    pub store: Id,
    /// The role.
    pub role: Role,
}

/// Heads present, planned and needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// In, and not on a break.
    pub present: i64,
    /// With a shift now.
    pub scheduled: i64,
    /// Needed for the work there is.
    pub required: i64,
    /// Required − present.
    pub gap: i64,
}
