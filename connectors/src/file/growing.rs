//! Lines of a file that a program appends to.
//!
//! Every line is taken from one reading of the file that began at or before its first byte. A line is therefore never joined
//! from bytes that stood at two moments: the writer may be killed in the middle of a line, cut off what it left, and write
//! other bytes there.
//!
//! *Cost.* One seek and one read a block; what follows the last line of a block is read again with the next one.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Bytes read from the file at a time, unless a line is longer.
const BLOCK: usize = 1 << 18;
/// A longer line is taken for a damaged file.
const LINE_BYTES: usize = 64 << 20;

/// A file, or what stands in for one.
pub(crate) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// The lines of a file, from a place on.
pub(super) struct GrowingLines {
    path: PathBuf,
    file: Box<dyn ReadSeek>,
    block: Vec<u8>,
    /// Bytes of the block that were read.
    held: usize,
    /// Bytes of the block that were given.
    at: usize,
    /// The place of the next line in the file.
    place: u64,
}

impl GrowingLines {
    /// Reads from byte `place` on, where a line begins or a line that had no end when it was read ends.
    ///
    /// # Errors
    /// Finally, if the file is shorter or has no line there; otherwise if it cannot be read.
    pub(super) fn open(path: &Path, file: Box<dyn ReadSeek>, place: u64) -> Result<Self, Error> {
        let mut lines = GrowingLines { path: path.to_owned(), file, block: Vec::new(), held: 0, at: 0, place: 0 };
        lines.seek(place)?;
        Ok(lines)
    }

