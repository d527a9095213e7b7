//! Writes a Parquet file from flat JSON objects and a schema: typed columns of what are lines elsewhere.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::reader::{Decoder, ReaderBuilder};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::error::Error;
use crate::file::whole::WholeFile;

/// Rows written at a time.
const ROWS: usize = 8_192;

/// A table being written.
pub struct ParquetTable {
    path: std::path::PathBuf,
    decoder: Decoder,
    writer: ArrowWriter<WholeFile>,
    waiting: usize,
}

impl ParquetTable {
    /// Starts writing what will be `path`, with the columns of `schema`.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self, Error> {
        let file = WholeFile::create(path)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let wrong = |error: &dyn std::fmt::Display| Error::content(path, error);
        let writer =
            ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(|error| wrong(&error))?;
        let decoder =
            ReaderBuilder::new(schema).with_batch_size(ROWS).build_decoder().map_err(|error| wrong(&error))?;
        Ok(ParquetTable { path: path.to_owned(), decoder, writer, waiting: 0 })
    }

    /// Appends one row, a flat JSON object with the schema's names.
    ///
    /// # Errors
    /// If a value does not fit its column, or the file cannot be written.
    pub fn append(&mut self, row: &[u8]) -> Result<(), Error> {
        let mut rest = row;
        while !rest.is_empty() {
            let read = self.decoder.decode(rest).map_err(|error| Error::content(&self.path, error))?;
            rest = &rest[read..];
            if read == 0 {
                self.flush()?;
            }
        }
        self.waiting += 1;
        if self.waiting == ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.waiting = 0;
        let batch: Option<RecordBatch> = self.decoder.flush().map_err(|error| Error::content(&self.path, error))?;
        batch.map_or(Ok(()), |batch| self.writer.write(&batch)).map_err(|error| Error::content(&self.path, error))
    }

    /// Makes the file whole.
    ///
    /// # Errors
    /// If it cannot be written or made durable.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        let path = self.path;
        self.writer.into_inner().map_err(|error| Error::content(&path, error))?.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::lines::Lines;
    use arrow_schema::{DataType, Field, Schema};

    #[test]
    fn rows_come_back_as_they_went() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let columns = [("id", DataType::Utf8), ("n", DataType::Int64), ("yes", DataType::Boolean)];
        let fields: Vec<Field> = columns.map(|(name, kind)| Field::new(name, kind, true)).to_vec();
        let mut table = ParquetTable::create(&path, Arc::new(Schema::new(fields))).expect("created");
        let rows: Vec<String> = (0..20_000)
            .map(|n| match n % 3 {
                0 => format!(r#"{{"id":"a{n}","n":{n},"yes":true}}"#),
                1 => format!(r#"{{"id":"a{n}","yes":false}}"#),
                _ => format!(r#"{{"id":"a{n}","n":-{n}}}"#),
            })
            .collect();
        rows.iter().for_each(|row| table.append(row.as_bytes()).expect("appended"));
        assert!(!path.exists());
        table.finish().expect("finished");
        let mut lines = Lines::open(&path).expect("opened");
        let mut read = Vec::new();
        while let Some((_, line)) = lines.next_line().expect("read") {
            read.push(String::from_utf8_lossy(line).into_owned());
        }
        assert_eq!(read, rows);
    }
}
