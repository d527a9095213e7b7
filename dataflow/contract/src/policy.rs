//! The numbers people may change: every policy with its default, unit and meaning.
//!
//! A value comes from, in this order: a `policy` record (from its tick on), the command line's `--set`, the scenario's
//! `[policy]` table, the default. Unknown names are accepted and mean nothing.

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
