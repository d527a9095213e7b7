//! What stands in an output topic, read from its end.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::sink::Sink;
use crate::tick::{Digest, Entry, Progress};

/// Records read from the end of the topic at first; twice as many each time they do not reach back far enough.
const TAIL: usize = 256;

/// What stands of one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) records: BTreeMap<u64, Vec<u8>>,
    pub(super) progress: Option<Progress>,
}

impl Tick {
    /// Whether its progress record stands and all the records it counts.
    fn is_complete(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| {
            let mut digest = Digest::default();
            self.records.values().for_each(|record| digest.add(record));
            let dense = self.records.keys().copied().eq(0..progress.count);
            dense && digest.hash() == progress.hash
        })
    }
}

/// The end of a topic.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The progress record of the last tick that stands completely, with all before it.
    pub(super) last: Option<Progress>,
    /// What stands of later ticks.
    pub(super) torn: BTreeMap<i64, Tick>,
}

impl Standing {
    /// Reads the topic back to a tick that certainly stands.
    ///
    /// # Errors
    /// If it cannot be read, or holds what was never an output, or what two writers must have written.
    pub(super) fn read(sink: &mut dyn Sink) -> Result<Standing, Error> {
        let mut count = TAIL;
        loop {
            let records = sink.tail(count)?;
            let all = records.len() < count;
            let ticks = sort(records)?;
            // Whatever was being written when the writer died came after this tick stood.
            let stood =
                ticks.values().filter_map(|tick| tick.progress.as_ref()).filter_map(|progress| progress.stood).max();
            let base = stood.and_then(|stood| ticks.get(&stood)).and_then(|tick| tick.progress.clone());
            if all || base.is_some() {
                return Standing::above(base, ticks);
            }
            count = count.saturating_mul(2);
        }
    }

    /// Follows the chain of complete ticks upwards from `base`; without one, from the first tick of all, or, if the topic no
    /// longer has that, from the first that is complete.
    ///
    /// # Errors
    /// Finally, if a tick stands between two of the chain: its writer knew other ticks.
    fn above(base: Option<Progress>, mut ticks: BTreeMap<i64, Tick>) -> Result<Standing, Error> {
        let mut last = base;
        let first = ticks.values().find(|tick| last.is_none() && tick.is_complete());
        let evicted = first.and_then(|tick| tick.progress.as_ref()).is_some_and(|progress| progress.stood.is_some());
        if evicted {
            last = first.and_then(|tick| tick.progress.clone());
        }
        loop {
            let after = last.as_ref().map(|progress| progress.time);
            let follows = |tick: &&Tick| tick.progress.as_ref().is_some_and(|progress| progress.after == after);
            let next = ticks.values().find(follows).filter(|tick| tick.is_complete());
            let Some(next) = next.and_then(|tick| tick.progress.clone()) else {
                ticks.retain(|time, _| after.is_none_or(|after| *time > after));
                return Ok(Standing { last, torn: ticks });
            };
            let between = after.map(|after| after.saturating_add(1)).filter(|after| *after < next.time);
            if let Some((time, _)) = between.and_then(|after| ticks.range(after..next.time).next()) {
                return Err(contradiction(*time, &format!("tick {} was closed without it", next.time)));
            }
            last = Some(next);
        }
    }
}

/// Sorts records into ticks; repeats fall together.
fn sort(records: Vec<Vec<u8>>) -> Result<BTreeMap<i64, Tick>, Error> {
    let mut ticks: BTreeMap<i64, Tick> = BTreeMap::new();
    for record in records {
        match Entry::read(&record) {
            Some(Entry::Record { time, seq }) => {
                let records = &mut ticks.entry(time).or_default().records;
                if records.get(&seq).is_some_and(|held| *held != record) {
                    return Err(contradiction(time, &format!("record {seq} stands twice with different content")));
                }
                records.insert(seq, record);
            }
            Some(Entry::Progress(progress)) => {
                let held = &mut ticks.entry(progress.time).or_default().progress;
                if held.as_ref().is_some_and(|held| !held.agrees(&progress)) {
                    return Err(contradiction(progress.time, "it is closed twice with different content"));
                }
                *held = Some(progress);
            }
            None => {
                let text: String = String::from_utf8_lossy(&record).chars().take(120).collect();
                return Err(Error::Output(format!("the output topic holds what is no output record: {text}")));
            }
        }
    }
    Ok(ticks)
}

fn contradiction(time: i64, problem: &str) -> Error {
    Error::Output(format!(
        "the output topic contradicts itself at tick {time}: {problem}: another writer appends to it"
    ))
}
