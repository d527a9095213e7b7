//! A child process that neither outlives its test nor lets it hang.

use std::process::{Child, ExitStatus};
use std::time::Duration;

use engine::clock::Stopwatch;

use rustix::process::{Pid, Signal, kill_process};

/// What takes longer than this hangs. It is no limit on speed: nothing that works comes near it.
pub(crate) const HANG: Duration = Duration::from_secs(30);
/// Between two looks at a state that is waited for.
const LOOK: Duration = Duration::from_millis(1);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// What was waited for is so.
    Happened,
    /// The process ended before that.
    Ended(ExitStatus),
    /// Neither, for as long as the wait could last.
    Neither,
}

/// A process; it is killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Guards a process that was started.
    pub(crate) fn new(child: Child) -> Self {
        Process(child)
    }

    /// Sends a signal; a process that has ended takes none.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            kill_process(Pid::from_child(&self.0), signal).expect("a process that was not waited for takes signals");
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be asked")
    }

    /// Waits until something is so, for as long as the process lives and `bound` lasts.
    pub(crate) fn wait(&mut self, bound: Duration, mut is_so: impl FnMut() -> bool) -> Waited {
        let watch = Stopwatch::start();
        loop {
            if is_so() {
                return Waited::Happened;
            }
            if let Some(ended) = self.ended() {
                // It may have happened between the two looks.
                return if is_so() { Waited::Happened } else { Waited::Ended(ended) };
            }
            if watch.elapsed() >= bound {
                return Waited::Neither;
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Waits for its end; `None` if `bound` passes before that.
    pub(crate) fn wait_for_end(&mut self, bound: Duration) -> Option<ExitStatus> {
        match self.wait(bound, || false) {
            Waited::Ended(ended) => Some(ended),
            Waited::Happened | Waited::Neither => None,
        }
    }

    /// Kills it, paused or not, and says how it ended.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.0.wait().expect("a child can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
