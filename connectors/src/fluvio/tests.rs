//! The contract over the double and, where one stands, a real broker; then every fault in turn.

use super::*;
use crate::contract::{Partition, has_one_writer, loses_nothing_when_a_read_fails, moves_bytes, writes_each_tick_once};
use crate::error::Error;
use crate::fault::FailingCall;
use crate::fluvio::double::{Double, Fault};
use crate::fluvio::sink::FluvioSink;
use crate::fluvio::source::FluvioSource;
use crate::outbox::Outbox;
use crate::reader::{Next, Reader};
use crate::sink::Sink;
use crate::source::{Polled, Position, Source, Start};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// A topic of one partition.
struct Topic {
    cluster: FluvioCluster,
    name: String,
    /// The cluster, if it is one that can be told to fail.
    double: Option<Double>,
}

impl Topic {
    fn create(endpoint: &str, name: String) -> Topic {
        let cluster = FluvioCluster { endpoint: endpoint.to_owned(), tls: None };
        create_topic(&cluster, &name, 1).expect("created");
        Topic { cluster, name, double: None }
    }

    fn of(double: &Double, name: String) -> Topic {
        Topic { double: Some(double.clone()), ..Topic::create(&double.endpoint(), name) }
    }

    fn double(&self) -> &Double {
        self.double.as_ref().expect("a double")
    }
}

impl Partition for Topic {
    fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(FluvioSource::open(&self.cluster, &self.name, 0, start, 1 << 20, stop_at_end)?))
    }

    fn sink(&self) -> Result<Box<dyn Sink>, Error> {
        Ok(Box::new(FluvioSink::open(&self.cluster, &self.name, 0)?))
    }

    fn append_beside(&self, record: Vec<u8>) {
        self.sink().and_then(|mut sink| sink.append(&[record])).expect("appended");
    }

    fn recreate(&self) {
        self.double().recreate_topic(&self.name);
    }

    fn fail_read(&self, read: FailingCall) {
        self.double().fail_read(read);
    }
}

#[test]
fn a_real_broker_keeps_the_contract() {
    let Ok(endpoint) = std::env::var("FLUVIO_ENDPOINT") else {
        eprintln!("SKIPPED: FLUVIO_ENDPOINT names no broker");
        return;
    };
    // The topics stay: names that no run before has used.
    let run = tempfile::Builder::new().prefix("").tempdir().expect("a folder");
    let unique = run.path().file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let mut topics = 0;
    let mut fresh = || {
        topics += 1;
        Topic::create(&endpoint, format!("contract-{unique}-{topics}"))
    };
    moves_bytes(&fresh());
    writes_each_tick_once(&mut || Box::new(fresh()));
}

fn cluster() -> (Double, Topic) {
    let double = Double::start().expect("started");
    let topic = Topic::of(&double, "orders".to_owned());
    (double, topic)
}

fn records(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(200)).into_bytes()).collect()
}

/// Reads until `count` records came; none is missing or comes twice.
fn read(source: &mut dyn Source, count: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        match source.poll(10_000, PATIENCE).expect("read") {
            Polled::Records(messages) => {
                for message in messages {
                    assert!(message.logged_at.is_some());
                    all.push(message.payload);
                }
            }
            other => panic!("{other:?} after {} of {count} records", all.len()),
        }
    }
    all
}

#[test]
fn the_double_keeps_the_contract() {
    let mut topics = 0;
    let double = Double::start().expect("started");
    let mut fresh = || {
        topics += 1;
        Topic::of(&double, format!("t-{topics}"))
    };
    moves_bytes(&fresh());
    writes_each_tick_once(&mut || Box::new(fresh()));
    loses_nothing_when_a_read_fails(&fresh());
    has_one_writer(&mut || Box::new(fresh()));
}

#[test]
fn answers_cut_off_lose_nothing() {
    let (double, topic) = cluster();
    let all = records(0..20_000);
    topic.sink().expect("opened").append(&all).expect("appended");
    double.truncate(true);
    for max_bytes in [50_000, 300_000, 1 << 20] {
        let open = FluvioSource::open(&topic.cluster, &topic.name, 0, Start::Beginning, max_bytes, true);
        let mut source = open.expect("opened");
        assert_eq!(read(&mut source, all.len()), all, "{max_bytes} bytes at a time");
        assert_eq!(source.poll(1, Duration::ZERO).expect("read"), Polled::Ended);
    }
    assert_eq!(topic.sink().expect("opened").tail(5_000).expect("read"), all[15_000..]);
}

