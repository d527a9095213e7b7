//! Writes the output of each tick to a topic once, whatever fails on the way and however often the writer is restarted.
//!
//! A log without transactions gives at best "it may stand": so every record names its place (tick, number), a tick ends with
//! a progress record, and after every doubt the writer reads the end of the topic and writes only what is missing. A
//! replay that yields other bytes than those that stand stops the writer: it never writes over a contradiction.
//!
//! ```text
//! push ──► open ticks ──seal──► sealed ──flush──► append ──Ok──► committed
//!                                            └──Err──► read the tail, compare, append what is missing ──► …
//! ```
//! *Cost.* One copy of each record, one hash of its bytes; one append a [`GROUP_BYTES`] of sealed ticks.
//! *State.* What is pushed and not yet flushed; and after a doubt what stands of it.

mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use crate::error::Error;
use crate::outbox::standing::{Standing, Tick};
use crate::sink::Sink;
use crate::tick::{Digest, Entry, Progress};

/// Ticks are appended together until they have this many bytes. What a failed append left torn is no more than that and
/// one tick, so readers that meet it have to hold no more.
pub const GROUP_BYTES: usize = 4 << 20;
/// The first rest before a second try; each later one is twice as long, up to [`LONGEST_REST`].
const REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_millis(640);

/// Writes ticks to a sink, each once.
pub struct Outbox {
    sink: Box<dyn Sink>,
    /// The progress record of the last tick that stands completely.
    last: Option<Progress>,
    /// The tick that stood last when the topic was opened, until a replay has passed it.
    proof: Option<Progress>,
    /// What stands of ticks after it, because a writer died or an append failed half way.
    torn: BTreeMap<i64, Tick>,
    /// Whether more may stand than is known: the tail must be read before anything is written.
    doubtful: bool,
    /// Ticks that take records.
    open: VecDeque<Open>,
    /// The last tick that takes no more.
    sealed_upto: Option<i64>,
    /// The last tick sealed with records: what comes next comes after it.
    after: Option<i64>,
    /// Ticks that wait to be flushed, and their records in order, each with its progress record at its end.
    sealed: VecDeque<Sealed>,
    records: Vec<Vec<u8>>,
    waiting: usize,
}

struct Open {
    time: i64,
    digest: Digest,
    /// Not kept for ticks that stand.
    records: Vec<Vec<u8>>,
}

struct Sealed {
    progress: Progress,
    bytes: usize,
}

impl Sealed {
    /// Its records and its progress record.
    fn len(&self) -> usize {
        // They are in memory, so their number fits.
        usize::try_from(self.progress.count).unwrap_or(usize::MAX).saturating_add(1)
    }
}

impl Outbox {
    /// Opens a topic for its only writer: reads back to the last tick that stands completely, and what is torn after it.
    ///
    /// # Errors
    /// If the topic cannot be read, or holds what is no output record.
    pub fn open(mut sink: Box<dyn Sink>) -> Result<Outbox, Error> {
        let Standing { last, torn } = Standing::read(&mut *sink)?;
        let after = last.as_ref().map(|last| last.time);
        Ok(Outbox {
            sink,
            proof: last.clone(),
            last,
            torn,
            doubtful: false,
            open: VecDeque::new(),
            sealed_upto: None,
            after,
            sealed: VecDeque::new(),
            records: Vec::new(),
            waiting: 0,
        })
    }

    /// The last tick that stands completely in the topic.
    pub fn committed(&self) -> Option<i64> {
        self.last.as_ref().map(|last| last.time)
    }

    /// Bytes that wait to be flushed or sealed.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes records of tick `time`, in order, numbered on from those pushed for it before. Ticks come in order.
    ///
    /// # Errors
    /// Final ones: the tick is sealed or before one that has records, or a record does not begin with its tick and number.
    pub fn push(&mut self, time: i64, records: Vec<Vec<u8>>) -> Result<(), Error> {
        let newest = self.open.back().map(|open| open.time);
        if self.sealed_upto.is_some_and(|sealed| time <= sealed) || newest.is_some_and(|newest| time < newest) {
            let upto = newest.max(self.sealed_upto).unwrap_or(time);
            return Err(Error::Output(format!("records of tick {time} come after those of tick {upto}")));
        }
        let stands = self.committed().is_some_and(|committed| time <= committed);
        if newest != Some(time) && !records.is_empty() {
            self.open.push_back(Open { time, digest: Digest::default(), records: Vec::new() });
        }
        let Some(open) = self.open.back_mut().filter(|open| open.time == time) else { return Ok(()) };
        for record in records {
            let seq = open.digest.count;
            if Entry::read(&record) != Some(Entry::Record { time, seq }) {
                return Err(Error::Output(format!("record {seq} of tick {time} does not begin with its time and seq")));
            }
            open.digest.add(&record);
            if !stands {
                self.waiting += record.len();
                open.records.push(record);
            }
        }
        Ok(())
    }

