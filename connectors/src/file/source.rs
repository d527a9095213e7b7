//! Reads a file of lines as one partition, to its end or for as long as it grows; or the rows of a table as lines.
//!
//! A position counts lines and bytes, so a reader goes on with one seek. Blank lines are no records but are counted: the
//! number of a record, plus one, is the line an editor shows. A line without an end is unfinished: a follower waits for its
//! end, a reader that stops at the end takes it as it is.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::file::rows::RowLines;
use crate::source::{Message, Polled, Position, Source, Start};

/// Bytes read from the file at a time.
const BUFFER: usize = 1 << 18;
/// A longer line is taken for a damaged file.
const LINE_BYTES: u64 = 64 << 20;
/// How long a follower rests before it looks whether the file has grown.
const LOOK: Duration = Duration::from_millis(5);

/// A file being read.
pub struct FileSource {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    /// The open file, to see whether its name still means it; none for a table.
    file: Option<File>,
    /// The place after the last record given.
    position: Position,
    /// Lines and bytes read since: blank ones, and the unfinished one.
    ahead: Position,
    line: Vec<u8>,
    stop_at_end: bool,
    ended: bool,
}

impl FileSource {
    /// Opens a file of lines, or a table if its name ends in `.parquet` or `.arrow`; a table is always read to its end.
    ///
    /// # Errors
    /// If it cannot be opened, or is not the file that the position was taken in.
    pub fn open(path: &Path, start: Start, stop_at_end: bool) -> Result<Self, Error> {
        if RowLines::is_table(path) {
            return FileSource::open_table(path, start);
        }
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        if metadata.is_dir() {
            return Err(Error::content(path, "is a folder, not a file"));
        }
        let (position, skip) = match start {
            Start::Beginning => (Position::default(), 0),
            Start::End => (end_of_lines(&mut file, path)?, 0),
            Start::At(position) => (position, check_position(&mut file, path, position)?),
        };
        let from = position.byte + skip;
        file.seek(SeekFrom::Start(from)).map_err(Error::io("read", path))?;
        let twin = file.try_clone().map_err(Error::io("open", path))?;
        let mut source = FileSource::over(path, Box::new(twin), position, stop_at_end);
        source.ahead.byte = skip;
        source.file = Some(file);
        Ok(source)
    }

    fn open_table(path: &Path, start: Start) -> Result<Self, Error> {
        let skipped = match start {
            Start::Beginning => 0,
            Start::At(position) => position.record,
            Start::End => RowLines::open(path)?.count().map_err(Error::io("read", path))?,
        };
        let rows = RowLines::open(path)?.skip(skipped);
        Ok(FileSource::over(path, Box::new(rows), Position { record: skipped, byte: 0 }, true))
    }

    fn over(path: &Path, reader: Box<dyn Read + Send>, position: Position, stop_at_end: bool) -> Self {
        let reader = BufReader::with_capacity(BUFFER, reader);
        let (ahead, line) = (Position::default(), Vec::new());
        FileSource { path: path.to_owned(), reader, file: None, position, ahead, line, stop_at_end, ended: false }
    }

    /// The next record there is; `None` if there is none (yet).
    fn next_record(&mut self) -> Result<Option<Message>, Error> {
        loop {
            let room = LINE_BYTES - self.line.len() as u64;
            let read = self.reader.by_ref().take(room).read_until(b'\n', &mut self.line);
            self.ahead.byte += read.map_err(Error::io("read", &self.path))? as u64;
            let finished = self.line.last() == Some(&b'\n');
            if !finished && self.line.len() as u64 == LINE_BYTES {
                let number = self.position.record + self.ahead.record + 1;
                return Err(Error::content(&self.path, format!("line {number} has no end within {LINE_BYTES} bytes")));
            }
            if !finished && (!self.stop_at_end || self.line.is_empty()) {
                return Ok(None);
            }
            self.ahead.record += 1;
            let mut payload = std::mem::take(&mut self.line);
            if payload.trim_ascii().is_empty() {
                continue;
            }
            let ends = usize::from(finished) + usize::from(finished && payload.ends_with(b"\r\n"));
            payload.truncate(payload.len() - ends);
            let ahead = std::mem::take(&mut self.ahead);
            self.position.record += ahead.record;
            // The rows of a table have no place in bytes.
            self.position.byte += if self.file.is_some() { ahead.byte } else { 0 };
            return Ok(Some(Message { next: self.position, logged_at: None, payload }));
        }
    }

