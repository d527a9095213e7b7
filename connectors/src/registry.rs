//! The one list of connectors: what a configuration may name, and how each is opened.
//!
//! A connector is a folder of its own, one variant here, and one call of the contract in its tests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::error::Error;
use crate::file::sink::FileSink as FileWriter;
use crate::file::source::FileSource as FileReader;
use crate::fluvio::{
    FluvioCluster, FluvioSink as FluvioWriter, FluvioSource as FluvioReader, create_topic, partitions,
};
use crate::sink::Sink;
use crate::source::{Source, Start};

/// Bytes asked of a broker at a time, unless more are needed for one record.
const MAX_BYTES: i32 = 4 << 20;

/// Where an input topic comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "connector", rename_all = "snake_case")]
pub enum SourceConfig {
    /// Files of lines, or tables.
    File(FileSource),
    /// A topic of a Fluvio cluster.
    Fluvio(FluvioSource),
}

/// Files, a partition each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The file, of a topic with one partition. JSON lines; `.parquet` and `.arrow` are tables, a row an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The files, of a topic with several partitions, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// Whether to wait at the end for lines to come (default), or to be done there. Tables do not grow.
    #[serde(default = "yes")]
    pub follow: bool,
}

/// A topic to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FluvioSource {
    /// The cluster.
    pub cluster: FluvioCluster,
    /// The topic's name: `a-z 0-9 -`.
    pub topic: String,
    /// What a message holds: `json` (default), or `arrow`, many events each.
    #[serde(default)]
    pub codec: Codec,
    /// Bytes asked for at a time (default 4 MiB); a larger record is asked for with more.
    #[serde(default = "max_bytes")]
    pub max_bytes: i32,
}

/// Where an output topic goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "connector", rename_all = "snake_case")]
pub enum SinkConfig {
    /// A file of lines.
    File(FileSink),
    /// A topic of a Fluvio cluster.
    Fluvio(FluvioSink),
}

/// A file to append to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSink {
    /// The file; it is created, with the folders above it, if it is not there.
    pub path: PathBuf,
    /// Whether a record must survive a power failure before it counts as written (default), or only the death of the
    /// program.
    #[serde(default = "yes")]
    pub sync: bool,
}

/// A topic to append to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FluvioSink {
    /// The cluster.
    pub cluster: FluvioCluster,
    /// The topic's name: `a-z 0-9 -`.
    pub topic: String,
    /// Its partition (default 0).
    #[serde(default)]
    pub partition: u32,
    /// Whether to create the topic, up to that partition, if it is not there (default: no).
    #[serde(default)]
    pub create: bool,
}

fn yes() -> bool {
    true
}

fn max_bytes() -> i32 {
    MAX_BYTES
}

impl FileSource {
    fn files(&self) -> Result<Vec<&PathBuf>, Error> {
        match (&self.path, self.paths.as_slice()) {
            (Some(path), []) => Ok(vec![path]),
            (None, [_, ..]) => Ok(self.paths.iter().collect()),
            (Some(path), _) => Err(Error::Config(format!("{}: give path or paths, not both", path.display()))),
            (None, []) => Err(Error::Config("a file source needs a path, or paths".to_owned())),
        }
    }

    fn file(&self, partition: u32) -> Result<&PathBuf, Error> {
        let files = self.files()?;
        let none = || Error::Config(format!("there is no file for partition {partition}, only {}", files.len()));
        files.get(partition as usize).copied().ok_or_else(none)
    }
}

