//! Measurements: what the parts of storepulse cost, beside what the plain way would cost.
//!
//! | program | measures |
//! |---|---|
//! | `micro` | each operator beside its plain differential twin, on the same input |
//!
//! [`baseline`] is the whole contract written by hand, the line that the job is measured against.
//!
//! A figure means nothing alone: every program measures both sides in one run, says what it claims in its first lines,
//! and names its settings in one place.

pub mod baseline;
