//! Measures the job on a day of a retailer: always the whole contract, always from the same seed.
//!
//! [`load`] makes the work, [`drive`] runs it.

pub mod drive;
pub mod load;
