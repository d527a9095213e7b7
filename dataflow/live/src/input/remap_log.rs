//! The remap log: the records of each tick, as positions in the partitions, written before the tick takes effect.
//!
//! One folder, one file (*segment*) per process, start and snapshot, named `INCARNATION-AFTER-pPROCESS.log`:
//!
//! ```text
//! frame   length u32 · hash of the frame before u64 · hash u64 · content       (little endian, content in bincode)
//! first   Header { version, process, tick_ms, after, partitions: (topic, partition, reached) }
//! others  Span { after, closed, ends }
//! ```
//!
//! The hash of a frame (XXH3) covers its content and the hash before it, so a lost, swapped or altered frame is
//! detected. An append is durable before it returns. A torn last frame never took effect and is dropped. A bad frame
//! with a good one behind it is damage, and refused. Spans of an earlier segment beyond the `after` of a later one
//! never took effect either (another process had not closed them) and are cut.
//!
//! A start that ends before it has bound a tick leaves a segment without spans, or without a complete header. Such a
//! segment is skipped where it does not continue the one before it, or the one after does not continue it;
//! [`RemapLog::forget_empty`] deletes it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use contract::event::Topic;
use contract::time::Time;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::Error;
use crate::fail::fail_point;
use crate::input::binder::{Reached, Span};

/// The format version.
const VERSION: u32 = 1;
/// The greatest length of a frame; a longer one is damaged.
const LONGEST: usize = 1 << 26;
const FRAME: usize = 4 + 8 + 8;

/// A partition of an input topic.
pub type PartitionName = (Topic, u32);

/// The first frame of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    version: u32,
    /// The process that writes the segment.
    pub process: u32,
    /// The length of a tick.
    pub tick_ms: i64,
    /// The identity of the program and its configured policies.
    pub program: String,
    /// The last closed tick when the segment began; `None` at the first start.
    pub after: Option<Time>,
    /// The partitions of this process with their positions; spans refer to them by index.
    pub partitions: Vec<(PartitionName, Reached)>,
}

impl Header {
    /// Creates a header of this version.
    pub fn new(
        process: u32,
        (program, tick_ms): (&str, i64),
        after: Option<Time>,
        partitions: Vec<(PartitionName, Reached)>,
    ) -> Self {
        Header { version: VERSION, process, tick_ms, program: program.to_owned(), after, partitions }
    }
}

/// Writes a segment.
pub struct RemapWriter {
    path: PathBuf,
    file: File,
    before: u64,
    buffer: Vec<u8>,
}

impl RemapWriter {
    /// Creates a segment in `folder`.
    ///
    /// # Errors
    /// If it cannot be written durably.
    pub fn create(folder: &Path, incarnation: u32, header: &Header) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(connectors::Error::io("create", folder))?;
        let name = format!("{incarnation:06}-{:015}-p{}.log", header.after.unwrap_or(0), header.process);
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(connectors::Error::io("create", &path))?;
        fail_point("remap-create");
        let mut writer = RemapWriter { path, file, before: 0, buffer: Vec::new() };
        writer.frame(header)?;
        fail_point("remap-header");
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(connectors::Error::io("write", folder))?;
        fail_point("remap-begun");
        Ok(writer)
    }

    /// Appends a span; durable when it returns.
    ///
    /// # Errors
    /// If the span cannot be written. It must not take effect then, and the job must stop.
    pub fn append(&mut self, span: &Span) -> Result<(), Error> {
        self.frame(span)?;
        fail_point("after-remap-append");
        Ok(())
    }

    fn frame(&mut self, content: &impl Serialize) -> Result<(), Error> {
        let content = bincode::serialize(content).map_err(|error| Error::Engine(error.to_string()))?;
        let length = u32::try_from(content.len()).map_err(|error| Error::Engine(error.to_string()))?;
        let hash = xxh3_64_with_seed(&content, self.before);
        self.buffer.clear();
        self.buffer.extend(length.to_le_bytes());
        self.buffer.extend(self.before.to_le_bytes());
        self.buffer.extend(hash.to_le_bytes());
        self.buffer.extend(content);
        let written = self.file.write_all(&self.buffer);
        fail_point("remap-write");
        written.and_then(|()| self.file.sync_data()).map_err(connectors::Error::io("write", &self.path))?;
        self.before = hash;
        Ok(())
    }
}

/// A segment as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    incarnation: u32,
    path: PathBuf,
    /// The header.
    pub header: Header,
    /// The spans in order, each with the tick up to which it took effect.
    pub spans: Vec<(Span, Time)>,
}

impl Segment {
    fn closed(&self) -> Option<Time> {
        self.spans.last().map(|(_, upto)| *upto).or(self.header.after)
    }
}

