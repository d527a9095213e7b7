//! Snapshot files: the state of every operator at one closed tick, complete and checked by hashes, or not present.
//!
//! ```text
//! snapshots/TICK/          one folder a snapshot, TICK in 15 digits
//!   p0-w0.state            frames of worker 0 of process 0: operator, entries, broadcasts
//!   p0.board               the tables that the read API serves (first process only)
//!   p0.part                the files of process 0 with lengths and hashes, and its partitions with their positions
//!   manifest               tick, program, fingerprint, parts; a snapshot without it does not exist
//! ```
//!
//! `part` and `manifest` are JSON followed by a hash of the JSON. If a file is missing, too short, too long or has
//! another hash, the snapshot is unusable: [`newest`] reports it and uses the one before.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use connectors::file::whole::WholeFile;
use contract::event::Topic;
use contract::output::OutputTopic;
use contract::time::Time;
use operators::keyed::registry::StateChunk;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::checkpoint::fingerprint::Fingerprint;
use crate::error::Error;
use crate::fail::fail_point;
use crate::input::binder::Reached;
use crate::input::remap_log::PartitionName;

/// The version of the file format and of the meaning of stored fields, which no [`Fingerprint`] shows. Increase it when
/// the meaning of a stored field changes: a snapshot of another version is refused with an error.
pub const VERSION: u32 = 6;

/// A file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The name in the folder.
    pub name: String,
    /// The length.
    pub bytes: u64,
    /// XXH3-128 of the content, in hex.
    pub hash: String,
}

/// The files of one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The index of the process.
    pub process: u32,
    /// The files of operator state, one per worker, in order of workers.
    pub states: Vec<FileEntry>,
    /// The served tables; only of the first process.
    #[serde(rename = "board")]
    pub tables: Option<FileEntry>,
    /// The last tick of each output topic; only of the first process.
    pub published: BTreeMap<OutputTopic, Time>,
    /// The partitions of the process with their positions.
    pub partitions: Vec<(Topic, u32, Reached)>,
}

/// The manifest of a complete snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format version.
    pub version: u32,
    /// The tick: the state includes every tick up to it and nothing later.
    pub tick: Time,
    /// Length of a tick.
    pub tick_ms: i64,
    /// The identity of the program and its configured policies.
    pub program: String,
    /// The fingerprint of the job.
    pub stored: Fingerprint,
    /// The parts, one per process.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// Returns the position of every partition.
    pub fn partitions(&self) -> BTreeMap<PartitionName, Reached> {
        let each = self.parts.iter().flat_map(|part| &part.partitions);
        each.map(|(topic, partition, reached)| ((*topic, *partition), *reached)).collect()
    }

    /// Returns the files of operator state, by worker of the whole job.
    pub fn states(&self) -> Vec<&FileEntry> {
        self.parts.iter().flat_map(|part| &part.states).collect()
    }

    /// Returns the last tick of each output topic.
    pub fn published(&self) -> BTreeMap<OutputTopic, Time> {
        self.parts.iter().flat_map(|part| &part.published).map(|(topic, tick)| (*topic, *tick)).collect()
    }

    /// Returns the number of bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().flat_map(|part| part.states.iter().chain(&part.tables)).map(|file| file.bytes).sum()
    }
}

/// Returns the folder of the snapshot at `tick`.
pub fn folder(snapshots: &Path, tick: Time) -> PathBuf {
    snapshots.join(format!("{tick:015}"))
}

/// Writes a file of a snapshot.
pub struct SnapshotFile {
    name: String,
    file: WholeFile,
    hash: Xxh3,
    bytes: u64,
}

