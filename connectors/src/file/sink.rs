//! Appends records to a file of lines, one writer at a time. An unfinished line that a killed writer left is removed; whole
//! lines never are, as a reader may have taken them.

use std::fs::{File, Metadata, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sink::Sink;

/// Bytes read at a time when looking backwards.
const BLOCK: u64 = 1 << 16;

/// A file of lines being appended to. It is locked: a second writer, in this process or another, is refused.
pub struct FileSink {
    path: PathBuf,
    file: File,
    sync: bool,
    /// Bytes that are whole records.
    good: u64,
    /// Whether a failed append may have left bytes after them.
    torn: bool,
    /// The bytes of the last append.
    text: Vec<u8>,
}

impl FileSink {
    /// Opens a file, or creates it with the folders above it. With `sync` an append survives a power failure.
    ///
    /// # Errors
    /// If it cannot be opened, or another writer has it.
    pub fn open(path: &Path, sync: bool) -> Result<Self, Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Error::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::content(path, "is being written by another program")),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        if sync {
            // A file whose name is not durable is lost with all that was synced into it.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("write", folder))?;
        }
        let mut sink = FileSink { path: path.to_owned(), file, sync, good: 0, torn: false, text: Vec::new() };
        sink.good = sink.whole_lines()?;
        sink.file.set_len(sink.good).map_err(Error::io("cut off", path))?;
        if sync {
            // Its last writer may have died before this.
            sink.file.sync_all().map_err(Error::io("write", path))?;
        }
        Ok(sink)
    }

    /// Bytes up to the end of the last finished line.
    fn whole_lines(&mut self) -> Result<u64, Error> {
        let mut upto = self.file.metadata().map_err(Error::io("read", &self.path))?.len();
        while upto > 0 {
            let from = upto.saturating_sub(BLOCK);
            let block = self.block(from, upto)?;
            if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
                return Ok(from + at as u64 + 1);
            }
            upto = from;
        }
        Ok(0)
    }

    fn block(&mut self, from: u64, upto: u64) -> Result<Vec<u8>, Error> {
        let mut block = Vec::new();
        self.file.seek(SeekFrom::Start(from)).map_err(Error::io("read", &self.path))?;
        (&self.file).take(upto - from).read_to_end(&mut block).map_err(Error::io("read", &self.path))?;
        if block.len() as u64 != upto - from {
            return Err(Error::content(&self.path, format!("ends before byte {upto}: something else cut it off")));
        }
        Ok(block)
    }

    fn len(&self) -> Result<u64, Error> {
        Ok(self.file.metadata().map_err(Error::io("read", &self.path))?.len())
    }

    /// Keeps the whole lines that a failed append left, and removes the unfinished one.
    fn repair(&mut self) -> Result<(), Error> {
        if !self.torn {
            return Ok(());
        }
        let upto = self.len()?.max(self.good);
        let left = self.block(self.good, upto)?;
        if !self.text.starts_with(&left) {
            return Err(self.foreign(upto));
        }
        let whole = left.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let good = self.good + whole as u64;
        self.file.set_len(good).map_err(Error::io("cut off", &self.path))?;
        if whole > 0 && self.sync {
            // After a failed sync the system may take the bytes for durable: written again, they are not.
            self.write(self.good, &left[..whole])?;
        }
        (self.good, self.torn) = (good, false);
        Ok(())
    }

    fn write(&mut self, at: u64, text: &[u8]) -> Result<(), Error> {
        let written = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(text));
        let written = written.and_then(|()| if self.sync { self.file.sync_data() } else { Ok(()) });
        written.map_err(Error::io("write", &self.path))
    }

    fn foreign(&self, held: u64) -> Error {
        let problem = format!("has {held} bytes where {} were written: something else writes it", self.good);
        Error::content(&self.path, problem)
    }

    /// Fails if the file is not as this sink left it: another writer, which did not ask for the lock, was here.
    fn check(&self) -> Result<(), Error> {
        let held = self.file.metadata().map_err(Error::io("read", &self.path))?;
        if held.len() != self.good {
            return Err(self.foreign(held.len()));
        }
        let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let named = std::fs::metadata(&self.path).map_err(Error::io("find", &self.path))?;
        if identity(&named) != identity(&held) {
            return Err(Error::content(&self.path, "was replaced while it was written"));
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        self.repair()?;
        self.check()?;
        self.text.clear();
        for record in records {
            if record.trim_ascii().is_empty() || record.contains(&b'\n') {
                return Err(Error::content(
                    &self.path,
                    "a record of a file of lines must be one line that is not blank",
                ));
            }
            self.text.extend_from_slice(record);
            self.text.push(b'\n');
        }
        self.torn = true;
        let text = std::mem::take(&mut self.text);
        let written = self.write(self.good, &text);
        self.text = text;
        written?;
        self.torn = false;
        self.good += self.text.len() as u64;
        Ok(())
    }

    fn tail(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        self.repair()?;
        self.check()?;
        // Read backwards: the blocks, and in each the lines.
        let (mut found, mut upto, mut text) = (0, self.good, Vec::new());
        while upto > 0 && found <= count {
            let from = upto.saturating_sub(BLOCK.max(text.len() as u64));
            let mut block = self.block(from, upto)?;
            found += block.iter().filter(|byte| **byte == b'\n').count();
            block.append(&mut text);
            (text, upto) = (block, from);
        }
        let lines = text.strip_suffix(b"\n").unwrap_or(&text).rsplit(|byte| *byte == b'\n');
        let lines =
            lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.trim_ascii().is_empty());
        // The first line of the text may have begun before it, but then there are more than enough.
        let mut records: Vec<Vec<u8>> = lines.take(count).map(<[u8]>::to_vec).collect();
        records.reverse();
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        range.map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n % 97)).into_bytes()).collect()
    }

    #[test]
    fn a_torn_line_is_removed_and_the_tail_is_what_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/t.jsonl");
        let mut sink = FileSink::open(&path, true).expect("opened");
        assert!(sink.tail(3).expect("read").is_empty());
        sink.append(&records(0..5_000)).expect("appended");
        sink.append(&[]).expect("nothing to append");
        drop(sink);
        let whole = std::fs::read(&path).expect("read");
        for torn in ["{\"n\":", &"long".repeat(100_000)] {
            let mut file = File::options().append(true).open(&path).expect("opened");
            file.write_all(torn.as_bytes()).expect("torn");
            let mut sink = FileSink::open(&path, false).expect("opened");
            for count in [0, 1, 7, 1_000, 4_999, 5_000, 9_999] {
                assert_eq!(sink.tail(count).expect("read"), records(5_000_usize.saturating_sub(count)..5_000));
            }
            assert_eq!(std::fs::read(&path).expect("read"), whole);
        }
        let mut sink = FileSink::open(&path, false).expect("opened");
        sink.append(&records(5_000..5_002)).expect("appended");
        assert_eq!(sink.tail(3).expect("read"), records(4_999..5_002));
    }

    /// What a full disk or a failed sync leaves of an append: its first `bytes`.
    fn fail_append(sink: &mut FileSink, range: std::ops::Range<usize>, bytes: usize) {
        sink.text = records(range).iter().flat_map(|record| [record, &b"\n"[..]].concat()).collect();
        sink.torn = true;
        sink.file.seek(SeekFrom::Start(sink.good)).expect("found");
        sink.file.write_all(&sink.text[..bytes.min(sink.text.len())]).expect("a part of it");
    }

    #[test]
    fn a_failed_append_leaves_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        for (sync, bytes, whole) in [(false, 0, 2), (true, 9, 2), (true, 17, 3), (false, 25, 3), (true, 999, 4)] {
            let path = folder.path().join(format!("{bytes}.jsonl"));
            let mut sink = FileSink::open(&path, sync).expect("opened");
            sink.append(&records(0..2)).expect("appended");
            fail_append(&mut sink, 2..4, bytes);
            assert_eq!(sink.tail(9).expect("read"), records(0..whole));
            sink.append(&records(whole..6)).expect("appended");
            assert_eq!(sink.tail(9).expect("read"), records(0..6));
        }
    }

    #[test]
    fn a_full_disk_is_an_error_that_passes() {
        let Ok(mut full) = File::options().read(true).write(true).open("/dev/full") else { return };
        assert!(full.write_all(b"x").is_err_and(|error| !Error::io("write", Path::new("/dev/full"))(error).is_final()));
    }

    #[test]
    fn a_second_writer_and_a_broken_record_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.jsonl");
        let mut sink = FileSink::open(&path, false).expect("opened");
        let second = FileSink::open(&path, false).err().map(|error| error.to_string());
        assert!(second.is_some_and(|text| text.contains("another program")));
        for record in ["", " ", "a\nb", "a\n"] {
            assert!(sink.append(&[record.as_bytes().to_vec()]).is_err_and(|error| error.is_final()));
        }
    }

    #[test]
    fn a_file_that_something_else_changes_is_written_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.jsonl");
        let mut sink = FileSink::open(&path, false).expect("opened");
        sink.append(&records(0..3)).expect("appended");
        let whole = std::fs::read(&path).expect("read");
        let says = |result: Result<(), Error>, words: &str| {
            let error = result.expect_err("refused");
            assert!(error.is_final() && error.to_string().contains(words), "{error}");
        };
        for other in [&whole[..20], &[&whole, &b"{}\n"[..]].concat()] {
            std::fs::write(&path, other).expect("written");
            says(sink.append(&records(3..4)), "something else writes it");
            says(sink.tail(1).map(|_| ()), "something else writes it");
        }
        std::fs::write(&path, &whole).expect("written");
        fail_append(&mut sink, 3..5, 9);
        std::fs::write(&path, [&whole, &b"{\"n\":3}\n"[..]].concat()).expect("written");
        says(sink.tail(1).map(|_| ()), "something else writes it");
        std::fs::write(&path, &whole).expect("written");
        sink.append(&records(3..4)).expect("appended");
        let twin = path.with_extension("twin");
        std::fs::copy(&path, &twin).expect("copied");
        std::fs::rename(&twin, &path).expect("renamed");
        says(sink.append(&records(4..5)), "was replaced while it was written");
        std::fs::remove_file(&path).expect("removed");
        says(sink.append(&records(4..5)), "cannot find");
    }
}
