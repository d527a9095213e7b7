//! `storepulse bench`: measures the job on this machine; prints a list, JSON and a page with plots.

mod live;

use std::path::PathBuf;

use ::live::error::Error;
use clap::{Args, Subcommand};
use contract::time::DAY_MS;
use measure::apart::Apart;
use measure::compare::Comparison;
use measure::result::{Measured, Settings, write_text};
use measure::{costs, footprint, latency, report, restart, throughput};

use crate::cli::out::{Out, complain};

/// Measures the job: throughput, latency, footprint, restart; all from the same generated load.
#[derive(Args)]
#[command(after_help = "Examples:\n  storepulse bench suite --out /tmp/bench\n  \
                        storepulse bench throughput --stores 10 --items 2000 --events 200000\n  \
                        storepulse bench compare old/result.json new/result.json")]
pub struct BenchCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    Suite(Suite),
    /// Measures throughput from memory, JSON lines and Parquet, and the cost of each view.
    Throughput(Alone),
    Latency(AtRates),
    /// Measures memory by number of (store, item) keys, and state as days pass.
    Footprint(Alone),
    /// Measures how long the live job takes to leave a snapshot of many keys and to come back from it.
    Restart(Alone),
    Report(Report),
    Compare(Compare),
    Live(live::Live),
    /// Does one task in this process: how other measurements start processes of their own.
    #[command(hide = true)]
    Task {
        name: String,
        task: String,
    },
}

/// The size of a run; the default of each number is that of a full run.
#[derive(Args)]
pub struct Sizes {
    /// Stores of the load.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    stores: Option<u32>,
    /// Items of the load, all of which every store keeps.
    #[arg(long, value_parser = clap::value_parser!(u32).range(16..=60_000))]
    items: Option<u32>,
    /// Events of the measured window.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Events a second in the event times of the load, where throughput is measured.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// The seed of the generator.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs of each throughput measurement; the median is the figure.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: Option<u32>,
    /// Seconds for which each rate is held where latency is measured; a load with fewer events is repeated under new
    /// event ids.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: Option<u64>,
    /// Numbers of (store, item) keys that footprint and restart are measured at.
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    keys: Vec<u64>,
    /// Days of the footprint by days.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: Option<u32>,
    /// Runs everything at a tiny size, in seconds: a check that it works, whose figures mean nothing.
    #[arg(long)]
    quick: bool,
}

impl Sizes {
    /// The settings of the run.
    pub fn settings(self) -> Settings {
        let usual = if self.quick { Settings::quick() } else { Settings::full() };
        Settings {
            stores: self.stores.unwrap_or(usual.stores),
            items: self.items.unwrap_or(usual.items),
            events: self.events.unwrap_or(usual.events),
            rate: self.rate.unwrap_or(usual.rate),
            seed: self.seed.unwrap_or(usual.seed),
            runs: self.runs.unwrap_or(usual.runs),
            hold_seconds: self.seconds.unwrap_or(usual.hold_seconds),
            keys: if self.keys.is_empty() { usual.keys } else { self.keys },
            days: self.days.unwrap_or(usual.days),
            ..usual
        }
    }
}

/// Measures everything and writes result.json and report.html.
///
/// A full run takes a while (tens of minutes) and some gigabytes of memory; leave the machine alone meanwhile.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storepulse bench suite --out /tmp/bench\n  storepulse bench suite --out /tmp/bench --quick"
)]
struct Suite {
    /// The folder for result.json and report.html.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    sizes: Sizes,
}