impl SnapshotFile {
    /// Creates a file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(folder: &Path, name: String) -> Result<Self, Error> {
        let file = WholeFile::create(&folder.join(&name))?;
        Ok(SnapshotFile { name, file, hash: Xxh3::new(), bytes: 0 })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(self.file.append(bytes)?)
    }

    /// Appends the chunk that one step of a copy returned for one operator.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append_piece(&mut self, operator: &str, chunk: &StateChunk) -> Result<(), Error> {
        for field in [operator.as_bytes(), &chunk.broadcasts, &chunk.entries] {
            self.append(&(field.len() as u64).to_le_bytes())?;
            self.append(field)?;
        }
        Ok(())
    }

    /// Makes the file complete and durable.
    ///
    /// # Errors
    /// If it cannot be made durable.
    pub fn finish(self) -> Result<FileEntry, Error> {
        self.file.finish()?;
        Ok(FileEntry { name: self.name, bytes: self.bytes, hash: format!("{:032x}", self.hash.digest128()) })
    }
}

impl std::io::Write for SnapshotFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.append(bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads the frames of a state file one by one.
pub struct StateFrames {
    path: PathBuf,
    reader: BufReader<File>,
}

impl StateFrames {
    /// Opens a state file that [`newest`] has checked.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(snapshots: &Path, tick: Time, entry: &FileEntry) -> Result<Self, Error> {
        let path = folder(snapshots, tick).join(&entry.name);
        let file = File::open(&path).map_err(connectors::Error::io("open", &path))?;
        Ok(StateFrames { path, reader: BufReader::with_capacity(1 << 20, file) })
    }

    /// Returns the next operator and its chunk; `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next_frame(&mut self) -> Result<Option<(String, StateChunk)>, Error> {
        let Some(operator) = self.field(true)? else { return Ok(None) };
        let operator = String::from_utf8(operator).map_err(|error| self.bad(&error.to_string()))?;
        let mut field = || self.field(false).map(Option::unwrap_or_default);
        Ok(Some((operator, StateChunk { broadcasts: field()?, entries: field()? })))
    }

    fn field(&mut self, first: bool) -> Result<Option<Vec<u8>>, Error> {
        let mut length = [0; 8];
        let failed = connectors::Error::io("read", &self.path);
        match self.reader.read_exact(&mut length) {
            Err(error) if first && error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(failed)?,
        }
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|error| self.bad(&error.to_string()))?;
        let mut field = vec![0; length];
        self.reader.read_exact(&mut field).map_err(connectors::Error::io("read", &self.path))?;
        Ok(Some(field))
    }

    fn bad(&self, problem: &str) -> Error {
        Error::Recovery(format!("{}: {problem}", self.path.display()))
    }
}

/// Writes JSON followed by its hash; the file appears complete or not at all.
fn write_checked(path: &Path, content: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_vec_pretty(content).map_err(|error| Error::Engine(error.to_string()))?;
    let mut file = WholeFile::create(path)?;
    file.append(&json)?;
    file.append(format!("\n{:032x}\n", xxh3_128(&json)).as_bytes())?;
    Ok(file.finish()?)
}

/// Reads a file that [`write_checked`] wrote.
fn read_checked<C: DeserializeOwned>(path: &Path) -> Result<C, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let wrong = |problem: &str| format!("{} {problem}", path.display());
    let (json, hash) = text.trim_end_matches('\n').rsplit_once('\n').ok_or_else(|| wrong("is cut short"))?;
    if format!("{:032x}", xxh3_128(json.as_bytes())) != hash {
        return Err(wrong("does not have the hash it says"));
    }
    serde_json::from_str(json).map_err(|error| wrong(&format!("cannot be understood: {error}")))
}

/// Writes the part file of a process.
///
/// # Errors
/// If it cannot be written.
pub fn write_part(snapshots: &Path, tick: Time, part: &Part) -> Result<(), Error> {
    write_checked(&folder(snapshots, tick).join(format!("p{}.part", part.process)), part)
}

/// Returns the parts of a snapshot that exist.
///
/// # Errors
/// If a part exists but is damaged.
pub fn read_parts(snapshots: &Path, tick: Time, processes: u32) -> Result<Vec<Part>, Error> {
    let paths = (0..processes).map(|process| folder(snapshots, tick).join(format!("p{process}.part")));
    paths.filter(|path| path.exists()).map(|path| read_checked(&path).map_err(Error::Recovery)).collect()
}

