//! Recovery: reads the snapshots and the remap log of an earlier run, checks them, and returns the point to continue
//! from.
//!
//! The newest good snapshot holds the state of every operator at its tick and the position of each partition; the remap
//! log holds the records of the ticks after it. If they contradict each other, the outputs or the configuration, the
//! job does not start.

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

/// The point from which a job continues.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The snapshot to start from.
    pub manifest: Option<Manifest>,
    /// The spans to read again after the snapshot.
    pub replay: Replay,
    /// The incarnation number of new remap segments.
    pub incarnation: u32,
    /// True if the program or its configured policies differ from those that wrote the snapshot.
    pub judges_anew: bool,
}

/// The reason for which a changed program does not start.
const CHANGED: &str = "the program or its configured policies have changed, and ticks after the last snapshot have been published: \
                       start what ran before once more and stop it with SIGTERM (it leaves a snapshot with nothing behind it), then upgrade";

/// Returns the identity of the program: a hash of its bytes and of its configured policies.
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

/// Reads and checks the state folder.
///
/// # Errors
/// [`Error::Recovery`] if the job cannot continue from the state; the text says why and names the file.
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

/// A logged span to be bound and fed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebinding {
    /// The span.
    pub span: Span,
    /// The tick up to which the span took effect.
    pub upto: Time,
    /// The tick that closes after the span has been fed.
    pub closes: Time,
}

impl Recovered {
    /// Returns the last closed tick, by the log or the snapshot.
    pub fn closed(&self) -> Option<Time> {
        self.replay.closed.max(self.manifest.as_ref().map(|manifest| manifest.tick))
    }

    /// Returns the tick of the snapshot, after which the job continues.
    pub fn from(&self) -> Option<Time> {
        self.manifest.as_ref().map(|manifest| manifest.tick)
    }

    /// Returns the position of a partition at that tick, if it is known.
    pub fn reached(&self, partition: &PartitionName) -> Option<Reached> {
        let at_snapshot = self.manifest.as_ref().and_then(|manifest| manifest.partitions().get(partition).copied());
        at_snapshot.or_else(|| self.replay.start.get(partition).copied())
    }

    /// Returns the spans that these partitions must read again; a partition is identified by its index in `partitions`.
    /// The result holds every span of each process that has had one of them, including spans in which none of them
    /// moved.
    ///
    /// `upto` is the tick up to which the span took effect. `closes` is the tick that closes with it; when one process
    /// reads again what several did, it is the tick that all of them had reached.
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

    /// Checks the end of an output topic against the log and the snapshot.
    ///
    /// # Errors
    /// If the output topic holds ticks that the log does not have, or has lost ticks that it held.
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
