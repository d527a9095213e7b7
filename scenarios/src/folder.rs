//! The scenario folder on disk: it appears whole, in order, or not at all.
//!
//! Meaning: `scenario.toml` and one `TOPIC.jsonl` (or `.parquet`) for each topic that has records, as section 7 of the public
//! contract lays them out. Everything is written into a hidden folder beside the one asked for and moved to its name
//! by one rename, after the bytes have reached the disk; so what carries the name is complete, even after a crash or
//! a power cut. A folder that already holds something is never touched. Cost: one buffer of 1 MiB; records are
//! written as they come and none is kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::topic::{Record, Topic};
use table::Table;

mod table;

/// How topics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// Typed columns.
    Parquet,
}

/// What `scenario.toml` says; what is `None` is left to the defaults of the contract.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// Lines of comment at the head of the file: where the scenario comes from.
    pub notes: Vec<String>,
    /// What it is called.
    pub name: String,
    /// The instant to replay to.
    pub until: Option<i64>,
    /// The width of a tick.
    pub tick_ms: Option<i64>,
    /// How often views are written.
    pub emit_ms: Option<i64>,
    /// Policies that differ from the contract, each with the reason that stands above it.
    pub policies: BTreeMap<&'static str, (i64, &'static str)>,
}

impl Scenario {
    /// The text of `scenario.toml`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            let _ = writeln!(text, "# {note}");
        }
        let name = self.name.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "name = \"{name}\"");
        for (key, value) in [("until", self.until), ("tick_ms", self.tick_ms), ("emit_ms", self.emit_ms)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        if !self.policies.is_empty() {
            text.push_str("\n[policy]\n");
        }
        for (key, (value, reason)) in &self.policies {
            let _ = writeln!(text, "# {reason}\n\"{key}\" = {value}");
        }
        text
    }
}

/// One line of a topic file.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A record as it should be.
    Record(Record),
    /// Bytes as they are, without a line break: a line no record would make, such as half of one, or none at all.
    Raw {
        /// When the log took it, which is all that places it.
        ingest_time: i64,
        /// What stands there.
        bytes: Vec<u8>,
    },
}

impl Line {
    /// When the log took it.
    #[must_use]
    pub fn ingest_time(&self) -> i64 {
        match self {
            Line::Record(record) => record.ingest_time,
            Line::Raw { ingest_time, .. } => *ingest_time,
        }
    }