/// Completes a snapshot by writing its manifest.
///
/// # Errors
/// If the manifest cannot be written durably.
pub fn complete(snapshots: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = folder(snapshots, manifest.tick).join("manifest");
    write_checked(&path, manifest)?;
    fail_point("manifest-renamed");
    for folder in [folder(snapshots, manifest.tick), snapshots.to_owned()] {
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        synced.map_err(connectors::Error::io("write", &folder))?;
    }
    Ok(())
}

/// Returns the ticks of all snapshot folders, newest first.
fn ticks(snapshots: &Path) -> Result<Vec<Time>, Error> {
    if !snapshots.is_dir() {
        return Ok(Vec::new());
    }
    let mut ticks = Vec::new();
    for entry in fs::read_dir(snapshots).map_err(connectors::Error::io("list", snapshots))? {
        let entry = entry.map_err(connectors::Error::io("list", snapshots))?;
        ticks.extend(entry.file_name().to_str().and_then(|name| name.parse::<Time>().ok()));
    }
    ticks.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ticks)
}

/// Returns the newest snapshot whose files are all undamaged, and the problems of the newer ones.
///
/// # Errors
/// If the folder cannot be read.
pub fn newest(snapshots: &Path) -> Result<(Option<Manifest>, Vec<String>), Error> {
    let mut refused = Vec::new();
    for tick in ticks(snapshots)? {
        match check(snapshots, tick) {
            Ok(manifest) => return Ok((Some(manifest), refused)),
            Err(problem) => refused.push(format!("snapshot {tick}: {problem}")),
        }
    }
    Ok((None, refused))
}

/// Reads the manifest at `tick` and checks every file it names.
fn check(snapshots: &Path, tick: Time) -> Result<Manifest, String> {
    let folder = folder(snapshots, tick);
    let path = folder.join("manifest");
    if !path.exists() {
        return Err("has no manifest: it was never completed, or the manifest is lost".to_owned());
    }
    let manifest: Manifest = read_checked(&path)?;
    if manifest.version != VERSION {
        return Err(format!("has format {}, this program reads {VERSION}", manifest.version));
    }
    if manifest.tick != tick {
        return Err(format!("its manifest is that of tick {}", manifest.tick));
    }
    for part in &manifest.parts {
        for entry in part.states.iter().chain(&part.tables) {
            check_file(&folder.join(&entry.name), entry)?;
        }
    }
    Ok(manifest)
}

fn check_file(path: &Path, entry: &FileEntry) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut bytes, mut buffer) = (Xxh3::new(), 0u64, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    if bytes != entry.bytes {
        return Err(format!("{} has {bytes} bytes, not {}", path.display(), entry.bytes));
    }
    if format!("{:032x}", hash.digest128()) != entry.hash {
        return Err(format!("{} does not have the hash it was written with", path.display()));
    }
    Ok(())
}

/// Deletes snapshots after the tick `from`, complete or not: a job that continues from there writes them again, and
/// must not use a part of an earlier run.
///
/// # Errors
/// If a folder cannot be deleted.
pub fn forget_after(snapshots: &Path, from: Option<Time>) -> Result<(), Error> {
    for tick in ticks(snapshots)?.into_iter().filter(|tick| Some(*tick) > from) {
        let folder = folder(snapshots, tick);
        fs::remove_dir_all(&folder).map_err(connectors::Error::io("delete", &folder))?;
    }
    Ok(())
}

