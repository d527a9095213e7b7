//! The writer of a live job: encodes what leaves, writes each tick to its topics once, and then shows it to readers.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use connectors::outbox::Outbox;

use crate::clock::{Stopwatch, wall_ms};
use crate::error::Error;
use crate::live::fail::fail_point;
use crate::live::keeper::Copied;
use crate::live::worker::Leaving;
use crate::output::{Emission, OutputTopic};
use crate::serve::rows::Board;
use crate::telemetry::Telemetry;
use crate::time::Time;
use crate::write::lines;

/// Ticks are written together until they have this many bytes, while more are waiting to be encoded.
const GROUP: usize = 1 << 20;
/// How long a topic tries by itself before the log hears of it.
const TRY: Duration = Duration::from_secs(2);

/// Where everything that leaves comes together.
pub struct Publisher {
    /// The topics that are written.
    pub outboxes: BTreeMap<OutputTopic, Outbox>,
    /// What readers are shown.
    pub board: Board,
    /// Who keeps snapshots.
    pub copies: Sender<Copied>,
    /// Counts.
    pub telemetry: Telemetry,
    /// How long a topic that cannot be written is tried again.
    pub patience: Duration,
    /// Whether ticks close by the wall clock, so that how late they are means something.
    pub is_live: bool,
}

impl Publisher {
    /// Writes until nothing more comes.
    ///
    /// # Errors
    /// If a record cannot be encoded, or a topic cannot be written for too long or holds a contradiction.
    pub fn run(mut self, leaving: Receiver<Leaving>) -> Result<(), Error> {
        let mut closed = None;
        loop {
            let word = match leaving.try_recv() {
                Ok(word) => word,
                Err(_) => {
                    self.flush(&mut closed)?;
                    match leaving.recv() {
                        Ok(word) => word,
                        Err(_) => return Ok(()),
                    }
                }
            };
            match word {
                Leaving::Closed(tick, took, emissions) => {
                    self.push(emissions)?;
                    for outbox in self.outboxes.values_mut() {
                        outbox.seal(tick)?;
                    }
                    closed = Some((tick, took));
                    if self.outboxes.values().map(Outbox::waiting).sum::<usize>() > GROUP {
                        self.flush(&mut closed)?;
                    }
                }
                Leaving::Mark(tick) => {
                    self.flush(&mut closed)?;
                    // A keeper that is gone has said why.
                    let last = self.outboxes.iter().filter_map(|(topic, outbox)| Some((*topic, outbox.committed()?)));
                    _ = self.copies.send(Copied::Left(tick, self.board.save(), last.collect()));
                }
            }
        }
    }

    /// Encodes emissions, numbering on within each topic and tick.
    fn push(&mut self, emissions: Vec<Emission>) -> Result<(), Error> {
        let mut numbered: BTreeMap<OutputTopic, (Time, u64)> = BTreeMap::new();
        for emission in emissions {
            let next = numbered.entry(emission.topic).or_insert((emission.time, 0));
            if next.0 != emission.time {
                *next = (emission.time, 0);
            }
            let records = lines(&emission, next.1)?;
            next.1 += records.len() as u64;
            self.telemetry.outputs(emission.topic.name(), records.len() as u64);
            let shown = self.board.apply(emission.time, emission.topic, &records);
            shown.map_err(|error| Error::Engine(error.to_string()))?;
            if let Some(outbox) = self.outboxes.get_mut(&emission.topic) {
                outbox.push(emission.time, records)?;
            }
        }
        Ok(())
    }

    /// Writes what is sealed; what stands is then shown.
    fn flush(&mut self, closed: &mut Option<(Time, Duration)>) -> Result<(), Error> {
        let Some((tick, took)) = closed.take() else { return Ok(()) };
        for (topic, outbox) in &mut self.outboxes {
            write(*topic, outbox, self.patience)?;
            fail_point("mid-sink-batch");
        }
        self.board.closed(tick);
        let late_ms = if self.is_live { wall_ms() - tick } else { 0 };
        self.telemetry.tick_closed(
            tick,
            Duration::from_millis(late_ms.max(0).cast_unsigned()).as_secs_f64(),
            took.as_secs_f64(),
        );
        for (kind, open) in self.board.open_by_type() {
            self.telemetry.open_exceptions(kind, open);
        }
        for (view, rows) in self.board.rows() {
            self.telemetry.view_rows(view, rows as u64);
        }
        Ok(())
    }
}

/// Writes what is sealed, trying again and saying so for as long as there is patience.
fn write(topic: OutputTopic, outbox: &mut Outbox, patience: Duration) -> Result<(), Error> {
    let watch = Stopwatch::start();
    loop {
        match outbox.flush(TRY) {
            Err(error) if !error.is_final() && watch.elapsed() < patience => {
                tracing::warn!(topic = topic.name(), waiting_bytes = outbox.waiting(), %error, "cannot write; trying again");
            }
            written => return Ok(written?),
        }
    }
}