    /// Puts it at the end of `into`, without a line break.
    fn encode(&self, into: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Line::Record(record) => serde_json::to_writer(into, record)
                .map_err(|source| Error::Encode { event_id: record.event_id.to_string(), source }),
            Line::Raw { bytes, .. } => {
                into.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

impl From<Record> for Line {
    fn from(record: Record) -> Line {
        Line::Record(record)
    }
}

/// What was written of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The topic.
    pub topic: Topic,
    /// Lines, raw ones included.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A scenario folder under way. Dropped before [`Folder::finish`], it takes back everything it wrote.
#[derive(Debug)]
pub struct Folder {
    out: PathBuf,
    partial: PathBuf,
    finished: bool,
}

impl Folder {
    /// Begins a folder which will be called `out`; its parents are made as needed.
    ///
    /// # Errors
    /// [`Error::OutputExists`] if `out` is a file or a folder with something in it, [`Error::Write`] if the system
    /// refuses.
    pub fn create(out: &Path) -> Result<Folder, Error> {
        refuse_content(out)?;
        let failed = |path: &Path| writing(path.to_owned());
        let parent = match out.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let name = out.file_name().ok_or_else(|| Error::OutputExists { path: out.to_owned() })?;
        let partial = parent.join(format!(".{}.incomplete-{}", name.to_string_lossy(), std::process::id()));
        // Only a dead process with our number can have left it.
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(failed(&partial))?;
        }
        fs::create_dir(&partial).map_err(failed(&partial))?;
        Ok(Folder { out: out.to_owned(), partial, finished: false })
    }

    /// Writes the file of a topic from records or [`Line`]s. They come in order of ingest time; no line, no file.
    ///
    /// # Errors
    /// [`Error::Misplaced`] for a record of another topic, a line that arrived before its predecessor, or a raw one
    /// that is more than one line; [`Error::Write`] if the system refuses, and whatever error the records themselves
    /// bring.
    pub fn write<L: Into<Line>>(
        &mut self,
        topic: Topic,
        lines: impl IntoIterator<Item = Result<L, Error>>,
    ) -> Result<Written, Error> {
        let mut lines = lines.into_iter().peekable();
        if lines.peek().is_none() {
            return Ok(Written { topic, records: 0, bytes: 0 });
        }
        let mut file = TopicFile::create(&self.partial, topic, Format::Jsonl)?;
        for line in lines {
            file.append(&line?.into())?;
        }
        file.finish()
    }

    /// Writes the files of all topics at once, from records in order of ingest time; the sum of each, by topic.
    ///
    /// # Errors
    /// Those of [`Folder::write`].
    pub fn write_all(
        &mut self,
        format: Format,
        records: impl IntoIterator<Item = Result<Record, Error>>,
    ) -> Result<Vec<Written>, Error> {
        let mut files: BTreeMap<Topic, TopicFile> = BTreeMap::new();
        for record in records {
            let record = record?;
            let file = match files.entry(record.topic()) {
                Entry::Occupied(file) => file.into_mut(),
                Entry::Vacant(place) => place.insert(TopicFile::create(&self.partial, record.topic(), format)?),
            };
            file.append(&Line::Record(record))?;
        }
        files.into_values().map(TopicFile::finish).collect()
    }

    /// Writes another file beside the topics.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.partial.join(name);
        let mut file = File::create(&path).map_err(writing(path.clone()))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(writing(path))
    }

    /// Writes `scenario.toml` and gives the folder its name.
    ///
    /// # Errors
    /// [`Error::OutputExists`] if something has come to lie there meanwhile, [`Error::Write`] if the system refuses.
    pub fn finish(mut self, scenario: &Scenario) -> Result<(), Error> {
        self.put("scenario.toml", scenario.to_toml().as_bytes())?;
        refuse_content(&self.out)?;
        if self.out.exists() {
            fs::remove_dir(&self.out).map_err(writing(self.out.clone()))?;
        }
        fs::rename(&self.partial, &self.out).map_err(writing(self.out.clone()))?;
        self.finished = true;
        Ok(())
    }
}

/// Where the records of a topic go.
enum Sink {
    Lines(PathBuf, BufWriter<File>),
    // Ten times as large as the other.
    Rows(Box<Table>),
}

/// The file of a topic under way.
struct TopicFile {
    sink: Sink,
    text: Vec<u8>,
    latest: i64,
    written: Written,
}

impl TopicFile {
    fn create(folder: &Path, topic: Topic, format: Format) -> Result<TopicFile, Error> {
        let sink = match format {
            Format::Parquet => Sink::Rows(Box::new(Table::create(folder, topic)?)),
            Format::Jsonl => {
                let path = folder.join(format!("{}.jsonl", topic.name()));
                let file = File::create(&path).map_err(writing(path.clone()))?;
                Sink::Lines(path, BufWriter::with_capacity(1 << 20, file))
            }
        };
        let written = Written { topic, records: 0, bytes: 0 };
        Ok(TopicFile { sink, text: Vec::new(), latest: i64::MIN, written })
    }

