//! Emission buffers: hold the changes of each view and topic until their emission, on the first worker.
//!
//! A buffer adds up the changes of closed ticks. [`Outputs::drain`] returns the emissions that are due, ordered by
//! time, topic and view name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::Hash;
use std::rc::Rc;

use contract::output::{Numbered, Op, OutputTopic, Publish, ViewRecord};
use contract::time::{Cause, Time};
use foldhash::fast::FixedState;
use indexmap::IndexMap;
use operators::diff::Traced;
use operators::io::at_close::at_close;
use operators::io::merge::Merge;
use operators::keyed::{Ticks, shape};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;
use timely::dataflow::Scope;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;

use crate::emission::output::{BuildRecords, Encoder, PendingEmission, Records, Written};
use crate::row::Row;
use crate::time::Collection;

struct ViewRecords<K, V> {
    view: &'static str,
    rows: Vec<(K, Op, Option<V>)>,
    /// The change in the number of rows.
    added: i64,
}

impl<K: Serialize + Send, V: Serialize + Send> Records for ViewRecords<K, V> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn encode(&self, time: Time, seq: u64, encoder: &mut dyn Encoder) {
        for ((key, op, value), seq) in self.rows.iter().zip(seq..) {
            let record = ViewRecord { time, seq, view: self.view, key, op: *op, value: value.as_ref() };
            encoder.record(self.view, &record);
        }
    }

    fn tally(&self, written: &mut Written) {
        *written.rows.entry(self.view).or_default() += self.added;
    }
}

struct TopicRecords<R> {
    table: &'static str,
    records: Vec<R>,
}

impl<R: Publish + Send> Records for TopicRecords<R> {
    fn len(&self) -> usize {
        self.records.len()
    }

    fn encode(&self, time: Time, seq: u64, encoder: &mut dyn Encoder) {
        for (record, seq) in self.records.iter().zip(seq..) {
            encoder.record(self.table, &Numbered { time, seq, record: record.public() });
        }
    }

    fn tally(&self, written: &mut Written) {
        for (name, event) in self.records.iter().filter_map(Publish::label) {
            *written.exceptions.entry(name).or_default().entry(event).or_default() += 1;
        }
    }
}

/// Changes of one view or topic that wait for their emission.
trait EmissionBuffer {
    /// Passes the records of every emission before `frontier` to `add`; without a frontier all of them, at `last` at
    /// the latest.
    fn drain(&mut self, frontier: Option<Time>, last: Time, add: &mut dyn FnMut(Time, BuildRecords));

    /// Returns the waiting changes, encoded; empty if there are none.
    fn save(&self) -> Vec<u8>;

    /// Loads waiting changes that another process saved.
    fn load(&mut self, waiting: &[u8]) -> Result<(), bincode::Error>;

    /// Returns the shape of the waiting changes.
    fn shape(&self) -> String;
}

/// Encodes waiting changes.
fn encode<W: Serialize>(waiting: &BTreeMap<Time, W>) -> Vec<u8> {
    if waiting.is_empty() {
        return Vec::new();
    }
    bincode::serialize(waiting).expect("rows can be encoded and memory takes them")
}

/// The greatest number of rows for which memory is reserved in advance.
const MAX_RESERVED: usize = 1 << 16;

/// The net change of each row of a view since its last emission.
#[derive(Serialize, serde::Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize",
    deserialize = "K: DeserializeOwned + Eq + Hash, V: DeserializeOwned"
))]
struct Changes<K, V> {
    rows: IndexMap<K, SmallVec<[(V, bool, i64); 2]>, FixedState>,
    /// The index of the last change: an insertion mostly follows the deletion of the same key.
    last: usize,
}

impl<K, V> Default for Changes<K, V> {
    fn default() -> Self {
        Changes { rows: IndexMap::default(), last: 0 }
    }
}

