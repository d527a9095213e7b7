//! Everything that is measured of the whole job, in one command, as target/bench/result.json and report.html.
//!
//! The claims under test: the job takes 100,000 events a second and a worker or more of the whole contract; its
//! exceptions come within a few ticks up to most of its capacity; its state is level once windows have passed; and it
//! outruns the same views from plain differential operators.
//!
//! `cargo bench --package benches --bench whole` measures: tens of minutes, some gigabytes, on a machine left alone.
//! Sizes are those of `storepulse bench suite`, such as `-- --events 300000 --runs 1`.
//! With `-- --test` everything runs once at a tiny size, and only whether it works is looked at.

use std::path::Path;
use std::process::ExitCode;

use benches::contest::{self, Turn};
use clap::Parser;
use dataflow::cli::bench::Sizes;
use dataflow::cli::out::{Out, printed};
use live::error::Error;
use measure::apart::{self, Apart, Task};
use measure::result::{Measured, Settings};
use measure::suite;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The word that makes this program do one task of a measurement in a process of its own.
const TASK: &str = "task";

fn main() -> ExitCode {
    measure::allocator::keep_freed_memory();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [word, name, task] if word == TASK && name == Turn::NAME => apart::child::<Turn>(task).and_then(answer),
        [word, name, task] if word == TASK => measure::task(name, task).and_then(answer),
        _ => measure(Command::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("whole: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the answer of a task for the process that started this one.
fn answer(text: String) -> Result<(), Error> {
    printed(Out::stdout()?, |out| out.bytes(text.as_bytes()))
}

/// Everything that is measured of the whole job, beside other ways to the same rows.
#[derive(Parser)]
struct Command {
    /// At a tiny size: whether it works.
    #[arg(long)]
    test: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    sizes: Sizes,
}

fn measure(Command { test: is_test, sizes, .. }: Command) -> Result<(), Error> {
    let settings = if is_test { Settings::quick() } else { sizes.settings() };
    let mut say = |text: &str| eprintln!("{text} …");
    let apart = Apart::Process(vec![TASK.to_owned()]);
    let mut measured = suite(settings, &apart, &mut say)?;
    measured.contests = contest::hold(&measured.settings, &apart, &mut say)?;
    // Beside the build's other products, wherever they are.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("target"));
    let folder = target.join(if is_test { "bench-test" } else { "bench" });
    measured.publish(&folder)?;
    println!("{}\n{}", measured.text(), folder.display());
    check(&measured, &folder)
}

/// Whether what was measured is all there; timing decides nothing.
fn check(measured: &Measured, folder: &Path) -> Result<(), Error> {
    let missing = |what: &str| Err(Error::Engine(format!("{what} was not measured")));
    let counts = [
        ("throughput", measured.throughput.len()),
        ("the cost of views", measured.views.len()),
        ("latency", measured.latency.iter().filter(|one| one.exceptions.count > 0).count()),
        ("memory by keys", measured.keys.iter().filter(|one| one.resident_bytes > 0).count()),
        ("memory by days", measured.days.len()),
        ("restart", measured.restarts.iter().filter(|one| one.snapshot_bytes > 0).count()),
        ("the contest", measured.contests.len()),
    ];
    if let Some((what, _)) = counts.iter().find(|(_, count)| *count == 0) {
        return missing(what);
    }
    if Measured::read(&folder.join("result.json"))? != *measured {
        return missing("what was written");
    }
    Ok(())
}