/// The remap log of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemapLog {
    /// Segments by process, in the order they were written, without spans that never took effect.
    segments: BTreeMap<u32, Vec<Segment>>,
    /// Files of starts that ended before they had bound a tick.
    empty: Vec<PathBuf>,
}

/// Removes everything after the tick `upto`.
fn cut(spans: &mut Vec<(Span, Time)>, upto: Time) {
    spans.retain(|(span, _)| span.after < upto || span.closed <= upto);
    spans.iter_mut().for_each(|(_, acted)| *acted = (*acted).min(upto));
}

/// A logged span, with the names of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The last tick closed before.
    pub after: Time,
    /// The last tick that closed.
    pub closed: Time,
    /// The tick up to which the span took effect.
    pub upto: Time,
    /// The process that closed it.
    pub process: u32,
    /// The partitions that moved, with their new positions.
    pub ends: Vec<(PartitionName, Reached)>,
    /// True if the inputs ended here.
    pub last: bool,
    /// All partitions of that process.
    pub partitions: Vec<PartitionName>,
    /// The program that bound it.
    pub program: String,
}

/// The spans to read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The positions of the partitions at the beginning.
    pub start: BTreeMap<PartitionName, Reached>,
    /// The spans in order.
    pub spans: Vec<Replayed>,
    /// The tick up to which every process had closed.
    pub closed: Option<Time>,
}

impl RemapLog {
    /// Reads every segment of a folder; a missing folder is an empty log.
    ///
    /// # Errors
    /// If a segment cannot be read, is damaged, or does not continue the one before it.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut paths = Vec::new();
        if folder.is_dir() {
            for entry in fs::read_dir(folder).map_err(connectors::Error::io("list", folder))? {
                let path = entry.map_err(connectors::Error::io("list", folder))?.path();
                if path.extension().is_some_and(|extension| extension == "log") {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let mut log = RemapLog::default();
        for path in paths {
            match read_segment(&path)? {
                Some(segment) => log.take(segment)?,
                None => log.empty.push(path),
            }
        }
        Ok(log)
    }

    fn take(&mut self, segment: Segment) -> Result<(), Error> {
        let held = self.segments.entry(segment.header.process).or_default();
        if let Some(after) = segment.header.after {
            for earlier in held.iter_mut() {
                cut(&mut earlier.spans, after);
            }
        }
        let continues = |last: &Segment| last.closed() == segment.header.after || segment.header.after.is_none();
        while let Some(empty) = held.pop_if(|last| last.spans.is_empty() && !continues(last)) {
            self.empty.push(empty.path);
        }
        if let Some(last) = held.last().filter(|last| !continues(last)) {
            return Err(damaged(
                &segment.path,
                format!(
                    "begins after tick {}, but {} ends at tick {}: a segment is missing or cut short",
                    shown(segment.header.after),
                    last.path.display(),
                    shown(last.closed())
                ),
            ));
        }
        held.push(segment);
        Ok(())
    }

    /// Checks that the log holds the records of every tick since the first.
    ///
    /// # Errors
    /// If the oldest segments are missing.
    pub fn reaches_back_to_start(&self) -> Result<(), Error> {
        self.replay(None).map(drop)
    }

    /// Returns the tick length in the newest segment.
    pub fn tick_ms(&self) -> Option<i64> {
        self.segments.values().filter_map(|segments| segments.last()).map(|segment| segment.header.tick_ms).next()
    }

    /// Returns true if no segment exists.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns the incarnation number of new segments.
    pub fn next_incarnation(&self) -> u32 {
        self.segments.values().flatten().map(|segment| segment.incarnation + 1).max().unwrap_or(0)
    }

    /// Returns the tick up to which every process had closed; `None` if some process had closed none.
    pub fn closed(&self) -> Option<Time> {
        self.segments.values().map(|segments| segments.last().and_then(Segment::closed)).min().flatten()
    }

    /// Returns the spans after the tick `from` (all, if `None`).
    ///
    /// # Errors
    /// If the log does not reach back to `from`.
    pub fn replay(&self, from: Option<Time>) -> Result<Replay, Error> {
        let closed = self.closed();
        let mut replay = Replay { closed, ..Replay::default() };
        for segments in self.segments.values() {
            let reaches = segments.iter().any(|segment| segment.header.after <= from);
            if !reaches {
                let first = segments.first().map_or_else(PathBuf::new, |segment| segment.path.clone());
                return Err(damaged(&first, format!("the log does not reach back to tick {}", shown(from))));
            }
            for (partition, reached) in segments.iter().take(1).flat_map(|segment| &segment.header.partitions) {
                replay.start.insert(*partition, *reached);
            }
            for segment in segments {
                let mut spans = segment.spans.clone();
                cut(&mut spans, closed.unwrap_or(Time::MAX));
                for (span, upto) in spans.iter().filter(|(_, upto)| from.is_none_or(|from| *upto > from)) {
                    let name = |index: u32| segment.header.partitions.get(index as usize).map(|(name, _)| *name);
                    let ends = span.ends.iter().map(|(index, reached)| {
                        name(*index).map(|name| (name, *reached)).ok_or_else(|| {
                            damaged(&segment.path, format!("speaks of a partition {index} it does not have"))
                        })
                    });
                    let ends = ends.collect::<Result<_, _>>()?;
                    replay.spans.push(Replayed {
                        after: span.after,
                        closed: span.closed,
                        upto: *upto,
                        process: segment.header.process,
                        ends,
                        last: span.last && *upto == span.closed,
                        partitions: segment.header.partitions.iter().map(|(name, _)| *name).collect(),
                        program: segment.header.program.clone(),
                    });
                }
            }
        }
        replay.spans.sort_by_key(|span| span.upto);
        Ok(replay)
    }

    /// Deletes the segments that a start from tick `oldest` does not need: all before the last one that begins by then,
    /// the oldest first, so that the rest is connected whenever this is interrupted.
    ///
    /// # Errors
    /// If a segment cannot be deleted.
    pub fn forget_before(folder: &Path, oldest: Time) -> Result<(), Error> {
        let log = RemapLog::read(folder)?;
        for segments in log.segments.values() {
            let begins_by_then = |segment: &Segment| segment.header.after.is_some_and(|after| after <= oldest);
            let needed = segments.iter().rposition(begins_by_then).unwrap_or(0);
            for segment in &segments[..needed] {
                fail_point("remap-delete");
                remove(&segment.path)?;
            }
        }
        Ok(())
    }

    /// Deletes and logs segments without content. Every process may call it.
    ///
    /// # Errors
    /// If a segment cannot be deleted.
    pub fn forget_empty(&self) -> Result<(), Error> {
        for path in &self.empty {
            tracing::info!(path = %path.display(), "deleting an empty segment of the remap log: its start ended before it had bound a tick");
            remove(path)?;
        }
        Ok(())
    }
}

/// Deletes a file; it is no error if another process has just deleted it.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => Ok(removed.map_err(connectors::Error::io("delete", path))?),
    }
}

