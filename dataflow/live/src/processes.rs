//! The processes of a live job: index and addresses.

/// The index of this process, and the addresses of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    /// The index of this process, from 0.
    pub index: u32,
    /// `HOST:PORT` of each process; empty for a job of one process.
    pub hosts: Vec<String>,
}

impl Processes {
    /// Returns a job of one process.
    pub fn alone() -> Self {
        Processes { index: 0, hosts: Vec::new() }
    }

    /// Returns the number of processes.
    pub fn count(&self) -> u32 {
        u32::try_from(self.hosts.len().max(1)).unwrap_or(u32::MAX)
    }
}
