//! Parquet files, read and written through JSON lines: one meaning of a record, two ways to store it.
//!
//! Reading turns each row into one JSON line (nulls are left out), so a record in Parquet is judged by exactly the
//! rules of a line of text. Writing takes flat JSON objects and a schema, and makes typed columns of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::reader::{Decoder, ReaderBuilder};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::error::Error;
use crate::file::whole::WholeFile;

/// Rows read or written at a time.
const ROWS: usize = 8_192;

/// The rows of a Parquet file as JSON lines.
pub struct ParquetLines {
    batches: ParquetRecordBatchReader,
    text: Vec<u8>,
    at: usize,
}

impl ParquetLines {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened or is no Parquet file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.with_batch_size(ROWS).build());
        let batches = reader.map_err(|error| Error::content(path, format!("is no readable Parquet file: {error}")))?;
        Ok(ParquetLines { batches, text: Vec::new(), at: 0 })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        if let Some(batch) = self.batches.next() {
            let mut writer = arrow_json::LineDelimitedWriter::new(&mut self.text);
            batch.and_then(|batch| writer.write(&batch)).and_then(|()| writer.finish()).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Read for ParquetLines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.refill()?;
        }
        let read = into.len().min(self.text.len() - self.at);
        into[..read].copy_from_slice(&self.text[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

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
        let mut lines = Lines::from_reader(&path, Box::new(ParquetLines::open(&path).expect("opened")));
        let mut read = Vec::new();
        while let Some((_, line)) = lines.next_line().expect("read") {
            read.push(String::from_utf8_lossy(line).into_owned());
        }
        assert_eq!(read, rows);
    }

    #[test]
    fn what_is_no_parquet_file_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        std::fs::write(&path, "hello").expect("written");
        let error = ParquetLines::open(&path).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("no readable Parquet file")));
    }
}
