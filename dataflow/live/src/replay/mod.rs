//! A job over the files of a folder: [`scenario`] says how, [`feed`] reads them by tick, [`write`](mod@write) writes what leaves.

pub mod feed;
pub mod scenario;
pub mod write;
