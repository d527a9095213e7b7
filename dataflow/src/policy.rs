//! The numbers people may change: every policy with its default, unit and meaning, and the values in force.
//!
//! A value comes from, in this order: a `policy` record (from its tick on), the command line's `--set`, the scenario's
//! `[policy]` table, the default. Unknown names are accepted and mean nothing.

use std::collections::BTreeMap;

use operators::one::One;

use crate::event::policy::PolicyValue;

/// One number that may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, after `TYPE.` for a detector's own.
    pub name: &'static str,
    /// Its value when nobody says otherwise.
    pub default: i64,
    /// What the number counts.
    pub unit: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

/// Below this confidence an exception is shown, not routed.
pub const MIN_CONFIDENCE: Policy = Policy {
    name: "min_confidence_bp",
    default: 6_000,
    unit: "bp",
    meaning: "below this confidence an exception is advisory: shown, not routed",
};

/// The return rate expected of any item before anything is known of it.
pub const RETURNS_PRIOR: Policy = Policy {
    name: "returns.prior_bp",
    default: 200,
    unit: "bp",
    meaning: "return rate that the returns score of view returns.item is shrunk towards",
};

/// How long a feed may be silent while its store is open.
pub const STALE_AFTER: [Policy; 4] = [
    stale("stale_ms.pos", 900_000),
    stale("stale_ms.traffic", 900_000),
    stale("stale_ms.queue", 900_000),
    stale("stale_ms.inventory", 14_400_000),
];

const fn stale(name: &'static str, default: i64) -> Policy {
    Policy { name, default, unit: "ms", meaning: "silence of an open store's feed after which it is stale" }
}

/// How long a condition must hold before its exception opens.
pub const FOR_MS: Policy = Policy {
    name: "for_ms",
    default: 0,
    unit: "ms",
    meaning: "how long the open condition must hold without a break before the exception opens",
};

/// The values in force on one worker.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    configured: BTreeMap<String, i64>,
    recorded: BTreeMap<String, One<i64>>,
}

impl Policies {
    /// The values of a configuration: the scenario's table, overridden by the command line.
    pub fn configured(configured: BTreeMap<String, i64>) -> Self {
        Policies { configured, recorded: BTreeMap::new() }
    }

    /// Takes (+1) or forgets (−1) a policy record, in any order within a tick.
    pub fn record(&mut self, policy: &PolicyValue, diff: i64) {
        self.recorded.entry(policy.key.to_string()).or_default().update(policy.value, diff);
    }

    /// The value in force of the policy called `name`, if anybody said one.
    pub fn said(&self, name: &str) -> Option<i64> {
        self.recorded.get(name).and_then(One::get).or_else(|| self.configured.get(name)).copied()
    }

    /// The value in force.
    pub fn get(&self, policy: Policy) -> i64 {
        self.said(policy.name).unwrap_or(policy.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_beats_the_configuration_and_a_delete_restores_it() {
        let mut policies = Policies::configured(BTreeMap::from([("returns.prior_bp".to_owned(), 300)]));
        assert_eq!(policies.get(MIN_CONFIDENCE), 6_000);
        assert_eq!(policies.get(RETURNS_PRIOR), 300);
        let record = PolicyValue { key: "returns.prior_bp".into(), value: 400 };
        policies.record(&record, 1);
        assert_eq!(policies.get(RETURNS_PRIOR), 400);
        policies.record(&record, -1);
        assert_eq!(policies.get(RETURNS_PRIOR), 300);
    }
}
