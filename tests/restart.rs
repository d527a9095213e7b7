//! A live job that is killed, damaged, widened or upgraded says what one uninterrupted run says, once, or refuses.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use live::checkpoint::snapshot;
use live::error::Error;
use operators::testing::Random;
use serde_json::Value;
use tests::{Run, corner_store, run};

use crate::live_job::{Live, free_hosts};

/// The last instant of the committed scenario.
const UNTIL: i64 = 1_778_850_000_000;
/// Between snapshots: some sixty such ticks in the scenario.
const OFTEN: i64 = 3_600_000;

fn live() -> Live {
    let mut live = Live::of(&corner_store(), UNTIL);
    live.snapshot_ms = OFTEN;
    live
}

/// What a replay of the files says.
fn replayed() -> Vec<(&'static str, String)> {
    run(&corner_store(), Run { workers: 1, shuffle: None }).topics
}

fn assert_same(said: &[(&'static str, String)], expected: &[(&'static str, String)], when: &str) {
    for ((topic, said), (_, expected)) in said.iter().zip(expected) {
        let differs = said.lines().zip(expected.lines()).position(|(said, expected)| said != expected);
        assert!(said == expected, "{when}: {topic} differs at line {differs:?}");
    }
}

#[test]
fn a_live_job_says_what_a_replay_says() {
    let mut live = live();
    live.workers = 2;
    live.run().expect("it runs");
    assert_same(&live.read(), &replayed(), "two workers");
    live.run().expect("it has nothing more to say");
    assert_same(&live.read(), &replayed(), "started again at the end");
}

#[test]
fn killed_anywhere_it_goes_on_and_repeats_nothing() {
    let expected = replayed();
    let mut random = Random::new(11);
    let points = [
        ("remap-create", 2),
        ("remap-header", 2),
        ("remap-begun", 2),
        ("remap-write", 3),
        ("remap-delete", 1),
        ("after-remap-append", 3),
        ("mid-sink-batch", 12),
        ("mid-snapshot", 30),
        ("before-manifest", 1),
        ("manifest-renamed", 1),
        ("after-manifest", 1),
        ("mid-replay", 3),
        ("snapshot-cut", 1),
        ("snapshot-delete", 1),
    ];
    let mut live = live();
    let (mut kills, mut workers) = (0, [1, 2, 1, 2].into_iter().cycle());
    // More often than there are spans, unless progress is lost.
    for round in 0..400 {
        let (point, most) = points[round % points.len()];
        live.workers = workers.next().unwrap_or(1);
        if live.run_apart(Some(&format!("{point}:{}", 1 + random.below(most)))).success() {
            break;
        }
        kills += 1;
        // What has left is a beginning of what will have left, at any time.
        if round % 5 == 0 {
            for ((topic, said), (_, expected)) in live.read().iter().zip(&expected) {
                assert!(expected.starts_with(said), "after kill {kills} {topic} holds something else");
            }
        }
    }
    assert!(kills >= 4, "only {kills} kills");
    assert_same(&live.read(), &expected, &format!("after {kills} kills"));
}

#[test]
fn views_that_wait_leave_at_the_last_tick() {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(corner_store()).expect("listed") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    fs::write(folder.path().join("scenario.toml"), "emit_ms = 7200000").expect("written");
    let mut live = Live::of(folder.path(), UNTIL);
    live.snapshot_ms = 10_000_000;
    live.time = "tick_ms = 1000\nemit_ms = 7200000\nclock = \"data\"\nstop_at_end = true".to_owned();
    assert!(!live.run_apart(Some("mid-sink-batch:4")).success(), "it should have died");
    live.run().expect("it goes on");
    live.run().expect("it has nothing more to say");
    assert_same(&live.read(), &run(folder.path(), Run { workers: 1, shuffle: None }).topics, "at the end");
}

/// More lines of one tick than a partition's lane holds.
const CROWD: i64 = 9_000;

