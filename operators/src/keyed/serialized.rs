//! Encoding of keys, states and broadcasts: compact bytes that are equal in every process.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that can be encoded and decoded again.
pub trait Serializable: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Serializable for T {}

/// Small integers take few bytes; the encoding of a value is no prefix of that of another value of its type.
fn options() -> impl Options {
    bincode::DefaultOptions::new()
}

/// Appends the encoding of a value.
pub(crate) fn encode_to(value: &impl Serialize, into: &mut Vec<u8>) {
    options().serialize_into(into, value).expect("a state can be encoded and memory takes it");
}

/// The encoding of a value.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    options().serialize(value).expect("a state can be encoded and memory takes it")
}

/// Decodes all of what [`encode`] wrote.
pub(crate) fn decode<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, DecodeError> {
    Ok(options().deserialize(bytes)?)
}

/// Decodes the first of several values and moves `bytes` past it.
pub(crate) fn decode_next<D: DeserializeOwned>(bytes: &mut &[u8]) -> Result<D, DecodeError> {
    Ok(options().deserialize_from(bytes)?)
}

/// Bytes that cannot be decoded: written by another program, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a keyed entry cannot be decoded: {0}")]
pub struct DecodeError(#[from] bincode::Error);