/// Measures one thing alone and prints it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse bench throughput --stores 10 --items 2000 --events 200000 --json throughput.json"
)]
struct Alone {
    #[command(flatten)]
    sizes: Sizes,
    /// Also writes it as JSON, which `report` and `compare` read.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures how soon exceptions come at shares of the capacity, which is measured first.
#[derive(Args)]
#[command(after_help = "Examples:\n  storepulse bench latency --workers 2 --seconds 20 --json latency.json\n  \
                        storepulse bench latency --percents 50 --seconds 600 --lateness-ms 60000")]
struct AtRates {
    #[command(flatten)]
    alone: Alone,
    /// Worker threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// The rates, in hundredths of the capacity.
    #[arg(long, value_delimiter = ',', default_values_t = latency::PERCENTS, value_parser = clap::value_parser!(u32).range(1..=100))]
    percents: Vec<u32>,
    /// The lateness in milliseconds. Facts are stored for that long, which for the usual 36 hours at a high rate exceeds
    /// the memory of a machine; with a minute the state stops growing within minutes.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=366 * DAY_MS))]
    lateness_ms: Option<i64>,
}

/// Draws a result as one page that any browser shows without a network.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse bench report result.json --out report.html")]
struct Report {
    /// The result.
    result: PathBuf,
    /// The page.
    #[arg(long)]
    out: PathBuf,
}

/// Prints two results beside each other and what changed.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse bench compare old.json new.json --tolerance 5")]
struct Compare {
    /// The result before.
    old: PathBuf,
    /// The result after.
    new: PathBuf,
    /// Changes up to so many percent count as none.
    #[arg(long, default_value_t = 10.0)]
    tolerance: f64,
}

/// Tasks run in processes of this program, one each; in quick runs, whose figures mean nothing, in this process.
fn apart(settings: &Settings) -> Apart {
    if settings.quick { Apart::Here } else { Apart::Process(["bench", "task"].map(str::to_owned).into()) }
}

fn progress(text: &str) {
    complain(format_args!("{text} …"));
}

impl BenchCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// If something cannot be measured, read or written.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        match self.command {
            What::Suite(Suite { out: folder, sizes }) => {
                let settings = sizes.settings();
                let apart = apart(&settings);
                let measured = measure::suite(settings, &apart, &mut progress)?;
                // What took so long to measure is written and printed, whichever of the two fails.
                let published = measured.publish(&folder);
                outln!(out, "{}", measured.text());
                published?;
                outln!(out, "{} and {}", folder.join("result.json").display(), folder.join("report.html").display());
                Ok(())
            }
            What::Throughput(alone) => alone.run(out, |measured, apart| {
                measured.throughput = throughput::measure(&measured.settings, apart, &mut progress)?;
                (measured.views, measured.states) = costs::measure(&measured.settings, apart, &mut progress)?;
                Ok(())
            }),
            What::Latency(AtRates { alone, workers, percents, lateness_ms }) => alone.run(out, |measured, apart| {
                measured.settings.lateness_ms = lateness_ms.unwrap_or(measured.settings.lateness_ms);
                let workers = usize::from(workers);
                progress("capacity");
                let capacity = throughput::capacity(&measured.settings, workers, apart)?;
                let of = (workers, capacity.events_per_second);
                measured.throughput.push(capacity);
                measured.latency = latency::measure(&measured.settings, of, &percents, apart, &mut progress)?;
                Ok(())
            }),
            What::Footprint(alone) => alone.run(out, |measured, apart| {
                measured.keys = footprint::by_keys(&measured.settings, apart, &mut progress)?;
                measured.days = footprint::by_days(&measured.settings, apart, &mut progress)?;
                Ok(())
            }),
            What::Restart(alone) => alone.run(out, |measured, apart| {
                measured.restarts = restart::measure(&measured.settings, apart, &mut progress)?;
                Ok(())
            }),
            What::Report(Report { result, out: page }) => write_text(&page, &report::html(&Measured::read(&result)?)),
            What::Compare(Compare { old, new, tolerance }) => {
                let comparison = Comparison::of(&Measured::read(&old)?, &Measured::read(&new)?, tolerance);
                outln!(out, "{}", comparison.text());
                Ok(())
            }
            What::Live(live) => live.run(out),
            What::Task { name, task } => out.bytes(measure::task(&name, &task)?.as_bytes()),
        }
    }
}

impl Alone {
    fn run(self, out: &mut Out, measure: impl FnOnce(&mut Measured, &Apart) -> Result<(), Error>) -> Result<(), Error> {
        let mut measured = Measured::here(self.sizes.settings());
        let apart = apart(&measured.settings);
        measure(&mut measured, &apart)?;
        let written = self.json.map_or(Ok(()), |path| measured.write(&path));
        outln!(out, "{}", measured.text());
        written
    }
}

#[cfg(test)]
mod tests {
    use crate::cli;

    #[test]
    fn a_result_is_drawn_and_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let [result, page] = [path("result.json"), path("page/report.html")];
        let words = ["storepulse", "bench", "throughput", "--quick", "--events", "500", "--json", &result];
        cli::run(&words).expect("measured");
        cli::run(&["storepulse", "bench", "report", &result, "--out", &page]).expect("drawn");
        assert!(std::fs::read_to_string(&page).expect("a page").contains("500 events"));
        cli::run(&["storepulse", "bench", "compare", &result, &result]).expect("compared");
        assert!(cli::run(&["storepulse", "bench", "report", &page, "--out", &page]).is_err());
    }
}