impl SourceConfig {
    /// Whether its settings can be followed, as far as they show by themselves.
    ///
    /// # Errors
    /// A setting that cannot be followed.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            SourceConfig::File(file) => file.files().map(|_| ()),
            SourceConfig::Fluvio(fluvio) => fluvio.cluster.check(),
        }
    }

    /// How many partitions there are.
    ///
    /// # Errors
    /// A setting that cannot be followed, or a broker that cannot be asked.
    pub fn partitions(&self) -> Result<u32, Error> {
        match self {
            SourceConfig::File(file) => Ok(u32::try_from(file.files()?.len()).unwrap_or(u32::MAX)),
            SourceConfig::Fluvio(fluvio) => partitions(&fluvio.cluster, &fluvio.topic),
        }
    }

    /// Opens a partition; with `stop_at_end` it ends where the end is now.
    ///
    /// # Errors
    /// If there is no such partition, or it cannot be read from that start.
    pub fn open(&self, partition: u32, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        Ok(match self {
            SourceConfig::File(file) => {
                Box::new(FileReader::open(file.file(partition)?, start, stop_at_end || !file.follow)?)
            }
            SourceConfig::Fluvio(FluvioSource { cluster, topic, max_bytes, .. }) => {
                Box::new(FluvioReader::open(cluster, topic, partition, start, *max_bytes, stop_at_end)?)
            }
        })
    }

    /// Creates the topic with so many partitions, unless it is there. Files have theirs by being named.
    ///
    /// # Errors
    /// If it is there with another number of them, or cannot be created.
    pub fn create(&self, partitions: u32) -> Result<(), Error> {
        match self {
            SourceConfig::File(file) => match file.files()?.len() {
                held if held == partitions as usize => Ok(()),
                held => Err(Error::Config(format!("{} has {held} partitions, not {partitions}", self.name()))),
            },
            SourceConfig::Fluvio(FluvioSource { cluster, topic, .. }) => create_topic(cluster, topic, partitions),
        }
    }

    /// Appends to a partition of the topic that is read here: for those who produce it.
    ///
    /// # Errors
    /// If there is no such partition, or it cannot be written.
    pub fn sink(&self, partition: u32) -> Result<Box<dyn Sink>, Error> {
        Ok(match self {
            SourceConfig::File(file) => Box::new(FileWriter::open(file.file(partition)?, true)?),
            SourceConfig::Fluvio(FluvioSource { cluster, topic, .. }) => {
                Box::new(FluvioWriter::open(cluster, topic, partition)?)
            }
        })
    }

    /// What its messages hold.
    pub fn codec(&self) -> Codec {
        match self {
            SourceConfig::File(_) => Codec::Json,
            SourceConfig::Fluvio(fluvio) => fluvio.codec,
        }
    }

    /// What to call it in a log: its path or topic.
    pub fn name(&self) -> String {
        match self {
            SourceConfig::File(file) => match file.files() {
                Ok(files) => files[0].display().to_string(),
                Err(_) => "files".to_owned(),
            },
            SourceConfig::Fluvio(fluvio) => fluvio.topic.clone(),
        }
    }
}

