//! `storepulse types` and `storepulse explain-type`: print the exception types of the program.

use clap::Args;
use live::error::Error;
use retail::detectors::KINDS;

use crate::cli::out::Out;
use crate::reference;

/// Prints every exception type with its actions, approvers and open condition.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse types")]
pub struct Types;

impl Types {
    /// Runs the command.
    ///
    /// # Errors
    /// If the types cannot be printed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        out.bytes(reference::types().as_bytes())
    }
}

/// Prints an exception type: conditions, severity, actions, approvers, views, feeds and policies.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse explain-type inventory.stockout_risk")]
pub struct ExplainType {
    /// The type; `storepulse types` prints them.
    #[arg(value_name = "TYPE")]
    name: String,
}

impl ExplainType {
    /// Runs the command.
    ///
    /// # Errors
    /// If no type has that name, or it cannot be printed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let Some(kind) = KINDS.get(&self.name) else {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            return Err(Error::Scenario(format!("no exception type is called {:?}: {}", self.name, names.join(", "))));
        };
        out.bytes(reference::explain_type(kind).as_bytes())
    }
}
