//! Measurements: what the parts of storepulse cost, and the whole, beside what other ways would cost.
//!
//! | program | measures |
//! |---|---|
//! | `micro` | each operator beside its plain differential twin, on the same input; what reading and writing one record costs |
//! | `whole` | the suite of [`measure`], and the job beside every [`contest::Contender`], with a page of plots |
//!
//! [`baseline`] is the whole contract written by hand, the line that the job is measured against.
//!
//! A figure means nothing alone: every program measures both sides in one run, says what it claims in its first lines,
//! and names its settings in one place.

pub mod baseline;
pub mod codecs;
pub mod contest;
pub mod plain;