impl<K: Ord + Hash, V: PartialEq> Changes<K, V> {
    /// Creates an empty set with memory for `rows` rows.
    fn with_room(rows: usize) -> Self {
        Changes { rows: IndexMap::with_capacity_and_hasher(rows.min(MAX_RESERVED), FixedState::default()), last: 0 }
    }

    fn add(&mut self, Row { key, value, settled }: Row<K, V>, diff: i64) {
        if self.rows.get_index(self.last).is_none_or(|(last, _)| *last != key) {
            let entry = self.rows.entry(key);
            self.last = entry.index();
            entry.or_default();
        }
        let changes = &mut self.rows[self.last];
        match changes.iter().position(|(other, was_settled, _)| *was_settled == settled && *other == value) {
            Some(at) if changes[at].2 + diff == 0 => _ = changes.swap_remove(at),
            Some(at) => changes[at].2 += diff,
            None => changes.push((value, settled, diff)),
        }
    }

    /// Returns one operation per key, in order of keys, and the change in the number of rows.
    fn into_ops(self) -> (Vec<(K, Op, Option<V>)>, i64) {
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut added = 0;
        for (key, changes) in self.rows.sorted_unstable_by(|a, _, b, _| a.cmp(b)) {
            let (mut old, mut new) = (None, None);
            for (value, settled, diff) in changes {
                *(if diff > 0 { &mut new } else { &mut old }) = Some((value, settled));
            }
            let settled_before = old.as_ref().is_some_and(|(_, settled)| *settled);
            added += i64::from(new.is_some()) - i64::from(old.is_some() && !(settled_before && new.is_none()));
            match (old, new) {
                (_, Some((value, true))) => rows.push((key, Op::Settle, Some(value))),
                (Some(_), Some((value, false))) => rows.push((key, Op::Update, Some(value))),
                (None, Some((value, false))) => rows.push((key, Op::Insert, Some(value))),
                (Some(_), None) if !settled_before => rows.push((key, Op::Delete, None)),
                _ => {}
            }
        }
        (rows, added)
    }
}

/// The changes of a view since its last emission.
struct ViewBuffer<K, V> {
    view: &'static str,
    waiting: BTreeMap<Time, Changes<K, V>>,
    /// The number of rows of the last emission, which predicts the next.
    last_count: usize,
}

