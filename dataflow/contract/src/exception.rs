//! Exceptions: key, severity, action, drivers, and the steps of an episode.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, Id};
use crate::symbol::Symbol;
use crate::time::Cause;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum KeyPart {
    /// A number (a day).
    Number(i64),
    /// A name.
    Name(EventId),
}

impl From<Id> for KeyPart {
    fn from(id: Id) -> Self {
        KeyPart::Name(EventId::new(id.as_str()))
    }
}

impl From<&EventId> for KeyPart {
    fn from(id: &EventId) -> Self {
        KeyPart::Name(id.clone())
    }
}

impl From<i64> for KeyPart {
    fn from(number: i64) -> Self {
        KeyPart::Number(number)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Look at it.
    Medium,
    /// Act on it today.
    High,
    /// Act on it now.
    Critical,
}

/// A parameter of an action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Parameter {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(Symbol),
}

impl Parameter {
    /// True if this differs enough from the `written` value to be worth an update: any change of a text, a fifth of a
    /// number, anything from 0.
    fn moved_from(&self, written: &Parameter) -> bool {
        match (self, written) {
            (Parameter::Number(now), Parameter::Number(before)) => {
                let moved = (i128::from(*now) - i128::from(*before)).abs();
                moved > 0 && moved * 5 >= i128::from(*before).abs()
            }
            (now, before) => now != before,
        }
    }
}

/// The recommended action and its approver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Action {
    /// The name of the action.
    pub name: Symbol,
    /// The role that may approve or reject it.
    pub approver: Symbol,
    /// The parameters.
    pub parameters: Vec<(Symbol, Parameter)>,
}

impl Action {
    /// An action without parameters.
    pub fn new(name: &'static str, approver: &'static str) -> Self {
        Action { name: name.into(), approver: approver.into(), parameters: Vec::new() }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Parameter) -> Self {
        self.parameters.push((name.into(), value));
        self
    }

    /// True if this differs enough from the `written` action to be worth an update.
    pub fn moved_from(&self, written: &Action) -> bool {
        fn names(action: &Action) -> impl Iterator<Item = Symbol> {
            action.parameters.iter().map(|(name, _)| *name)
        }
        (self.name, self.approver) != (written.name, written.approver)
            || names(self).ne(names(written))
            || self.parameters.iter().zip(&written.parameters).any(|((_, now), (_, before))| now.moved_from(before))
    }
}

/// Severity and recommended action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Response {
    /// The severity.
    pub severity: Severity,
    /// The action.
    pub action: Action,
}

impl Response {
    /// True if this differs enough from the `written` response to be worth an update.
    pub fn moved_from(&self, written: &Response) -> bool {
        self.severity != written.severity || self.action.moved_from(&written.action)
    }
}

/// A number that drove a condition, with its bound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Driver {
    /// What was measured.
    pub name: Symbol,
    /// What it is; `null` where it is undefined.
    pub observed: Option<i64>,
    /// What it was compared with, if it was.
    pub expected: Option<i64>,
    /// What it counts.
    pub unit: Symbol,
}

impl Driver {
    /// A number and its bound.
    pub fn new(
        name: &'static str,
        observed: impl Into<Option<i64>>,
        expected: impl Into<Option<i64>>,
        unit: &'static str,
    ) -> Self {
        Driver { name: name.into(), observed: observed.into(), expected: expected.into(), unit: unit.into() }
    }
}

/// The kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Change {
    /// The episode begins.
    Opened,
    /// The severity, action or freeze changed.
    Moved,
    /// The episode ends.
    Cleared,
}

/// One step of an episode, as a detector emits it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The name of its type.
    pub kind: Symbol,
    /// The key: values under their JSON names, in the contract's order.
    pub key: Arc<[(Symbol, KeyPart)]>,
    /// The tick at which it opened.
    pub opened_at: i64,
    /// The kind of the step.
    pub change: Change,
    /// The store, if there is one.
    pub store: Option<Id>,
    /// The severity and the action.
    pub response: Response,
    /// True while only a stale feed keeps it from clearing: it keeps the response last written.
    pub frozen: bool,
    /// The numbers behind it.
    pub drivers: Arc<[Driver]>,
    /// The policies in force.
    pub policy: Arc<[(Symbol, i64)]>,
    /// The record that led to it.
    pub cause: Option<Cause>,
}

impl Step {
    /// The exception id: 32 hex digits of the BLAKE3 of type, key and opening tick (contract §5).
    pub fn exception_id(&self) -> EventId {
        exception_id(self.kind.as_str(), self.key.iter().map(|(_, part)| part), self.opened_at)
    }
}

/// The first 16 bytes, in hex, of BLAKE3 over `TYPE` LF key values joined by `|` LF opened_at.
pub fn exception_id<'a>(name: &str, key: impl IntoIterator<Item = &'a KeyPart>, opened_at: i64) -> EventId {
    let mut text = String::with_capacity(128);
    text.push_str(name);
    text.push('\n');
    for (place, part) in key.into_iter().enumerate() {
        if place > 0 {
            text.push('|');
        }
        match part {
            KeyPart::Name(name) => text.push_str(name),
            KeyPart::Number(number) => text.push_str(&number.to_string()),
        }
    }
    text.push('\n');
    text.push_str(&opened_at.to_string());
    EventId::from(&blake3::hash(text.as_bytes()).to_hex()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_hash_of_type_key_and_opening_tick() {
        let key = [KeyPart::from(Id::new("s02")), KeyPart::from(Id::new("i021"))];
        assert_eq!(
            exception_id("inventory.stockout_risk", &key, 1_772_407_804_000),
            "6f1cee6ced89e7183cb419c8f7747c98"
        );
    }

    #[test]
    fn a_number_moves_by_a_fifth_or_from_zero() {
        let number = Parameter::Number;
        let quantity = |now| Action::new("replenish", "planner").with("quantity", number(now));
        assert!(!quantity(119).moved_from(&quantity(100)));
        assert!(quantity(120).moved_from(&quantity(100)));
        assert!(quantity(80).moved_from(&quantity(100)));
        assert!(quantity(1).moved_from(&quantity(0)));
        assert!(!quantity(0).moved_from(&quantity(0)));
    }
}
