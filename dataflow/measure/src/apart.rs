//! Work that needs a process of its own: memory that another measurement has used before says nothing of this one, whose
//! entries come to lie between what that one left; and a restart is a new process.

use std::fmt::Display;
use std::process::{Command, Output, Stdio};

use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What tells a process that it is there for one task.
const MARK: &str = "STOREPULSE_TASK";

/// Something to be done, and what comes of it.
pub trait Task: Serialize + DeserializeOwned {
    /// What it is called on a command line.
    const NAME: &'static str;
    /// What comes of it.
    type Answer: Serialize + DeserializeOwned;

    /// Does it in this process.
    ///
    /// # Errors
    /// If it cannot be done.
    fn run(&self) -> Result<Self::Answer, Error>;
}

/// Where tasks are done.
#[derive(Clone, Debug, Default)]
pub enum Apart {
    /// In this process, one after the other: figures then hold what came before. For tests.
    #[default]
    Here,
    /// In a new process of this program, which these words make do what [`child`] does with the task named after them.
    Process(Vec<String>),
}

/// A task that is done.
pub struct Done<T> {
    /// What came of it.
    pub answer: T,
    /// What it said meanwhile: lines of JSON, if it was done in a process of its own.
    pub stderr: String,
}

impl Apart {
    /// Does a task.
    ///
    /// # Errors
    /// If it fails, or no process can be started: none starts another in turn, whatever program it is.
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

/// Does a task, given as [`Apart::Process`] gives it: the answer, which its process is to print.
///
/// # Errors
/// If it is none of this kind, or fails.
pub fn child<T: Task>(task: &str) -> Result<String, Error> {
    let task: T = serde_json::from_str(task).map_err(|error| Error::Scenario(error.to_string()))?;
    log::init(LogFormat::Json, LogLevel::Info);
    serde_json::to_string(&task.run()?).map_err(engine)
}

fn engine(error: impl Display) -> Error {
    Error::Engine(error.to_string())
}