    fn append(&mut self, line: &Line) -> Result<(), Error> {
        check_place(line, self.written.topic, self.latest)?;
        self.latest = line.ingest_time();
        self.text.clear();
        line.encode(&mut self.text)?;
        self.text.push(b'\n');
        match &mut self.sink {
            Sink::Rows(table) => table.append(&self.text)?,
            Sink::Lines(path, file) => {
                file.write_all(&self.text).map_err(|source| Error::Write { path: path.clone(), source })?;
            }
        }
        self.written.records += 1;
        self.written.bytes += self.text.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<Written, Error> {
        let bytes = match self.sink {
            Sink::Rows(table) => table.finish()?,
            Sink::Lines(path, file) => {
                let file = file.into_inner().map_err(|error| writing(path.clone())(error.into_error()))?;
                file.sync_all().map_err(writing(path))?;
                self.written.bytes
            }
        };
        Ok(Written { bytes, ..self.written })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished {
            // Already failing: the first error is the one to tell, and a hidden leftover harms nobody.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

fn writing(path: PathBuf) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Write { path, source }
}

fn refuse_content(out: &Path) -> Result<(), Error> {
    match fs::read_dir(out).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(false) | Err(_) => Err(Error::OutputExists { path: out.to_owned() }),
    }
}

fn check_place(line: &Line, topic: Topic, latest: i64) -> Result<(), Error> {
    let reason = match line {
        Line::Record(record) if record.topic() != topic => "it is a record of another topic",
        Line::Raw { bytes, .. } if bytes.contains(&b'\n') => "it is more than one line",
        _ if line.ingest_time() < latest => "it arrived before the record above it",
        _ => return Ok(()),
    };
    let event_id = match line {
        Line::Record(record) => record.event_id.to_string(),
        Line::Raw { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
    };
    Err(Error::Misplaced { event_id, topic: topic.name(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{Body, Id, Policy};

    fn policy(name: &str, at: i64) -> Result<Record, Error> {
        let body = Body::Policy(Policy { policy_key: Id::new(name)?, value: -1 });
        Ok(Record::new(Id::new(name)?, at, None, body))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_whole() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("deep/scenario");
        let mut folder = Folder::create(&out).unwrap();
        let written = folder.write(Topic::Commands, [policy("a", 1), policy("b", 1)]).unwrap();
        assert!(!out.exists());
        assert_eq!((written.records, folder.write::<Record>(Topic::Pos, []).unwrap().records), (2, 0));
        folder.finish(&Scenario { name: "x".into(), ..Scenario::default() }).unwrap();
        assert_eq!(names(&out), ["commands.jsonl", "scenario.toml"]);
        assert_eq!(names(out.parent().unwrap()), ["scenario"]);
        let text = fs::read_to_string(out.join("commands.jsonl")).unwrap();
        assert_eq!(text.len() as u64, written.bytes);
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"event_id":"a","event_time":1,"ingest_time":1,"type":"policy","policy_key":"a","value":-1}"#
        );
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("scenario");
        let mut folder = Folder::create(&out).unwrap();
        let error = folder.write(Topic::Commands, [policy("a", 2), policy("b", 1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "record b does not belong at this place of commands.jsonl: it arrived before the record above it"
        );
        assert!(matches!(folder.write(Topic::Pos, [policy("a", 2)]), Err(Error::Misplaced { .. })));
        drop(folder);
        assert!(names(room.path()).is_empty());
    }

    #[test]
    fn raw_lines_stand_where_they_arrived() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("scenario");
        let mut folder = Folder::create(&out).unwrap();
        let raw = |ingest_time, bytes: &[u8]| Ok(Line::Raw { ingest_time, bytes: bytes.to_vec() });
        for wrong in [raw(2, b"{}\n{}"), raw(1, b"a"), policy("b", 1).map(Line::from)] {
            let misplaced = folder.write(Topic::Commands, [raw(2, b""), wrong]).unwrap_err();
            assert!(matches!(misplaced, Error::Misplaced { .. }), "{misplaced}");
        }
        let mixed = [raw(i64::MIN, b"{"), policy("a", 1).map(Line::from), raw(1, b""), raw(2, b"\xff")];
        folder.write(Topic::Commands, mixed).unwrap();
        folder.finish(&Scenario::default()).unwrap();
        let bytes = fs::read(out.join("commands.jsonl")).unwrap();
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        assert_eq!((lines.len(), lines[0], lines[2], lines[3]), (5, &b"{"[..], &b""[..], &b"\xff"[..]));
    }

    #[test]
    fn content_is_never_overwritten() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("scenario");
        fs::create_dir(&out).unwrap();
        Folder::create(&out).unwrap().finish(&Scenario::default()).unwrap();
        assert_eq!(names(&out), ["scenario.toml"], "an empty folder may be filled");
        assert!(matches!(Folder::create(&out), Err(Error::OutputExists { .. })));
        let file = room.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(Folder::create(&file), Err(Error::OutputExists { .. })));
        assert!(matches!(Folder::create(Path::new("/")), Err(Error::OutputExists { .. })));
    }

    #[test]
    fn the_head_of_a_scenario() {
        let scenario = Scenario {
            notes: vec!["From somewhere.".into()],
            name: "a \"b\"".into(),
            until: Some(9),
            tick_ms: None,
            emit_ms: Some(5),
            policies: BTreeMap::from([("stale_ms.pos", (7, "Because."))]),
        };
        assert_eq!(
            scenario.to_toml(),
            "# From somewhere.\nname = \"a \\\"b\\\"\"\nuntil = 9\nemit_ms = 5\n\n[policy]\n# Because.\n\"stale_ms.pos\" = 7\n"
        );
    }
}
