//! Work that needs a process of its own: memory that another measurement has used before says nothing, and a restart is
//! a new process.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::bench::footprint;
use crate::bench::result::{DayFootprint, KeyFootprint, Settings};
use crate::error::Error;
use crate::live::config::Config;
use crate::live::{self, Processes};
use crate::log::{self, LogFormat, LogLevel};

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Take so many (store, item) keys.
    Keys(u64),
    /// Take days of an even load.
    Days(Settings),
    /// Run the live job of a configuration to its end.
    Live(PathBuf),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What keys cost.
    Keys(KeyFootprint),
    /// What stands after each day.
    Days(Vec<DayFootprint>),
    /// The job ended well.
    Ran,
}

impl Task {
    /// Does it in this process.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn run(&self) -> Result<Answer, Error> {
        match self {
            Task::Keys(keys) => footprint::take_keys(*keys).map(Answer::Keys),
            Task::Days(settings) => footprint::take_days(settings).map(Answer::Days),
            Task::Live(path) => {
                let config = Config::read(path)?;
                live::run(&config, &Processes::alone(), &Arc::new(AtomicBool::new(false))).map(|()| Answer::Ran)
            }
        }
    }
}

/// Where tasks are done.
#[derive(Clone, Debug, Default)]
pub enum Apart {
    /// In this process, one after the other: memory figures then hold what came before. For tests.
    #[default]
    Here,
    /// In a new process of this program, which these words make do what [`child`] does with the word after them.
    Process(Vec<String>),
}

/// A task that is done.
pub struct Done {
    /// What came of it.
    pub answer: Answer,
    /// What it said meanwhile: lines of JSON, if it was done in a process of its own.
    pub said: String,
}

impl Apart {
    /// Does a task.
    ///
    /// # Errors
    /// If it fails, or no process can be started.
    pub fn run(&self, task: &Task) -> Result<Done, Error> {
        let Apart::Process(words) = self else { return Ok(Done { answer: task.run()?, said: String::new() }) };
        let defect = |error: &dyn std::fmt::Display| Error::Engine(error.to_string());
        let program = std::env::current_exe().map_err(|error| defect(&error))?;
        let task = serde_json::to_string(task).map_err(|error| defect(&error))?;
        let child = Command::new(program).args(words).arg(task).stdin(Stdio::null()).output();
        let Output { status, stdout, stderr } = child.map_err(|error| defect(&error))?;
        let said = String::from_utf8_lossy(&stderr).into_owned();
        if !status.success() {
            return Err(Error::Engine(format!("a process of its own ended with {status}: {said}")));
        }
        let answer = serde_json::from_slice(&stdout).map_err(|error| defect(&error))?;
        Ok(Done { answer, said })
    }
}

/// Does a task, given as [`Apart::Process`] gives it, and prints its answer.
///
/// # Errors
/// If it is none, or fails.
pub fn child(task: &str) -> Result<(), Error> {
    let task: Task = serde_json::from_str(task).map_err(|error| Error::Scenario(error.to_string()))?;
    log::init(LogFormat::Json, LogLevel::Info);
    let answer = serde_json::to_string(&task.run()?).map_err(|error| Error::Engine(error.to_string()))?;
    let written = std::io::Write::write_all(&mut std::io::stdout(), answer.as_bytes());
    written.map_err(|error| Error::Engine(error.to_string()))
}
