//! Scenarios to replay: folders of records a retailer could have sent, made from public data or from a seed.
//!
//! | room | what it holds |
//! |---|---|
//! | [`topic`] | every input record of the public contract, as a type that writes itself as one JSON line |
//! | [`folder`] | the scenario folder: one file per topic in order of ingest time, whole or not there at all |
//! | [`disorder`] | how records come late, twice and corrected, decided by a seed |
//! | [`random`] | the one source of chance |
//! | [`convert`] | public data sets turned into scenarios, one file each |
//! | [`generate`] | the list of scenarios made from a seed, and the desk on which they are laid out |
//! | [`corner_store`] | the small one: a day of three shops on which everything goes wrong once |
//! | [`retailer`] | the world of any size that the other scenarios share, and the truth about it |
//! | [`quiet_day`] … [`long_month`] | one scenario, one file: its story, what it does to the world, what must be found |
//!
//! Invariants: this crate knows the public contract and nothing of the engine that reads its scenarios · it never reads
//! the wall clock · the same input and seed give the same bytes · no hash order reaches a file · money is whole cents
//! from the moment it is read, and nothing that is summed is a float.

pub mod black_friday;
pub mod convert;
pub mod corner_store;
pub mod disorder;
pub mod duplicate_storm;
mod error;
pub mod folder;
pub mod generate;
pub mod late_corrections;
pub mod long_month;
mod money;
pub mod phantom_shelves;
pub mod promise_crunch;
pub mod quiet_day;
pub mod random;
pub mod retailer;
pub mod returns_ring;
pub mod short_staffed;
pub mod store_dark;
pub mod topic;
pub mod wrong_price;

pub use error::Error;
pub use generate::SCENARIOS;
