//! Reads a file of lines as one partition, to its end or for as long as it grows; or the rows of a table as lines.
//!
//! A position counts lines and bytes, so a reader goes on with one seek. Blank lines are no records but are counted: the
//! number of a record, plus one, is the line an editor shows. A line without an end is unfinished: a follower waits for its
//! end, and reads it again from its first byte, as its writer may cut it off and write another one there. A reader that
//! stops at the end takes it as it is, or leaves it if it is the output of a program that may have died.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::file::growing::{GrowingLines, ReadSeek};
use crate::file::rows::RowLines;
use crate::source::{Message, Polled, Position, Source, Start};

/// Bytes read at a time when lines are counted.
const BUFFER: usize = 1 << 18;
/// How long a follower rests before it looks whether the file has grown.
const LOOK: Duration = Duration::from_millis(5);

/// A file being read.
pub struct FileSource {
    path: PathBuf,
    content: Content,
    /// The open file, to see whether its name still means it; none for a table.
    file: Option<File>,
    /// The place after the last record given.
    position: Position,
    /// Blank lines read since.
    blank: u64,
    stop_at_end: bool,
    /// Whether a last line without an end is a record for a reader that stops there.
    takes_unfinished: bool,
    ended: bool,
    /// What failed after the records that were given last.
    failed: Option<Error>,
}

enum Content {
    Lines(GrowingLines),
    Rows(RowLines),
}

impl FileSource {
    /// Opens a file of lines, or a table if its name ends in `.parquet` or `.arrow`; a table is always read to its end.
    ///
    /// # Errors
    /// If it cannot be opened, or is not the file that the position was taken in.
    pub fn open(path: &Path, start: Start, stop_at_end: bool) -> Result<Self, Error> {
        FileSource::open_through(path, start, stop_at_end, |file| Box::new(file))
    }

    /// The same, reading lines through `through`: a test lets reads fail there.
    pub(crate) fn open_through(
        path: &Path,
        start: Start,
        stop_at_end: bool,
        through: impl FnOnce(File) -> Box<dyn ReadSeek>,
    ) -> Result<Self, Error> {
        if RowLines::is_table(path) {
            let skipped = match start {
                Start::Beginning => 0,
                Start::At(position) => position.record,
                Start::End => RowLines::open(path)?.count().map_err(Error::io("read", path))?,
            };
            return Ok(FileSource::over_table(path, RowLines::open(path)?, skipped));
        }
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        if metadata.is_dir() {
            return Err(Error::content(path, "is a folder, not a file"));
        }
        let position = match start {
            Start::Beginning => Position::default(),
            Start::End => end_of_lines(&mut file, path)?,
            Start::At(position) => position,
        };
        let twin = file.try_clone().map_err(Error::io("open", path))?;
        let lines = GrowingLines::open(path, through(twin), position.byte)?;
        Ok(FileSource { file: Some(file), stop_at_end, ..FileSource::over(path, Content::Lines(lines), position) })
    }

    /// Reads a table without its first rows.
    pub(crate) fn over_table(path: &Path, rows: RowLines, skipped: u64) -> Self {
        FileSource::over(path, Content::Rows(rows.skip(skipped)), Position { record: skipped, byte: 0 })
    }

    fn over(path: &Path, content: Content, position: Position) -> Self {
        FileSource {
            path: path.to_owned(),
            content,
            file: None,
            position,
            blank: 0,
            stop_at_end: true,
            takes_unfinished: true,
            ended: false,
            failed: None,
        }
    }

    /// The same for the output of a program: a last line without an end is no record, because its writer died in it.
    #[must_use]
    pub fn of_finished_lines(self) -> Self {
        FileSource { takes_unfinished: false, ..self }
    }

    /// The next record there is; `None` if there is none (yet).
    fn next_record(&mut self) -> Result<Option<Message>, Error> {
        let takes_unfinished = self.stop_at_end && self.takes_unfinished;
        loop {
            let line = match &mut self.content {
                Content::Rows(rows) => rows.next_row().map_err(Error::io("read", &self.path))?,
                Content::Lines(lines) => lines.next(takes_unfinished)?,
            };
            let Some(line) = line else {
                self.forget_blank();
                return Ok(None);
            };
            if line.trim_ascii().is_empty() {
                self.blank += 1;
                continue;
            }
            let payload = match line.strip_suffix(b"\n") {
                Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
                None => line,
            };
            let payload = payload.to_vec();
            self.position.record += std::mem::take(&mut self.blank) + 1;
            if let Content::Lines(lines) = &self.content {
                self.position.byte = lines.place();
            }
            return Ok(Some(Message { next: self.position, logged_at: None, payload }));
        }
    }

    /// Lets blank lines at the end be read again: they, too, may be cut off.
    fn forget_blank(&mut self) {
        if let Content::Lines(lines) = &mut self.content {
            lines.go_back(self.position.byte);
        }
        self.blank = 0;
    }

    /// Fills `messages` with records that are there; what fails after the first of them is told by the next poll.
    fn take_records(&mut self, limit: usize, messages: &mut Vec<Message>) -> Result<(), Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        while messages.len() < limit {
            match self.next_record() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) if messages.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the name of the file still means the one that was opened.
    fn check(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let held = file.metadata().map_err(Error::io("read", &self.path))?;
        let named = std::fs::metadata(&self.path).map_err(Error::io("read", &self.path))?;
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        if identity(&named) != identity(&held) {
            return Err(Error::content(&self.path, "was replaced while it was read"));
        }
        Ok(())
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
            self.take_records(limit, &mut messages)?;
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

    fn seek(&mut self, to: Position) -> Result<(), Error> {
        (self.position, self.blank, self.ended, self.failed) = (to, 0, false, None);
        match &mut self.content {
            Content::Lines(lines) => lines.seek(to.byte),
            Content::Rows(rows) => {
                rows.seek(to.record);
                Ok(())
            }
        }
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
    fn an_unfinished_line_may_be_cut_off_and_another_written() {
        let (_folder, path) = file("a\n");
        let cut =
            |bytes| File::options().write(true).open(&path).and_then(|file| file.set_len(bytes)).expect("cut off");
        let mut source = FileSource::open(&path, Start::Beginning, false).expect("opened");
        let mut next = || match source.poll(9, Duration::ZERO).expect("read") {
            Polled::Records(messages) => messages.iter().map(|message| message.payload[0] as char).collect(),
            _ => String::new(),
        };
        assert_eq!(next(), "a");
        for (unfinished, then, expected) in
            [("bb", "c\n", "c"), ("ddd", "e", ""), ("", "\n", "e"), ("\n\n", "f\n", "f")]
        {
            append(&path, unfinished);
            assert_eq!(next(), "");
            cut(std::fs::metadata(&path).expect("found").len() - unfinished.len() as u64);
            append(&path, then);
            assert_eq!(next(), expected);
        }
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
