//! Policies: the numbers that people may change, with default, unit and meaning (contract §5).
//!
//! A value comes from, in this order: a `policy` record (from its tick on), the command line's `--set`, the scenario's
//! `[policy]` table, the default. Unknown names are accepted and mean nothing.

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name, relative to `TYPE.` for a detector's own policy.
    pub name: &'static str,
    /// The default.
    pub default: i64,
    /// The unit.
    pub unit: &'static str,
    /// The meaning.
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

/// The silence of a feed of an open store after which it is stale.
pub const STALE_AFTER: [Policy; 4] = [
    stale("stale_ms.pos", 900_000),
    stale("stale_ms.traffic", 900_000),
    stale("stale_ms.queue", 900_000),
    stale("stale_ms.inventory", 14_400_000),
];

const fn stale(name: &'static str, default: i64) -> Policy {
    Policy { name, default, unit: "ms", meaning: "silence of an open store's feed after which it is stale" }
}

/// The time for which a condition must hold before its exception opens.
pub const FOR_MS: Policy = Policy {
    name: "for_ms",
    default: 0,
    unit: "ms",
    meaning: "how long the open condition must hold without a break before the exception opens",
};
