//! The load from files: a folder with the warm-up and one with the measured window, as JSON lines or Parquet.
//!
//! The records and their order are the same as from memory, so every output byte is the same; measuring begins with
//! opening the files of the measured window.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use contract::event::Topic;
use contract::time::Time;
use engine::batch::{Batch, Batches, Bound};
use live::error::Error;
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};
use scenarios::folder::{Folder, Format, Scenario as Head};
use scenarios::topic::Record as Sent;
use tempfile::TempDir;

use crate::drive::{Span, Taken, WarmedUp, measure, next_tick};
use crate::load::Load;

/// A load as files, deleted on drop.
pub struct Files {
    _folder: TempDir,
    warm_up: PathBuf,
    window: PathBuf,
    span: Span,
}

impl Files {
    /// Writes all of a load.
    ///
    /// # Errors
    /// If the temporary folder cannot be written.
    pub fn write(load: &Load, format: Format) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(connectors::Error::io("create", &std::env::temp_dir()))?;
        let [warm_up, window] = ["opening", "rush"].map(|name| folder.path().join(name));
        write(load, load.warm_up.iter(), format, &warm_up)?;
        write(load, load.window.iter(), format, &window)?;
        let ticks = load.size.settings().ticks;
        let warm_up_end = load.warm_up.last().map_or(0, |last| ticks.at(last.ingest_time));
        let span = Span { warm_up_end, events: load.window.len() as u64 };
        Ok(Files { _folder: folder, warm_up, window, span })
    }

    /// Runs it through `workers` workers.
    ///
    /// # Errors
    /// If a file cannot be read, or the engine fails.
    pub fn run(&self, workers: usize) -> Result<Taken, Error> {
        let warm_up = open(&self.warm_up)?;
        let settings = warm_up.0;
        measure(&settings, self.span, workers, |warm_up_end| Chain {
            now: warm_up.1,
            next: Some((self.window.clone(), warm_up_end)),
            read: Vec::new().into_iter().peekable(),
        })
    }
}

/// Writes a whole load into one scenario folder.
///
/// # Errors
/// If the folder cannot be written, or is not empty.
pub fn write_scenario(load: &Load, to: &Path) -> Result<(), Error> {
    write(load, load.warm_up.iter().chain(&load.window), Format::Jsonl, to)
}

fn write<'a>(load: &Load, records: impl Iterator<Item = &'a Sent>, format: Format, to: &Path) -> Result<(), Error> {
    let refused = |error: scenarios::Error| Error::Scenario(error.to_string());
    let mut folder = Folder::create(to).map_err(refused)?;
    folder.write_all(format, records.cloned().map(Ok)).map_err(refused)?;
    let head = Head {
        name: "rush".to_owned(),
        tick_ms: Some(load.size.tick_ms),
        emit_ms: Some(load.size.emit_ms),
        ..Head::default()
    };
    folder.finish(&head).map(drop).map_err(refused)
}

fn open(folder: &Path) -> Result<(engine::graph::Settings, Feed), Error> {
    let scenario = Scenario::open(folder, &Overrides::default())?;
    let feed = Feed::open(&scenario, Arc::new(AtomicU64::new(0)))?;
    Ok((scenario.settings, feed))
}

/// The warm-up as a replay reads it; when its output has left, the measured window tick by tick, as from memory.
struct Chain {
    now: Feed,
    next: Option<(PathBuf, WarmedUp)>,
    /// Records of whole ticks that are read and not fed yet.
    read: std::iter::Peekable<std::vec::IntoIter<Bound>>,
}

impl Batches for Chain {
    type Error = Error;

    fn first(&self) -> Option<Time> {
        self.now.first()
    }

    fn until(&self) -> Option<Time> {
        None
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        if let Some(tick) = next_tick(&mut self.read) {
            return Ok(Some(tick));
        }
        let mut batch = self.now.next_batch()?;
        if self.next.is_some() && batch.is_some() {
            return Ok(batch);
        }
        if let Some((folder, warm_up_end)) = self.next.take() {
            warm_up_end();
            self.now = open(&folder)?.1;
            batch = self.now.next_batch()?;
        }
        self.read = batch.map_or(Vec::new(), |batch| batch.records).into_iter().peekable();
        Ok(next_tick(&mut self.read))
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        self.now.disordered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::{Decoded, from_memory};
    use crate::load::Size;

    #[test]
    fn files_and_memory_emit_the_same_bytes() {
        let load = Load::new(Size::TINY).expect("a load");
        let memory = from_memory(Decoded::new(&load).expect("sound"), 1).expect("it runs");
        for (format, workers) in [(Format::Jsonl, 1), (Format::Parquet, 2)] {
            let files = Files::write(&load, format).expect("written").run(workers).expect("it runs");
            assert_eq!((files.hash, files.events), (memory.hash, memory.events), "{format:?}");
        }
    }
}
