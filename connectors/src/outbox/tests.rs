//! Writers that die and sinks that fail, and the topic that comes of it.

use super::*;
use crate::memory::{Fault, Log};
use crate::numbers::Numbers;
use crate::reader::{Next, Reader};
use crate::source::Start;

fn record(time: i64, seq: u64) -> Vec<u8> {
    format!(r#"{{"time":{time},"seq":{seq},"x":{}}}"#, time * 31 + i64::try_from(seq).expect("small")).into_bytes()
}

fn records(time: i64, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seq| record(time, seq)).collect()
}

fn open(log: &Log) -> Result<Outbox, Error> {
    Outbox::open(Box::new(log.sink(0).expect("a sink")))
}

fn read(log: &Log) -> Vec<(i64, u64)> {
    let mut reader = Reader::new(Box::new(log.source(0, Start::Beginning, true).expect("a source")));
    let mut seen = Vec::new();
    loop {
        match reader.next(Duration::ZERO).unwrap_or_else(|error| panic!("{error}\n{}", text(log))) {
            Next::Tick { time, records: given } => {
                assert_eq!(given, records(time, given.len() as u64));
                seen.push((time, given.len() as u64));
            }
            Next::Idle => panic!("a source that stops is never idle"),
            Next::Ended => return seen,
        }
    }
}

fn text(log: &Log) -> String {
    log.records(0).iter().map(|record| String::from_utf8_lossy(record).into_owned() + "\n").collect()
}

/// Replays `ticks` from the first on, flushing where `flush` says.
fn replay(outbox: &mut Outbox, ticks: &[(i64, u64)], mut flush: impl FnMut(i64) -> bool) -> Result<(), Error> {
    for (time, count) in ticks {
        let (first, second) = (count / 2, *count);
        outbox.push(*time, records(*time, first))?;
        outbox.push(*time, records(*time, second).split_off(usize::try_from(first).expect("small")))?;
        outbox.seal(*time)?;
        if flush(*time) {
            outbox.flush(Duration::ZERO)?;
        }
    }
    outbox.flush(Duration::ZERO)
}

#[test]
fn a_tick_is_its_records_and_one_that_closes_it() {
    let log = Log::new(1);
    let mut outbox = open(&log).expect("opened");
    assert_eq!(outbox.committed(), None);
    outbox.push(10, records(10, 2)).expect("pushed");
    outbox.seal(10).expect("sealed");
    outbox.seal(15).expect("sealed without records");
    outbox.push(20, records(20, 1)).expect("pushed");
    outbox.seal(29).expect("sealed");
    assert_eq!(outbox.committed(), None);
    assert!(outbox.waiting() > 0 && log.records(0).is_empty());
    outbox.flush(Duration::ZERO).expect("flushed");
    assert_eq!((outbox.committed(), outbox.waiting()), (Some(20), 0));
    let expected = [
        r#"{"time":10,"seq":0,"x":310}"#,
        r#"{"time":10,"seq":1,"x":311}"#,
        r#"{"progress":{"time":10,"count":2,"hash":"HASH","after":null,"stood":null}}"#,
        r#"{"time":20,"seq":0,"x":620}"#,
        r#"{"progress":{"time":20,"count":1,"hash":"HASH","after":10,"stood":null}}"#,
    ];
    let hidden = |line: &str| match line.split_once("\"hash\":\"") {
        Some((before, after)) => format!("{before}\"hash\":\"HASH{}", &after[16..]),
        None => line.to_owned(),
    };
    assert_eq!(text(&log).lines().map(hidden).collect::<Vec<_>>(), expected);
    for (time, wrong) in [(29, records(29, 1)), (30, records(31, 1)), (30, records(30, 2).split_off(1))] {
        assert!(outbox.push(time, wrong).is_err_and(|error| error.is_final()));
    }
}