#[test]
fn a_tick_larger_than_a_lane_closes_and_is_gone_on_from() {
    const MINUTE: i64 = 60_000;
    let from = UNTIL - 60 * MINUTE;
    let count = |number: i64| {
        let at = from + (number - CROWD + 1).max(0) * MINUTE;
        format!(
            r#"{{"event_id":"c{number}","event_time":{at},"ingest_time":{at},"type":"inventory.count","store_id":"s1","item_id":"i{}","counted":{}}}"#,
            number % 500,
            number % 7
        )
    };
    let lines: Vec<String> = (0..CROWD + 50).map(count).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let folder = tests::scenario(&format!("until = {UNTIL}"), &[("inventory", &lines)]);
    let mut live = Live::of(folder.path(), UNTIL);
    live.snapshot_ms = 10 * MINUTE;
    for point in ["after-remap-append:1", "mid-sink-batch:3", "mid-snapshot:2", "before-manifest:1"] {
        assert!(!live.run_apart(Some(point)).success(), "it should have died at {point}");
    }
    live.workers = 2;
    live.run().expect("it goes on");
    let expected = run(folder.path(), Run { workers: 1, shuffle: None }).topics;
    assert!(expected.iter().any(|(_, said)| said.lines().count() > 500));
    assert_same(&live.read(), &expected, "at the end");
}

/// A job that died a little before its end, with several snapshots behind it.
fn died() -> Live {
    let live = live();
    assert!(!live.run_apart(Some("after-manifest:2")).success(), "it should have died");
    live
}

fn files(live: &Live, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![live.path(folder)];
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.map(|entry| entry.expect("an entry").path())),
            Err(_) => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn damaged_state_is_refused_or_the_snapshot_before_is_used() {
    let expected = replayed();
    let live = died();
    let before = live.read();
    let state: Vec<(PathBuf, Vec<u8>)> =
        files(&live, "state").into_iter().map(|path| (path.clone(), fs::read(&path).expect("read"))).collect();
    let outputs: Vec<(PathBuf, Vec<u8>)> = ["views", "exceptions", "decisions", "late", "dead_letter"]
        .map(|topic| live.path(&format!("{topic}.jsonl")))
        .map(|path| (path.clone(), fs::read(&path).expect("read")))
        .to_vec();
    let newest = state.iter().rfind(|(path, _)| path.ends_with("manifest")).map(|(path, _)| path.clone());
    let newest = newest.expect("a snapshot").parent().expect("its folder").to_owned();
    let (mut refused, mut recovered) = (0, 0);
    let is_log = |(path, _): &&(PathBuf, Vec<u8>)| path.extension().is_some_and(|extension| extension == "log");
    let logs: Vec<_> = state.iter().filter(is_log).collect();
    let logs = logs.into_iter().rev().take(2);
    for (path, bytes) in state.iter().filter(|(path, _)| path.starts_with(&newest)).chain(logs) {
        for damage in 0..3 {
            // Everything as it was, but for this one file.
            fs::remove_dir_all(live.path("state")).expect("removed");
            for (path, bytes) in state.iter().chain(&outputs) {
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                fs::write(path, bytes).expect("written");
            }
            match damage {
                0 => fs::remove_file(path).expect("removed"),
                1 => fs::write(path, &bytes[..bytes.len() / 3]).expect("written"),
                _ => {
                    let mut flipped = bytes.clone();
                    flipped[bytes.len() / 3] ^= 4;
                    fs::write(path, flipped).expect("written");
                }
            }
            match live.run() {
                Ok(()) => {
                    recovered += 1;
                    assert_same(&live.read(), &expected, &format!("damage {damage} of {}", path.display()));
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error, Error::Recovery(_)), "{error}");
                    assert_same(&live.read(), &before, &format!("refused for damage {damage} of {}", path.display()));
                }
            }
        }
    }
    assert!(recovered >= 9 && refused >= 3, "recovered {recovered} times, refused {refused} times");
}

