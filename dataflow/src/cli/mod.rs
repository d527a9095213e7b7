//! The command line: one file a command.

/// Prints a line; a reader who has gone away (`| head`) is no failure.
macro_rules! say {
    ($($text:tt)*) => {
        _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*)))
    };
}

pub mod bench;
pub mod check;
pub mod explain;
pub mod policy;
pub mod produce;
pub mod read;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod schema;
pub mod score;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

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
    Run(run::Run),
    Read(read::Read),
    Check(check::Check),
    Explain(explain::Explain),
    Scenario(scenario::ScenarioCommand),
    Policy(policy::PolicyCommand),
    Bench(bench::BenchCommand),
    Schema(schema::Schema),
}

/// Runs the command line of this process: 0 done, 2 wrong arguments or scenario, 3 the engine failed.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storepulse: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a command line given as words, the program's name first.
///
/// # Errors
/// What the command says; wrong arguments are a wrong scenario.
pub fn run(words: &[&str]) -> Result<(), Error> {
    Cli::try_parse_from(words).map_err(|error| Error::Scenario(error.to_string()))?.run()
}

impl Cli {
    fn run(self) -> Result<(), Error> {
        match self.command {
            Command::Replay(replay) => replay.run(),
            Command::Run(run) => run.run(),
            Command::Read(read) => read.run(),
            Command::Check(check) => check.run(),
            Command::Explain(explain) => explain.run(),
            Command::Scenario(scenario) => scenario.run(),
            Command::Policy(policy) => policy.run(),
            Command::Bench(bench) => bench.run(),
            Command::Schema(schema) => schema.run(),
        }
    }
}
