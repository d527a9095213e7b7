//! What commands print arrives whole, or they say that it did not: into a full disk, into a pipe that nobody reads, into
//! one that somebody does.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tests::{Run, run, scenario};

use crate::live_job::Live;

/// No command takes so long: one that waits for more than it may know of is found out.
const LONGEST: Duration = Duration::from_secs(120);
/// Commands that need a running job, a public data set or minutes before they print; one that prints nothing.
const NOT_TRIED: [&str; 5] = ["bench live", "bench footprint", "bench suite", "scenario convert", "bench report"];
const UNTIL: i64 = 1_772_431_300_000;
const COUNT: &str = r#"{"event_id":"c","type":"inventory.count","event_time":1772431283104,"ingest_time":1772431283104,"store_id":"s1","item_id":"i1","counted":0}"#;
const MOVEMENT: &str = r#"{"event_id":"m","type":"inventory.movement","event_time":1772431284104,"ingest_time":1772431284104,"store_id":"s1","item_id":"i1","quantity":-2,"reason":"adjust"}"#;

/// A scenario in which one exception opens, and the topics that a live job has written of it.
struct Site {
    scenario: tempfile::TempDir,
    live: Live,
}

impl Site {
    fn new() -> Self {
        let folder = scenario(&format!("until = {UNTIL}\n"), &[("inventory", &[COUNT, MOVEMENT])]);
        let live = Live::of(folder.path(), UNTIL);
        live.run().expect("it runs");
        std::fs::write(folder.path().join("truth.jsonl"), "").expect("written");
        Site { scenario: folder, live }
    }

    fn path(&self, name: &str) -> String {
        self.scenario.path().join(name).to_string_lossy().into_owned()
    }

    /// Every command that prints; what they write goes into folders named after `round`.
    fn commands(&self, round: &str) -> Vec<Vec<String>> {
        let outputs = run(self.scenario.path(), Run { workers: 1, shuffle: None });
        let id = outputs.records("exceptions")[0]["exception_id"].as_str().expect("an id").to_owned();
        let (folder, config) = (self.path(""), self.live.config().to_string_lossy().into_owned());
        let result = self.path(&format!("result-{round}.json"));
        let [out, new] = ["out", "new"].map(|name| self.path(&format!("{name}-{round}")));
        let words: Vec<Vec<&str>> = vec![
            vec!["--help"],
            vec!["--version"],
            vec!["help", "read"],
            vec!["replay", "--help"],
            vec!["replay", &folder, "--out", &out],
            vec!["run", "--check-config", "--config", &config],
            vec!["read", "exceptions", "--config", &config],
            vec!["read", "exceptions", "--config", &config, "--follow"],
            vec!["read", "exceptions", "--config", &config, "--exactly-once"],
            vec!["read", "exceptions", "--config", &config, "--exactly-once", "--follow"],
            vec!["check", &folder],
            vec!["explain", &id, "--scenario", &folder],
            vec!["explain", &id, "--scenario", &folder, "--json"],
            vec!["scenario", "list"],
            vec!["scenario", "generate", "corner-store", "--out", &new],
            vec!["scenario", "score", &folder, "--out-dir", &out],
            vec!["scenario", "produce", &folder, "--config", &config],
            vec!["policy", "list"],
            vec!["bench", "throughput", "--quick", "--events", "200", "--json", &result],
            vec!["bench", "latency", "--quick", "--events", "200", "--percents", "50", "--seconds", "1"],
            vec!["bench", "restart", "--quick"],
            vec!["bench", "compare", &result, &result],
            vec!["schema"],
            vec!["schema", "pos"],
            vec!["types"],
            vec!["explain-type", "task.overdue"],
            vec!["reference"],
        ];
        words.into_iter().map(|words| words.into_iter().map(str::to_owned).collect()).collect()
    }
}

