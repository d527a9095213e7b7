//! Standard output of every command: buffered, and every failed write is reported.
//!
//! A command prints through [`Out`] and the macro `outln`. When the reader of a pipe has gone (`| head`) the command
//! ends at once and without an error; any other failed write, the last flush included, ends it with an error.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;

use live::error::Error;

/// Prints a line to an [`Out`], or returns the error of the command.
macro_rules! outln {
    ($out:expr, $($text:tt)*) => { $out.line(format_args!($($text)*))? };
}

/// The output of a command.
pub struct Out {
    to: BufWriter<Box<dyn Write>>,
}

impl Out {
    /// Prints to standard output.
    ///
    /// # Errors
    /// If the process may have no more open files.
    pub fn stdout() -> Result<Self, Error> {
        // Not `std::io::Stdout`: that takes a write to a descriptor that cannot be written for a success.
        let descriptor = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        Ok(Out::to(File::from(descriptor)))
    }

    /// Prints to anything.
    pub fn to(to: impl Write + 'static) -> Self {
        Out { to: BufWriter::new(Box::new(to)) }
    }

    /// Prints a line.
    ///
    /// # Errors
    /// [`Error::ReaderGone`], or that it cannot be written.
    pub fn line(&mut self, text: fmt::Arguments<'_>) -> Result<(), Error> {
        self.to.write_fmt(text).and_then(|()| self.to.write_all(b"\n")).map_err(failed)
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// [`Error::ReaderGone`], or that they cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.to.write_all(bytes).map_err(failed)
    }

    /// Hands over everything printed so far.
    ///
    /// # Errors
    /// [`Error::ReaderGone`], or that it cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.to.flush().map_err(failed)
    }
}

/// Runs a command that prints to `out`, and hands over what it printed, also when it failed.
///
/// # Errors
/// Those of the command and of the last flush; a reader that has gone is none.
pub fn printed(mut out: Out, command: impl FnOnce(&mut Out) -> Result<(), Error>) -> Result<(), Error> {
    let ended = command(&mut out);
    match ended.and(out.flush()) {
        Err(Error::ReaderGone) => Ok(()),
        ended => ended,
    }
}

/// Prints a line to standard error and ignores a failure, which could not be reported anywhere.
pub fn complain(text: fmt::Arguments<'_>) {
    _ = writeln!(io::stderr(), "{text}");
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Error::ReaderGone,
        _ => connectors::Error::io("write", Path::new("standard output"))(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then fails.
    struct Full {
        room: usize,
        kind: ErrorKind,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            if taken == 0 { Err(self.kind.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn end(room: usize, kind: ErrorKind, lines: usize) -> Result<(), Error> {
        printed(Out::to(Full { room, kind }), |out| {
            for number in 0..lines {
                outln!(out, "line {number:>94}");
            }
            Ok(())
        })
    }

    #[test]
    fn only_a_reader_that_has_gone_is_a_quiet_end() {
        for (room, lines) in [(0, 1), (99, 1), (50_000, 1_000), (99_999, 1_000)] {
            end(room, ErrorKind::BrokenPipe, lines).expect("a quiet end");
            let error = end(room, ErrorKind::StorageFull, lines).expect_err("an error");
            assert!(error.to_string().starts_with("cannot write standard output: "), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        end(100, ErrorKind::StorageFull, 1).expect("there is room");
    }

    #[test]
    fn a_failed_command_hands_over_what_it_printed_and_keeps_its_error() {
        let fails = |out: &mut Out| {
            outln!(out, "one");
            Err(Error::Engine("two".to_owned()))
        };
        let path = tempfile::NamedTempFile::new().expect("a file");
        let ended = printed(Out::to(path.reopen().expect("opened")), fails);
        assert_eq!(ended.map_err(|error| error.to_string()), Err("the engine failed: two".to_owned()));
        assert_eq!(std::fs::read_to_string(path.path()).expect("read"), "one\n");
        let ended = printed(Out::to(Full { room: 0, kind: ErrorKind::BrokenPipe }), fails);
        assert_eq!(ended.map_err(|error| error.exit_code()), Err(3));
    }
}