    /// Whether the file is still the one that was opened, and as long as what was read of it.
    fn check(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let held = file.metadata().map_err(Error::io("read", &self.path))?;
        let read = self.position.byte + self.ahead.byte;
        if held.len() < read {
            let problem = format!("has {} bytes, fewer than the {read} read of it: it was cut off", held.len());
            return Err(Error::content(&self.path, problem));
        }
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let named = std::fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        if identity(&named) != identity(&held) {
            return Err(Error::content(&self.path, "was replaced while it was read"));
        }
        Ok(())
    }
}

/// Bytes after `position` that end the line before it; an error if no line begins there.
fn check_position(file: &mut File, path: &Path, position: Position) -> Result<u64, Error> {
    let bytes = file.metadata().map_err(Error::io("read", path))?.len();
    let asked = position.byte;
    if bytes < asked {
        let problem =
            format!("has {bytes} bytes, fewer than the {asked} read of it before: it was cut off or replaced");
        return Err(Error::content(path, problem));
    }
    if asked == 0 {
        return Ok(0);
    }
    let mut around = Vec::new();
    file.seek(SeekFrom::Start(asked - 1)).map_err(Error::io("read", path))?;
    file.take(3).read_to_end(&mut around).map_err(Error::io("read", path))?;
    match around.as_slice() {
        [b'\n', ..] | [_] => Ok(0),
        // The last line had no end when it was taken; now it has.
        [_, b'\n', ..] => Ok(1),
        [_, b'\r', b'\n'] => Ok(2),
        _ => Err(Error::content(path, format!("has no line that begins at byte {asked}: it was replaced or changed"))),
    }
}

/// The place after the last finished line.
fn end_of_lines(file: &mut File, path: &Path) -> Result<Position, Error> {
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let (mut end, mut offset) = (Position::default(), 0);
    loop {
        let block = reader.fill_buf().map_err(Error::io("read", path))?;
        if block.is_empty() {
            return Ok(end);
        }
        for (at, _) in block.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            end = Position { record: end.record + 1, byte: offset + at as u64 + 1 };
        }
        let read = block.len();
        offset += read as u64;
        reader.consume(read);
    }
}

impl Source for FileSource {
    fn poll(&mut self, limit: usize, patience: Duration) -> Result<Polled, Error> {
        let mut waited = Duration::ZERO;
        let mut messages = Vec::new();
        while !self.ended {
            while messages.len() < limit {
                match self.next_record()? {
                    Some(message) => messages.push(message),
                    None => break,
                }
            }
            if !messages.is_empty() {
                return Ok(Polled::Records(messages));
            }
            self.check()?;
            self.ended = self.stop_at_end;
            if !self.ended {
                if waited >= patience {
                    return Ok(Polled::Idle);
                }
                let rest = LOOK.min(patience - waited);
                std::thread::sleep(rest);
                waited += rest;
            }
        }
        Ok(Polled::Ended)
    }

    fn position(&self) -> Position {
        self.position
    }