impl SinkConfig {
    /// Whether its settings can be followed, as far as they show by themselves.
    ///
    /// # Errors
    /// A setting that cannot be followed.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            SinkConfig::File(_) => Ok(()),
            SinkConfig::Fluvio(fluvio) => fluvio.cluster.check(),
        }
    }

    /// Opens the topic for its only writer.
    ///
    /// # Errors
    /// If it cannot be written, or another writer has it.
    pub fn open(&self) -> Result<Box<dyn Sink>, Error> {
        Ok(match self {
            SinkConfig::File(file) => Box::new(FileWriter::open(&file.path, file.sync)?),
            SinkConfig::Fluvio(FluvioSink { cluster, topic, partition, create }) => {
                let missing = || partitions(cluster, topic).err().is_some_and(|error| error.is_final());
                if *create && missing() {
                    create_topic(cluster, topic, partition.saturating_add(1))?;
                }
                Box::new(FluvioWriter::open(cluster, topic, *partition)?)
            }
        })
    }

    /// Reads back what is written there; with `stop_at_end` it ends where the end is now.
    ///
    /// # Errors
    /// If it cannot be read from that start.
    pub fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        Ok(match self {
            SinkConfig::File(file) => Box::new(FileReader::open(&file.path, start, stop_at_end)?.of_finished_lines()),
            SinkConfig::Fluvio(FluvioSink { cluster, topic, partition, .. }) => {
                Box::new(FluvioReader::open(cluster, topic, *partition, start, MAX_BYTES, stop_at_end)?)
            }
        })
    }

    /// What to call it in a log: its path or topic.
    pub fn name(&self) -> String {
        match self {
            SinkConfig::File(file) => file.path.display().to_string(),
            SinkConfig::Fluvio(fluvio) => fluvio.topic.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Polled;
    use std::time::Duration;

    fn source(text: &str) -> Result<SourceConfig, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_sample_of_each_is_understood() {
        let fluvio = "connector = \"fluvio\"\ntopic = \"pos\"\ncluster.endpoint = \"127.0.0.1:9003\"\n";
        let Ok(SourceConfig::Fluvio(read)) = source(fluvio) else { panic!("a Fluvio source") };
        assert_eq!((read.codec, read.max_bytes, read.cluster.tls), (Codec::Json, 4 << 20, None));
        let tls = format!(
            "codec = \"arrow\"\n{fluvio}cluster.tls = {{ domain = \"d\", ca_cert = \"c\", cert = \"e\", key = \"k\" }}"
        );
        assert_eq!(source(&tls).expect("understood").codec(), Codec::Arrow);
        let files = source("connector = \"file\"\npaths = [\"a\", \"b\"]\nfollow = false").expect("understood");
        assert_eq!((files.partitions().expect("counted"), files.name()), (2, "a".to_owned()));
        let sink: SinkConfig = toml::from_str("connector = \"file\"\npath = \"x\"").expect("understood");
        assert_eq!(sink, SinkConfig::File(FileSink { path: "x".into(), sync: true }));
        let sink: SinkConfig = toml::from_str(&format!("create = true\n{fluvio}")).expect("understood");
        let SinkConfig::Fluvio(FluvioSink { partition: 0, create: true, .. }) = sink else { panic!("a Fluvio sink") };
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, words) in [
            ("connector = \"file\"\npath = \"x\"\nfolow = true", "unknown field `folow`"),
            ("connector = \"kafka\"", "unknown variant `kafka`"),
            ("path = \"x\"", "missing field `connector`"),
            ("connector = \"fluvio\"\ntopic = \"t\"\ncluster.endpoint = \"e\"\ncluster.tsl = 1", "unknown field `tsl`"),
            ("connector = \"fluvio\"\ncluster.endpoint = \"e\"", "missing field `topic`"),
        ] {
            let said = source(text).expect_err("refused");
            assert!(said.contains(words), "{said}");
        }
        let sink: Result<SinkConfig, _> = toml::from_str("connector = \"file\"\npath = \"x\"\nsink = false");
        assert!(sink.is_err_and(|error| error.message().contains("unknown field `sink`")));
        for text in ["connector = \"file\"", "connector = \"file\"\npath = \"x\"\npaths = [\"y\"]"] {
            assert!(source(text).expect("understood").partitions().is_err_and(|error| error.is_final()));
        }
        let no_port = "connector = \"fluvio\"\ntopic = \"t\"\ncluster.endpoint = \"localhost\"";
        let refused = source(no_port).expect("understood").check();
        assert!(refused.is_err_and(|error| error.is_final() && error.to_string().contains("a host and a port")));
        let sink: SinkConfig = toml::from_str(no_port).expect("understood");
        assert!(sink.check().is_err() && sink.open().is_err_and(|error| error.is_final()));
        let one = source("connector = \"file\"\npath = \"x\"").expect("understood");
        one.check().expect("right");
        assert!(one.open(1, Start::Beginning, true).is_err_and(|error| error.to_string().contains("partition 1")));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.jsonl");
        let sink = SinkConfig::File(FileSink { path: path.clone(), sync: false });
        sink.open().expect("opened").append(&[b"{}".to_vec()]).expect("appended");
        let read = sink.source(Start::Beginning, true).expect("opened").poll(9, Duration::ZERO).expect("read");
        assert!(matches!(read, Polled::Records(messages) if messages.len() == 1));
        let input = SourceConfig::File(FileSource { path: Some(path), paths: Vec::new(), follow: true });
        input.sink(0).expect("opened").append(&[b"{}".to_vec()]).expect("appended");
        let read = input.open(0, Start::Beginning, false).expect("opened").poll(9, Duration::ZERO).expect("read");
        assert!(matches!(read, Polled::Records(messages) if messages.len() == 2));
    }
}
