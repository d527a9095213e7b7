//! Record types `shift` and `punch`: planned shifts and clock punches of employees (contract §3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Spelling};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"wor-1","type":"punch","event_time":1772432017001,"ingest_time":1772432017100,"store_id":"s03","employee_id":"s03.fl.1a","role":"floor","kind":"in"}"#;

/// What somebody works as; roles order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// At the tills.
    Checkout,
    /// On the shop floor.
    Floor,
    /// Picking orders.
    Fulfillment,
}

impl Role {
    /// The role's name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Checkout => "checkout",
            Role::Floor => "floor",
            Role::Fulfillment => "fulfillment",
        }
    }
}

const ROLES: Spelling<Role> =
    &[("checkout", Role::Checkout), ("fulfillment", Role::Fulfillment), ("floor", Role::Floor)];

/// The kind of a punch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum PunchKind {
    In,
    Out,
    BreakStart,
    BreakEnd,
}

const KINDS: Spelling<PunchKind> = &[
    ("in", PunchKind::In),
    ("out", PunchKind::Out),
    ("break_start", PunchKind::BreakStart),
    ("break_end", PunchKind::BreakEnd),
];

/// A clock punch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Punch {
    /// The store.
    pub store: Id,
    /// The employee.
    pub employee: Id,
    /// The role.
    pub role: Role,
    /// In, out, or a break.
    pub kind: PunchKind,
}

impl Punch {
    /// Reads the fields of a punch at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(Punch {
            store,
            employee: fields.id("employee_id")?,
            role: fields.choice("role", ROLES)?,
            kind: fields.choice("kind", KINDS)?,
        })
    }
}

/// A planned shift.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shift {
    /// The store.
    pub store: Id,
    /// The role.
    pub role: Role,
    /// The start.
    pub start_at: i64,
    /// The end, exclusive.
    pub end_at: i64,
}

impl Shift {
    /// Reads the fields of a shift at `store`, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        fields.id("employee_id")?;
        Ok(Shift {
            store,
            role: fields.choice("role", ROLES)?,
            start_at: fields.integer("start_at", NATURAL)?,
            end_at: fields.integer("end_at", NATURAL)?,
        })
    }
}
