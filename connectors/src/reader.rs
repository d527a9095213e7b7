//! Reads an output topic for whoever acts on it: each closed tick once and whole, whatever its writer went through.
//!
//! Repeats, resends and torn prefixes are how a topic looks after failures; none of it is seen here. A tick is given
//! when its progress record and all the records it counts have come, and the tick it comes after was given.
//!
//! A file may be cut off behind the reader: a writer that is started again removes what it left unfinished, and writes it anew.
//! The reader goes back to the place after the last tick it gave and reads again what follows; a file that ends before that
//! place is an error.
//!
//! *Cost.* The first bytes of each record are read; what belongs to a tick given before is dropped at that.
//! *State.* The ticks that are not whole yet, and those that wait for one of them: no more than one append of the writer
//! ([`crate::outbox::GROUP_BYTES`] and one tick), because a later one proves the topic damaged.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::error::Error;
use crate::source::{Message, Polled, Position, Source};
use crate::tick::{Digest, Entry, Progress};

/// Records asked for at a time.
const RECORDS: usize = 4_096;

/// What there is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A closed tick.
    Tick {
        /// The tick.
        time: i64,
        /// Its records in order.
        records: Vec<Vec<u8>>,
    },
    /// No whole tick within the patience.
    Idle,
    /// Nothing ever again: the end that the source was opened to stop at is reached.
    Ended,
}

/// Gives the ticks of an output topic.
pub struct Reader {
    source: Box<dyn Source>,
    /// The last tick given, or taken before.
    given: Option<i64>,
    /// Whole ticks to be given, with the places before their first records.
    ready: VecDeque<(Position, i64, Vec<Vec<u8>>)>,
    /// The last of those, or the last tick given.
    upto: Option<i64>,
    /// Whether the topic's first record was read, so that its first tick must come after none.
    from_first: bool,
    open: BTreeMap<i64, Open>,
    /// The place after the last record read.
    at: Position,
    /// What was found wrong: nothing after it is given.
    damage: Option<String>,
}

struct Open {
    /// The place before its first record.
    from: Position,
    records: BTreeMap<u64, Vec<u8>>,
    progress: Option<Progress>,
}

impl Reader {
    /// Reads a topic from where `source` begins. If that is not the topic's first record, because older ones are no more,
    /// ticks are given from the first that is whole.
    pub fn new(source: Box<dyn Source>) -> Reader {
        let at = source.position();
        let from_first = at.record == 0;
        Reader {
            source,
            given: None,
            ready: VecDeque::new(),
            upto: None,
            from_first,
            open: BTreeMap::new(),
            at,
            damage: None,
        }
    }

    /// Reads on for a consumer that has taken every tick up to `time`. The source may begin at the topic's beginning, or
    /// where [`Reader::position`] was when that tick was given.
    pub fn after(source: Box<dyn Source>, time: i64) -> Reader {
        Reader { given: Some(time), upto: Some(time), ..Reader::new(source) }
    }

    /// The last tick given, or taken before.
    pub fn last(&self) -> Option<i64> {
        self.given
    }

