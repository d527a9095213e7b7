//! Exception types: the fixed properties of a type, and the list of a program's types.

use std::ops::Deref;

use crate::event::Topic;
use crate::policy::{FOR_MS, MIN_CONFIDENCE, Policy, RETURNS_PRIOR, STALE_AFTER};

/// An exception type: the properties that all its exceptions share.
#[derive(Debug)]
pub struct ExceptionType {
    /// The name, `domain.problem`.
    pub name: &'static str,
    /// The JSON names of its key.
    pub key: &'static [&'static str],
    /// The views its condition and its drivers read.
    pub views: &'static [&'static str],
    /// The feeds whose silence makes it less certain.
    pub feeds: &'static [Topic],
    /// True if only the role `loss_prevention` may see its exceptions.
    pub restricted: bool,
    /// The type's own policies, named `name.POLICY`. Every type also has `for_ms`.
    pub policies: &'static [Policy],
    /// The default of `for_ms`.
    pub for_ms: i64,
}

/// The exception types of a program, ordered by name.
///
/// Stored and sent records carry the name of the type; its properties are looked up here.
#[derive(Clone, Copy, Debug)]
pub struct ExceptionTypes(&'static [&'static ExceptionType]);

/// A policy under its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The full name.
    pub name: String,
    /// The default.
    pub default: i64,
    /// The unit.
    pub unit: &'static str,
    /// The meaning.
    pub meaning: &'static str,
}

impl ExceptionTypes {
    /// The list of these types.
    pub const fn new(types: &'static [&'static ExceptionType]) -> Self {
        ExceptionTypes(types)
    }

    /// The type of this name, if the program has it.
    pub fn get(self, name: &str) -> Option<&'static ExceptionType> {
        self.0.iter().find(|listed| listed.name == name).copied()
    }

    /// Every policy of the program, by full name.
    pub fn policies(self) -> Vec<Listed> {
        let shared = [MIN_CONFIDENCE, RETURNS_PRIOR].into_iter().chain(STALE_AFTER);
        let shared = shared.map(|policy| (policy.name.to_owned(), policy));
        let own = self.0.iter().flat_map(|kind| {
            let for_ms = Policy { default: kind.for_ms, ..FOR_MS };
            kind.policies
                .iter()
                .copied()
                .chain([for_ms])
                .map(|policy| (format!("{}.{}", kind.name, policy.name), policy))
        });
        let mut all: Vec<Listed> = shared
            .chain(own)
            .map(|(name, Policy { default, unit, meaning, .. })| Listed { name, default, unit, meaning })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

impl Deref for ExceptionTypes {
    type Target = [&'static ExceptionType];

    fn deref(&self) -> &Self::Target {
        self.0
    }
}
