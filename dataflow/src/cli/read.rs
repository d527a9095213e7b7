//! `storepulse read`: prints the records of an output topic, in order, each once, of closed ticks only.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use connectors::reader::{Next, Reader};
use connectors::source::{Polled, Source, Start};
use contract::output::OutputTopic;
use live::config::Config;
use live::error::Error;
use live::log;
use live::retry::Retry;

use crate::cli::out::Out;
use crate::cli::signals::stop_flag;

/// The time to wait for a record before polling again.
const PATIENCE: Duration = Duration::from_millis(200);
/// The time for which an unreadable topic is retried before the command gives up.
const AWAY: Duration = Duration::from_secs(60);
/// Records taken at once.
const RECORDS: usize = 1_000;

/// Prints the records of an output topic of a live job.
#[derive(Args)]
#[command(after_help = "Examples:\n  storepulse read exceptions --exactly-once --config storepulse.toml\n  \
                  storepulse read views --exactly-once --config storepulse.toml --after 1772449200000 --follow")]
pub struct Read {
    /// `views`, `exceptions`, `decisions`, `late` or `dead_letter`.
    #[arg(value_parser = output_topic)]
    topic: OutputTopic,
    /// The configuration of the job that writes it.
    #[arg(long)]
    config: PathBuf,
    /// Each (time, seq) once, in order, as soon as its tick is closed. Without it, all stored records: with progress
    /// records, and with the records that a writer repeated after a failure.
    #[arg(long)]
    exactly_once: bool,
    /// Starts after this tick: everything up to it has been read before.
    #[arg(long, requires = "exactly_once")]
    after: Option<i64>,
    /// Waits for more at the end, until SIGTERM or SIGINT (exit code 0).
    #[arg(long)]
    follow: bool,
}

fn output_topic(name: &str) -> Result<OutputTopic, String> {
    let found = OutputTopic::ALL.into_iter().find(|topic| topic.name() == name);
    found.ok_or_else(|| {
        format!("no output topic is called {name:?}: {}", OutputTopic::ALL.map(OutputTopic::name).join(", "))
    })
}

impl Read {
    /// Runs the command.
    ///
    /// # Errors
    /// If the configuration does not write that topic, the topic cannot be read or holds a contradiction, or a record
    /// cannot be printed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let config = Config::read(&self.config)?;
        let name = self.topic.name();
        let sink = config.output.get(&self.topic);
        let sink = sink.ok_or_else(|| Error::scenario(&self.config, format!("has no [output.{name}]")))?;
        // A broker that is away, or just starting, is waited for, and the log says so.
        log::init(config.log.format, config.log.level);
        // Only a follower can be asked to stop: it then prints what it has read. Any other reader runs to the end.
        let stop = if self.follow { stop_flag()? } else { Arc::default() };
        let away = Retry { limit: AWAY, stop: &stop, rest: std::thread::sleep };
        let source = away.with(|| sink.source(Start::Beginning, !self.follow))?;
        if !self.exactly_once {
            return print_records(source, out, away);
        }
        let reader = match self.after {
            Some(time) => Reader::after(source, time),
            None => Reader::new(source),
        };
        print_ticks(reader, out, away)
    }
}

/// Prints the stored records of a topic, to its end or until stopped; records at hand are flushed at once.
fn print_records(mut source: Box<dyn Source>, out: &mut Out, away: Retry<'_>) -> Result<(), Error> {
    while !away.stop.load(Ordering::Relaxed) {
        match away.with(|| source.poll(RECORDS, PATIENCE))? {
            Polled::Records(messages) => {
                print(messages.iter().map(|message| &message.payload), out)?;
                out.flush()?;
            }
            Polled::Idle | Polled::Waiting => {}
            Polled::Ended => break,
        }
    }
    Ok(())
}

/// Prints the closed ticks of a topic, each once, to its end or until stopped; flushed before any waiting.
fn print_ticks(mut reader: Reader, out: &mut Out, away: Retry<'_>) -> Result<(), Error> {
    let mut patience = Duration::ZERO;
    while !away.stop.load(Ordering::Relaxed) {
        match away.with(|| reader.next(patience))? {
            Next::Tick { records, .. } => {
                print(&records, out)?;
                patience = Duration::ZERO;
            }
            Next::Idle => {
                out.flush()?;
                patience = PATIENCE;
            }
            Next::Ended => break,
        }
    }
    Ok(())
}

fn print<'a>(records: impl IntoIterator<Item = &'a Vec<u8>>, out: &mut Out) -> Result<(), Error> {
    records.into_iter().try_for_each(|record| out.bytes(record).and_then(|()| out.bytes(b"\n")))
}
