//! Topics as failures leave them, and what a consumer sees of them.

use std::fs::File;
use std::path::Path;

use super::*;
use crate::file::sink::FileSink;
use crate::file::source::FileSource;
use crate::memory::Log;
use crate::numbers::Numbers;
use crate::outbox::Outbox;
use crate::source::Start;

fn record(time: i64, seq: u64) -> String {
    format!(r#"{{"time":{time},"seq":{seq},"x":"{}"}}"#, time * 7 + i64::try_from(seq).expect("small"))
}

/// The topic that a script describes: `5.0` is record 0 of tick 5; `5!2` closes tick 5 with two records after the tick
/// closed last in the script, and `5!2<4^3` after tick 4 when tick 3 stood.
fn topic(script: &str) -> Log {
    let log = Log::new(1);
    let mut closed = None;
    for word in script.split_whitespace() {
        if let Some((time, rest)) = word.split_once('!') {
            let time: i64 = time.parse().expect("a tick");
            let (rest, stood) = rest.split_once('^').map_or((rest, None), |(rest, stood)| (rest, stood.parse().ok()));
            let (count, after) =
                rest.split_once('<').map_or((rest, closed), |(count, after)| (count, after.parse().ok()));
            let count = count.parse().expect("a count");
            let mut digest = Digest::default();
            (0..count).for_each(|seq| digest.add(record(time, seq).as_bytes()));
            closed = Some(time);
            log.append(0, Progress { time, count, hash: digest.hash(), after, stood }.to_line(), None);
        } else {
            let (time, seq) = word.split_once('.').expect("tick.seq");
            log.append(0, record(time.parse().expect("a tick"), seq.parse().expect("a number")), None);
        }
    }
    log
}

fn read_all(mut reader: Reader) -> String {
    let mut seen = Vec::new();
    loop {
        match reader.next(Duration::ZERO) {
            Ok(Next::Tick { time, records }) => {
                let expected: Vec<Vec<u8>> =
                    (0..records.len() as u64).map(|seq| record(time, seq).into_bytes()).collect();
                assert_eq!(records, expected);
                seen.push(format!("{time}:{}", records.len()));
            }
            Ok(Next::Idle) => panic!("a source that stops is never idle"),
            Ok(Next::Ended) => {
                seen.extend(reader.unfinished().map(|time| format!("({time})")));
                break;
            }
            Err(error) => {
                assert!(error.is_final());
                seen.push(error.to_string());
                break;
            }
        }
    }
    seen.join(" ")
}

fn check(script: &str, expected: &str) {
    let source = topic(script).source(0, Start::Beginning, true).expect("a source");
    assert_eq!(read_all(Reader::new(Box::new(source))), expected, "{script}");
}

#[test]
fn a_healthy_topic_gives_its_ticks() {
    check("1.0 1.1 1!2 3.0 3!1 9.0 9!1", "1:2 3:1 9:1");
    check("", "");
    check("1.0 1.1", "(1)");
    check("1.0 1.1 1!2 2.0", "1:2 (2)");
}

#[test]
fn repeats_resends_and_other_orders_are_not_seen() {
    check("1.0 1.0 1.1 1.0 1!2 1!2< 1.1 2.0 1.0 2!1", "1:2 2:1");
    check("1.1 1!2 1.0 1.1 1!2<", "1:2");
    check("1!1 1.0 2.0 2!1", "1:1 2:1");
    // A torn prefix and the whole again.
    check("1.0 1!1 2.0 2.0 2.1 2.2 2!3", "1:1 2:3");
    // Of a group of three only the end stands; then comes the rest.
    check("3.0 3!1<2 2!2<1 1.0 1!1< 2.0 2.1", "1:1 2:2 3:1");
}

#[test]
fn a_damaged_topic_stops_its_reader() {
    let never = |time, problem| format!("tick {time} of the output topic was closed but is not whole: {problem}");
    // Whose writer may come back.
    check("1.1 1.3 1!4 2.0 2!1", "(1)");
    check("1.0 1!1 3.0 3!1<2", "1:1 (3)");
    // Whose writer went on.
    check("1.1 1.3 1!4 2.0 2!1^1", &never(1, "its records [0, 2] are missing"));
    check("1.0 1!1 2.0 3.0 3!1<2^2", &format!("1:1 {}", never(2, "its progress record is missing")));
    check("1.0 1!1 3.0 3!1<2^2", &format!("1:1 {}", never(2, "a tick between it and tick 1 is missing")));
    check("1.0 1!2 2.0 2!1 3.0 3!1<2^2 1.1", &never(1, "its records [1] are missing"));
    check("2.0 2!1<1 3.0 3!1<2^1 1.0", &never(1, "a tick between it and the beginning is missing"));
    check("2.0 2!1<1 3.0 3!1<2^2", &never(2, "a tick between it and the beginning is missing"));
    check("1.0 1.1 1!1", "tick 1 of the output topic was closed with 1 records but has record 1");
    check(
        "1.0 1!1 2.0 2!2< 2!3<",
        "1:1 the output topic is damaged at record 4: tick 2 is closed twice with different content",
    );
    let log = topic("1.0");
    log.append(0, record(1, 0).replace('x', "y"), None);
    let source = log.source(0, Start::Beginning, true).expect("a source");
    assert!(read_all(Reader::new(Box::new(source))).contains("record 0 of tick 1 stands twice"));
    let log = topic("1.0");
    log.append(0, "{}", None);
    let source = log.source(0, Start::Beginning, true).expect("a source");
    assert!(read_all(Reader::new(Box::new(source))).ends_with("record 1 of the output topic is no output record: {}"));
    let log = topic("");
    log.append(0, record(1, 0).replace('x', "y"), None);
    let whole = topic("1!1").records(0);
    log.append(0, whole[0].clone(), None);
    let source = log.source(0, Start::Beginning, true).expect("a source");
    assert!(read_all(Reader::new(Box::new(source))).contains("other records than those it was closed with"));
}

#[test]
fn a_consumer_goes_on_where_it_was() {
    let log = topic("1.0 1!1 2.0 2.1 2!2 4.0 2.0 4!1 6.0 6!1");
    let all = ["1:1", "2:2", "4:1", "6:1"];
    let mut reader = Reader::new(Box::new(log.source(0, Start::Beginning, true).expect("a source")));
    for taken in 1..=4 {
        let Ok(Next::Tick { time, .. }) = reader.next(Duration::ZERO) else { panic!("a tick") };
        assert_eq!(reader.last(), Some(time));
        for start in [Start::Beginning, Start::At(reader.position())] {
            let source = log.source(0, start, true).expect("a source");
            assert_eq!(read_all(Reader::after(Box::new(source), time)), all[taken..].join(" "));
        }
    }
    let beginning = || Box::new(log.source(0, Start::Beginning, true).expect("a source"));
    assert_eq!(read_all(Reader::after(beginning(), 3)), "4:1 6:1");
    assert_eq!(read_all(Reader::after(beginning(), 0)), all.join(" "));
    assert_eq!(reader.position().record, 10);
}

#[test]
fn a_topic_without_its_beginning_is_read_from_its_first_whole_tick() {
    let script = "1.0 1!1 2.0 2.1 2!2<1^1 4.0 4!1<2^2 6.0 6!1<4^4";
    for (evicted, expected) in [(1, "2:2 4:1 6:1"), (3, "4:1 6:1"), (4, "4:1 6:1"), (5, "4:1 6:1"), (7, "6:1"), (9, "")]
    {
        let log = topic(script);
        log.evict(0, evicted);
        let source = log.source(0, Start::Beginning, true).expect("a source");
        assert_eq!(read_all(Reader::new(Box::new(source))), expected, "without {evicted} records");
    }
}

/// Starts the writer of a file, which had nothing in ticks that are not named, and lets it write those before `upto`.
fn write(path: &Path, ticks: &[(i64, u64)], upto: usize) {
    let sink = FileSink::open(path, false).expect("opened");
    let mut outbox = Outbox::open(Box::new(sink)).expect("opened");
    for (time, count) in &ticks[..upto] {
        let records = (0..*count).map(|seq| record(*time, seq).into_bytes()).collect();
        outbox.push(*time, records).expect("pushed");
        outbox.seal(*time).expect("sealed");
        outbox.flush(Duration::ZERO).expect("flushed");
    }
}

fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).and_then(|file| file.set_len(bytes)).expect("cut off");
}

