//! The contract over memory and files; that over a broker is with the double.

use super::*;
use crate::file::sink::FileSink;
use crate::file::source::FileSource;
use crate::memory::Log;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Mutex;

impl Partition for Log {
    fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(Log::source(self, 0, start, stop_at_end)?))
    }

    fn sink(&self) -> Result<Box<dyn Sink>, Error> {
        Ok(Box::new(Log::sink(self, 0)?))
    }

    fn append_beside(&self, record: Vec<u8>) {
        self.append(0, record, None);
    }

    fn recreate(&self) {
        Log::recreate(self);
    }

    fn fail_read(&self, read: FailingCall) {
        Log::fail_read(self, read);
    }
}

struct Lines {
    folder: tempfile::TempDir,
    read: Mutex<FailingCall>,
}

impl Lines {
    fn new() -> Self {
        Lines { folder: tempfile::tempdir().unwrap(), read: Mutex::default() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("t.jsonl")
    }
}

/// A file of which a read fails.
struct FailingFile(File, FailingCall);

impl Read for FailingFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.1.fails() { Err(io::Error::other("asked for")) } else { self.0.read(into) }
    }
}

impl Seek for FailingFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Partition for Lines {
    fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        let read = self.read.lock().unwrap().clone();
        let through = |file| Box::new(FailingFile(file, read)) as _;
        Ok(Box::new(FileSource::open_through(&self.path(), start, stop_at_end, through)?))
    }

    fn sink(&self) -> Result<Box<dyn Sink>, Error> {
        Ok(Box::new(FileSink::open(&self.path(), false)?))
    }

    fn append_beside(&self, record: Vec<u8>) {
        let mut file = File::options().append(true).open(self.path()).unwrap();
        file.write_all(&[&record, &b"\n"[..]].concat()).unwrap();
    }

    fn recreate(&self) {
        std::fs::remove_file(self.path()).unwrap();
        File::create(self.path()).unwrap();
    }

    fn fail_read(&self, read: FailingCall) {
        *self.read.lock().unwrap() = read;
    }
}

#[test]
fn memory() {
    moves_bytes(&Log::new(1));
    writes_each_tick_once(&mut || Box::new(Log::new(1)));
    loses_nothing_when_a_read_fails(&Log::new(1));
    has_one_writer(&mut || Box::new(Log::new(1)));
}

#[test]
fn files() {
    moves_bytes(&Lines::new());
    writes_each_tick_once(&mut || Box::new(Lines::new()));
    loses_nothing_when_a_read_fails(&Lines::new());
    has_one_writer(&mut || Box::new(Lines::new()));
}