fn shown(tick: Option<Time>) -> String {
    tick.map_or("0 (the very beginning)".to_owned(), |tick| tick.to_string())
}

fn damaged(path: &Path, problem: String) -> Error {
    Error::Recovery(format!("remap log {}: {problem}", path.display()))
}

/// Returns the frame at the start of `bytes`, with its hash and length, if it is complete and follows the hash
/// `before`.
fn frame(bytes: &[u8], before: Option<u64>) -> Option<(&[u8], u64, usize)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let stated = u64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?);
    let hash = u64::from_le_bytes(bytes.get(12..FRAME)?.try_into().ok()?);
    let content = bytes.get(FRAME..FRAME + length).filter(|_| length <= LONGEST)?;
    let good = before.is_none_or(|before| before == stated) && xxh3_64_with_seed(content, stated) == hash;
    good.then_some((content, hash, FRAME + length))
}

/// Reads a segment; `None` if its header is incomplete.
fn read_segment(path: &Path) -> Result<Option<Segment>, Error> {
    let bytes = match fs::read(path) {
        // Another process has found it empty since it was listed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(connectors::Error::io("read", path))?,
    };
    let unreadable = |error: bincode::Error| damaged(path, format!("cannot be read: {error}"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let incarnation = name.split('-').next().and_then(|text| text.parse().ok());
    let incarnation = incarnation.ok_or_else(|| damaged(path, "its name does not begin with a number".to_owned()))?;
    let (mut header, mut spans, mut at, mut before) = (None, Vec::new(), 0, 0);
    while let Some((content, hash, length)) = frame(&bytes[at..], Some(before)) {
        match &header {
            None => header = Some(bincode::deserialize::<Header>(content).map_err(unreadable)?),
            Some(_) => {
                let span: Span = bincode::deserialize(content).map_err(unreadable)?;
                let upto = span.closed;
                spans.push((span, upto));
            }
        }
        (at, before) = (at + length, hash);
    }
    if at < bytes.len() && (at + 1..bytes.len()).any(|later| frame(&bytes[later..], None).is_some()) {
        return Err(damaged(path, format!("is damaged at byte {at}: what follows is whole")));
    }
    let Some(header) = header else { return Ok(None) };
    if header.version != VERSION {
        return Err(damaged(path, format!("has format {}, this program reads {VERSION}", header.version)));
    }
    if !name.ends_with(&format!("-{:015}-p{}.log", header.after.unwrap_or(0), header.process)) {
        return Err(damaged(
            path,
            format!("was written as that of process {} after tick {}", header.process, shown(header.after)),
        ));
    }
    Ok(Some(Segment { incarnation, path: path.to_owned(), header, spans }))
}

#[cfg(test)]
mod tests;