#[test]
fn the_snapshot_of_a_job_that_stored_something_else_is_refused_by_name() {
    let live = live();
    live.run().expect("it runs");
    let before = live.read();
    let snapshots = live.path("state/snapshots");
    let (newest, _) = snapshot::newest(&snapshots).expect("read");
    let written = serde_json::to_string(&newest.expect("a snapshot")).expect("JSON");
    let written = written.replace("exception type demand.surge", "exception type demand.rise");
    let written = written.replace(r#"operator \"view: store.sales\""#, r#"operator \"view: store.takings\""#);
    snapshot::complete(&snapshots, &serde_json::from_str(&written).expect("a manifest")).expect("written");
    let error = live.run().expect_err("refused").to_string();
    let [new, gone] = [
        r#"exception type demand.surge, operator "view: store.sales""#,
        "demand.rise, operator \"view: store.takings\"",
    ];
    assert!(error.contains(&format!("nothing of {new}")), "{error}");
    assert!(error.contains(&format!("no exception type {gone}")), "{error}");
    assert_same(&live.read(), &before, "refused");
}

#[test]
fn an_output_that_has_lost_its_end_and_a_state_in_use_are_refused() {
    let live = live();
    live.run().expect("it runs");
    let lock = fs::File::open(live.path("state/p0.lock")).expect("a lock");
    lock.lock().expect("taken by another job");
    let error = live.run().expect_err("refused").to_string();
    assert!(error.contains("another job runs on this state"), "{error}");
    drop(lock);
    fs::write(live.path("exceptions.jsonl"), "").expect("emptied");
    let error = live.run().expect_err("refused").to_string();
    assert!(error.contains("part of it is gone"), "{error}");
}

#[test]
fn a_changed_policy_publishes_the_difference() {
    let mut live = live();
    live.run().expect("it runs");
    let before = live.read();
    // Every standing exception of this type goes, at the first tick of the run that judges otherwise.
    live.policy.insert("returns.abnormal_rate.open_bp".to_owned(), 1_000_000);
    live.policy.insert("returns.abnormal_rate.clear_bp".to_owned(), 1_000_000);
    live.time = live.time.replace(&UNTIL.to_string(), &(UNTIL + 1_000).to_string());
    live.run().expect("it goes on");
    let after = live.read();
    for ((topic, before), (_, after)) in before.iter().zip(&after) {
        assert!(after.starts_with(before.as_str()), "{topic}");
    }
    let records = |said: &[(&str, String)]| -> Vec<Value> {
        said[1].1.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let open = |records: &[Value]| {
        let of = |event: &str| {
            records
                .iter()
                .filter(|record| record["type"] == "returns.abnormal_rate" && record["event"] == event)
                .count()
        };
        of("opened") - of("cleared")
    };
    let (first, all) = (records(&before), records(&after));
    assert!(open(&first) > 0, "the scenario ends with an item that comes back too often");
    assert_eq!(open(&all), 0);
    for record in &all[first.len()..] {
        assert_eq!(
            (&record["time"], &record["cause"]["topic"]),
            (&Value::from(UNTIL + 1_000), &Value::from("program")),
            "{record}"
        );
    }
}

#[test]
fn a_change_of_policy_waits_for_a_graceful_stop() {
    let mut live = died();
    live.policy.insert("min_confidence_bp".to_owned(), 1);
    let error = live.run().expect_err("refused").to_string();
    assert!(error.contains("stop it with SIGTERM"), "{error}");
    live.policy.clear();
    live.run().expect("it goes on as before");
    assert_same(&live.read(), &replayed(), "as before");
}

/// Whether it died at its fail point.
fn as_told(ended: &ExitStatus) -> bool {
    ended.signal() == Some(signal_hook::consts::SIGABRT)
}

#[test]
fn two_processes_say_what_one_says_even_when_one_of_them_dies() {
    // A log that begins with what cannot be read says nothing of time; alone, a job takes the other logs' word for it.
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(corner_store()).expect("listed") {
        let path = entry.expect("an entry").path();
        let text = fs::read(&path).expect("read");
        let first = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let from = if path.ends_with("signals.jsonl") { first } else { 0 };
        fs::write(folder.path().join(path.file_name().expect("a name")), &text[from..]).expect("written");
    }
    let expected = run(folder.path(), Run { workers: 1, shuffle: None }).topics;
    let mut live = Live::of(folder.path(), UNTIL);
    live.snapshot_ms = OFTEN;
    // Who is told to die does so after they have met, and the other ends by itself.
    let together = |fail: [Option<&str>; 2]| {
        let hosts = free_hosts(2);
        let mut both = [0, 1].map(|index| live.spawn_one_of(index, &hosts, fail[index]));
        loop {
            let ended = both.each_mut().map(|one| one.try_wait().expect("asked"));
            if let [Some(first), Some(second)] = ended {
                return [first, second];
            }
            // Who ends otherwise may not have met the other, which would wait for it for ever.
            if ended.iter().flatten().any(|ended| !ended.success() && !as_told(ended)) {
                both.iter_mut().for_each(|one| _ = one.kill());
            }
            std::thread::yield_now();
        }
    };
    let [first, second] = together([Some("after-remap-append:9"), None]);
    assert!(as_told(&first) && !second.success(), "{first}, {second}: {}", live.log());
    let [first, second] = together([None, Some("mid-snapshot:9")]);
    assert!(!first.success() && as_told(&second), "{first}, {second}: {}", live.log());
    let [first, second] = together([Some("before-manifest:1"), None]);
    assert!(as_told(&first) && !second.success(), "{first}, {second}: {}", live.log());
    let [first, second] = together([None, None]);
    assert!(first.success() && second.success(), "{first}, {second}: {}", live.log());
    assert_same(&live.read(), &expected, "two processes, three deaths");
    // What two have left one can go on from.
    live.run().expect("one goes on");
    assert_same(&live.read(), &expected, "one after two");
}

#[test]
fn what_can_no_longer_save_its_state_stops_and_has_said_nothing_wrong() {
    let mut live = live();
    live.workers = 2;
    fs::create_dir_all(live.path("state")).expect("made");
    fs::write(live.path("state/snapshots"), "where the snapshots should be").expect("written");
    let error = live.run().expect_err("nothing can be saved");
    assert!(error.to_string().contains("snapshots"), "{error}");
    let expected = replayed();
    for ((topic, said), (_, expected)) in live.read().iter().zip(&expected) {
        assert!(expected.starts_with(said), "{topic}: what was said is no beginning of what there is to say");
    }
    fs::remove_file(live.path("state/snapshots")).expect("removed");
    live.run().expect("it goes on");
    assert_same(&live.read(), &expected, "after it could be saved again");
}

/// A job that follows one growing file by the wall clock.
struct Following {
    live: Live,
    inputs: tempfile::TempDir,
}

impl Following {
    fn new() -> Self {
        let inputs = tempfile::tempdir().expect("a folder");
        fs::write(inputs.path().join("inventory.jsonl"), "").expect("written");
        let mut live = Live::of(inputs.path(), 0);
        live.time = "tick_ms = 10\nemit_ms = 20".to_owned();
        Following { live, inputs }
    }

    /// Appends a count of none and a movement of two from the shelf: the books go negative, at the instant `at`.
    fn goes_negative(&self, item: &str, at: i64) {
        let record = |kind: &str, event_time: i64, rest: &str| {
            format!(
                "{{\"event_id\":\"{kind}-{item}\",\"type\":\"inventory.{kind}\",\"event_time\":{event_time},\"ingest_time\":{at},\"store_id\":\"s1\",\"item_id\":\"{item}\",{rest}}}\n"
            )
        };
        let text =
            record("count", at, "\"counted\":0") + &record("movement", at + 1, "\"reason\":\"adjust\",\"quantity\":-2");
        let mut file = File::options().append(true).open(self.inputs.path().join("inventory.jsonl")).expect("opened");
        file.write_all(text.as_bytes()).expect("written");
    }

    /// A state to wait for, not a time, for as long as the job lives.
    fn wait(&self, child: &mut Child, is_so: impl Fn(&Live) -> bool) {
        while !is_so(&self.live) {
            assert_eq!(child.try_wait().expect("asked"), None, "it has ended: {}", self.live.log());
            std::thread::yield_now();
        }
    }

    fn wait_for_opened(&self, child: &mut Child, count: usize) {
        self.wait(child, |live| {
            let exceptions = fs::read_to_string(live.path("exceptions.jsonl")).unwrap_or_default();
            exceptions.matches("\"event\":\"opened\"").count() >= count
        });
    }
}

/// Tells a job to stop; it ends well.
fn stop(child: Child) {
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
    assert!(told.success());
    let ended = child.wait_with_output().expect("waited for").status;
    assert!(ended.success(), "it ended with {ended}");
}

#[test]
fn it_follows_growing_files_by_the_wall_clock_and_stops_when_told() {
    let following = Following::new();
    for (run, item) in ["i1", "i2"].into_iter().enumerate() {
        let mut child = following.live.spawn(None);
        following.goes_negative(item, engine::clock::wall_ms());
        following.wait_for_opened(&mut child, run + 1);
        stop(child);
    }
    assert_eq!(following.live.read()[1].1.matches("\"event\":\"opened\"").count(), 2);
}

#[test]
fn a_job_that_had_nothing_to_do_takes_what_comes_from_before_its_start() {
    let mut following = Following::new();
    following.live.snapshot_ms = 1_000;
    let mut child = following.live.spawn(None);
    // Ticks close by the wall clock though nothing comes: their spans are logged behind the header.
    following.wait(&mut child, |live| {
        let logged = files(live, "state").into_iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len());
        logged.sum::<u64>() > 1_000
    });
    following.goes_negative("i1", engine::clock::wall_ms() - 3_600_000);
    following.wait_for_opened(&mut child, 1);
    stop(child);
}
