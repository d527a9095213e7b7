//! `storepulse read`: the records of an output topic, each once, in order, of closed ticks only.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use connectors::reader::{Next, Reader};
use connectors::source::{Polled, Start};

use crate::error::Error;
use crate::live::config::Config;
use crate::live::patience::Patience;
use crate::log;
use crate::output::OutputTopic;

/// How long to wait for a next record before looking whether there is one.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a topic that cannot be read is tried again before the command gives up.
const AWAY: Duration = Duration::from_secs(60);

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
    /// Each (time, seq) once, in order, as soon as its tick is closed. Without it, what stands in the topic as it stands:
    /// with progress records, and with repeats if the writer had to repeat itself.
    #[arg(long)]
    exactly_once: bool,
    /// Go on after this tick: everything up to it has been taken before.
    #[arg(long, requires = "exactly_once")]
    after: Option<i64>,
    /// Wait for more at the end.
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
    /// If the configuration does not write that topic, or the topic cannot be read or holds a contradiction.
    pub fn run(self) -> Result<(), Error> {
        let config = Config::read(&self.config)?;
        let name = self.topic.name();
        let sink = config.output.get(&self.topic);
        let sink = sink.ok_or_else(|| Error::scenario(&self.config, format!("has no [output.{name}]")))?;
        // A broker that is away, or just starting, is waited for, and the log says so.
        log::init(config.log.format, config.log.level);
        let stop = AtomicBool::new(false);
        let patience = Patience { limit: AWAY, stop: &stop, rest: std::thread::sleep };
        let mut source = patience.with(|| sink.source(Start::Beginning, !self.follow))?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        // A reader who goes away ends the command, and is no failure.
        let mut print = |record: &[u8]| out.write_all(record).and_then(|()| out.write_all(b"\n")).is_ok();
        if !self.exactly_once {
            loop {
                match patience.with(|| source.poll(1_000, PATIENCE))? {
                    Polled::Records(messages) => {
                        if !messages.iter().all(|message| print(&message.payload)) {
                            return Ok(());
                        }
                    }
                    Polled::Idle | Polled::Waiting => {}
                    Polled::Ended => return Ok(()),
                }
            }
        }
        let mut reader = match self.after {
            Some(time) => Reader::after(source, time),
            None => Reader::new(source),
        };
        loop {
            match patience.with(|| reader.next(PATIENCE))? {
                Next::Tick { records, .. } => {
                    if !records.iter().all(|record| print(record)) {
                        return Ok(());
                    }
                }
                Next::Idle => {}
                Next::Ended => return Ok(()),
            }
        }
    }
}
