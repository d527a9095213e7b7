//! The command line: one file a command.

pub mod check;
pub mod policy;
pub mod replay;
pub mod scenario;
pub mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Retail operations views and exceptions, incrementally maintained.
#[derive(Parser)]
#[command(
    name = "storepulse",
    version,
    about,
    after_help = "Example:\n  storepulse replay scenarios/corner-store --out /tmp/out"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Replay(replay::Replay),
    Check(check::Check),
    Scenario(scenario::ScenarioCommand),
    Policy(policy::PolicyCommand),
    Schema(schema::Schema),
}

/// Runs the command line of this process: 0 done, 2 wrong arguments or scenario, 3 the engine failed.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Replay(replay) => replay.run(),
        Command::Check(check) => check.run(),
        Command::Scenario(scenario) => scenario.run(),
        Command::Policy(policy) => policy.run(),
        Command::Schema(schema) => schema.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storepulse: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
