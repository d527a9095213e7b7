//! Writes a file that is either whole or not there.
//!
//! Bytes go to a name that says `.partial`; [`WholeFile::finish`] makes them durable and gives the file its name. What is
//! dropped before that removes itself, and what a killed process leaves behind does not look whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Bytes written to the file at a time.
const BUFFER: usize = 1 << 18;

/// A file being written.
pub struct WholeFile {
    path: PathBuf,
    partial: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl WholeFile {
    /// Starts writing what will be `path`.
    ///
    /// # Errors
    /// If the partial file cannot be created.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let partial = path.with_file_name(name);
        let file = File::create(&partial).map_err(Error::io("create", &partial))?;
        Ok(WholeFile { path: path.to_owned(), partial, writer: Some(BufWriter::with_capacity(BUFFER, file)) })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write_all(bytes)).map_err(Error::io("write", &self.partial))
    }

    /// Makes the file whole: durable, and under its own name.
    ///
    /// # Errors
    /// If the bytes cannot be made durable or the file cannot be renamed.
    pub fn finish(mut self) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            let file = writer.into_inner().map_err(|error| error.into_error());
            file.and_then(|file| file.sync_all()).map_err(Error::io("write", &self.partial))?;
            fs::rename(&self.partial, &self.path).map_err(Error::io("name", &self.path))?;
        }
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.as_mut().map_or(Ok(bytes.len()), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Best effort: the name already says that it is partial.
            _ = fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.jsonl");
        let mut file = WholeFile::create(&path).expect("created");
        file.append(b"x\n").expect("written");
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        let mut file = WholeFile::create(&path).expect("created");
        file.append(b"y\n").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read(&path).expect("read"), b"y\n");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }
}
