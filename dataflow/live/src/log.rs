//! The log of the program: one event per line on standard error, as text or as JSON.
//!
//! Events carry fields instead of sentences with numbers, so that a log store can query them:
//! `tracing::warn!(reason = "expired", actor = %actor, "command refused")`.

use std::io;

use clap::ValueEnum;
use serde::Deserialize;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{Registry, fmt};

/// The format of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text: time, level, target, message, fields.
    #[default]
    Text,
    /// JSON: one object per line, with the fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

/// The least level that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Errors that stop the job.
    Error,
    /// Also refusals and warnings.
    Warn,
    /// Also starts, stops and snapshots.
    #[default]
    Info,
    /// Also every request and connection.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    fn level(self) -> Level {
        match self {
            LogLevel::Error => Level::ERROR,
            LogLevel::Warn => Level::WARN,
            LogLevel::Info => Level::INFO,
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Trace => Level::TRACE,
        }
    }
}

/// Sends the events of the whole program to standard error. Only the first call has an effect; returns true for it.
pub fn init(format: LogFormat, level: LogLevel) -> bool {
    tracing::subscriber::set_global_default(subscriber(format, level, io::stderr)).is_ok()
}

fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    // What libraries have to say is for those who look into them.
    let others = level.level().min(Level::WARN);
    let own = ["contract", "engine", "retail", "serve", "live", "measure", "dataflow", "connectors", "storepulse"];
    let own = own.map(|target| (target, level.level()));
    let wanted = Targets::new().with_default(others).with_targets(own);
    // A log that cannot be written (a full disk) ends nothing: to complain of it on standard error would panic there.
    let events = fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Text => Box::new(Registry::default().with(events.with_filter(wanted))),
        LogFormat::Json => Box::new(Registry::default().with(events.json().flatten_event(true).with_filter(wanted))),
    }
}

/// Captures the log in tests.
#[cfg(test)]
mod testing {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Output {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the output").extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the events that `emit` logs on this thread.
    pub(super) fn captured(format: LogFormat, emit: impl FnOnce()) -> String {
        let output = Output::default();
        let written = output.clone();
        tracing::subscriber::with_default(subscriber(format, LogLevel::Info, move || output.clone()), emit);
        String::from_utf8(written.0.lock().expect("the output").clone()).expect("text")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::captured;
    use super::*;

    fn emit() {
        tracing::debug!("not captured");
        tracing::warn!(reason = "expired", actor = %"mara", attempts = 2, "command refused");
    }

    #[test]
    fn a_line_of_json_carries_the_fields() {
        let text = captured(LogFormat::Json, emit);
        let line: serde_json::Value = serde_json::from_str(&text).expect("one line of JSON");
        let fields = ["level", "message", "reason", "actor"].map(|name| line[name].as_str());
        assert_eq!(fields, ["WARN", "command refused", "expired", "mara"].map(Some));
        assert_eq!(line["attempts"], 2);
    }

    #[test]
    fn a_line_of_text_carries_the_fields_and_lower_levels_are_dropped() {
        let text = captured(LogFormat::Text, emit);
        assert!(text.contains(r#"command refused reason="expired" actor=mara attempts=2"#), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
