//! The processes of a live job.

/// Which process of the job this is, and where the others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processes {
    /// This one, from 0.
    pub index: u32,
    /// `HOST:PORT` of each; empty for a job of one process.
    pub hosts: Vec<String>,
}

impl Processes {
    /// A job of one process.
    pub fn alone() -> Self {
        Processes { index: 0, hosts: Vec::new() }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.hosts.len().max(1)).unwrap_or(u32::MAX)
    }
}
