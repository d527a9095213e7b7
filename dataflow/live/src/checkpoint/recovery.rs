//! What an earlier run left, found, checked, and made one beginning of.
//!
//! The newest good snapshot says what every operator held at its tick and how far each partition was taken; the remap
//! log says what the ticks after it were made of. Where they contradict each other, the outputs, or the configuration,
//! nothing starts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::path::Path;

use contract::output::OutputTopic;
use contract::time::Time;

use crate::checkpoint::snapshot::{self, Manifest};
use crate::config::Config;
use crate::error::Error;
use crate::input::binder::{Reached, Span};
use crate::input::remap_log::{PartitionName, RemapLog, Replay, Replayed};

/// Where a job goes on.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The snapshot to start from.
    pub manifest: Option<Manifest>,
    /// What must be read again after it.
    pub replay: Replay,
    /// The number for remap segments written from now on.
    pub incarnation: u32,
    /// Whether the program or its configured policies judge otherwise than those that wrote the snapshot.
    pub judges_anew: bool,
}

/// Why a changed program does not start.
const CHANGED: &str = "the program or its configured policies have changed, and ticks after the last snapshot have been published: \
                       start what ran before once more and stop it with SIGTERM (it leaves a snapshot with nothing behind it), then upgrade";

/// What judges here: the bytes of this program and its configured policies.
///
/// # Errors
/// If the program cannot read its own file.
pub fn program(policy: &BTreeMap<String, i64>) -> Result<String, Error> {
    let path = std::env::current_exe().map_err(connectors::Error::io("find", Path::new("this program")))?;
    let mut hasher = blake3::Hasher::new();
    let hashed = File::open(&path).and_then(|file| hasher.update_reader(file).map(drop));
    hashed.map_err(connectors::Error::io("read", &path))?;
    for (name, value) in policy {
        hasher.update(format!("\n{name}={value}").as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

/// Reads what is there.
///
/// # Errors
/// [`Error::Recovery`] if something is there that cannot be gone on from; with a sentence on what and where.
pub fn recover(config: &Config, program: &str) -> Result<Recovered, Error> {
    let (manifest, refused) = snapshot::newest(&config.snapshots())?;
    for problem in &refused {
        tracing::warn!(%problem, "a snapshot is refused; trying the one before");
    }
    let log = RemapLog::read(&config.remap())?;
    log.forget_empty()?;
    let tick_ms = config.time.tick_ms;
    let written_with = manifest.as_ref().map(|manifest| manifest.tick_ms).or(log.tick_ms());
    if let Some(other) = written_with.filter(|other| *other != tick_ms) {
        return Err(Error::Recovery(format!("the state was written with time.tick_ms = {other}, not {tick_ms}")));
    }
    if manifest.is_some() && log.is_empty() {
        let problem = format!("there are snapshots, but no remap log in {}: it was deleted", config.remap().display());
        return Err(Error::Recovery(problem));
    }
    if manifest.is_none() && !refused.is_empty() && log.reaches_back_to_start().is_err() {
        return Err(Error::Recovery(format!("no snapshot is usable: {}", refused.join("; "))));
    }
    let from = manifest.as_ref().map(|manifest| manifest.tick);
    let replay = if log.is_empty() { Replay::default() } else { log.replay(from)? };
    let judges_anew = manifest.as_ref().is_some_and(|manifest| manifest.program != program);
    if manifest.is_none() && replay.spans.iter().any(|span| span.program != program) {
        return Err(Error::Recovery(CHANGED.to_owned()));
    }
    // What this very program has published since is judged anew again, at the same tick.
    if judges_anew && replay.spans.iter().any(|span| span.program != program) {
        return Err(Error::Recovery(CHANGED.to_owned()));
    }
    Ok(Recovered { manifest, replay, incarnation: log.next_incarnation(), judges_anew })
}

/// A span to be fed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebinding {
    /// The span.
    pub span: Span,
    /// The tick it was acted on up to.
    pub upto: Time,
    /// The tick that closes when it has been fed.
    pub closes: Time,
}

impl Recovered {
    /// The last tick that was closed, by the log or the snapshot.
    pub fn closed(&self) -> Option<Time> {
        self.replay.closed.max(self.manifest.as_ref().map(|manifest| manifest.tick))
    }

    /// The tick to go on after.
    pub fn from(&self) -> Option<Time> {
        self.manifest.as_ref().map(|manifest| manifest.tick)
    }

    /// How far a partition had been taken at that tick, if it was known.
    pub fn reached(&self, partition: &PartitionName) -> Option<Reached> {
        let at_snapshot = self.manifest.as_ref().and_then(|manifest| manifest.partitions().get(partition).copied());
        at_snapshot.or_else(|| self.replay.start.get(partition).copied())
    }

    /// What these partitions must read again, each named by its place here: the spans of every process that has had one of
    /// them, those among them in which nothing moved.
    ///
    /// Each comes with the tick it was acted on up to, and the tick that closes with it: where what several processes did is
    /// read again by one, that is the one all of them had come to.
    pub fn spans(&self, partitions: &[PartitionName]) -> VecDeque<Rebinding> {
        let place = |name: &PartitionName| partitions.iter().position(|mine| mine == name);
        let span = |span: &Replayed| {
            let mine =
                span.ends.iter().filter_map(|(name, reached)| Some((u32::try_from(place(name)?).ok()?, *reached)));
            Span { after: span.after, closed: span.closed, ends: mine.collect(), last: span.last }
        };
        let is_mine = |span: &&Replayed| span.partitions.iter().any(|name| place(name).is_some());
        let owners: BTreeSet<u32> = self.replay.spans.iter().filter(is_mine).map(|span| span.process).collect();
        let mut spans = self.replay.spans.iter().filter(|span| owners.contains(&span.process));
        // What each of them had closed before the first of these.
        let mut come_to: BTreeMap<u32, Time> = BTreeMap::new();
        spans.clone().for_each(|span| _ = come_to.entry(span.process).or_insert(span.after));
        let mut again = VecDeque::new();
        for replayed in spans.by_ref() {
            come_to.insert(replayed.process, replayed.upto);
            let closes = come_to.values().copied().min().unwrap_or(replayed.upto);
            again.push_back(Rebinding { span: span(replayed), upto: replayed.upto, closes });
        }
        again
    }

    /// Refuses a log that knows less than what has already been published.
    ///
    /// # Errors
    /// If an output topic holds ticks that the log does not know, or has lost ticks that it held.
    pub fn check_published(&self, topic: OutputTopic, committed: Option<Time>) -> Result<(), Error> {
        let published = self.manifest.as_ref().and_then(|manifest| manifest.published().get(&topic).copied());
        if committed < published {
            return Err(Error::Recovery(format!(
                "the output topic {} ends at {}, but had tick {} when the snapshot was taken: part of it is gone",
                topic.name(),
                committed.map_or("its beginning".to_owned(), |tick| format!("tick {tick}")),
                published.unwrap_or_default()
            )));
        }
        if committed > self.closed() {
            return Err(Error::Recovery(format!(
                "the output topic {} holds tick {}, but the remap log and the snapshots end at {}: part of them is missing. \
                 Put them back, or start anew with empty state and new output topics",
                topic.name(),
                committed.unwrap_or_default(),
                self.closed().map_or("nothing".to_owned(), |tick| format!("tick {tick}"))
            )));
        }
        Ok(())
    }
}