impl<K, V> EmissionBuffer for ViewBuffer<K, V>
where
    Row<K, V>: differential_dataflow::ExchangeData,
    K: Ord + Hash + Clone + Serialize + DeserializeOwned + Send + 'static,
    V: Ord + Clone + Serialize + DeserializeOwned + Send + 'static,
{
    fn drain(&mut self, frontier: Option<Time>, last: Time, add: &mut dyn FnMut(Time, BuildRecords)) {
        while let Some(first) = self.waiting.first_entry()
            && frontier.is_none_or(|frontier| *first.key() < frontier)
        {
            let ((time, changes), view) = (first.remove_entry(), self.view);
            self.last_count = changes.rows.len();
            let build = move || {
                let (rows, added) = changes.into_ops();
                Box::new(ViewRecords { view, rows, added }) as Box<dyn Records>
            };
            add(time.min(last), Box::new(build));
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(&self.waiting)
    }

    fn load(&mut self, waiting: &[u8]) -> Result<(), bincode::Error> {
        self.waiting = bincode::deserialize(waiting)?;
        Ok(())
    }

    fn shape(&self) -> String {
        shape::of::<BTreeMap<Time, Changes<K, V>>>()
    }
}

struct TopicBuffer<R> {
    table: &'static str,
    waiting: BTreeMap<Time, Vec<R>>,
}

impl<R: Publish + differential_dataflow::ExchangeData> EmissionBuffer for TopicBuffer<R> {
    fn drain(&mut self, frontier: Option<Time>, _: Time, add: &mut dyn FnMut(Time, BuildRecords)) {
        while let Some(first) = self.waiting.first_entry()
            && frontier.is_none_or(|frontier| *first.key() < frontier)
        {
            let ((time, records), table) = (first.remove_entry(), self.table);
            add(time, Box::new(move || Box::new(TopicRecords { table, records })));
        }
    }

    fn save(&self) -> Vec<u8> {
        encode(&self.waiting)
    }

    fn load(&mut self, waiting: &[u8]) -> Result<(), bincode::Error> {
        self.waiting = bincode::deserialize(waiting)?;
        Ok(())
    }

    fn shape(&self) -> String {
        shape::of::<BTreeMap<Time, Vec<R>>>()
    }
}

/// The prefix of the names of buffers among the states of a snapshot.
const OUTPUT: &str = "output: ";

type SharedBuffer = Rc<RefCell<dyn EmissionBuffer>>;

/// The emission buffers of one worker; only those of the first worker ever hold records.
pub struct Outputs {
    emit: Ticks,
    /// The probe behind all buffers: it passes a tick when every change of the tick is in its buffer.
    pub probe: Handle<Time>,
    buffers: BTreeMap<(OutputTopic, &'static str), SharedBuffer>,
}

impl Outputs {
    /// Creates buffers; views are emitted at multiples of `emit`.
    pub fn new(emit: Ticks) -> Self {
        Outputs { emit, probe: Handle::new(), buffers: BTreeMap::new() }
    }

    /// Returns the builder of view outputs.
    pub fn views<'a, 'scope>(&'a mut self, scope: Scope<'scope, Time>) -> ViewOutputs<'a, 'scope> {
        ViewOutputs { merge: Merge::new("output: views", scope), outputs: self }
    }

    /// Sends records to a topic, ordered by their own order within a tick.
    pub fn records<'scope, R>(&mut self, topic: OutputTopic, records: &Collection<'scope, R>)
    where
        R: differential_dataflow::ExchangeData + Publish + Send,
    {
        let table = topic.name();
        let buffer = Rc::new(RefCell::new(TopicBuffer { table, waiting: BTreeMap::new() }));
        self.buffers.insert((topic, table), buffer.clone());
        let add = move |time, changes: Vec<(R, Traced<i64, Cause>)>| {
            let records = changes.into_iter().map(|(record, _)| record);
            buffer.borrow_mut().waiting.entry(time).or_default().extend(records);
        };
        at_close(&format!("output: {table}"), records.clone(), add).probe_with(&self.probe);
    }

    /// Returns the waiting changes of each buffer, by the buffer's name.
    pub fn save(&self) -> Vec<(String, Vec<u8>)> {
        let buffers =
            self.buffers.iter().map(|((_, name), buffer)| (format!("{OUTPUT}{name}"), buffer.borrow().save()));
        buffers.filter(|(_, waiting)| !waiting.is_empty()).collect()
    }

    /// Returns the shape of the waiting changes of each buffer, by the buffer's name.
    pub fn shapes(&self) -> Vec<(String, String)> {
        self.buffers.iter().map(|((_, name), buffer)| (format!("{OUTPUT}{name}"), buffer.borrow().shape())).collect()
    }

    /// Returns true if a state of a snapshot belongs to a buffer.
    pub fn is_buffer(name: &str) -> bool {
        name.starts_with(OUTPUT)
    }

    /// Loads the waiting changes of the buffer called `name`; returns `false` if the name is not that of a buffer.
    ///
    /// # Errors
    /// If no buffer has that name or the changes cannot be decoded; the text says which.
    pub fn load(&mut self, name: &str, waiting: &[u8]) -> Result<bool, String> {
        let Some(name) = name.strip_prefix(OUTPUT) else { return Ok(false) };
        let buffer = self.buffers.iter().find(|((_, other), _)| *other == name);
        let (_, buffer) = buffer.ok_or_else(|| format!("no output is called {name:?}"))?;
        buffer.borrow_mut().load(waiting).map_err(|error| format!("what waited for {name}: {error}"))?;
        Ok(true)
    }

    /// Returns every emission that is due before `frontier`, in order; without a frontier all, at `last` at the latest.
    pub fn drain(&mut self, frontier: Option<Time>, last: Time) -> Vec<PendingEmission> {
        let mut pending = Vec::new();
        for ((topic, _), buffer) in &self.buffers {
            let mut add = |time, build| pending.push(PendingEmission { time, topic: *topic, build });
            buffer.borrow_mut().drain(frontier, last, &mut add);
        }
        // Stable: within a tick and topic the views stay in order of their names.
        pending.sort_by_key(|emission| (emission.time, emission.topic));
        pending
    }
}

/// The builder of view outputs.
pub struct ViewOutputs<'a, 'scope> {
    outputs: &'a mut Outputs,
    merge: Merge<'scope>,
}

impl<'scope> ViewOutputs<'_, 'scope> {
    /// Sends the rows of a view; `publish` converts each value to its public form.
    pub fn send<K, I, V>(
        &mut self,
        view: &'static str,
        rows: &Collection<'scope, Row<K, I>>,
        publish: impl Fn(I) -> V + 'static,
    ) where
        Row<K, I>: differential_dataflow::ExchangeData,
        Row<K, V>: differential_dataflow::ExchangeData,
        K: Ord + Hash + Clone + Serialize + DeserializeOwned + Send + 'static,
        V: Ord + Clone + Serialize + DeserializeOwned + Send + 'static,
    {
        let emit = self.outputs.emit;
        let buffer = Rc::new(RefCell::new(ViewBuffer { view, waiting: BTreeMap::new(), last_count: 0 }));
        self.outputs.buffers.insert((OutputTopic::Views, view), buffer.clone());
        let mut emission = (Time::MIN, Time::MIN);
        let add = move |row: Row<K, I>, time, change: Traced<i64, Cause>| {
            if emission.0 != time {
                emission = (time, emit.at(time));
            }
            let ViewBuffer { waiting, last_count, .. } = &mut *buffer.borrow_mut();
            // A replay has many emissions under way: room is made beforehand in one of them.
            let reserved = if waiting.is_empty() { *last_count } else { 0 };
            let row = Row { key: row.key, value: publish(row.value), settled: row.settled };
            waiting.entry(emission.1).or_insert_with(|| Changes::with_room(reserved)).add(row, change.diff);
        };
        self.merge.add(rows.clone(), add);
    }

    /// Builds the operator; every view must have been sent.
    pub fn build(self) {
        self.merge.build().probe_with(&self.outputs.probe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u8, value: u8, settled: bool) -> Row<u8, u8> {
        Row { key, value, settled }
    }

    #[test]
    fn changes_of_a_key_become_one_record() {
        let changes = [
            (row(1, 5, false), 1),
            (row(2, 5, false), -1),
            (row(2, 6, false), 1),
            (row(3, 5, false), -1),
            (row(4, 5, false), -1),
            (row(4, 5, true), 1),
            (row(5, 5, true), -1),
            (row(6, 7, true), 1),
            // Changed and changed back; and moved twice, the second time before the first row went.
            (row(7, 1, false), -1),
            (row(7, 2, false), 1),
            (row(7, 1, false), 1),
            (row(7, 2, false), -1),
            (row(8, 2, false), 1),
            (row(8, 1, false), -1),
            (row(8, 3, false), 1),
            (row(8, 2, false), -1),
        ];
        let mut buffered = Changes::default();
        changes.into_iter().for_each(|(row, diff)| buffered.add(row, diff));
        assert_eq!(
            buffered.into_ops(),
            (
                vec![
                    (1, Op::Insert, Some(5)),
                    (2, Op::Update, Some(6)),
                    (3, Op::Delete, None),
                    (4, Op::Settle, Some(5)),
                    (6, Op::Settle, Some(7)),
                    (8, Op::Update, Some(3)),
                ],
                1
            )
        );
    }
}
