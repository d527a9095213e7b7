//! Keeps every segment of a job's remap log: what a job deletes is still there for who wants to know what each tick of its
//! whole life was made of.
//!
//! Segments get a second name in another folder whenever the job logs anything. It logs that a snapshot is complete before it
//! deletes what the snapshot makes needless, on the same thread; so no segment is deleted before it has its second name.

use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes what this process's job logs to standard error, and keeps its segments in `archive` from now on, if one is given.
pub(super) fn listen(remap: &Path, archive: Option<PathBuf>) {
    let archivist = Archivist { remap: remap.to_owned(), archive };
    tracing::subscriber::set_global_default(archivist).expect("nobody else listens");
}

/// Gives the segments in `remap` that have none a second name in `archive`.
pub(crate) fn link(remap: &Path, archive: &Path) -> std::io::Result<()> {
    fs::create_dir_all(archive)?;
    let Ok(segments) = fs::read_dir(remap) else { return Ok(()) };
    for segment in segments {
        let segment = segment?;
        // What is deleted meanwhile had been linked before.
        match link_one(&segment, &archive.join(segment.file_name())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn link_one(segment: &DirEntry, name: &Path) -> std::io::Result<()> {
    let is_linked =
        fs::metadata(name).is_ok_and(|held| segment.metadata().is_ok_and(|other| other.ino() == held.ino()));
    if is_linked {
        return Ok(());
    }
    // A segment whose header was torn may have been replaced by one of the same name.
    let other = name.with_extension("new");
    _ = fs::remove_file(&other);
    fs::hard_link(segment.path(), &other)?;
    fs::rename(&other, name)
}

/// Listens to the log of a job.
struct Archivist {
    remap: PathBuf,
    archive: Option<PathBuf>,
}

/// What an event says, as text.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Archivist {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if let Some(archive) = &self.archive {
            link(&self.remap, archive).expect("a second name can be given");
        }
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        eprintln!("{}", text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
