//! Checkpoints of a live job: snapshot files, the thread that writes them, fingerprints, and recovery from them.

pub mod fingerprint;
pub mod recovery;
pub mod snapshot;
pub mod writer;