#[test]
fn a_replay_writes_what_is_missing_and_no_more() {
    let ticks = [(1, 3), (2, 0), (4, 2), (5, 600), (9, 1)];
    let whole = Log::new(1);
    replay(&mut open(&whole).expect("opened"), &ticks, |_| true).expect("written");
    let all = whole.records(0);
    for stands in 0..=all.len() {
        let log = Log::new(1);
        all[..stands].iter().for_each(|record| log.append(0, record.clone(), None));
        let mut outbox = open(&log).expect("opened");
        replay(&mut outbox, &ticks, |_| false).expect("written");
        assert_eq!(outbox.committed(), Some(9));
        // What was written before how much stood differs; nothing is written twice.
        let without = |records: Vec<Vec<u8>>| -> Vec<String> {
            let text = records.iter().map(|record| String::from_utf8_lossy(record).into_owned());
            text.map(|line| line.split(",\"stood\"").next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(without(log.records(0)), without(all.clone()), "after {stands} records");
    }
}

#[test]
fn a_replay_that_yields_something_else_stops() {
    let log = Log::new(1);
    replay(&mut open(&log).expect("opened"), &[(1, 3), (4, 2)], |_| true).expect("written");
    log.append(0, record(6, 1), None);
    let refused = |ticks: &[(i64, u64)], at: i64, problem: &str| {
        let before = log.records(0);
        let error = replay(&mut open(&log).expect("opened"), ticks, |_| true).expect_err("refused");
        let expected = format!("the output topic does not hold what the replay yields at tick {at}: {problem}");
        assert!(error.is_final() && error.to_string().starts_with(&expected), "{error}");
        assert_eq!(log.records(0), before);
    };
    refused(&[(1, 3), (4, 3)], 4, "there are 2 records (");
    refused(&[(1, 3), (5, 1)], 4, "there are records, and the replay has none");
    refused(&[(1, 3), (4, 2), (7, 1)], 6, "there are records, and the replay has none");
    refused(&[(1, 3), (4, 2), (6, 1)], 6, "record 1 is one too many");
    let mut other = open(&log).expect("opened");
    other.push(6, vec![record(6, 0), br#"{"time":6,"seq":1,"x":"other"}"#.to_vec()]).expect("pushed");
    assert!(other.seal(6).is_err_and(|error| error.to_string().ends_with("record 1 is another one")));
    replay(&mut open(&log).expect("opened"), &[(4, 2), (6, 2)], |_| true).expect("a replay from tick 4");
    replay(&mut open(&log).expect("opened"), &[(8, 2)], |_| true).expect("a replay from after it");
    assert_eq!(read(&log), [(1, 3), (4, 2), (6, 2), (8, 2)]);
}

#[test]
fn a_topic_of_others_is_not_written_to() {
    let log = Log::new(1);
    log.append(0, "{\"event_id\":\"x\"}", None);
    assert!(open(&log).is_err_and(|error| error.is_final() && error.to_string().contains("no output record")));
    let log = Log::new(1);
    let mut outbox = open(&log).expect("opened");
    replay(&mut outbox, &[(1, 3)], |_| true).expect("written");
    outbox.push(2, records(2, 1)).expect("pushed");
    outbox.seal(2).expect("sealed");
    log.fail(Fault::Before);
    assert!(outbox.flush(Duration::ZERO).is_err_and(|error| !error.is_final()));
    log.append(0, record(7, 0), None);
    assert!(outbox.flush(Duration::ZERO).is_err_and(|error| error.to_string().contains("another writer")));
}

#[test]
fn a_topic_that_two_writers_wrote_is_refused() {
    let log = |ticks: &[(i64, u64)]| {
        let log = Log::new(1);
        replay(&mut open(&log).expect("opened"), ticks, |_| true).expect("written");
        log
    };
    let refused = |log: &Log, words: &str| {
        let error = open(log).err().expect("refused");
        assert!(error.is_final() && error.to_string().contains(words), "{error}");
    };
    // Another one closed a tick that this one had nothing in, before or after this one went on.
    let other = log(&[(1, 1), (3, 1)]).records(0);
    let two = log(&[(1, 1), (2, 1), (4, 1)]);
    other[2..].iter().for_each(|record| two.append(0, record.clone(), None));
    refused(&two, "contradicts itself at tick 3: tick 4 was closed without it: another writer");
    let two = log(&[(1, 1), (2, 1)]);
    two.append(0, br#"{"time":2,"seq":0,"x":"other"}"#, None);
    refused(&two, "at tick 2: record 0 stands twice with different content");
    let two = log(&[(1, 1), (3, 2)]);
    two.append(0, other[3].clone(), None);
    refused(&two, "at tick 3: it is closed twice with different content");
}

#[test]
fn a_writer_stops_beside_another_one() {
    let log = Log::new(1);
    let (mut one, mut two) = (open(&log).expect("opened"), open(&log).expect("opened"));
    replay(&mut one, &[(1, 2)], |_| true).expect("written");
    let stops = |outbox: &mut Outbox, tick: i64, words: &str| {
        let error = replay(outbox, &[(tick, 1)], |_| true).expect_err("refused");
        assert!(error.is_final() && error.to_string().contains(words), "{error}");
    };
    stops(&mut two, 5, "offset 0 that was not written here, and offset 0 was next: another writer");
    stops(&mut one, 9, "offset 3 that was not written here, and offset 3 was next: another writer");
    let log = Log::new(1);
    let mut outbox = open(&log).expect("opened");
    replay(&mut outbox, &[(1, 2)], |_| true).expect("written");
    log.recreate();
    stops(&mut outbox, 2, "it ends at offset 0, and had records up to offset 3: it was created anew");
}

#[test]
fn patience_carries_over_failures_and_a_final_one_ends_it() {
    let log = Log::new(1);
    let mut outbox = open(&log).expect("opened");
    [Fault::Before, Fault::After(1), Fault::Scrambled(vec![2, 2])].into_iter().for_each(|fault| log.fail(fault));
    outbox.push(1, records(1, 2)).expect("pushed");
    outbox.seal(1).expect("sealed");
    outbox.flush(Duration::from_millis(60)).expect("the third rest suffices");
    assert_eq!(read(&log), [(1, 2)]);
    log.fail(Fault::Final);
    outbox.push(2, records(2, 2)).expect("pushed");
    outbox.seal(2).expect("sealed");
    assert!(outbox.flush(Duration::from_secs(3_600)).is_err_and(|error| error.is_final()));
}

/// Any fault at any append, any death, any repetition by what the dead left behind: the reader sees each tick once.
#[test]
fn exactly_once_over_faults_and_deaths() {
    for seed in 0..400 {
        let numbers = &mut Numbers(seed);
        let ticks: Vec<(i64, u64)> = (1..=12).map(|tick| (tick * 10, numbers.below(5))).collect();
        let log = Log::new(1);
        let mut lives = 0;
        loop {
            for _ in 0..numbers.below(6) {
                let fault = match numbers.below(4) {
                    0 => Fault::Before,
                    1 => Fault::After(numbers.index(12)),
                    _ => Fault::Scrambled((0..numbers.below(20)).map(|_| numbers.index(16)).collect()),
                };
                log.fail(fault);
            }
            let mut outbox = open(&log).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", text(&log)));
            let often = 1 + numbers.below(4);
            let ended = replay(&mut outbox, &ticks, |_| numbers.below(often) == 0);
            // Half of the failed writers try again, the others die.
            let ended =
                ended.or_else(|error| if numbers.below(2) == 0 { outbox.flush(Duration::ZERO) } else { Err(error) });
            drop(outbox);
            // A request of a dead writer that arrives after all: it repeats some records near the end.
            let held = log.records(0);
            if numbers.below(3) == 0 && !held.is_empty() {
                let from = held.len() - 1 - numbers.index(held.len().min(8));
                held[from..].iter().take(3).for_each(|record| log.append(0, record.clone(), None));
            }
            lives += 1;
            match ended {
                Ok(()) if read(&log).len() == ticks.iter().filter(|(_, count)| *count > 0).count() => break,
                Err(error) if error.is_final() => panic!("seed {seed}: {error}\n{}", text(&log)),
                _ => assert!(lives < 100, "seed {seed} never ends"),
            }
        }
        let expected: Vec<(i64, u64)> = ticks.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(read(&log), expected, "seed {seed}");
    }
}

#[test]
fn groups_are_small_and_a_long_topic_is_read_from_its_end() {
    let log = Log::new(1);
    let mut outbox = open(&log).expect("opened");
    let ticks: Vec<(i64, u64)> = (0..3_000_i64).map(|tick| (tick, 1 + tick.unsigned_abs() % 3)).collect();
    replay(&mut outbox, &ticks, |tick| tick % 50 == 0).expect("written");
    drop(outbox);
    let mut outbox = open(&log).expect("opened");
    assert_eq!(outbox.committed(), Some(2_999));
    let long = "x".repeat(GROUP_BYTES / 2);
    for time in 3_000..3_004 {
        outbox.push(time, vec![format!(r#"{{"time":{time},"seq":0,"x":"{long}"}}"#).into_bytes()]).expect("pushed");
    }
    outbox.seal(3_003).expect("sealed");
    // The first group stands, the second one fails: each of these ticks is a group.
    log.stall();
    log.release();
    log.fail(Fault::After(2));
    assert!(outbox.flush(Duration::ZERO).is_err());
    assert_eq!(log.records(0).len(), open(&log).expect("opened").sink.tail(usize::MAX).expect("a tail").len());
    assert_eq!(open(&log).expect("opened").committed(), Some(3_000));
    outbox.flush(Duration::ZERO).expect("flushed");
    assert_eq!((outbox.committed(), outbox.waiting()), (Some(3_003), 0));
}
