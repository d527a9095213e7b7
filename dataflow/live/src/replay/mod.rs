//! Runs a job over the files of a folder: [`scenario`] has its settings, [`feed`] reads it by tick,
//! [`write`](mod@write) writes the outputs.

pub mod feed;
pub mod scenario;
pub mod write;
