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
    /// The conditions and the response in words.
    pub rule: Rule,
}

/// The rule of an exception type in words, for the reference; `now` is the tick, names in code face are policies.
#[derive(Debug)]
pub struct Rule {
    /// The open condition.
    pub opens: &'static str,
    /// The clear condition.
    pub clears: &'static str,
    /// The severity, with the condition of each where there are several.
    pub severity: &'static str,
    /// The recommended actions.
    pub recommends: &'static [Recommendation],
}

/// An action that exceptions of a type recommend.
#[derive(Debug)]
pub struct Recommendation {
    /// The name of the action.
    pub action: &'static str,
    /// The names of its parameters.
    pub parameters: &'static [&'static str],
    /// The role that may approve or reject it.
    pub approver: &'static str,
}

impl ExceptionType {
    /// The type's own policies, `for_ms` last.
    pub fn own_policies(&self) -> impl Iterator<Item = Policy> {
        self.policies.iter().copied().chain([Policy { default: self.for_ms, ..FOR_MS }])
    }
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
            let name = |policy: Policy| (format!("{}.{}", kind.name, policy.name), policy);
            kind.own_policies().map(name)
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