    /// The first tick that has begun and is not whole. At the end of a topic whose writer was stopped that may be one: the
    /// writer completes it when it is started again.
    pub fn unfinished(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// Where a reader of all that comes after the last tick given may begin.
    pub fn position(&self) -> Position {
        let ready = self.ready.iter().map(|(from, ..)| *from);
        self.open.values().map(|open| open.from).chain(ready).min().unwrap_or(self.at)
    }

    /// The next closed tick; waits up to `patience` for records, each time it asks for more.
    ///
    /// # Errors
    /// That of the source, after which it may be asked again; or a final one if the topic is damaged: a tick is closed
    /// and not whole, or two records have one name.
    pub fn next(&mut self, patience: Duration) -> Result<Next, Error> {
        loop {
            if let Some((_, time, records)) = self.ready.pop_front() {
                self.given = Some(time);
                return Ok(Next::Tick { time, records });
            }
            if let Some(damage) = &self.damage {
                return Err(Error::Output(damage.clone()));
            }
            let polled = match self.source.poll(RECORDS, patience) {
                Err(Error::Changed { .. }) => {
                    self.go_back()?;
                    continue;
                }
                polled => polled?,
            };
            match polled {
                // What was whole before the damage is given before it is told.
                Polled::Records(messages) => {
                    let taken = messages.into_iter().try_for_each(|message| self.take(message));
                    self.damage = taken.err().map(|error| error.to_string());
                }
                Polled::Idle | Polled::Waiting => return Ok(Next::Idle),
                Polled::Ended => return Ok(Next::Ended),
            }
        }
    }

    /// Forgets what was read after the last tick given, and reads it again.
    fn go_back(&mut self) -> Result<(), Error> {
        let at = self.position();
        self.ready.clear();
        self.open.clear();
        (self.at, self.upto, self.damage) = (at, self.given, None);
        self.source.seek(at)
    }

    /// Moves the first open ticks that are whole, with nothing missing before them, to those to be given.
    fn take_whole(&mut self) -> Result<(), Error> {
        while let Some(first) = self.open.first_entry() {
            let follows = |progress: &Progress| match self.upto {
                Some(last) => progress.after.is_none_or(|after| after <= last),
                None => progress.after.is_none() || !self.from_first,
            };
            if !(first.get().is_whole() && first.get().progress.as_ref().is_some_and(follows)) {
                break;
            }
            let (time, open) = first.remove_entry();
            let mut digest = Digest::default();
            open.records.values().for_each(|record| digest.add(record));
            if open.progress.is_some_and(|progress| progress.hash != digest.hash()) {
                let problem = format!("tick {time} has other records than those it was closed with");
                return Err(Error::Output(format!("the output topic is damaged: {problem}")));
            }
            self.upto = Some(time);
            self.ready.push_back((open.from, time, open.records.into_values().collect()));
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<(), Error> {
        let from = std::mem::replace(&mut self.at, message.next);
        let number = message.record();
        let Some(entry) = Entry::read(&message.payload) else {
            let text: String = String::from_utf8_lossy(&message.payload).chars().take(120).collect();
            return Err(Error::Output(format!("record {number} of the output topic is no output record: {text}")));
        };
        let (Entry::Record { time, .. } | Entry::Progress(Progress { time, .. })) = entry;
        if self.upto.is_some_and(|last| time <= last) {
            return Ok(());
        }
        let open = || Open { from, records: BTreeMap::new(), progress: None };
        let tick = self.open.entry(time).or_insert_with(open);
        match entry {
            Entry::Record { seq, .. } => {
                if tick.records.get(&seq).is_some_and(|held| *held != message.payload) {
                    let problem = format!("record {seq} of tick {time} stands twice with different content");
                    return Err(Error::Output(format!("the output topic is damaged at record {number}: {problem}")));
                }
                tick.records.insert(seq, message.payload);
                tick.check()?;
                // Most ticks are closed by their last record; after a failure a record may be the last to come.
                if tick.progress.is_some() { self.take_whole() } else { Ok(()) }
            }
            Entry::Progress(progress) => {
                if tick.progress.as_ref().is_some_and(|held| !held.agrees(&progress)) {
                    let problem = format!("tick {time} is closed twice with different content");
                    return Err(Error::Output(format!("the output topic is damaged at record {number}: {problem}")));
                }
                let stood = progress.stood;
                tick.progress = Some(progress);
                tick.check()?;
                self.take_whole()?;
                self.check_stood(stood)
            }
        }
    }

    /// Fails if a tick that stood when a record was written is not whole when the record is read.
    fn check_stood(&mut self, stood: Option<i64>) -> Result<(), Error> {
        let Some(stood) = stood.filter(|stood| self.upto.is_none_or(|last| last < *stood)) else { return Ok(()) };
        if self.upto.is_none() && !self.from_first {
            // The beginning of the topic is no more: what is not whole among what stood then never will be.
            let open = std::mem::take(&mut self.open);
            self.open = open.into_iter().filter(|(time, tick)| *time > stood || tick.is_whole()).collect();
            return self.take_whole();
        }
        let first = self.open.keys().next().copied().unwrap_or(stood);
        Err(self.never_whole(first.min(stood)))
    }

    fn never_whole(&self, time: i64) -> Error {
        let came = self.upto.map_or("the beginning".to_owned(), |last| format!("tick {last}"));
        let problem = match self.open.get(&time) {
            Some(Open { progress: None, .. }) => "its progress record is missing".to_owned(),
            Some(tick) if !tick.missing().is_empty() => format!("its records {:?} are missing", tick.missing()),
            _ => format!("a tick between it and {came} is missing"),
        };
        Error::Output(format!("tick {time} of the output topic was closed but is not whole: {problem}"))
    }
}

/// Missing numbers named in an error.
const NAMED: usize = 8;

impl Open {
    /// The first of the numbers that are missing of those its progress record counts.
    fn missing(&self) -> Vec<u64> {
        let count = self.progress.as_ref().map_or(0, |progress| progress.count);
        if self.records.len() as u64 >= count {
            return Vec::new();
        }
        (0..count).filter(|seq| !self.records.contains_key(seq)).take(NAMED).collect()
    }

    fn is_whole(&self) -> bool {
        self.progress.is_some() && self.missing().is_empty()
    }

    /// Fails if more records came than the tick was closed with.
    fn check(&self) -> Result<(), Error> {
        match (&self.progress, self.records.last_key_value()) {
            (Some(Progress { time, count, .. }), Some((seq, _))) if seq >= count => Err(Error::Output(format!(
                "tick {time} of the output topic was closed with {count} records but has record {seq}"
            ))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
