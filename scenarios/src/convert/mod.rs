//! Public data sets turned into scenarios: one data set, one file, one line in the list below.
//!
//! A converter reads what somebody published and writes what a retailer would have sent. It invents as little as it
//! can, and what it must invent it does by a rule that stands, with its reason, at the head of its file. A row it
//! cannot use is counted, never silently dropped.

pub mod complete_journey;

/// A data set that can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converter {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
}

/// Every converter.
pub const CONVERTERS: [Converter; 1] = [complete_journey::CONVERTER];
