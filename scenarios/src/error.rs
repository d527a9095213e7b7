//! What can go wrong while a scenario is made: always with the file it went wrong on, and what to do about it.

use std::path::PathBuf;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

/// Why a scenario was not written. Bad rows of a source are no error: they are counted by rule and reported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source folder does not hold the tables. Name another folder.
    #[error("no {table}.parquet in {folder} nor in a folder `data` below it: name the folder which holds the tables")]
    NoTable {
        /// The folder that was searched.
        folder: PathBuf,
        /// The table that is missing.
        table: &'static str,
    },
    /// A source file could not be read. Try again if the disk was at fault.
    #[error("reading {path} failed: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A source file is not the Parquet it should be. Fetch it again.
    #[error("{path} is not readable as Parquet: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: ParquetError,
    },
    /// The values of a source file could not be decoded. Fetch it again.
    #[error("decoding {path} failed: {source}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: ArrowError,
    },
    /// A source table has no such column, or it holds something else. It is another edition of the data.
    #[error("{path} has no column `{column}` of {expected}: this is another edition of the data")]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The kind of value it should hold.
        expected: &'static str,
    },
    /// The source holds no sale, so there is nothing to replay. Name another folder.
    #[error("{path} holds no usable sale: there is nothing to convert")]
    NoSales {
        /// The transaction table.
        path: PathBuf,
    },
    /// The scenario folder exists and is not empty. Name another, or remove it first.
    #[error("{path} exists and is not an empty folder: name another one, or remove it first")]
    OutputExists {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The scenario could not be written. Make room or rights, then try again; nothing half-written is left in place.
    #[error("writing {path} failed: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table could not be written. Make room or rights, then try again; nothing half-written is left in place.
    #[error("writing {path} failed: {reason}")]
    Table {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        reason: String,
    },
    /// A record could not be written as JSON: a mistake in this crate.
    #[error("record {event_id} is not writable as JSON: {source}")]
    Encode {
        /// The record.
        event_id: String,
        /// What the writer said.
        source: serde_json::Error,
    },
    /// A record was offered to the file of another topic, or before one it should follow: a mistake in this crate.
    #[error("record {event_id} does not belong at this place of {topic}.jsonl: {reason}")]
    Misplaced {
        /// The record.
        event_id: String,
        /// The file.
        topic: &'static str,
        /// What is wrong with the place.
        reason: &'static str,
    },
    /// A text is no id of the contract: 1 to 64 bytes from `A–Z a–z 0–9 . _ : -`.
    #[error("`{text}` is no id: an id has 1 to 64 bytes from A-Z a-z 0-9 . _ : -")]
    NotAnId {
        /// The text.
        text: String,
    },
    /// A generated world of a size no retailer has.
    #[error("{given} is no number of {name}: from {least} to {most}")]
    Size {
        /// Of what.
        name: &'static str,
        /// What was asked for.
        given: u32,
        /// The least that makes sense.
        least: u32,
        /// The most.
        most: u32,
    },
    /// A scenario that is told in full was asked for at another size.
    #[error("{name} is told in full, line by line: it has one size, one seed and one format")]
    Told {
        /// The scenario.
        name: &'static str,
    },
}
