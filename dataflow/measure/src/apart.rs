//! Tasks in processes of their own: a figure of memory or restart must not be distorted by an earlier measurement in
//! the same process.

use std::fmt::Display;
use std::process::{Command, Output, Stdio};

use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The environment variable that marks a process as started for one task.
const MARK: &str = "STOREPULSE_TASK";

/// A task and the type of its answer.
pub trait Task: Serialize + DeserializeOwned {
    /// The name on the command line.
    const NAME: &'static str;
    /// The answer.
    type Answer: Serialize + DeserializeOwned;

    /// Runs it in this process.
    ///
    /// # Errors
    /// If the task fails.
    fn run(&self) -> Result<Self::Answer, Error>;
}

/// The place where tasks run.
#[derive(Clone, Debug, Default)]
pub enum Apart {
    /// In this process, one after the other: figures then include what came before. For tests.
    #[default]
    Here,
    /// In a new process of this program with these arguments, which run [`child`] with the task named after them.
    Process(Vec<String>),
}

/// A completed task.
pub struct Done<T> {
    /// The answer.
    pub answer: T,
    /// The standard error of its process, as lines of JSON; empty if it ran in this process.
    pub stderr: String,
}

impl Apart {
    /// Runs a task.
    ///
    /// # Errors
    /// If it fails, or no process can be started; a task's process starts no other process.
    pub fn run<T: Task>(&self, task: &T) -> Result<Done<T::Answer>, Error> {
        let Apart::Process(arguments) = self else { return Ok(Done { answer: task.run()?, stderr: String::new() }) };
        if std::env::var_os(MARK).is_some() {
            return Err(engine("a process that is there for one task starts no others"));
        }
        let program = std::env::current_exe().map_err(engine)?;
        let task = serde_json::to_string(task).map_err(engine)?;
        let child =
            Command::new(program).args(arguments).args([T::NAME, &task]).env(MARK, "1").stdin(Stdio::null()).output();
        let Output { status, stdout, stderr } = child.map_err(engine)?;
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        if !status.success() {
            return Err(Error::Engine(format!("a process of its own ended with {status}: {stderr}")));
        }
        Ok(Done { answer: serde_json::from_slice(&stdout).map_err(engine)?, stderr })
    }
}

/// Runs a task given as [`Apart::Process`] gives it; returns the answer, which the process prints.
///
/// # Errors
/// If the task has another type, or fails.
pub fn child<T: Task>(task: &str) -> Result<String, Error> {
    let task: T = serde_json::from_str(task).map_err(|error| Error::Scenario(error.to_string()))?;
    log::init(LogFormat::Json, LogLevel::Info);
    serde_json::to_string(&task.run()?).map_err(engine)
}

fn engine(error: impl Display) -> Error {
    Error::Engine(error.to_string())
}
