//! The machine and the program that a figure was measured on.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// The value where the system does not tell.
const UNKNOWN: &str = "unknown";

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The model of its processor.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// The memory in bytes; 0 if unknown.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let cpus = file("/proc/cpuinfo");
        let kernel = file("/proc/sys/kernel/osrelease");
        Machine {
            cpu: value(&cpus, "model name").unwrap_or(UNKNOWN).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kilobytes(&file("/proc/meminfo"), "MemTotal"),
            kernel: if kernel.is_empty() { UNKNOWN.to_owned() } else { kernel.trim().to_owned() },
        }
    }
}

/// A program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The version.
    pub version: String,
    /// The commit of the checkout it was run in.
    pub commit: String,
    /// The compiler that made it.
    pub rustc: String,
    /// True for an optimised build.
    pub optimised: bool,
}

impl Build {
    /// This one.
    pub fn here() -> Self {
        Build {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit(),
            rustc: env!("STOREPULSE_RUSTC").to_owned(),
            optimised: env!("STOREPULSE_OPT_LEVEL") != "0",
        }
    }
}

/// The commit that is checked out, marked if files differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return UNKNOWN.to_owned() };
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| changes.is_empty());
    if is_clean { commit } else { commit + " with changes" }
}

/// Memory of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident memory now, in bytes; 0 where the system does not tell.
    pub resident_bytes: u64,
    /// The most that ever was.
    pub peak_bytes: u64,
}

impl Memory {
    /// Now.
    pub fn now() -> Self {
        let status = file("/proc/self/status");
        Memory { resident_bytes: kilobytes(&status, "VmRSS"), peak_bytes: kilobytes(&status, "VmHWM") }
    }
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The text after `name:` in a file of such lines.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':')).map(str::trim)
}

fn kilobytes(text: &str, name: &str) -> u64 {
    let number = value(text, name).and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read() {
        let text = "processor\t: 0\nmodel name\t: A Processor @ 2 GHz\nmodel name\t: another\nMemTotal:    16 kB\n";
        assert_eq!(value(text, "model name"), Some("A Processor @ 2 GHz"));
        assert_eq!((kilobytes(text, "MemTotal"), kilobytes(text, "MemFree")), (16 * 1_024, 0));
    }

    #[test]
    fn a_machine_and_a_program_have_something_to_say() {
        assert!(Machine::here().cores > 0);
        let build = Build::here();
        assert!(!build.commit.is_empty() && !build.rustc.is_empty() && !build.version.is_empty());
    }
}
