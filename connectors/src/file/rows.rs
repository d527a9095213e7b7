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

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// The rows of a table as JSON lines; what is null in a row is left out of its line.
///
/// A read that fails is made once more from the same row when it is asked for again; what fails twice at one row is damage.
pub struct RowLines {
    open: Box<dyn Fn() -> Result<Batches, Error> + Send>,
    /// None after a failed read: the rows that follow it are not the next ones.
    batches: Option<Batches>,
    /// Rows in the text or before it.
    taken: u64,
    /// Rows that the batches hold before the next one.
    skip: u64,
    text: Vec<u8>,
    at: usize,
    /// The row before which a read failed.
    failed_at: Option<u64>,
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
        let path = path.to_owned();
        RowLines::over(Box::new(move || batches(&path)))
    }

    fn over(open: Box<dyn Fn() -> Result<Batches, Error> + Send>) -> Result<Self, Error> {
        let batches = Some(open()?);
        Ok(RowLines { open, batches, taken: 0, skip: 0, text: Vec::new(), at: 0, failed_at: None })
    }

    /// The same without its first `rows` rows.
    #[must_use]
    pub fn skip(mut self, rows: u64) -> Self {
        (self.taken, self.skip) = (rows, rows);
        self
    }

    /// Goes to the row after the first `rows` rows; the file is opened anew by the next read.
    pub(super) fn seek(&mut self, rows: u64) {
        self.text.clear();
        (self.batches, self.taken, self.at, self.failed_at) = (None, rows, 0, None);
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn count(self) -> io::Result<u64> {
        let rows = |batch: Result<RecordBatch, ArrowError>| batch.map(|batch| batch.num_rows() as u64);
        no_panic(|| self.batches.into_iter().flatten().map(rows).sum::<Result<u64, ArrowError>>()).map_err(damaged)
    }

    /// The next row as a line with its end; `None` after the last.
    ///
    /// # Errors
    /// If the file cannot be read: asking again tries the same row once more. Finally, if that failed, too.
    pub fn next_row(&mut self) -> io::Result<Option<&[u8]>> {
        if self.at == self.text.len() {
            self.refill()?;
        }
        let rest = &self.text[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        self.at += end + 1;
        Ok(Some(&rest[..=end]))
    }

    /// Fills the text with a batch that has rows to give; leaves it empty at the end.
    fn refill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty() {
            if self.batches.is_none() {
                self.batches = Some((self.open)().map_err(lost)?);
                self.skip = self.taken;
            }
            let batch = no_panic(|| self.batches.as_mut().and_then(Iterator::next).transpose());
            let Some(batch) = batch.or_else(|error| self.failed(error))? else {
                return if self.skip > 0 { Err(missing(self.skip)) } else { Ok(()) };
            };
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(batch.num_rows());
            self.skip -= skipped as u64;
            if skipped < batch.num_rows() {
                let rest = batch.slice(skipped, batch.num_rows() - skipped);
                no_panic(|| write_rows(&rest, &mut self.text)).or_else(|error| self.failed(error))?;
                self.taken += rest.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// What a failed read means: the first at a row may pass.
    fn failed<T>(&mut self, error: ArrowError) -> io::Result<T> {
        self.text.clear();
        self.batches = None;
        if self.failed_at == Some(self.taken) {
            return Err(damaged(error));
        }
        self.failed_at = Some(self.taken);
        Err(io::Error::other(error))
    }
}

/// Opens the batches of a file.
fn batches(path: &Path) -> Result<Batches, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    if path.extension().is_some_and(|name| name == "arrow") {
        let reader = no_panic(|| FileReader::try_new(BufReader::new(file), None));
        let reader = reader.map_err(|error| Error::content(path, format!("is no readable Arrow file: {error}")))?;
        return Ok(Box::new(reader));
    }
    let reader = no_panic(|| ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(ROWS).build())
        .map_err(|error| Error::content(path, format!("is no readable Parquet file: {error}")))?;
    Ok(Box::new(reader))
}

fn damaged(error: ArrowError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn missing(rows: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{rows} rows read before are no more"))
}

/// Why a file could not be opened again.
fn lost(error: Error) -> io::Error {
    match error {
        Error::Io { source, .. } => source,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

impl Read for RowLines {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::arrow::schema_of;
    use crate::contract::survives_failed_reads;
    use crate::file::lines::Lines;
    use crate::file::parquet::ParquetTable;
    use crate::file::source::FileSource;
    use arrow_ipc::writer::FileWriter;
    use arrow_json::reader::ReaderBuilder;
    use std::sync::Arc;

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
    fn a_failed_read_loses_no_row_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let schema = schema_of([&b"{\"n\":1}"[..]]).expect("a schema");
        let mut table = ParquetTable::create(&path, schema).expect("created");
        (0..4 * ROWS).for_each(|n| table.append(format!("{{\"n\":{n}}}").as_bytes()).expect("appended"));
        table.finish().expect("finished");
        let open = |fails: Box<dyn Fn() -> bool + Send + Sync>| {
            let (path, fails) = (path.clone(), Arc::new(fails));
            let open = move || -> Result<Batches, Error> {
                let fails = fails.clone();
                let failed = || Err(ArrowError::ParquetError("asked for".to_owned()));
                Ok(Box::new(batches(&path)?.map(move |batch| if fails() { failed() } else { batch })))
            };
            RowLines::over(Box::new(open))
        };
        survives_failed_reads(&|read| {
            let rows = open(Box::new(move || read.fails()))?;
            Ok(Box::new(FileSource::over_table(&path, rows, 0)))
        });
        let mut damaged = open(Box::new(|| true)).expect("opened");
        let asked = [(); 3].map(|()| damaged.next_row().err().map(|error| error.kind()));
        assert_eq!(asked, [io::ErrorKind::Other, io::ErrorKind::InvalidData, io::ErrorKind::InvalidData].map(Some));
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