    /// Goes on at byte `place`, as [`GrowingLines::open`] does.
    ///
    /// # Errors
    /// Those of [`GrowingLines::open`].
    pub(super) fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.place = place;
        self.read_block(BLOCK).map(|_| ())
    }

    /// Reads again from byte `place` on, where a line began.
    pub(super) fn go_back(&mut self, place: u64) {
        (self.place, self.at, self.held) = (place, 0, 0);
    }

    /// The place of the next line in bytes.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// The next line with the bytes that end it; `None` if the file ends before it does. With `takes_unfinished` all that
    /// follows the last finished line is a line, too.
    ///
    /// # Errors
    /// If the file cannot be read: asking again reads from the same place. Finally, if the file no longer holds what was read
    /// of it, or a line is too long.
    pub(super) fn next(&mut self, takes_unfinished: bool) -> Result<Option<&[u8]>, Error> {
        let bytes = match self.line_bytes() {
            0 => self.read_on()?,
            bytes => bytes,
        };
        let bytes = if bytes == 0 && takes_unfinished { self.held - self.at } else { bytes };
        Ok((bytes > 0).then(|| self.give(bytes)))
    }

    fn give(&mut self, bytes: usize) -> &[u8] {
        let from = self.at;
        self.at += bytes;
        self.place += bytes as u64;
        &self.block[from..self.at]
    }

    /// Bytes of the next line that is whole in the block; 0 if none is.
    fn line_bytes(&self) -> usize {
        let rest = &self.block[self.at..self.held];
        // Reading from memory does not fail.
        let bytes = (&mut { rest }).skip_until(b'\n').unwrap_or_default();
        if rest[..bytes].ends_with(b"\n") { bytes } else { 0 }
    }

    /// Reads a block that holds the next line; bytes of that line, 0 if the file ends before the line does.
    fn read_on(&mut self) -> Result<usize, Error> {
        let mut asked = BLOCK;
        loop {
            let is_full = self.read_block(asked)?;
            match self.line_bytes() {
                0 if !is_full => return Ok(0),
                0 if asked >= LINE_BYTES => {
                    let problem = format!("the line at byte {} has no end within {LINE_BYTES} bytes", self.place);
                    return Err(Error::content(&self.path, problem));
                }
                0 => asked *= 2,
                bytes => return Ok(bytes),
            }
        }
    }

    /// Reads up to so many bytes from the place of the next line on; whether there were so many.
    fn read_block(&mut self, asked: usize) -> Result<bool, Error> {
        (self.at, self.held) = (0, 0);
        // The byte before shows whether a line begins here.
        let before = usize::from(self.place > 0);
        if self.block.len() < before + asked {
            self.block.resize(before + asked, 0);
        }
        let read = self.fill(self.place - before as u64, before + asked).map_err(Error::io("read", &self.path))?;
        if before > 0 {
            self.at = self.line_begin(read)?;
            self.place += (self.at - before) as u64;
        }
        self.held = read;
        Ok(read == before + asked)
    }

    fn fill(&mut self, from: u64, asked: usize) -> io::Result<usize> {
        self.file.seek(SeekFrom::Start(from))?;
        let mut filled = 0;
        while filled < asked {
            match self.file.read(&mut self.block[filled..asked]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Where the next line begins in the block, whose first byte was given before.
    fn line_begin(&mut self, read: usize) -> Result<usize, Error> {
        match &self.block[..read] {
            // The last line had no end when it was taken; perhaps now it has.
            [b'\n', ..] | [_] | [_, b'\r'] => Ok(1),
            [_, b'\n', ..] => Ok(2),
            [_, b'\r', b'\n', ..] => Ok(3),
            [] => {
                let bytes = self.file.seek(SeekFrom::End(0)).map_err(Error::io("read", &self.path))?;
                let place = self.place;
                let problem =
                    format!("has {bytes} bytes, fewer than the {place} read of it before: it was cut off or replaced");
                Err(Error::Changed { path: self.path.clone(), problem })
            }
            _ => {
                let problem = format!("has no line that begins at byte {}: it was replaced or changed", self.place);
                Err(Error::Changed { path: self.path.clone(), problem })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn lines(text: &[u8], place: u64) -> Result<GrowingLines, Error> {
        GrowingLines::open(Path::new("t"), Box::new(Cursor::new(text.to_vec())), place)
    }

    #[test]
    fn lines_of_any_length_come_whole() {
        let long = "x".repeat(BLOCK * 3);
        for text in ["", "a", "a\n", "\n\nb\r\nc", &format!("a\n{long}\nb\n{long}")] {
            let mut held = lines(text.as_bytes(), 0).expect("opened");
            let mut seen = Vec::new();
            for takes_unfinished in [false, true] {
                while let Some(line) = held.next(takes_unfinished).expect("read") {
                    seen.extend_from_slice(line);
                }
                let given = if takes_unfinished { text.len() } else { text.rfind('\n').map_or(0, |at| at + 1) };
                assert!(seen == text.as_bytes()[..given] && held.place() == given as u64);
            }
        }
        let endless = vec![b'x'; LINE_BYTES + 1];
        assert!(lines(&endless, 0).expect("opened").next(false).is_err_and(|error| error.is_final()));
    }

    #[test]
    fn a_place_is_where_a_line_begins_or_ends() {
        for (text, place, expected) in [
            ("a\nb\n", 2, "b\n"),
            ("a\nb\n", 4, ""),
            ("a\nb", 3, ""),
            ("a\nb\r", 3, ""),
            ("a\nb\nc\n", 3, "c\n"),
            ("a\nb\r\nc\n", 3, "c\n"),
        ] {
            let mut held = lines(text.as_bytes(), place).expect("opened");
            let line = held.next(false).expect("read").unwrap_or_default();
            assert_eq!(String::from_utf8_lossy(line), expected, "{text:?} from {place}");
        }
        for (text, place, problem) in [
            ("a\n", 3, "has 2 bytes, fewer than the 3 read of it before"),
            ("aaaa\n", 2, "has no line that begins at byte 2"),
        ] {
            let error = lines(text.as_bytes(), place).err().expect("refused");
            assert!(error.is_final() && error.to_string().contains(problem), "{error}");
        }
    }
}
