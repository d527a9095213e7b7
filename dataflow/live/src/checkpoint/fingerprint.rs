//! The fingerprint of a job: the names of its operators, outputs and exception types, each with a hash of the shape of
//! its stored state.
//!
//! A snapshot can be read only by types of the shape that wrote it. Its manifest holds the fingerprint of the job that
//! wrote it; a job with another fingerprint refuses the snapshot before it reads any state, and names the differences.
//! The hash is that of [`operators::keyed::shape`], so a changed field changes it. A shape does not show a change of meaning;
//! [`VERSION`](crate::checkpoint::snapshot::VERSION) does.

use std::collections::BTreeMap;

use contract::time::Time;
use engine::graph::Settings;
use engine::job;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;

/// The names of everything that stores state in a snapshot, each with the hash of its shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Returns the fingerprint of a job with these settings.
    pub fn of(settings: &Settings) -> Self {
        let types = settings.catalog.types.iter();
        let types = types.map(|kind| (format!("exception type {}", kind.name), kind.key.join(", ")));
        let operators = job::shapes(settings).into_iter().map(|(name, shape)| (format!("operator {name:?}"), shape));
        Fingerprint::new(operators.chain(types))
    }

    fn new(shapes: impl Iterator<Item = (String, String)>) -> Self {
        Fingerprint(shapes.map(|(name, shape)| (name, format!("{:016x}", xxh3_64(shape.as_bytes())))).collect())
    }

    /// Compares this fingerprint with that of the snapshot at `tick`.
    ///
    /// # Errors
    /// [`Error::Recovery`] with the names of everything new, missing or changed.
    pub fn check(&self, tick: Time, written: &Fingerprint) -> Result<(), Error> {
        let differences = self.differences(written);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Recovery(format!(
            "the snapshot at tick {tick} was written by a job that stored something else: {}. \
             Start the program that wrote it, or start anew with empty state and new output topics",
            differences.join("; ")
        )))
    }

    /// Returns the differences between this fingerprint and the `written` one, as text.
    fn differences(&self, written: &Fingerprint) -> Vec<String> {
        let others = |one: &Fingerprint, other: &Fingerprint| -> Vec<String> {
            one.0.keys().filter(|name| !other.0.contains_key(*name)).cloned().collect()
        };
        let changed = self.0.iter().filter(|(name, shape)| written.0.get(*name).is_some_and(|held| held != *shape));
        let changed = changed.map(|(name, _)| name.clone()).collect();
        [
            ("the snapshot has nothing of", others(self, written)),
            ("this program has no", others(written, self)),
            ("of another shape:", changed),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {}", names.join(", ")))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::edge::{FUTURE_MS, LATENESS_MS, Limits};
    use engine::reference::Policies;
    use operators::keyed::Ticks;
    use retail::registry::CATALOG;

    fn fingerprint(shapes: &[(&str, &str)]) -> Fingerprint {
        Fingerprint::new(shapes.iter().map(|(name, shape)| ((*name).to_owned(), (*shape).to_owned())))
    }

    #[test]
    fn differences_between_fingerprints_are_named() {
        let written =
            fingerprint(&[("operator \"a\"", "i64"), ("operator \"b\"", "i64"), ("exception type x.y", "store")]);
        written.check(60, &written).expect("the same");
        let here = fingerprint(&[("operator \"a\"", "u64"), ("operator \"c\"", "i64")]);
        let refused = here.check(60, &written).expect_err("another job").to_string();
        let names = "the snapshot has nothing of operator \"c\"; \
                     this program has no exception type x.y, operator \"b\"; \
                     of another shape: operator \"a\".";
        assert!(refused.contains("at tick 60") && refused.contains(names), "{refused}");
    }

    #[test]
    fn a_fingerprint_names_all_state_and_is_the_same_each_time() {
        let ticks = Ticks { tick_ms: 1_000 };
        let limits = Limits { lateness_ms: LATENESS_MS, future_ms: FUTURE_MS };
        let settings = Settings { ticks, limits, emit: ticks, policies: Policies::default(), catalog: CATALOG };
        let Fingerprint(stored) = Fingerprint::of(&settings);
        for name in ["operator \"governance\"", "operator \"output: exceptions\"", "exception type demand.surge"] {
            assert!(stored.contains_key(name), "{name} in {stored:?}");
        }
        assert_eq!(Fingerprint::of(&settings), Fingerprint(stored));
        // No shape may end where a type refuses what it is given.
        for (name, shape) in job::shapes(&settings) {
            assert!(!shape.lines().any(|line| line.starts_with("refused: ")), "{name}: {shape}");
        }
    }
}
