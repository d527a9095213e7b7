//! The plain form of what is kept: bytes that hold what they hold in little room, alike in every process.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What has a plain form.
pub trait Plain: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Plain for T {}

/// Small integers in few bytes; one thing's bytes never begin those of another of its type.
fn options() -> impl Options {
    bincode::DefaultOptions::new()
}

/// Appends the plain form of something.
pub(crate) fn append(kept: &impl Serialize, into: &mut Vec<u8>) {
    options().serialize_into(into, kept).expect("what is kept has a plain form and memory takes it");
}

/// The plain form of something.
pub(crate) fn to_bytes(kept: &impl Serialize) -> Vec<u8> {
    options().serialize(kept).expect("what is kept has a plain form and memory takes it")
}

/// Reads all of what [`to_bytes`] wrote.
pub(crate) fn from_bytes<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, Unreadable> {
    Ok(options().deserialize(bytes)?)
}

/// Reads the first thing of several and leaves the rest.
pub(crate) fn take<D: DeserializeOwned>(bytes: &mut &[u8]) -> Result<D, Unreadable> {
    Ok(options().deserialize_from(bytes)?)
}

/// Bytes that cannot be read: written by another program, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a drawer cannot be read: {0}")]
pub struct Unreadable(#[from] bincode::Error);
