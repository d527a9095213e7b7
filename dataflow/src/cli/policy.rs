//! `storepulse policy list`: prints every policy with its default, unit and meaning.

use clap::{Args, Subcommand};
use live::error::Error;
use retail::detectors::KINDS;

use crate::cli::out::Out;

/// The policies.
#[derive(Args)]
pub struct PolicyCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Prints every policy with its default, unit and meaning.
    #[command(
        after_help = "A policy is changed by `--set NAME=VALUE`, by [policy] in scenario.toml, or, from its tick on, by a record\n{\"type\":\"policy\",\"policy_key\":NAME,\"value\":N,…} of the commands topic."
    )]
    List,
}

impl PolicyCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If they cannot be printed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let What::List = self.command;
        outln!(out, "{:<42} {:>12} {:<6} meaning", "policy", "default", "unit");
        for row in KINDS.policies() {
            outln!(out, "{:<42} {:>12} {:<6} {}", row.name, row.default, row.unit, row.meaning);
        }
        Ok(())
    }
}
