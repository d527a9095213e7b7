//! What was said of each row, and what of it has not left yet.

use contract::output::{Op, OutputTopic, ViewRecord};

use serde::Serialize;

/// Where finished lines go.
pub trait Sink {
    /// Takes a record of a topic, as a JSON line without its end.
    fn record(&mut self, topic: OutputTopic, line: &[u8]);
}

impl<F: FnMut(OutputTopic, &[u8])> Sink for F {
    fn record(&mut self, topic: OutputTopic, line: &[u8]) {
        self(topic, line);
    }
}

/// A row as it was last said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<V> {
    /// What was said; `None`: it does not stand.
    pub(super) value: Option<V>,
    /// It will not change again.
    pub(super) settled: bool,
    /// It has changed since it last left.
    waiting: bool,
}

impl<V> Default for Said<V> {
    fn default() -> Self {
        Said { value: None, settled: false, waiting: false }
    }
}

impl<V: Copy> Said<V> {
    /// The row on its way out: what it says, and whether it settled.
    pub(super) fn leave(&mut self) -> (Option<V>, bool) {
        self.waiting = false;
        (self.value, self.settled)
    }

    /// Whether it still has to leave.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }
}

/// The rows of a view that changed since the last emission, with what they said before.
#[derive(Debug)]
pub(super) struct Unsent<V> {
    rows: Vec<(u32, Option<V>)>,
}

impl<V> Default for Unsent<V> {
    fn default() -> Self {
        Unsent { rows: Vec::new() }
    }
}

impl<V: Copy + PartialEq + Serialize> Unsent<V> {
    fn note(&mut self, at: u32, said: &mut Said<V>) {
        if !said.waiting {
            said.waiting = true;
            self.rows.push((at, said.value));
        }
    }

    /// Says a row; answers whether that is something new.
    pub(super) fn say(&mut self, at: u32, said: &mut Said<V>, value: Option<V>) -> bool {
        let new = said.value != value;
        if new {
            self.note(at, said);
            said.value = value;
        }
        new
    }

    /// Says a row of a window, which settles at the first tick ≥ `settles_at`; answers whether anything changed.
    pub(super) fn tumble(
        &mut self,
        at: u32,
        said: &mut Said<V>,
        value: Option<V>,
        (now, settles_at): (i64, i64),
    ) -> bool {
        if said.settled {
            return false;
        }
        let new = self.say(at, said, value);
        if now >= settles_at && said.value.is_some() {
            self.note(at, said);
            said.settled = true;
            return true;
        }
        new
    }

    /// Sends what changed, in order of keys.
    pub(super) fn send<K: Ord + Serialize>(
        &mut self,
        view: &'static str,
        page: &mut Page<'_>,
        mut look: impl FnMut(u32) -> (K, (Option<V>, bool)),
    ) {
        if self.rows.is_empty() {
            return;
        }
        let mut lines: Vec<(K, Op, Option<V>)> = Vec::with_capacity(self.rows.len());
        for (at, before) in self.rows.drain(..) {
            let (key, (value, settled)) = look(at);
            let op = match (&before, &value) {
                (_, Some(_)) if settled => Op::Settle,
                (Some(before), Some(value)) if before != value => Op::Update,
                (None, Some(_)) => Op::Insert,
                (Some(_), None) => Op::Delete,
                _ => continue,
            };
            lines.push((key, op, value));
        }
        lines.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (key, op, value) in &lines {
            page.row(view, key, *op, value.as_ref());
        }
    }
}

/// The records of a topic at a tick, numbered.
pub(super) struct Page<'a> {
    topic: OutputTopic,
    time: i64,
    seq: u64,
    line: Vec<u8>,
    sink: &'a mut dyn Sink,
}

impl<'a> Page<'a> {
    /// An empty one.
    pub(super) fn new(topic: OutputTopic, time: i64, sink: &'a mut dyn Sink) -> Self {
        Page { topic, time, seq: 0, line: Vec::with_capacity(1024), sink }
    }

    /// Its tick and the next number.
    pub(super) fn number(&self) -> (i64, u64) {
        (self.time, self.seq)
    }

    /// Writes the next record.
    pub(super) fn write(&mut self, record: &impl Serialize) {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record).expect("plain data has a JSON form and memory takes it");
        self.sink.record(self.topic, &self.line);
        self.seq += 1;
    }

    fn row<K: Serialize, V: Serialize>(&mut self, view: &'static str, key: &K, op: Op, value: Option<&V>) {
        let (time, seq) = self.number();
        self.write(&ViewRecord { time, seq, view, key, op, value });
    }
}