    /// No more records of ticks ≤ `time`. A tick without records leaves nothing in the topic.
    ///
    /// # Errors
    /// A final one if the topic holds something else for one of these ticks than the replay yields.
    pub fn seal(&mut self, time: i64) -> Result<(), Error> {
        while self.open.front().is_some_and(|open| open.time <= time) {
            let Some(open) = self.open.pop_front() else { break };
            self.pass(open.time)?;
            self.sealed_upto = Some(open.time);
            self.seal_tick(open)?;
        }
        self.pass(time.saturating_add(1))?;
        self.sealed_upto = self.sealed_upto.max(Some(time));
        Ok(())
    }

    /// Fails if the topic holds a tick before `upto` that has had no record pushed.
    fn pass(&mut self, upto: i64) -> Result<(), Error> {
        let from = self.sealed_upto.map_or(i64::MIN, |sealed| sealed.saturating_add(1));
        let passed = self.proof.take_if(|proof| proof.time < upto);
        // A replay that begins after that tick says nothing about it.
        let passed = passed.filter(|_| self.sealed_upto.is_some()).map(|proof| proof.time);
        let torn = || (from < upto).then(|| self.torn.range(from..upto).next()).flatten().map(|(time, _)| *time);
        match passed.or_else(torn) {
            Some(time) => Err(contradiction(time, "there are records, and the replay has none")),
            None => Ok(()),
        }
    }

    fn seal_tick(&mut self, open: Open) -> Result<(), Error> {
        let Open { time, digest, records } = open;
        let progress =
            Progress { time, count: digest.count, hash: digest.hash(), after: self.after, stood: self.committed() };
        if self.committed().is_some_and(|committed| time <= committed) {
            let proof = self.proof.take_if(|proof| proof.time == time);
            return proof.map_or(Ok(()), |proof| check_counts(&proof, &progress));
        }
        if let Some(torn) = self.torn.get(&time) {
            check(torn, &records, &progress)?;
        }
        let line = progress.to_line();
        self.waiting += line.len();
        let bytes = records.iter().map(Vec::len).sum::<usize>() + line.len();
        self.records.extend(records);
        self.records.push(line);
        self.after = Some(time);
        self.sealed.push_back(Sealed { progress, bytes });
        Ok(())
    }

    /// Writes everything sealed. `Ok` means that it stands. After an error that may pass it tries again by itself, resting
    /// in between, until it has rested for `patience` in all; then it gives up, and can be asked again.
    ///
    /// # Errors
    /// The last one of the sink, or a final one if the topic holds something else than what is written.
    pub fn flush(&mut self, patience: Duration) -> Result<(), Error> {
        let (mut rest, mut rested) = (REST, Duration::ZERO);
        loop {
            let mut written = 0;
            let flushed = self.write_groups(&mut written);
            self.records.drain(..written);
            let Err(error) = flushed else { return Ok(()) };
            if error.is_final() || rested >= patience {
                return Err(error);
            }
            rest = rest.min(patience - rested);
            std::thread::sleep(rest);
            rested += rest;
            rest = (rest * 2).min(LONGEST_REST);
        }
    }

    /// Appends what is sealed, group by group; counts in `written` the records that stand.
    fn write_groups(&mut self, written: &mut usize) -> Result<(), Error> {
        if self.sealed.is_empty() {
            return Ok(());
        }
        if self.doubtful {
            *written += self.read_again()?;
            self.doubtful = false;
        }
        while !self.sealed.is_empty() {
            let (ticks, group) = self.next_group(*written);
            let missing = self.missing(ticks, group.start);
            // Until the answer is there, any of it may stand.
            self.doubtful = true;
            self.sink.append(missing.as_deref().unwrap_or(&self.records[group.clone()]))?;
            self.doubtful = false;
            *written = group.end;
            (0..ticks).for_each(|_| self.commit_first());
        }
        Ok(())
    }

