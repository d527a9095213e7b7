//! The writers of a live job: encode what leaves, write each tick to its topics once, and then show it to readers.
//!
//! Two lanes ([`engine::emission::priority`]): exceptions, decisions and the records that were refused are written as their tick closes;
//! views behind them. What readers are shown is the tick that both have written.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use connectors::outbox::Outbox;
use contract::output::OutputTopic;
use contract::time::Time;
use engine::clock::{Stopwatch, wall_ms};
use engine::emission::encode::lines;
use engine::emission::output::{Due, Numbers};
use engine::emission::priority::{Behind, Later, MOST, give_way, split};
use engine::telemetry::Telemetry;
use serve::Board;

use crate::checkpoint::writer::Copied;
use crate::error::Error;
use crate::fail::fail_point;
use crate::worker::Leaving;

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

/// A snapshot is cut at this tick; the first lane's topics end there at these.
type Mark = (Time, BTreeMap<OutputTopic, Time>);

impl Publisher {
    /// Writes until nothing more comes.
    ///
    /// # Errors
    /// If a record cannot be encoded, or a topic cannot be written for too long or holds a contradiction.
    pub fn run(self, leaving: Receiver<Leaving>) -> Result<(), Error> {
        let Publisher { outboxes, board, copies, telemetry, patience, is_live } = self;
        let (views, urgent) = outboxes.into_iter().partition(|(topic, _)| *topic == OutputTopic::Views);
        let lane = |outboxes| {
            let (board, telemetry) = (board.clone(), telemetry.clone());
            Lane { outboxes, numbers: Numbers::default(), board, telemetry, patience }
        };
        let (behind, later) = Behind::lane();
        let (first, second) = (First { lane: lane(urgent), behind, is_live, closed: None }, lane(views));
        std::thread::scope(|threads| {
            let following = threads.spawn(move || {
                give_way();
                follow(second, &later, &copies)
            });
            let led = first.run(&leaving);
            let followed = following.join().map_err(|_| Error::Engine("the writer of views panicked".to_owned()))?;
            followed.and(led)
        })
    }
}

/// Topics that are written together.
struct Lane {
    outboxes: BTreeMap<OutputTopic, Outbox>,
    numbers: Numbers,
    board: Board,
    telemetry: Telemetry,
    patience: Duration,
}

impl Lane {
    /// Encodes all that is due up to a tick that has closed, numbering on within each topic and tick.
    fn push(&mut self, upto: Time, dues: Vec<Due>) -> Result<(), Error> {
        for emission in dues.into_iter().filter_map(Due::emission) {
            let records = lines(&emission, self.numbers.take(&emission))?;
            self.telemetry.outputs(emission.topic.name(), records.len() as u64);
            let shown = self.board.apply(emission.time, emission.topic, &records);
            shown.map_err(|error| Error::Engine(error.to_string()))?;
            if let Some(outbox) = self.outboxes.get_mut(&emission.topic) {
                outbox.push(emission.time, records)?;
            }
        }
        self.outboxes.values_mut().try_for_each(|outbox| Ok(outbox.seal(upto)?))
    }

    /// Writes what is sealed.
    fn flush(&mut self) -> Result<(), Error> {
        for (topic, outbox) in &mut self.outboxes {
            write(*topic, outbox, self.patience)?;
            fail_point("mid-sink-batch");
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.outboxes.values().map(Outbox::waiting).sum()
    }

    /// The last tick that stands in each topic.
    fn committed(&self) -> BTreeMap<OutputTopic, Time> {
        self.outboxes.iter().filter_map(|(topic, outbox)| Some((*topic, outbox.committed()?))).collect()
    }
}

/// The first lane, and what it hands on.
struct First {
    lane: Lane,
    behind: Behind<Mark>,
    is_live: bool,
    /// The last tick that is encoded and not written, how long it took, and the views due by then.
    closed: Option<(Time, Duration, Vec<Due>)>,
}

impl First {
    fn run(mut self, leaving: &Receiver<Leaving>) -> Result<(), Error> {
        loop {
            let word = match leaving.try_recv() {
                Ok(word) => word,
                Err(_) => {
                    self.flush()?;
                    match leaving.recv() {
                        Ok(word) => word,
                        Err(_) => return Ok(self.behind.flush()?),
                    }
                }
            };
            match word {
                Leaving::Closed(tick, took, dues) => {
                    let (dues, mut seldom) = split(dues);
                    self.lane.push(tick, dues)?;
                    let mut views = self.closed.take().map_or(Vec::new(), |(.., views)| views);
                    views.append(&mut seldom);
                    let is_much = self.lane.waiting() > GROUP || views.len() > MOST;
                    self.closed = Some((tick, took, views));
                    if is_much {
                        self.flush()?;
                    }
                }
                Leaving::Mark(tick) => {
                    self.flush()?;
                    self.behind.say((tick, self.lane.committed()))?;
                }
            }
        }
    }

    /// Writes what is sealed, and hands on the views of the same ticks.
    fn flush(&mut self) -> Result<(), Error> {
        let Some((tick, took, views)) = self.closed.take() else { return Ok(()) };
        self.lane.flush()?;
        let late_ms = if self.is_live { wall_ms() - tick } else { 0 };
        let late = Duration::from_millis(late_ms.max(0).cast_unsigned());
        self.lane.telemetry.tick_closed(tick, late.as_secs_f64(), took.as_secs_f64());
        Ok(self.behind.close(tick, views)?)
    }
}

/// The second lane: writes views, then shows what stands to readers and keepers of snapshots.
fn follow(mut lane: Lane, later: &Receiver<Later<Mark>>, copies: &Sender<Copied>) -> Result<(), Error> {
    for word in later {
        match word {
            Later::Closed(tick, views) => {
                lane.push(tick, views)?;
                lane.flush()?;
                lane.board.closed(tick);
                for (kind, open) in lane.board.open_by_type() {
                    lane.telemetry.open_exceptions(kind, open);
                }
                for (view, rows) in lane.board.rows() {
                    lane.telemetry.view_rows(view, rows as u64);
                }
            }
            Later::Word((tick, mut published)) => {
                published.append(&mut lane.committed());
                // A keeper that is gone has said why.
                _ = copies.send(Copied::Left(tick, lane.board.save(), published));
            }
        }
    }
    Ok(())
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