fn storepulse(words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storepulse-for-tests"));
    command.args(words).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs every command with standard output to what `to` opens; each must end with `code` and on standard error as it `should`.
fn each_into(round: &str, to: impl Fn() -> Stdio, code: i32, should: impl Fn(&str) -> bool) {
    let site = Site::new();
    let wrong = site.commands(round).into_iter().filter_map(|words| {
        let child = storepulse(&words).stdout(to()).spawn().expect("started");
        let Output { status, stderr, .. } = child.wait_with_output().expect("waited for");
        let said = String::from_utf8_lossy(&stderr);
        let is_right = status.code() == Some(code) && should(&said);
        (!is_right).then(|| format!("{}: {status}: {said}", words.join(" ")))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_whose_output_cannot_be_written_fails_and_says_so() {
    let full = || File::options().write(true).open("/dev/full").expect("a full device").into();
    let sentence = "storepulse: cannot write standard output: No space left on device";
    each_into("full", full, 2, |said| said.lines().last().is_some_and(|line| line.starts_with(sentence)));
}

#[test]
fn a_command_whose_reader_has_gone_ends_and_complains_of_nothing() {
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer.into()
    };
    // Benches say what they are at.
    each_into("closed", closed, 0, |said| said.lines().all(|line| line.ends_with(" …")));
}

#[test]
fn every_command_is_tried() {
    let site = Site::new();
    let tried: Vec<String> = site.commands("none").iter().map(|words| words.join(" ")).collect();
    let subcommands = |of: &[&str]| {
        let words: Vec<String> = of.iter().copied().chain(["--help"]).map(str::to_owned).collect();
        let help = storepulse(&words).output().expect("started").stdout;
        let help = String::from_utf8(help).expect("text");
        let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = listed.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned));
        names.map(|name| of.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let nested = ["scenario", "policy", "bench"];
    let mut names = subcommands(&[]);
    assert!(names.len() > 8, "{names:?}");
    names.retain(|name| !nested.contains(&name.as_str()));
    names.extend(nested.iter().flat_map(|name| subcommands(&[name])).filter(|name| !name.ends_with(" help")));
    names.retain(|name| !NOT_TRIED.contains(&name.as_str()));
    for name in names {
        assert!(tried.iter().any(|words| words.starts_with(&name)), "{name} is not tried");
    }
}

/// A `read --follow` whose lines are gathered as they come.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(live: &Live, more: &[&str]) -> Self {
        let config = live.config().to_string_lossy().into_owned();
        let words = ["read", "exceptions", "--follow", "--config", &config];
        let words: Vec<String> = words.iter().chain(more).map(|word| (*word).to_owned()).collect();
        let mut child = storepulse(&words).stdout(Stdio::piped()).spawn().expect("started");
        let stdout = child.stdout.take().expect("a pipe");
        let (give, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::<ChildStdout>::new(stdout).lines();
            lines.map_while(Result::ok).try_for_each(|line| give.send(line).map_err(drop))
        });
        Follower { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LONGEST).expect("a line that stands is printed before another comes")
    }

    /// Tells it to stop; what it prints after that, and its end.
    fn stop(mut self) -> Vec<String> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("told");
        assert!(told.success());
        let rest = self.lines.iter().collect();
        assert_eq!(self.child.wait().expect("waited for").code(), Some(0));
        rest
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Nothing is left running when an assertion fails.
        _ = self.child.kill();
    }
}

#[test]
fn a_follower_prints_what_stands_at_once_and_loses_nothing_when_told_to_stop() {
    let site = Site::new();
    let topic: PathBuf = site.live.path("exceptions.jsonl");
    let written = std::fs::read_to_string(&topic).expect("a topic");
    let follower = Follower::start(&site.live, &[]);
    for line in written.lines() {
        assert_eq!(follower.line(), line);
    }
    let more = r#"{"time":1772431300001,"seq":0,"type":"made.up"}"#;
    let file = File::options().append(true).open(&topic);
    file.and_then(|mut file| writeln!(file, "{more}")).expect("appended");
    assert_eq!(follower.line(), more);
    assert_eq!(follower.stop(), Vec::<String>::new());
}

#[test]
fn a_follower_of_closed_ticks_does_the_same() {
    let site = Site::new();
    let follower = Follower::start(&site.live, &["--exactly-once"]);
    let expected = &site.live.read()[1].1;
    assert!(expected.contains("\"opened\""), "{expected}");
    for line in expected.lines() {
        assert_eq!(follower.line(), line);
    }
    assert_eq!(follower.stop(), Vec::<String>::new());
}
