//! `storepulse run`: runs the live job of a configuration.

use std::path::PathBuf;

use clap::Args;
use live::Processes;
use live::config::Config;
use live::error::Error;
use live::log;

use crate::cli::out::Out;
use crate::cli::signals;

/// Runs the live job: follows its input topics, keeps the views, and writes what follows, each record once.
///
/// SIGTERM or SIGINT stops it gracefully: what is closed leaves, a snapshot is written, the exit code is 0.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storepulse run --config scenarios/live/files.toml\n  storepulse run --config storepulse.toml --check-config\n  \
                  storepulse run --config storepulse.toml --processes 2 --process 0 --hosts hosts.txt"
)]
pub struct Run {
    /// The configuration; its fields are documented in dataflow/docs/operations.md.
    #[arg(long)]
    config: PathBuf,
    /// Checks the configuration and starts nothing.
    #[arg(long)]
    check_config: bool,
    /// Processes of the job; all are started with the same configuration, and stop together.
    #[arg(long, default_value_t = 1, requires = "hosts", value_parser = clap::value_parser!(u32).range(1..=256))]
    processes: u32,
    /// The number of this process, from 0.
    #[arg(long, default_value_t = 0)]
    process: u32,
    /// A file with one HOST:PORT a line, one for each process.
    #[arg(long)]
    hosts: Option<PathBuf>,
}

impl Run {
    /// Runs the command.
    ///
    /// # Errors
    /// A wrong configuration, state that cannot be gone on from, or a job that failed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let config = Config::read(&self.config)?;
        let processes = self.processes(&config)?;
        if self.check_config {
            outln!(
                out,
                "{}: {} inputs, {} outputs, all fields are right",
                self.config.display(),
                config.input.len(),
                config.output.len()
            );
            return Ok(());
        }
        log::init(config.log.format, config.log.level);
        live::run(&config, &processes, &signals::stop_flag()?)
    }

    fn processes(&self, config: &Config) -> Result<Processes, Error> {
        let Some(path) = &self.hosts else { return Ok(Processes::alone()) };
        let text = std::fs::read_to_string(path).map_err(connectors::Error::io("read", path))?;
        let hosts: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if hosts.len() != self.processes as usize {
            let problem = format!("has {} hosts for --processes {}", hosts.len(), self.processes);
            return Err(Error::scenario(path, problem));
        }
        if self.process >= self.processes {
            return Err(Error::Scenario(format!(
                "--process {} of --processes {}: they count from 0",
                self.process, self.processes
            )));
        }
        if self.processes > 1 && config.time.stop_at_end && config.time.until.is_none() {
            let problem = "several processes that stop at the end need time.until: they must agree on the last tick";
            return Err(Error::Scenario(problem.to_owned()));
        }
        Ok(Processes { index: self.process, hosts })
    }
}
