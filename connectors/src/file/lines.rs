//! Reads a file line by line, counting.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::file::rows::RowLines;

/// Bytes read from the file at a time.
const BUFFER: usize = 1 << 18;

/// The lines of a file.
pub struct Lines {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    /// True if a failed read left the beginning of the next line.
    is_begun: bool,
    number: u64,
    bytes: u64,
}

impl Lines {
    /// Opens a file of text, or, if its name ends in `.parquet` or `.arrow`, the rows of a table as lines.
    ///
    /// # Errors
    /// If it cannot be opened, is a folder, or is no table although its name says so.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if RowLines::is_table(path) {
            return Ok(Lines::from_reader(path, Box::new(RowLines::open(path)?)));
        }
        let file = File::open(path).map_err(Error::io("open", path))?;
        if file.metadata().map_err(Error::io("read", path))?.is_dir() {
            return Err(Error::content(path, "is a folder, not a file"));
        }
        Ok(Lines::from_reader(path, Box::new(file)))
    }

    /// Reads lines from anything, which errors call `path`.
    pub fn from_reader(path: &Path, reader: Box<dyn Read + Send>) -> Self {
        let reader = BufReader::with_capacity(BUFFER, reader);
        Lines { path: path.to_owned(), reader, line: Vec::new(), is_begun: false, number: 0, bytes: 0 }
    }

    /// The next line that is not blank, without its end, and its number from 1; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file cannot be read. A failed read never skips: asking again tries the same place again.
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, Error> {
        loop {
            if !self.is_begun {
                self.line.clear();
            }
            self.is_begun = true;
            self.reader.read_until(b'\n', &mut self.line).map_err(Error::io("read", &self.path))?;
            self.is_begun = false;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.bytes += self.line.len() as u64;
            self.number += 1;
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        Ok(Some((self.number, line.strip_suffix(b"\r").unwrap_or(line))))
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let mut lines = Lines::from_reader(Path::new("t"), Box::new(&b"a\n\n  \r\nb\r\nc"[..]));
        let mut seen = Vec::new();
        while let Some((number, line)) = lines.next_line().expect("readable") {
            seen.push((number, String::from_utf8_lossy(line).into_owned()));
        }
        assert_eq!(seen, [(1, "a".to_owned()), (4, "b".to_owned()), (5, "c".to_owned())]);
        assert_eq!(lines.bytes(), 11);
    }

    #[test]
    fn a_failed_read_skips_nothing() {
        let mut reads = ["a", "", "b\nc", "", "", "\n", "d"].iter().map(|text| match *text {
            "" => Err(std::io::Error::other("asked for")),
            text => Ok(text),
        });
        let reader = std::iter::from_fn(move || reads.next());
        let mut lines = Lines::from_reader(Path::new("t"), Box::new(Pieces(Box::new(reader))));
        let (mut seen, mut failures) = (Vec::new(), 0);
        loop {
            match lines.next_line() {
                Ok(Some((number, line))) => seen.push((number, String::from_utf8_lossy(line).into_owned())),
                Ok(None) => break,
                Err(_) => failures += 1,
            }
        }
        assert_eq!((failures, lines.bytes()), (3, 6));
        assert_eq!(seen, [(1, "ab".to_owned()), (2, "c".to_owned()), (3, "d".to_owned())]);
    }

    /// Gives one piece a read.
    struct Pieces(Box<dyn Iterator<Item = std::io::Result<&'static str>> + Send>);

    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.next().transpose()?.unwrap_or_default();
            into[..piece.len()].copy_from_slice(piece.as_bytes());
            Ok(piece.len())
        }
    }

    #[test]
    fn a_missing_file_says_which() {
        let error = Lines::open(Path::new("/no/such/file")).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.starts_with("cannot open /no/such/file: ")));
    }
}
