//! Duration of a snapshot with many keys, and of a restart from it, of the live job.
//!
//! The real job, in a process of its own, over files: the first run reads everything, writes every output and leaves a
//! snapshot when it stops; the same command again checks hashes, loads the state, finds nothing to read, and stops.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use contract::event::Topic;
use contract::output::OutputTopic;
use engine::clock::Stopwatch;
use live::Processes;
use live::config::Config;
use live::error::Error;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Task};
use crate::footprint::{START, key_lines};
use crate::result::{Restart, Settings};

/// The live job of a configuration, until it ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Live(PathBuf);

impl Task for Live {
    const NAME: &'static str = "live";
    type Answer = ();

    fn run(&self) -> Result<(), Error> {
        live::run(&Config::read(&self.0)?, &Processes::alone(), &Arc::new(AtomicBool::new(false)))
    }
}

/// Measures at each of the wanted numbers of keys.
///
/// # Errors
/// If the job cannot be run.
pub fn measure(settings: &Settings, apart: &Apart, progress: &mut dyn FnMut(&str)) -> Result<Vec<Restart>, Error> {
    let mut found = Vec::new();
    for keys in &settings.keys {
        progress(&format!("snapshot and restart with {keys} keys"));
        found.push(one(*keys, apart)?);
    }
    Ok(found)
}

fn one(keys: u64, apart: &Apart) -> Result<Restart, Error> {
    let folder = tempfile::tempdir().map_err(connectors::Error::io("create", &std::env::temp_dir()))?;
    let job = Live(prepare(keys, folder.path())?);
    let stopwatch = Stopwatch::start();
    let first = apart.run(&job)?;
    let first_seconds = stopwatch.elapsed().as_secs_f64();
    let stopwatch = Stopwatch::start();
    apart.run(&job)?;
    let restart_seconds = stopwatch.elapsed().as_secs_f64();
    let snapshot = snapshot(&first.stderr);
    Ok(Restart {
        keys,
        snapshot_bytes: snapshot.bytes,
        snapshot_seconds: snapshot.seconds,
        first_seconds,
        restart_seconds,
    })
}

/// Writes the logs of so many keys and the configuration of a job over them.
fn prepare(keys: u64, folder: &Path) -> Result<PathBuf, Error> {
    let path = |name: String| folder.join(name);
    let topics = [Topic::Inventory, Topic::Pos];
    let mut logs = Vec::new();
    for topic in topics {
        let log = path(format!("{topic}.jsonl"));
        let file = File::create(&log).map_err(connectors::Error::io("create", &log))?;
        logs.push((topic, BufWriter::new(file)));
    }
    let unwritable = connectors::Error::io("write", folder);
    let written = (0..keys).flat_map(|key| key_lines(key, START)).try_for_each(|(topic, line)| {
        let log = logs.iter_mut().find(|log| log.0 == topic);
        log.map_or(Ok(()), |(_, log)| writeln!(log, "{line}"))
    });
    written.and_then(|()| logs.iter_mut().try_for_each(|(_, log)| log.flush())).map_err(unwritable)?;
    // One snapshot, at the end: the next multiple of its span is far away.
    let mut text = format!(
        "[time]\ntick_ms = 1000\nclock = \"data\"\nstop_at_end = true\n[state]\nfolder = {:?}\nsnapshot_ms = 1000000000000\n",
        path("state".to_owned())
    );
    for topic in topics {
        let log = path(format!("{topic}.jsonl"));
        _ = write!(text, "[input.{topic}]\nconnector = \"file\"\npath = {log:?}\n");
    }
    for topic in OutputTopic::ALL.map(OutputTopic::name) {
        let log = path(format!("out/{topic}.jsonl"));
        _ = write!(text, "[output.{topic}]\nconnector = \"file\"\npath = {log:?}\n");
    }
    let config = path("storepulse.toml".to_owned());
    std::fs::write(&config, text).map_err(connectors::Error::io("write", &config))?;
    Ok(config)
}

/// The job's log message of a complete snapshot.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Snapshot {
    bytes: u64,
    seconds: f64,
}

/// The last snapshot in the log; zero if there is none.
fn snapshot(stderr: &str) -> Snapshot {
    let complete = stderr.lines().rev().find(|line| line.contains("\"snapshot complete\""));
    complete.and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_leaves_a_snapshot_and_comes_back() {
        let found = one(50, &Apart::Here).expect("it runs");
        assert!(found.keys == 50 && found.first_seconds > 0.0 && found.restart_seconds > 0.0);
    }

    #[test]
    fn the_last_snapshot_counts() {
        let line = |bytes| {
            format!(r#"{{"level":"INFO","message":"snapshot complete","tick":1,"bytes":{bytes},"seconds":0.25}}"#)
        };
        let stderr = format!("{}\nno JSON\n{}\n{{\"message\":\"other\"}}\n", line(1), line(2));
        assert_eq!(snapshot(&stderr), Snapshot { bytes: 2, seconds: 0.25 });
        assert_eq!(snapshot("nothing"), Snapshot::default());
    }
}
