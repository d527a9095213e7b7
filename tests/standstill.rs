//! A live job goes on: whatever comes, however late and however much at once, and however the starts before it ended.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::Duration;

use engine::clock::wall_ms;
use rustix::process::Signal;
use signal_hook::consts::SIGABRT;
use tests::{Run, run};

use crate::following::Following;
use crate::live_job::Live;

/// Length of a tick.
const TICK_MS: i64 = 10;
/// Follows growing files by the wall clock. Time waits a little for a file that has fallen silent.
const WALL: &str = "tick_ms = 10\nemit_ms = 100\nidle_ms = 20";
/// Takes time from the records.
const DATA: &str = "tick_ms = 10\nemit_ms = 100\nclock = \"data\"";
/// An instant by the records' clock, at which views leave.
const AT: i64 = 1_778_850_000_000;

fn following(time: &str) -> Following {
    Following::new(&["inventory", "pos"], time)
}

/// A job by the wall clock that runs, and has closed ticks up to about now.
fn live() -> Following {
    let mut job = following(WALL);
    job.start(None);
    job.lives();
    job
}

/// Waits until it is `at`.
fn wait_for_clock(at: i64) {
    while wall_ms() < at {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The tick of an instant.
fn tick(at: i64) -> i64 {
    at + (-at).rem_euclid(TICK_MS)
}

/// What a replay of a job's inputs says of the ticks up to `until`.
fn replayed(job: &Following, until: i64) -> Vec<(&'static str, String)> {
    let settings = format!("tick_ms = {TICK_MS}\nemit_ms = 100\nuntil = {until}");
    fs::write(job.inputs.folder().join("scenario.toml"), settings).expect("written");
    run(job.inputs.folder(), Run { workers: 1, shuffle: None }).topics
}

/// What a job says of the ticks up to `upto`.
fn said(live: &Live, upto: i64) -> Vec<(&'static str, String)> {
    let time = |line: &str| line.strip_prefix("{\"time\":")?.split(',').next()?.parse::<i64>().ok();
    let is_upto = |line: &&str| time(line).expect("every record begins with its time") <= upto;
    let early = |text: String| text.split_inclusive('\n').filter(is_upto).collect();
    live.read().into_iter().map(|(topic, text)| (topic, early(text))).collect()
}

fn assert_same(said: &[(&'static str, String)], expected: &[(&'static str, String)], when: &str) {
    for ((topic, said), (_, expected)) in said.iter().zip(expected) {
        let differs = said.lines().zip(expected.lines()).find(|(said, expected)| said != expected);
        assert!(said == expected, "{when}: {topic} differs, first {differs:?}");
    }
}

/// The segments of a job's remap log.
fn segments(live: &Live) -> Vec<PathBuf> {
    let entries = fs::read_dir(live.path("state/remap")).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn lines_whose_ticks_have_closed_do_not_fill_a_partition_for_ever() {
    for lines in [8_000, 8_192, 30_000] {
        println!("{lines} lines");
        let mut job = live();
        let now = wall_ms();
        let crowd = job.inputs.counts(lines, now - 1_000, now - 500);
        job.inputs.append("inventory", &crowd);
        job.lives();
        // What was bound to one tick, however much it is, is bound to it again.
        job.kill();
        job.start(None);
        job.lives();
        job.stop();
    }
}

/// Lines of a second that began at `from`, with probes among them and their instants.
fn second(job: &mut Following, from: i64) -> (Vec<String>, Vec<(String, i64)>) {
    let (mut lines, mut probes) = (Vec::new(), Vec::new());
    for at in (from..from + 1_000).step_by(50) {
        lines.extend(job.inputs.counts(1_050, at, at + 50));
        let (item, probe) = job.inputs.probe(at + 50);
        lines.extend(probe);
        probes.push((item, at + 50));
    }
    (lines, probes)
}

#[test]
fn what_came_while_it_was_stopped_belongs_to_the_ticks_it_came_in() {
    let mut job = live();
    job.stop();
    let stopped_at = wall_ms();
    let (lines, probes) = second(&mut job, stopped_at);
    wait_for_clock(stopped_at + 1_000);
    job.inputs.append("inventory", &lines);
    job.start(None);
    job.lives();
    for (item, at) in probes {
        assert_eq!(job.opened_at(&item), [tick(at)], "{item} came {} ms after the stop", at - stopped_at);
    }
    job.stop();
}

#[test]
fn a_pause_in_which_much_comes_is_gone_on_from() {
    let mut job = live();
    job.process().signal(Signal::STOP);
    let paused_at = wall_ms();
    let (lines, probes) = second(&mut job, paused_at);
    wait_for_clock(paused_at + 1_000);
    job.inputs.append("inventory", &lines);
    job.process().signal(Signal::CONT);
    job.lives();
    for (item, _) in probes {
        assert_eq!(job.opened_at(&item).len(), 1, "{item}");
    }
    job.stop();
}

#[test]
fn by_the_wall_clock_a_backlog_is_bound_as_a_replay_binds_it() {
    const LINES: i64 = 12_000;
    let mut job = following(WALL);
    // Views leave then, as they do at the end of a replay.
    let upto = wall_ms().div_euclid(100) * 100 - 60_000;
    let from = upto - 600_000;
    let lines = [job.inputs.counts(LINES, from, upto), job.inputs.sales(LINES, from - 25, upto - 25)];
    job.inputs.append("inventory", &lines[0]);
    job.inputs.append("pos", &lines[1]);
    let expected = replayed(&job, upto);
    assert!(expected[1].1.lines().count() > 100, "the backlog has something to say");
    job.start(None);
    job.lives();
    job.stop();
    assert_same(&said(&job.live, upto), &expected, "a backlog");
}

#[test]
fn a_start_that_ended_before_its_first_tick_leaves_no_hole_in_the_log() {
    for signal in [Signal::KILL, Signal::TERM] {
        // Without records no tick closes by their clock.
        let mut job = following(DATA);
        job.live.snapshot_ms = 1_000;
        job.start(None);
        job.wait("header of the remap log", |live| {
            segments(live).iter().any(|path| fs::metadata(path).is_ok_and(|file| file.len() > 64))
        });
        job.process().signal(signal);
        job.ends();
        go_on_to_the_end_and_again(job, &format!("a start ended by {signal:?}"));
    }
}

#[test]
fn a_torn_header_is_no_hole_in_the_log() {
    let mut job = following(DATA);
    job.live.snapshot_ms = 1_000;
    job.start(None);
    job.wait("header of the remap log", |live| {
        segments(live).iter().any(|path| fs::metadata(path).is_ok_and(|file| file.len() > 64))
    });
    job.kill();
    let [segment] = segments(&job.live).try_into().expect("one segment");
    let header = fs::read(&segment).expect("read");
    for cut in [0, 1, 20, header.len() - 1] {
        let mut job = following(DATA);
        job.live.snapshot_ms = 1_000;
        fs::create_dir_all(job.live.path("state/remap")).expect("made");
        let name = segment.file_name().expect("a name");
        fs::write(job.live.path("state/remap").join(name), &header[..cut]).expect("written");
        go_on_to_the_end_and_again(job, &format!("a header cut at {cut}"));
    }
}

/// Runs a job over a minute, and over another, with snapshots enough for the beginning of its log to be deleted.
fn go_on_to_the_end_and_again(mut job: Following, when: &str) {
    for minute in 1..=2 {
        let until = AT + minute * 60_000;
        job.live.time = format!("{DATA}\nstop_at_end = true\nuntil = {until}");
        let lines = [job.inputs.counts(60, until - 60_000, until), job.inputs.sales(60, until - 60_500, until - 500)];
        job.inputs.append("inventory", &lines[0]);
        job.inputs.append("pos", &lines[1]);
        job.start(None);
        let ended = job.ends();
        assert!(ended.success(), "{when}, minute {minute}: {ended}: {}", job.log());
        assert_same(&job.live.read(), &replayed(&job, until), when);
    }
}

#[test]
fn a_crash_while_a_snapshot_is_written_after_an_interval_without_input_is_gone_on_from() {
    let mut job = following(WALL);
    job.live.snapshot_ms = 200;
    let (item, lines) = job.inputs.probe(wall_ms());
    job.inputs.append("inventory", &lines);
    job.start(Some("before-manifest:3"));
    let ended = job.ends();
    assert_eq!(ended.signal(), Some(SIGABRT), "it should have died there: {}", job.log());
    // No snapshot is cut, so that this start and the next begin at the same one.
    job.live.snapshot_ms = 3_600_000;
    for _ in 0..2 {
        job.start(None);
        job.lives();
        job.kill();
    }
    job.start(None);
    job.lives();
    job.stop();
    assert_eq!(job.opened_at(&item).len(), 1);
    job.live.read();
}

#[test]
fn a_record_past_the_last_instant_does_not_keep_a_job_from_ending() {
    let until = |minute: i64| AT + minute * 60_000;
    let mut job = following(DATA);
    let lines = [job.inputs.counts(100, AT, until(2)), job.inputs.sales(100, AT - 500, until(1))];
    job.inputs.append("inventory", &lines[0]);
    job.inputs.append("pos", &lines[1]);
    // It is taken when its time has come.
    for minute in 1..=2 {
        job.live.time = format!("{DATA}\nstop_at_end = true\nuntil = {}", until(minute));
        job.start(None);
        let ended = job.ends();
        assert!(ended.success(), "minute {minute}: {ended}: {}", job.log());
        assert_same(&job.live.read(), &replayed(&job, until(minute)), &format!("minute {minute}"));
    }
}
