//! The command line: one file per command. Every command prints through [`out`].

#[macro_use]
pub mod out;

pub mod bench;
pub mod check;
pub mod explain;
pub mod policy;
pub mod produce;
pub mod read;
pub mod reference;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod schema;
pub mod score;
mod signals;
pub mod types;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use live::error::Error;

use crate::cli::out::{Out, complain, printed};

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
    Types(types::Types),
    ExplainType(types::ExplainType),
    Reference(reference::Reference),
}

/// Runs the command line of this process: 0 done, 2 wrong arguments or scenario, 3 the engine failed.
pub fn main() -> ExitCode {
    let ended = match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) if error.use_stderr() => {
            complain(format_args!("{}", error.render().to_string().trim_end()));
            return ExitCode::from(2);
        }
        // Help, or the version.
        Err(asked) => {
            Out::stdout().and_then(|out| printed(out, |out| out.bytes(asked.render().to_string().as_bytes())))
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("storepulse: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs a command line given as words, the program's name first.
///
/// # Errors
/// The error of the command; wrong arguments are a scenario error.
pub fn run(words: &[&str]) -> Result<(), Error> {
    Cli::try_parse_from(words).map_err(|error| Error::Scenario(error.to_string()))?.run()
}

impl Cli {
    fn run(self) -> Result<(), Error> {
        printed(Out::stdout()?, |out| match self.command {
            Command::Replay(replay) => replay.run(out),
            Command::Run(run) => run.run(out),
            Command::Read(read) => read.run(out),
            Command::Check(check) => check.run(out),
            Command::Explain(explain) => explain.run(out),
            Command::Scenario(scenario) => scenario.run(out),
            Command::Policy(policy) => policy.run(out),
            Command::Bench(bench) => bench.run(out),
            Command::Schema(schema) => schema.run(out),
            Command::Types(types) => types.run(out),
            Command::ExplainType(explain) => explain.run(out),
            Command::Reference(reference) => reference.run(out),
        })
    }
}