    /// How many sealed ticks to append together, and their records.
    fn next_group(&self, from: usize) -> (usize, Range<usize>) {
        let (mut ticks, mut bytes, mut end) = (0, 0, from);
        for sealed in &self.sealed {
            if ticks > 0 && bytes + sealed.bytes > GROUP_BYTES {
                break;
            }
            ticks += 1;
            bytes += sealed.bytes;
            end += sealed.len();
        }
        (ticks, from..end)
    }

    /// What does not stand yet of the first sealed ticks, whose records begin at `from`; `None` if nothing is known to stand.
    fn missing(&self, ticks: usize, from: usize) -> Option<Vec<Vec<u8>>> {
        let known = |sealed: &Sealed| self.torn.contains_key(&sealed.progress.time);
        self.sealed.iter().take(ticks).any(known).then(|| {
            let (mut missing, mut at) = (Vec::new(), from);
            for sealed in self.sealed.iter().take(ticks) {
                let records = &self.records[at..at + sealed.len()];
                at += sealed.len();
                let torn = self.torn.get(&sealed.progress.time);
                let stands = |seq: u64| match torn {
                    Some(torn) if seq == sealed.progress.count => torn.progress.is_some(),
                    Some(torn) => torn.records.contains_key(&seq),
                    None => false,
                };
                missing.extend((0..).zip(records).filter(|(seq, _)| !stands(*seq)).map(|(_, record)| record.clone()));
            }
            missing
        })
    }

    fn commit_first(&mut self) {
        if let Some(Sealed { progress, bytes }) = self.sealed.pop_front() {
            self.torn.remove(&progress.time);
            self.waiting = self.waiting.saturating_sub(bytes);
            self.last = Some(progress);
        }
    }

    /// Learns what stands after an append whose end is not known: how many records of the sealed ticks need no writing.
    fn read_again(&mut self) -> Result<usize, Error> {
        let Standing { last, torn } = Standing::read(&mut *self.sink)?;
        let time = |progress: &Option<Progress>| progress.as_ref().map(|progress| progress.time);
        if time(&last) < time(&self.last) {
            let (held, now) = (time(&self.last).unwrap_or_default(), time(&last));
            let now = now.map_or("none".to_owned(), |time| time.to_string());
            return Err(Error::Output(format!(
                "the output topic lost tick {held}, which stood; the last one now: {now}"
            )));
        }
        let mut at = 0;
        for sealed in &self.sealed {
            let records = &self.records[at..at + sealed.len() - 1];
            at += sealed.len();
            match (&last, torn.get(&sealed.progress.time)) {
                (Some(last), _) if last.time == sealed.progress.time => check_counts(last, &sealed.progress)?,
                (_, Some(torn)) => check(torn, records, &sealed.progress)?,
                _ => {}
            }
        }
        let ours = |time: i64| self.sealed.iter().any(|sealed| sealed.progress.time == time);
        let foreign = |time: &i64| !ours(*time) && !self.torn.contains_key(time) && Some(*time) != self.committed();
        if let Some(time) = torn.keys().copied().chain(time(&last)).find(foreign) {
            return Err(contradiction(time, "there are records, and nobody but another writer can have written them"));
        }
        let mut stands = 0;
        while self
            .sealed
            .front()
            .is_some_and(|sealed| last.as_ref().is_some_and(|last| sealed.progress.time <= last.time))
        {
            stands += self.sealed.front().map_or(0, Sealed::len);
            self.commit_first();
        }
        self.torn = torn;
        Ok(stands)
    }
}

/// Fails if what stands of a tick is not what the replay yields.
fn check(torn: &Tick, records: &[Vec<u8>], progress: &Progress) -> Result<(), Error> {
    for (seq, standing) in &torn.records {
        let yielded = usize::try_from(*seq).ok().and_then(|seq| records.get(seq));
        if yielded != Some(standing) {
            let problem = if yielded.is_some() { "is another one" } else { "is one too many" };
            return Err(contradiction(progress.time, &format!("record {seq} {problem}")));
        }
    }
    torn.progress.as_ref().map_or(Ok(()), |standing| check_counts(standing, progress))
}

fn check_counts(standing: &Progress, yielded: &Progress) -> Result<(), Error> {
    if (standing.count, &standing.hash) == (yielded.count, &yielded.hash) {
        return Ok(());
    }
    let Progress { count, hash, .. } = standing;
    let problem = format!("there are {count} records ({hash}), the replay has {} ({})", yielded.count, yielded.hash);
    Err(contradiction(standing.time, &problem))
}

fn contradiction(time: i64, problem: &str) -> Error {
    Error::Output(format!("the output topic does not hold what the replay yields at tick {time}: {problem}"))
}
