//! Scenarios: a folder with a log of every topic and the settings to run it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contract::event::Topic;
use engine::edge::{FUTURE_MS, LATENESS_MS, Limits};
use engine::graph::Settings;
use engine::reference::Policies;
use operators::keyed::Ticks;
use retail::registry::CATALOG;
use serde::Deserialize;

use crate::error::Error;

/// The default length of a tick of a replay.
pub const REPLAY_TICK_MS: i64 = 1_000;

/// The content of `scenario.toml`; every field is optional.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ScenarioFile {
    /// The name.
    pub name: Option<String>,
    /// The last instant of the replay; records of later ticks are not read.
    pub until: Option<i64>,
    /// Length of a tick.
    pub tick_ms: Option<i64>,
    /// Greatest age of an event.
    pub lateness_ms: Option<i64>,
    /// Greatest lead of an event over the clock.
    pub future_ms: Option<i64>,
    /// Interval of view emissions; a tick by default.
    pub emit_ms: Option<i64>,
    /// Policies that differ from their defaults.
    pub policy: BTreeMap<String, i64>,
}

/// Settings that the command line overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Length of a tick.
    pub tick_ms: Option<i64>,
    /// Policies.
    pub policy: BTreeMap<String, i64>,
}

/// A scenario ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its folder.
    pub folder: PathBuf,
    /// The name.
    pub name: String,
    /// The last instant, if there is one.
    pub until: Option<i64>,
    /// The settings of the graph.
    pub settings: Settings,
}

impl Scenario {
    /// Reads a scenario folder.
    ///
    /// # Errors
    /// If the folder is missing, or its `scenario.toml` cannot be read or is wrong.
    pub fn open(folder: &Path, overrides: &Overrides) -> Result<Self, Error> {
        if !folder.is_dir() {
            return Err(Error::scenario(folder, "no such scenario folder"));
        }
        let path = folder.join("scenario.toml");
        let file = if path.exists() {
            let text = std::fs::read_to_string(&path).map_err(connectors::Error::io("read", &path))?;
            toml::from_str(&text).map_err(|error| Error::scenario(&path, error))?
        } else {
            ScenarioFile::default()
        };
        let folder_name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = file.name.clone().or(folder_name).unwrap_or_default();
        let settings = settings(&path, &file, overrides)?;
        Ok(Scenario { folder: folder.to_owned(), name, until: file.until, settings })
    }

    /// Returns the log of a topic, if it exists: `TOPIC.jsonl` or `TOPIC.parquet`.
    ///
    /// # Errors
    /// If both exist.
    pub fn log(&self, topic: Topic) -> Result<Option<PathBuf>, Error> {
        let found: Vec<PathBuf> = ["jsonl", "parquet"]
            .iter()
            .map(|format| self.folder.join(format!("{topic}.{format}")))
            .filter(|path| path.exists())
            .collect();
        match found.as_slice() {
            [] => Ok(None),
            [path] => Ok(Some(path.clone())),
            _ => Err(Error::scenario(&self.folder, format!("has both {topic}.jsonl and {topic}.parquet: keep one"))),
        }
    }
}

fn settings(path: &Path, file: &ScenarioFile, overrides: &Overrides) -> Result<Settings, Error> {
    let at_least = |name: &str, value: i64, least: i64| {
        if value >= least {
            Ok(value)
        } else {
            Err(Error::scenario(path, format!("{name} is {value}, must be at least {least}")))
        }
    };
    let tick_ms = at_least("tick_ms", overrides.tick_ms.or(file.tick_ms).unwrap_or(REPLAY_TICK_MS), 1)?;
    let emit_ms = at_least("emit_ms", file.emit_ms.unwrap_or(tick_ms), 1)?;
    let lateness_ms = at_least("lateness_ms", file.lateness_ms.unwrap_or(LATENESS_MS), 0)?;
    let future_ms = at_least("future_ms", file.future_ms.unwrap_or(FUTURE_MS), 0)?;
    let mut policy = file.policy.clone();
    policy.extend(overrides.policy.clone());
    Ok(Settings {
        ticks: Ticks { tick_ms },
        limits: Limits { lateness_ms, future_ms },
        emit: Ticks { tick_ms: emit_ms },
        policies: Policies::configured(policy),
        catalog: CATALOG,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_beats_the_file_and_the_file_beats_the_default() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |text: &str| std::fs::write(folder.path().join("scenario.toml"), text).expect("written");
        write("until = 5\ntick_ms = 20\n[policy]\n\"min_confidence_bp\" = 1\n\"x\" = 2\n");
        let overrides = Overrides { tick_ms: Some(10), policy: BTreeMap::from([("x".to_owned(), 3)]) };
        let scenario = Scenario::open(folder.path(), &overrides).expect("opens");
        assert_eq!(scenario.settings.ticks.tick_ms, 10);
        assert_eq!(scenario.settings.limits.lateness_ms, LATENESS_MS);
        assert_eq!(scenario.settings.policies.value_of("x"), Some(3));
        assert_eq!(scenario.settings.policies.value_of("min_confidence_bp"), Some(1));
        for (wrong, says) in [("tick_ms = 0", "tick_ms is 0"), ("untill = 1", "untill"), ("until = x", "scenario.toml")]
        {
            write(wrong);
            let error = Scenario::open(folder.path(), &Overrides::default()).expect_err("wrong").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
