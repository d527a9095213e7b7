//! The publisher of a live job: encodes emissions, writes each tick to its topics once, and then serves it to readers.
//!
//! It has two priorities ([`engine::emission::priority`]): exceptions, decisions and refused records are written as
//! their tick closes, views behind them by a second thread. Readers see the ticks that both have written.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use connectors::outbox::Outbox;
use contract::output::OutputTopic;
use contract::time::Time;
use engine::clock::{Stopwatch, wall_ms};
use engine::emission::encode::lines;
use engine::emission::output::{Numbers, PendingEmission};
use engine::emission::priority::{Deferred, DeferredSender, MAX_DEFERRED, lower_priority, split_by_priority};
use engine::telemetry::Telemetry;
use serve::ServingTables;

use crate::checkpoint::writer::CheckpointMessage;
use crate::error::Error;
use crate::fail::fail_point;
use crate::worker::WorkerOutput;

/// The number of bytes up to which ticks are written together while more wait to be encoded.
const GROUP: usize = 1 << 20;
/// The time for which a topic retries by itself before a warning is logged.
const TRY: Duration = Duration::from_secs(2);

/// The publisher and its settings.
pub struct Publisher {
    /// The sinks of the output topics.
    pub outboxes: BTreeMap<OutputTopic, Outbox>,
    /// The tables that readers query.
    pub tables: ServingTables,
    /// The checkpoint writer.
    pub copies: Sender<CheckpointMessage>,
    /// The metrics.
    pub telemetry: Telemetry,
    /// The time after which a topic that cannot be written is a failure.
    pub give_up_after: Duration,
    /// True if ticks close by the wall clock, so that their delay is meaningful.
    pub is_live: bool,
}

/// A snapshot marker: its tick, and the last tick of each urgent topic.
type Mark = (Time, BTreeMap<OutputTopic, Time>);

impl Publisher {
    /// Runs until the workers' channel closes.
    ///
    /// # Errors
    /// If a record cannot be encoded, a topic cannot be written for too long, or a topic holds a contradiction.
    pub fn run(self, outputs: Receiver<WorkerOutput>) -> Result<(), Error> {
        let Publisher { outboxes, tables, copies, telemetry, give_up_after, is_live } = self;
        let (views, urgent) = outboxes.into_iter().partition(|(topic, _)| *topic == OutputTopic::Views);
        let writer_of = |outboxes| {
            let (tables, telemetry) = (tables.clone(), telemetry.clone());
            TopicWriter { outboxes, numbers: Numbers::default(), tables, telemetry, give_up_after }
        };
        let (deferred, receiver) = DeferredSender::channel();
        let (urgent, views) =
            (UrgentWriter { writer: writer_of(urgent), deferred, is_live, closed: None }, writer_of(views));
        std::thread::scope(|threads| {
            let writing_views = threads.spawn(move || {
                lower_priority();
                write_deferred(views, &receiver, &copies)
            });
            let wrote_urgent = urgent.run(&outputs);
            let wrote_views =
                writing_views.join().map_err(|_| Error::Engine("the writer of views panicked".to_owned()))?;
            wrote_views.and(wrote_urgent)
        })
    }
}

/// Writes topics of one priority.
struct TopicWriter {
    outboxes: BTreeMap<OutputTopic, Outbox>,
    numbers: Numbers,
    tables: ServingTables,
    telemetry: Telemetry,
    give_up_after: Duration,
}

impl TopicWriter {
    /// Encodes the emissions up to a closed tick and numbers their records within each topic and tick.
    fn push(&mut self, upto: Time, pending: Vec<PendingEmission>) -> Result<(), Error> {
        for emission in pending.into_iter().filter_map(PendingEmission::emission) {
            let records = lines(&emission, self.numbers.take(&emission))?;
            self.telemetry.outputs(emission.topic.name(), records.len() as u64);
            let shown = self.tables.apply(emission.time, emission.topic, &records);
            shown.map_err(|error| Error::Engine(error.to_string()))?;
            if let Some(outbox) = self.outboxes.get_mut(&emission.topic) {
                outbox.push(emission.time, records)?;
            }
        }
        self.outboxes.values_mut().try_for_each(|outbox| Ok(outbox.seal(upto)?))
    }