/// Bytes of a file up to the end of its last closed tick.
fn closed(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).expect("read");
    let (mut bytes, mut closed) = (0, 0);
    for line in text.split_inclusive('\n') {
        bytes += line.len() as u64;
        if line.starts_with("{\"progress\"") && line.ends_with('\n') {
            closed = bytes;
        }
    }
    closed
}

fn follow(path: &Path) -> Reader {
    Reader::new(Box::new(FileSource::open(path, Start::Beginning, false).expect("opened")))
}

/// The writer dies at any byte after the last tick that was closed when its follower looked, is started again, cuts off what
/// is unfinished and writes it anew; the follower looks at any moment and sees every tick once.
#[test]
fn a_follower_survives_the_deaths_of_the_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..300 {
        let numbers = &mut Numbers(seed);
        let path = folder.path().join(format!("{seed}.jsonl"));
        let ticks: Vec<(i64, u64)> = (1..=12).map(|tick| (tick * 7, numbers.below(4))).collect();
        write(&path, &ticks, 0);
        let (mut reader, mut seen, mut known) = (follow(&path), Vec::new(), 0);
        let mut look = |most: usize| {
            for _ in 0..most {
                match reader.next(Duration::ZERO).unwrap_or_else(|error| panic!("seed {seed}: {error}")) {
                    Next::Tick { time, records } => seen.push((time, records)),
                    other => {
                        assert_eq!(other, Next::Idle);
                        break;
                    }
                }
            }
            if most > 0 {
                known = closed(&path);
            }
            known
        };
        for life in 1..=10 {
            write(&path, &ticks, if life == 10 { ticks.len() } else { numbers.index(ticks.len()) });
            let known = look(numbers.index(6));
            let bytes = std::fs::metadata(&path).expect("found").len();
            if life < 10 {
                cut(&path, known + numbers.below(bytes - known + 1));
                look(numbers.index(6));
            }
        }
        look(usize::MAX);
        let whole = ticks.iter().filter(|(_, count)| *count > 0);
        let expected: Vec<(i64, Vec<Vec<u8>>)> = whole
            .map(|(time, count)| (*time, (0..*count).map(|seq| record(*time, seq).into_bytes()).collect()))
            .collect();
        assert_eq!(seen, expected, "seed {seed}");
    }
}

#[test]
fn a_follower_of_a_file_without_ticks_it_gave_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.jsonl");
    write(&path, &[(1, 2), (2, 1)], 2);
    let mut reader = follow(&path);
    for time in [1, 2] {
        assert!(matches!(reader.next(Duration::ZERO), Ok(Next::Tick { time: given, .. }) if given == time));
    }
    cut(&path, reader.position().byte - 1);
    for _ in 0..2 {
        let error = reader.next(Duration::ZERO).expect_err("refused");
        assert!(error.is_final() && error.to_string().contains("it was cut off"), "{error}");
    }
}

#[test]
fn a_line_that_the_writer_died_in_is_no_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.jsonl");
    write(&path, &[(1, 2), (2, 1)], 2);
    cut(&path, std::fs::metadata(&path).expect("found").len() - 9);
    let source = FileSource::open(&path, Start::Beginning, true).expect("opened").of_finished_lines();
    assert_eq!(read_all(Reader::new(Box::new(source))), "1:2 (2)");
}
