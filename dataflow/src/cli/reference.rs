//! `storepulse reference`: prints the reference of topics, views, exception types and policies.

use std::path::PathBuf;

use clap::Args;
use live::error::Error;

use crate::cli::out::Out;
use crate::reference;

/// Prints the reference of every topic, field, view, exception type and policy as Markdown.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse reference --out dataflow/docs/reference.md")]
pub struct Reference {
    /// Writes it to this file instead.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Reference {
    /// Runs the command.
    ///
    /// # Errors
    /// If the reference cannot be printed or written.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let page = reference::markdown();
        match self.out {
            Some(path) => Ok(std::fs::write(&path, page).map_err(connectors::Error::io("write", &path))?),
            None => out.bytes(page.as_bytes()),
        }
    }
}