    /// Writes the sealed ticks.
    fn flush(&mut self) -> Result<(), Error> {
        for (topic, outbox) in &mut self.outboxes {
            write(*topic, outbox, self.give_up_after)?;
            fail_point("mid-sink-batch");
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.outboxes.values().map(Outbox::waiting).sum()
    }

    /// Returns the last tick written to each topic.
    fn committed(&self) -> BTreeMap<OutputTopic, Time> {
        self.outboxes.iter().filter_map(|(topic, outbox)| Some((*topic, outbox.committed()?))).collect()
    }
}

/// Writes the urgent topics and passes views on.
struct UrgentWriter {
    writer: TopicWriter,
    deferred: DeferredSender<Mark>,
    is_live: bool,
    /// The last tick that is encoded and not written, its duration, and the views that were due by then.
    closed: Option<(Time, Duration, Vec<PendingEmission>)>,
}

impl UrgentWriter {
    fn run(mut self, outputs: &Receiver<WorkerOutput>) -> Result<(), Error> {
        loop {
            let message = match outputs.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    self.flush()?;
                    match outputs.recv() {
                        Ok(message) => message,
                        Err(_) => return Ok(self.deferred.flush()?),
                    }
                }
            };
            match message {
                WorkerOutput::Closed(tick, took, pending) => {
                    let (pending, mut views_pending) = split_by_priority(pending);
                    self.writer.push(tick, pending)?;
                    let mut views = self.closed.take().map_or(Vec::new(), |(.., views)| views);
                    views.append(&mut views_pending);
                    let is_much = self.writer.waiting() > GROUP || views.len() > MAX_DEFERRED;
                    self.closed = Some((tick, took, views));
                    if is_much {
                        self.flush()?;
                    }
                }
                WorkerOutput::Mark(tick) => {
                    self.flush()?;
                    self.deferred.mark((tick, self.writer.committed()))?;
                }
            }
        }
    }

    /// Writes the sealed ticks and passes on the views of the same ticks.
    fn flush(&mut self) -> Result<(), Error> {
        let Some((tick, took, views)) = self.closed.take() else { return Ok(()) };
        self.writer.flush()?;
        let late_ms = if self.is_live { wall_ms() - tick } else { 0 };
        let late = Duration::from_millis(late_ms.max(0).cast_unsigned());
        self.writer.telemetry.tick_closed(tick, late.as_secs_f64(), took.as_secs_f64());
        Ok(self.deferred.close(tick, views)?)
    }
}

/// Writes views at low priority, then serves the tick and answers snapshot markers.
fn write_deferred(
    mut writer: TopicWriter,
    receiver: &Receiver<Deferred<Mark>>,
    copies: &Sender<CheckpointMessage>,
) -> Result<(), Error> {
    for message in receiver {
        match message {
            Deferred::Closed(tick, views) => {
                writer.push(tick, views)?;
                writer.flush()?;
                writer.tables.closed(tick);
                for (kind, open) in writer.tables.open_by_type() {
                    writer.telemetry.open_exceptions(kind, open);
                }
                for (view, rows) in writer.tables.rows() {
                    writer.telemetry.view_rows(view, rows as u64);
                }
            }
            Deferred::Marker((tick, mut published)) => {
                published.append(&mut writer.committed());
                // A keeper that is gone has said why.
                _ = copies.send(CheckpointMessage::Published(tick, writer.tables.save(), published));
            }
        }
    }
    Ok(())
}

/// Writes the sealed ticks; retries and logs warnings until `give_up_after` has passed.
fn write(topic: OutputTopic, outbox: &mut Outbox, give_up_after: Duration) -> Result<(), Error> {
    let watch = Stopwatch::start();
    loop {
        match outbox.flush(TRY) {
            Err(error) if !error.is_final() && watch.elapsed() < give_up_after => {
                tracing::warn!(topic = topic.name(), waiting_bytes = outbox.waiting(), %error, "cannot write; trying again");
            }
            written => return Ok(written?),
        }
    }
}