#[test]
fn a_partition_is_at_its_end_only_where_no_record_stands_unread() {
    let (double, topic) = cluster();
    let all = records(0..20);
    topic.sink().expect("opened").append(&all[..10]).expect("appended");
    let open = FluvioSource::open(&topic.cluster, &topic.name, 0, Start::Beginning, 1 << 20, false);
    let mut source = open.expect("opened");
    let mut poll = || source.poll(100, Duration::from_millis(5)).expect("read");
    double.hold(true);
    for _ in 0..20 {
        assert_eq!(poll(), Polled::Waiting, "ten records stand unread");
    }
    double.hold(false);
    while !matches!(poll(), Polled::Records(_)) {}
    assert_eq!(poll(), Polled::Idle);
    // What the stream owes is noticed when it has been silent for a while.
    double.hold(true);
    topic.sink().expect("opened").append(&all[10..]).expect("appended");
    while poll() != Polled::Waiting {}
    assert_eq!(poll(), Polled::Waiting);
    double.hold(false);
    while !matches!(poll(), Polled::Records(_)) {}
}

#[test]
fn a_record_larger_than_what_is_asked_for_comes() {
    let (double, topic) = cluster();
    double.truncate(true);
    let large = vec![b"x".repeat(3 << 20), b"y".to_vec()];
    topic.sink().expect("opened").append(&large).expect("appended");
    let open = FluvioSource::open(&topic.cluster, &topic.name, 0, Start::Beginning, 64 << 10, true);
    assert_eq!(read(&mut open.expect("opened"), 2), large);
}

#[test]
fn the_reader_survives_what_the_broker_goes_through() {
    let (double, topic) = cluster();
    let mut sink = topic.sink().expect("opened");
    let mut source = topic.source(Start::Beginning, false).expect("opened");
    let mut upto = 0;
    let mut more = |what: &str| {
        let mut written = sink.append(&records(upto..upto + 10));
        for _ in 0..3 {
            if written.is_err() {
                // Whether it stands is for an outbox to find out; here what is cut is cut before it is sent.
                written = sink.append(&records(upto..upto + 10));
            }
        }
        written.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(read(&mut *source, 10), records(upto..upto + 10), "{what}");
        upto += 10;
    };
    more("at first");
    double.cut();
    more("connections to the SPU cut");
    double.restart_sc();
    more("the SC restarted");
    double.restart_sc();
    double.cut();
    double.not_leader(3);
    more("both restarted, the partition without a leader at first");
    double.delay(Duration::from_millis(20));
    more("every answer late");
    double.delay(Duration::ZERO);
    assert_eq!(source.behind(), Some(0));
    drop(source);
    double.late(7);
    let end = topic.source(Start::End, false).expect("opened").position();
    assert_eq!(end.record, 50, "the end is where the records end, whatever is told");
    assert_eq!(topic.sink().expect("opened").tail(9).expect("read"), records(41..50));
    let mut bounded = topic.source(Start::Beginning, true).expect("opened");
    assert_eq!(read(&mut *bounded, 50), records(0..50));
    assert_eq!(bounded.poll(1, Duration::ZERO).expect("read"), Polled::Ended);
}