    /// Lines that are not read yet cannot be counted without reading them: known at the end only.
    fn behind(&mut self) -> Option<u64> {
        let held = self.file.as_ref().and_then(|file| file.metadata().ok());
        (self.ended || held.is_some_and(|held| held.len() == self.position.byte)).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn check(path: &Path, start: Start, stop_at_end: bool) -> Result<Vec<(u64, String)>, Error> {
        let mut source = FileSource::open(path, start, stop_at_end)?;
        let mut seen = Vec::new();
        while let Polled::Records(messages) = source.poll(2, Duration::ZERO)? {
            let text = |message: &Message| String::from_utf8_lossy(&message.payload).into_owned();
            seen.extend(messages.iter().map(|message| (message.record() + 1, text(message))));
        }
        Ok(seen)
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.jsonl");
        std::fs::write(&path, text).expect("written");
        (folder, path)
    }

    fn append(path: &Path, text: &str) {
        let file = File::options().append(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("appended");
    }

    #[test]
    fn records_have_the_numbers_of_their_lines_wherever_one_begins() {
        let text = "a\n\n  \r\nb\r\nc";
        let (_folder, path) = file(text);
        let all = [(1, "a".to_owned()), (4, "b".to_owned()), (5, "c".to_owned())];
        assert_eq!(check(&path, Start::Beginning, true).expect("read"), all);
        assert_eq!(check(&path, Start::Beginning, false).expect("read"), all[..2]);
        let mut source = FileSource::open(&path, Start::Beginning, true).expect("opened");
        for taken in 1..=3 {
            assert!(matches!(source.poll(1, Duration::ZERO), Ok(Polled::Records(_))));
            assert_eq!(check(&path, Start::At(source.position()), true).expect("read"), all[taken..]);
        }
        assert_eq!(source.poll(1, Duration::ZERO).expect("read"), Polled::Ended);
        assert_eq!(source.position(), Position { record: 5, byte: text.len() as u64 });
        // The last line gets its end, and one more comes.
        append(&path, "\r\nd\n");
        assert_eq!(check(&path, Start::At(source.position()), true).expect("read"), [(6, "d".to_owned())]);
        append(&path, "e\nunfinished");
        let mut end = FileSource::open(&path, Start::End, false).expect("opened");
        assert_eq!(end.position(), Position { record: 7, byte: text.len() as u64 + 6 });
        append(&path, "\n");
        let Ok(Polled::Records(messages)) = end.poll(9, Duration::ZERO) else { panic!("a record") };
        assert_eq!((messages.len(), messages[0].record(), messages[0].payload.as_slice()), (1, 7, &b"unfinished"[..]));
        assert_eq!(end.behind(), Some(0));
    }

    #[test]
    fn a_follower_waits_for_the_end_of_a_line() {
        let (_folder, path) = file("a\nb");
        let mut source = FileSource::open(&path, Start::Beginning, false).expect("opened");
        assert!(matches!(source.poll(9, Duration::ZERO), Ok(Polled::Records(messages)) if messages.len() == 1));
        assert_eq!(source.poll(9, Duration::ZERO).expect("read"), Polled::Idle);
        append(&path, "c");
        assert_eq!(source.poll(9, Duration::from_millis(1)).expect("read"), Polled::Idle);
        append(&path, "\nd");
        let next = Position { record: 2, byte: 5 };
        let expected = Message { next, logged_at: None, payload: b"bc".to_vec() };
        assert_eq!(source.poll(9, Duration::ZERO).expect("read"), Polled::Records(vec![expected]));
    }

    #[test]
    fn a_file_that_is_not_what_was_read_stops_its_reader() {
        let says = |result: Result<Vec<(u64, String)>, Error>, words: &str| {
            let error = result.expect_err("refused");
            assert!(error.is_final() && error.to_string().contains(words), "{error}");
        };
        let (_folder, path) = file("aaaa\nbbbb\ncc");
        let read = Position { record: 2, byte: 10 };
        std::fs::write(&path, "aaaa\n").expect("cut off");
        says(check(&path, Start::At(read), true), "it was cut off or replaced");
        std::fs::write(&path, "aaaaaaa\nbbbbbbb\n").expect("replaced");
        says(check(&path, Start::At(read), true), "no line that begins at byte 10");
        let mut source = FileSource::open(&path, Start::Beginning, false).expect("opened");
        assert!(matches!(source.poll(9, Duration::ZERO), Ok(Polled::Records(_))));
        std::fs::write(&path, "a\n").expect("cut off");
        says(source.poll(9, Duration::ZERO).map(|_| Vec::new()), "it was cut off");
        let mut source = FileSource::open(&path, Start::Beginning, false).expect("opened");
        let other = path.with_extension("other");
        std::fs::write(&other, "a\nb\n").expect("written");
        std::fs::rename(&other, &path).expect("renamed");
        assert!(matches!(source.poll(9, Duration::ZERO), Ok(Polled::Records(_))));
        says(source.poll(9, Duration::ZERO).map(|_| Vec::new()), "was replaced");
        says(check(&path.with_extension("none"), Start::Beginning, true), "cannot open");
    }

    #[test]
    fn a_table_is_read_to_its_end_from_any_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.parquet");
        let lines: Vec<String> = (0..9_000).map(|n| format!("{{\"n\":{n}}}")).collect();
        let schema = crate::codec::arrow::schema_of([lines[0].as_bytes()]).expect("a schema");
        let mut table = crate::file::parquet::ParquetTable::create(&path, schema).expect("created");
        lines.iter().for_each(|line| table.append(line.as_bytes()).expect("appended"));
        table.finish().expect("finished");
        let from = |record| check(&path, Start::At(Position { record, byte: 0 }), false);
        let rest = from(8_500).expect("read");
        assert_eq!((rest.len(), &rest[0]), (500, &(8_501, "{\"n\":8500}".to_owned())));
        assert_eq!(check(&path, Start::Beginning, true).expect("read").len(), 9_000);
        assert_eq!(check(&path, Start::End, true).expect("read").len(), 0);
        assert!(from(9_001).is_err_and(|error| error.is_final()));
    }
}