/// Deletes all but the newest `keep` complete snapshots; returns the tick of the oldest one that remains.
///
/// # Errors
/// If a folder cannot be deleted.
pub fn retain(snapshots: &Path, keep: usize) -> Result<Option<Time>, Error> {
    let (mut complete, mut oldest) = (0, None);
    for tick in ticks(snapshots)? {
        let folder = folder(snapshots, tick);
        if complete >= keep {
            fail_point("snapshot-delete");
            fs::remove_dir_all(&folder).map_err(connectors::Error::io("delete", &folder))?;
        } else if folder.join("manifest").exists() {
            complete += 1;
            oldest = Some(tick);
        }
    }
    Ok(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str) -> StateChunk {
        StateChunk { entries: text.as_bytes().to_vec(), broadcasts: vec![1] }
    }

    fn write(snapshots: &Path, tick: Time) -> Manifest {
        let folder = folder(snapshots, tick);
        fs::create_dir_all(&folder).unwrap();
        let mut file = SnapshotFile::create(&folder, "p0-w0.state".to_owned()).unwrap();
        file.append_piece("totals", &chunk("abc")).unwrap();
        file.append_piece("lookup", &chunk(&tick.to_string())).unwrap();
        let mut tables = SnapshotFile::create(&folder, "p0.board".to_owned()).unwrap();
        tables.append(b"rows").unwrap();
        let states = vec![file.finish().unwrap()];
        let part = Part {
            process: 0,
            states,
            tables: Some(tables.finish().unwrap()),
            published: BTreeMap::new(),
            partitions: Vec::new(),
        };
        write_part(snapshots, tick, &part).unwrap();
        let parts = read_parts(snapshots, tick, 1).unwrap();
        let (program, stored) = ("p".to_owned(), Fingerprint::default());
        let manifest = Manifest { version: VERSION, tick, tick_ms: 10, program, stored, parts };
        complete(snapshots, &manifest).unwrap();
        manifest
    }

    #[test]
    fn a_snapshot_is_read_frame_by_frame_as_written() {
        let snapshots = tempfile::tempdir().unwrap();
        let manifest = write(snapshots.path(), 50);
        assert_eq!(newest(snapshots.path()).unwrap(), (Some(manifest.clone()), vec![]));
        let mut frames = StateFrames::open(snapshots.path(), 50, manifest.states()[0]).unwrap();
        assert_eq!(frames.next_frame().unwrap(), Some(("totals".to_owned(), chunk("abc"))));
        assert_eq!(frames.next_frame().unwrap(), Some(("lookup".to_owned(), chunk("50"))));
        assert_eq!(frames.next_frame().unwrap(), None);
    }

    #[test]
    fn a_snapshot_with_a_damaged_file_is_refused_and_the_one_before_is_used() {
        let snapshots = tempfile::tempdir().unwrap();
        let older = write(snapshots.path(), 50);
        write(snapshots.path(), 60);
        for name in ["p0-w0.state", "p0.board", "manifest"] {
            let path = folder(snapshots.path(), 60).join(name);
            let bytes = fs::read(&path).unwrap();
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 1;
            let other = fs::read(folder(snapshots.path(), 50).join(if name == "p0.board" { "manifest" } else { name }));
            let longer = [&bytes[..], b"x"].concat();
            for damage in
                [Some(flipped), Some(bytes[..bytes.len() / 2].to_vec()), Some(other.unwrap()), Some(longer), None]
            {
                match &damage {
                    Some(damage) => fs::write(&path, damage).unwrap(),
                    None => fs::remove_file(&path).unwrap(),
                }
                let (found, refused) = newest(snapshots.path()).unwrap();
                assert_eq!(found.as_ref(), Some(&older), "{name}");
                assert!(refused.len() == 1 && refused[0].starts_with("snapshot 60: "), "{refused:?}");
            }
            fs::write(&path, bytes).unwrap();
        }
        assert_eq!(newest(snapshots.path()).unwrap().0.unwrap().tick, 60);
    }

    #[test]
    fn only_the_newest_complete_snapshots_remain() {
        let snapshots = tempfile::tempdir().unwrap();
        for tick in [10, 20, 30, 40] {
            write(snapshots.path(), tick);
        }
        fs::remove_file(folder(snapshots.path(), 40).join("manifest")).unwrap();
        assert_eq!(retain(snapshots.path(), 2).unwrap(), Some(20));
        assert_eq!(ticks(snapshots.path()).unwrap(), [40, 30, 20]);
        forget_after(snapshots.path(), Some(30)).unwrap();
        assert_eq!(ticks(snapshots.path()).unwrap(), [30, 20]);
        forget_after(snapshots.path(), None).unwrap();
        assert!(ticks(snapshots.path()).unwrap().is_empty());
    }
}
