//! A Fluvio cluster for tests, in this process: the real client crate connects to it, and it fails when it is told to.
//!
//! It speaks as much of the protocol of SC and SPU as the client uses, on loopback, with plain threads; records live in
//! memory. It does no replication, retention, encryption or files.
#![expect(clippy::unwrap_used, reason = "for tests: a double that breaks should say where")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the protocol's integers are small here")]

mod log;
mod sc;
mod spu;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use fluvio_spu_schema::produce::DefaultProduceRequest;

use self::log::Log;
use self::wire::{Answer, Connection};
use crate::fault::FailingCall;

/// What a produce request meets instead of success. Each is met once, in the order they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before anything is written.
    Lose,
    /// The records are written, and the connection ends before the answer.
    LoseAck,
    /// The records are written and no answer comes.
    Silence,
    /// The connection ends before anything is written, and the records are written after all, just before the next ones.
    StoreLater,
    /// Nothing is written: the broker has just started and does not have its partitions yet.
    NotLeader,
}

/// A cluster of one SC and one SPU; clones are the same cluster. Its threads end with the process.
#[derive(Clone)]
pub struct Double {
    sc: SocketAddr,
    spu: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Vec<Log>>,
    /// Rises with every topic, so that watchers are told.
    epoch: u64,
    faults: VecDeque<Fault>,
    /// Requests that are to be written just before the next one.
    later: Vec<DefaultProduceRequest>,
    failing_read: FailingCall,
    /// Whether topics have no partitions yet.
    unplaced: bool,
    /// Whether no SPU is known.
    leaderless: bool,
    /// Requests for offsets to be refused, as just after a start.
    not_leader: u32,
    truncate: bool,
    /// Records that stand but are not told when the end is asked for.
    late: i64,
    delay: Duration,
    /// Streams send nothing.
    held: bool,
    connections: Vec<(Side, TcpStream)>,
}

impl State {
    fn log(&self, topic: &str, partition: u32) -> Option<&Log> {
        self.topics.get(topic)?.get(partition as usize)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Sc,
    Spu,
}

impl Double {
    /// Starts a cluster on two free ports.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start() -> io::Result<Double> {
        let (sc, spu) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let double = Double { sc: sc.local_addr()?, spu: spu.local_addr()?, shared: Arc::default() };
        double.serve(sc, Side::Sc, Double::sc_request);
        double.serve(spu, Side::Spu, Double::spu_request);
        Ok(double)
    }

    /// Where clients connect to.
    pub fn endpoint(&self) -> String {
        self.sc.to_string()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.shared.changed.notify_all();
        changed
    }

    /// Creates a topic, unless it is there.
    pub fn create_topic(&self, name: &str, partitions: u32) {
        self.change(|state| {
            let logs = || (0..partitions).map(|_| Log::default()).collect();
            state.topics.entry(name.to_owned()).or_insert_with(logs);
            state.epoch += 1;
        });
    }

    /// Deletes a topic and creates it again, without its records.
    pub fn recreate_topic(&self, name: &str) {
        self.change(|state| {
            state.topics.get_mut(name).into_iter().flatten().for_each(|log| *log = Log::default());
            state.epoch += 1;
        });
    }

    /// Whether topics have no partitions yet, as just after they were created.
    pub fn unplaced(&self, on: bool) {
        self.change(|state| {
            state.unplaced = on;
            state.epoch += 1;
        });
    }

    /// Whether no SPU is known, as just after the cluster was started.
    pub fn leaderless(&self, on: bool) {
        self.change(|state| {
            state.leaderless = on;
            state.epoch += 1;
        });
    }

    /// Lets an answer to a reader fail: the connection ends in its place.
    pub fn fail_read(&self, read: FailingCall) {
        self.change(|state| state.failing_read = read);
    }

    /// Lets a produce request meet a fault.
    pub fn fault(&self, fault: Fault) {
        self.change(|state| state.faults.push_back(fault));
    }

    /// Lets so many requests for offsets be refused.
    pub fn not_leader(&self, requests: u32) {
        self.change(|state| state.not_leader = requests);
    }

    /// Whether answers are cut off at the bytes asked for, in the middle of a batch, as a real broker's are.
    pub fn truncate(&self, on: bool) {
        self.change(|state| state.truncate = on);
    }

    /// How many records at the end are not told when the end is asked for, as after a broker was killed; the next that is
    /// written puts it right.
    pub fn late(&self, records: i64) {
        self.change(|state| state.late = records);
    }

    /// How long each answer of the SPU takes.
    pub fn delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// Whether streams send nothing though there are records, as of a broker that is slow.
    pub fn hold(&self, on: bool) {
        self.change(|state| state.held = on);
    }

    /// Drops the records of a partition before an offset, whole batches, as retention does.
    pub fn evict(&self, topic: &str, partition: u32, before: i64) {
        self.change(|state| {
            if let Some(log) = state.topics.get_mut(topic).and_then(|logs| logs.get_mut(partition as usize)) {
                log.evict(before);
            }
        });
    }

    /// Ends every connection to the SPU, as when it is killed and started again. The records stay.
    pub fn cut(&self) {
        self.end(Side::Spu);
    }

    /// Ends every connection to the SC, as when it is killed and started again.
    pub fn restart_sc(&self) {
        self.end(Side::Sc);
    }

    fn end(&self, side: Side) {
        let mut state = self.state();
        for (_, connection) in state.connections.extract_if(.., |(held, _)| *held == side) {
            // It may have ended by itself.
            _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Faults asked for and not met yet.
    pub fn faults_left(&self) -> usize {
        self.state().faults.len()
    }

    fn serve(&self, listener: TcpListener, side: Side, handle: fn(&Double, &Connection, &wire::Frame) -> Answer) {
        let double = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = Connection::new(&stream);
                double.state().connections.push((side, stream.try_clone().unwrap()));
                let double = double.clone();
                std::thread::spawn(move || {
                    let mut input = io::BufReader::new(stream);
                    while let Ok(frame) = wire::Frame::read(&mut input) {
                        match handle(&double, &connection, &frame) {
                            Ok(true) => {}
                            Ok(false) => break,
                            Err(error) => {
                                eprintln!("double: {error}");
                                break;
                            }
                        }
                    }
                    connection.close();
                    double.shared.changed.notify_all();
                });
            }
        });
    }
}