#[test]
fn what_cannot_be_read_is_said_once_and_for_all() {
    let (double, topic) = cluster();
    let mut sink = topic.sink().expect("opened");
    (0..4).for_each(|n| sink.append(&records(n * 10..n * 10 + 10)).expect("appended"));
    double.evict("orders", 0, 20);
    let at = |record| topic.source(Start::At(Position { record, byte: 0 }), false);
    let says = |error: Option<Error>, words: &str| {
        let error = error.expect("an error");
        assert!(error.is_final() && error.to_string().contains(words), "{error}");
    };
    says(at(5).err(), "cannot read topic orders, partition 0, offset 5: the record is no more; the oldest is 20");
    says(at(41).err(), "offset 41: it lies after the end, 40");
    let mut held = at(20).expect("opened");
    assert_eq!(held.poll(1, PATIENCE).expect("read"), at(20).expect("opened").poll(1, PATIENCE).expect("read"));
    double.evict("orders", 0, 40);
    assert_eq!(topic.source(Start::Beginning, false).expect("opened").position().record, 40);
    let none = FluvioSource::open(&topic.cluster, "no-such-topic", 0, Start::Beginning, 1 << 20, false);
    says(none.err(), "there is no such topic or partition");
    says(FluvioSink::open(&topic.cluster, "orders", 7).err(), "there is no such topic or partition");
    says(partitions(&topic.cluster, "no-such-topic").err(), "there is no such topic");
    says(create_topic(&topic.cluster, "orders", 3).err(), "it is there, with 1 partitions");
    let nowhere = FluvioCluster { endpoint: "127.0.0.1:1".to_owned(), tls: None };
    assert!(partitions(&nowhere, "orders").is_err_and(|error| !error.is_final()));
    let tls = Tls { domain: "d".into(), ca_cert: "/no/ca".into(), cert: "/no/cert".into(), key: "/no/key".into() };
    let cluster = FluvioCluster { tls: Some(tls), ..topic.cluster.clone() };
    says(partitions(&cluster, "orders").err(), "/no/ca");
}

/// Each fault at each of the first requests of a writer of ticks: the reader sees every tick once.
#[test]
fn faults_lose_nothing_and_repeat_nothing() {
    for fault in [Fault::Lose, Fault::LoseAck, Fault::Silence, Fault::StoreLater, Fault::NotLeader] {
        let (double, topic) = cluster();
        let record = |time: i64, seq: i64| format!("{{\"time\":{time},\"seq\":{seq}}}").into_bytes();
        let mut outbox = Outbox::open(topic.sink().expect("opened")).expect("opened");
        let mut reader = Reader::new(topic.source(Start::Beginning, false).expect("opened"));
        for time in 0..6 {
            let written: Vec<Vec<u8>> = (0..=time).map(|seq| record(time, seq)).collect();
            outbox.push(time, written.clone()).expect("pushed");
            outbox.seal(time).expect("sealed");
            // Every other tick meets it, the fourth twice in a row.
            (0..time % 4 % 3).for_each(|_| double.fault(fault));
            outbox.flush(PATIENCE).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(outbox.committed(), Some(time));
            let seen = reader.next(PATIENCE).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(seen, Next::Tick { time, records: written }, "{fault:?}");
        }
        assert_eq!(reader.next(Duration::from_millis(1)).expect("read"), Next::Idle);
        assert_eq!(double.faults_left(), 0, "{fault:?} was met");
    }
}

#[test]
fn a_cluster_that_is_not_whole_yet_is_waited_for() {
    let (double, topic) = cluster();
    let may_pass = |words: &str| {
        for error in [topic.sink().err(), topic.source(Start::Beginning, false).err()] {
            let error = error.expect("an error");
            assert!(!error.is_final() && error.to_string().contains(words), "{error}");
        }
    };
    double.unplaced(true);
    may_pass("the broker has not placed this partition yet");
    assert!(FluvioSink::open(&topic.cluster, "orders", 1).is_err_and(|error| error.is_final()));
    double.unplaced(false);
    double.leaderless(true);
    may_pass("its leader is not known");
    double.leaderless(false);
    double.not_leader(1);
    assert!(topic.source(Start::Beginning, false).is_err_and(|error| !error.is_final()));
    topic.sink().expect("opened").append(&records(0..1)).expect("appended");
    assert_eq!(read(&mut *topic.source(Start::Beginning, false).expect("opened"), 1), records(0..1));
}

/// Each of two jobs that were given one new topic finds the other's records where its own should stand.
#[test]
fn two_writers_of_one_topic_stop() {
    let (_double, topic) = cluster();
    let open = || Outbox::open(topic.sink().expect("opened")).expect("opened");
    let (mut one, mut two) = (open(), open());
    let write = |outbox: &mut Outbox, time: i64| {
        outbox.push(time, vec![format!("{{\"time\":{time},\"seq\":0}}").into_bytes()])?;
        outbox.seal(time)?;
        outbox.flush(PATIENCE)
    };
    write(&mut one, 1).expect("written");
    for (outbox, time, offset) in [(&mut two, 2, 0), (&mut one, 3, 2)] {
        let error = write(outbox, time).expect_err("refused");
        let place = format!("topic orders, partition 0: a record stands at offset {offset} that was not written here");
        assert!(error.is_final() && error.to_string().starts_with(&place), "{error}");
    }
}
