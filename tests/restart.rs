//! A live job that is killed, damaged, widened or upgraded says what one uninterrupted run says, once, or refuses.

use std::fs;
use std::path::PathBuf;

use dataflow::error::Error;
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
        ("after-remap-append", 3),
        ("mid-sink-batch", 12),
        ("mid-snapshot", 30),
        ("before-manifest", 1),
        ("after-manifest", 1),
    ];
    let mut live = live();
    let (mut kills, mut workers) = (0, [1, 2, 1, 2].into_iter().cycle());
    // More often than there are spans, unless progress is lost.
    for round in 0..200 {
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
    let together = |fail: Option<&str>| {
        let hosts = free_hosts(2);
        let mut second = live.spawn_one_of(1, &hosts, None);
        let mut first = live.spawn_one_of(0, &hosts, fail);
        let ended = first.wait().expect("waited for").success();
        if !ended {
            // Fail-stop: who is left has nothing to go on with.
            _ = second.kill();
        }
        ended & second.wait().expect("waited for").success()
    };
    assert!(!together(Some("after-remap-append:9")), "it should have died");
    assert!(!together(Some("before-manifest:1")), "it should have died");
    assert!(together(None), "it ends well: {}", live.log());
    assert_same(&live.read(), &expected, "two processes, two deaths");
    // What two have left one can go on from.
    live.run().expect("one goes on");
    assert_same(&live.read(), &expected, "one after two");
}

#[test]
fn it_follows_growing_files_by_the_wall_clock_and_stops_when_told() {
    let inputs = tempfile::tempdir().expect("a folder");
    let path = inputs.path().join("inventory.jsonl");
    fs::write(&path, "").expect("written");
    let mut live = Live::of(inputs.path(), 0);
    live.time = "tick_ms = 10\nemit_ms = 20".to_owned();
    let exceptions = live.path("exceptions.jsonl");
    let told = |count: usize| {
        let stands = || fs::read_to_string(&exceptions).unwrap_or_default().matches("\"event\":\"opened\"").count();
        // A state to wait for, not a time: the test runner bounds it.
        while stands() < count {
            std::thread::yield_now();
        }
    };
    for (run, item) in ["i1", "i2"].into_iter().enumerate() {
        let child = live.spawn(None);
        let now = dataflow::clock::wall_ms();
        let common = format!("\"event_time\":{now},\"ingest_time\":{now},\"store_id\":\"s1\",\"item_id\":\"{item}\"");
        let count = format!("{{\"event_id\":\"c{run}\",\"type\":\"inventory.count\",{common},\"counted\":0}}\n");
        let movement = format!(
            "{{\"event_id\":\"m{run}\",\"type\":\"inventory.movement\",{common},\"reason\":\"adjust\",\"quantity\":-2}}\n"
        );
        let mut text = fs::read_to_string(&path).expect("read");
        text.push_str(&count);
        text.push_str(&movement.replace(&format!("\"event_time\":{now}"), &format!("\"event_time\":{}", now + 1)));
        fs::write(&path, text).expect("written");
        told(run + 1);
        let stopped =
            std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
        assert!(stopped.success());
        let ended = child.wait_with_output().expect("waited for").status;
        assert!(ended.success(), "run {run} ended with {ended}");
    }
    assert_eq!(live.read()[1].1.matches("\"event\":\"opened\"").count(), 2);
}

#[test]
fn a_job_that_had_nothing_to_do_takes_what_comes_from_before_its_start() {
    let inputs = tempfile::tempdir().expect("a folder");
    let path = inputs.path().join("inventory.jsonl");
    fs::write(&path, "").expect("written");
    let mut live = Live::of(inputs.path(), 0);
    live.time = "tick_ms = 10\nemit_ms = 20".to_owned();
    live.snapshot_ms = 1_000;
    let child = live.spawn(None);
    let wait = |is_so: &dyn Fn() -> bool| {
        // A state to wait for, not a time: the test runner bounds it.
        while !is_so() {
            std::thread::yield_now();
        }
    };
    // Ticks close by the wall clock though nothing comes: their spans are logged behind the header.
    let logged =
        || files(&live, "state").iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum::<u64>();
    wait(&|| logged() > 1_000);
    let before = dataflow::clock::wall_ms() - 3_600_000;
    let common = format!("\"event_time\":{before},\"ingest_time\":{before},\"store_id\":\"s1\",\"item_id\":\"i1\"");
    let count = format!("{{\"event_id\":\"c1\",\"type\":\"inventory.count\",{common},\"counted\":0}}\n");
    let movement = format!(
        "{{\"event_id\":\"m1\",\"type\":\"inventory.movement\",{common},\"reason\":\"adjust\",\"quantity\":-2}}\n"
    );
    let later = movement.replace(&format!("\"event_time\":{before}"), &format!("\"event_time\":{}", before + 1));
    fs::write(&path, count + &later).expect("written");
    let exceptions = live.path("exceptions.jsonl");
    wait(&|| fs::read_to_string(&exceptions).unwrap_or_default().contains("\"event\":\"opened\""));
    let stopped = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
    assert!(stopped.success());
    let ended = child.wait_with_output().expect("waited for").status;
    assert!(ended.success(), "it ended with {ended}");
}
