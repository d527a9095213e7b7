//! The rows of a table in a file, Parquet or Arrow, as JSON lines: one meaning of a record, three ways to store it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::codec::arrow::{no_panic, write_rows};
use crate::error::Error;

/// Rows read at a time.
const ROWS: usize = 8_192;

/// The rows of a table as JSON lines; what is null in a row is left out of its line.
pub struct RowLines {
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
    /// Rows not to be given.
    skip: u64,
    text: Vec<u8>,
    at: usize,
    damaged: Option<String>,
}

impl RowLines {
    /// Whether the name of a file says that it holds a table.
    pub fn is_table(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "parquet" || extension == "arrow")
    }

    /// Opens a file: an Arrow IPC file if its name ends in `.arrow`, else a Parquet file.
    ///
    /// # Errors
    /// If it cannot be opened or is not what its name says.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let batches: Box<dyn Iterator<Item = _> + Send> = if path.extension().is_some_and(|name| name == "arrow") {
            let reader = no_panic(|| FileReader::try_new(BufReader::new(file), None));
            Box::new(reader.map_err(|error| Error::content(path, format!("is no readable Arrow file: {error}")))?)
        } else {
            let reader = no_panic(|| ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(ROWS).build());
            Box::new(reader.map_err(|error| Error::content(path, format!("is no readable Parquet file: {error}")))?)
        };
        Ok(RowLines { batches, skip: 0, text: Vec::new(), at: 0, damaged: None })
    }

    /// The same without its first `rows` rows.
    #[must_use]
    pub fn skip(mut self, rows: u64) -> Self {
        self.skip = rows;
        self
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn count(self) -> io::Result<u64> {
        let rows = |batch: Result<RecordBatch, ArrowError>| batch.map(|batch| batch.num_rows() as u64);
        no_panic(|| self.batches.map(rows).sum::<Result<u64, ArrowError>>()).map_err(damaged)
    }

    /// Fills the text with a batch that has rows to give; leaves it empty at the end.
    fn refill(&mut self) -> Result<(), ArrowError> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() {
            let Some(batch) = self.batches.next().transpose()? else {
                let missing = |rows: u64| ArrowError::IpcError(format!("{rows} rows read before are no more"));
                return if self.skip > 0 { Err(missing(self.skip)) } else { Ok(()) };
            };
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(batch.num_rows());
            self.skip -= skipped as u64;
            if skipped < batch.num_rows() {
                write_rows(&batch.slice(skipped, batch.num_rows() - skipped), &mut self.text)?;
            }
        }
        Ok(())
    }
}

fn damaged(error: ArrowError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Read for RowLines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(problem) = &self.damaged {
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem.clone()));
        }
        if self.at == self.text.len()
            && let Err(error) = no_panic(|| self.refill())
        {
            // The rows after damage are not the next ones: asking again gives the same answer.
            self.text.clear();
            self.damaged = Some(error.to_string());
            return Err(damaged(error));
        }
        let read = into.len().min(self.text.len() - self.at);
        into[..read].copy_from_slice(&self.text[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::arrow::schema_of;
    use crate::file::lines::Lines;
    use crate::file::parquet::ParquetTable;
    use arrow_ipc::writer::FileWriter;
    use arrow_json::reader::ReaderBuilder;

    #[test]
    fn an_arrow_file_gives_its_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.arrow");
        let text = b"{\"a\":1}\n{\"a\":2,\"b\":\"x\"}\n{}\n{\"b\":\"y\"}\n";
        let schema = schema_of([&text[..]]).expect("a schema");
        let mut writer = FileWriter::try_new(File::create(&path).expect("created"), &schema).expect("a writer");
        for batch in ReaderBuilder::new(schema).with_batch_size(3).build(&text[..]).expect("a reader") {
            writer.write(&batch.expect("a batch")).expect("written");
        }
        writer.finish().expect("finished");
        let mut read = Vec::new();
        RowLines::open(&path).expect("opened").read_to_end(&mut read).expect("read");
        assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(text));
        let mut rest = Vec::new();
        RowLines::open(&path).expect("opened").skip(3).read_to_end(&mut rest).expect("read");
        assert_eq!(String::from_utf8_lossy(&rest), "{\"b\":\"y\"}\n");
        let mut lines = Lines::open(&path).expect("opened");
        assert_eq!(lines.next_line().expect("read"), Some((1, &b"{\"a\":1}"[..])));
    }

    #[test]
    fn a_damaged_table_is_an_error_or_other_rows_but_no_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = b"{\"id\":\"abc\",\"n\":1}\n{\"id\":\"de\",\"n\":2}\n";
        let schema = schema_of([&text[..]]).expect("a schema");
        for name in ["t.parquet", "t.arrow"] {
            let path = folder.path().join(name);
            if name == "t.arrow" {
                let mut writer = FileWriter::try_new(File::create(&path).expect("created"), &schema).expect("a writer");
                for batch in ReaderBuilder::new(schema.clone()).build(&text[..]).expect("a reader") {
                    writer.write(&batch.expect("a batch")).expect("written");
                }
                writer.finish().expect("finished");
            } else {
                let mut table = ParquetTable::create(&path, schema.clone()).expect("created");
                text.split_inclusive(|byte| *byte == b'\n').for_each(|row| table.append(row).expect("appended"));
                table.finish().expect("finished");
            }
            let whole = std::fs::read(&path).expect("read");
            for (at, bit) in (0..whole.len()).flat_map(|at| [(at, 0), (at, 3), (at, 7)]) {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                std::fs::write(&path, &damaged).expect("written");
                let read = RowLines::open(&path).map(|mut rows| rows.read_to_end(&mut Vec::new()));
                drop((read, RowLines::open(&path).map(RowLines::count)));
            }
        }
    }

    #[test]
    fn what_is_no_table_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, kind) in [("t.parquet", "no readable Parquet file"), ("t.arrow", "no readable Arrow file")] {
            let path = folder.path().join(name);
            std::fs::write(&path, "hello").expect("written");
            let error = RowLines::open(&path).err().map(|error| error.to_string());
            assert!(error.is_some_and(|text| text.contains(kind)));
        }
    }
}
