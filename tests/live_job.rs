//! Runs live jobs over files: in this process, or in one of their own that may be killed.

pub(crate) mod archive;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use connectors::reader::{Next, Reader};
use connectors::source::Start;
use contract::event::Topic;
use contract::output::OutputTopic;
use live::Processes;
use live::config::Config;
use live::error::Error;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::{SIGTERM, SIGXFSZ};

/// Names the configuration that the child runs.
const CONFIG: &str = "STOREPULSE_TEST_CONFIG";
/// Names its hosts, one a word, its own number first; absent for a job of one process.
const HOSTS: &str = "STOREPULSE_TEST_HOSTS";
/// Names the folder that keeps every segment of its remap log; absent for a job whose log is not kept.
const ARCHIVE: &str = "STOREPULSE_TEST_ARCHIVE";

/// Names the bytes that no file of it may exceed, and whether it dies of the write that would; absent for no such limit.
const FILE_LIMIT: &str = "STOREPULSE_TEST_FILE_LIMIT";
/// The exit code of a process that was told to stop twice.
pub(crate) const SECOND: i32 = 1;

/// Not a test: a process that runs a live job, and may be told to die.
#[test]
#[ignore = "run by other tests in a process of its own"]
fn child() {
    let path = std::env::var(CONFIG).expect("run by other tests only");
    let config = Config::read(Path::new(&path)).expect("a configuration");
    let processes = std::env::var(HOSTS).map_or_else(
        |_| Processes::alone(),
        |words| {
            let mut words = words.split(' ').map(str::to_owned);
            let index = words.next().and_then(|word| word.parse().ok()).expect("a number first");
            Processes { index, hosts: words.collect() }
        },
    );
    if let Ok(limit) = std::env::var(FILE_LIMIT) {
        limit_files(&limit);
    }
    archive::listen(&config.remap(), std::env::var_os(ARCHIVE).map(PathBuf::from));
    let stop = Arc::new(AtomicBool::new(false));
    // As `storepulse run` does it: a second signal while stopping ends the process at once.
    signal_hook::flag::register_conditional_shutdown(SIGTERM, SECOND, stop.clone()).expect("hooked");
    signal_hook::flag::register(SIGTERM, stop.clone()).expect("hooked");
    live::run(&config, &processes, &stop).expect("it runs");
}

/// What becomes of a process that writes more than a file may hold: what there is room for is written in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtLimit {
    /// It dies.
    Dies,
    /// The write fails.
    Fails,
}

fn limit_files(limit: &str) {
    let (bytes, at_limit) = limit.split_once(' ').expect("bytes, and what becomes of it");
    if at_limit == format!("{:?}", AtLimit::Fails) {
        // A signal that somebody listens to does not kill.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).expect("hooked");
    }
    let limit = Rlimit { current: bytes.parse().ok(), maximum: None };
    setrlimit(Resource::Fsize, limit).expect("files can be limited");
}

/// A live job over the files of a scenario.
pub(crate) struct Live {
    folder: tempfile::TempDir,
    scenario: PathBuf,
    /// Worker threads.
    pub(crate) workers: usize,
    /// Milliseconds of ticks between snapshots.
    pub(crate) snapshot_ms: i64,
    /// More lines of its `[time]` table.
    pub(crate) time: String,
    /// Its policies.
    pub(crate) policy: BTreeMap<String, i64>,
    /// Whether processes of their own keep every segment of the remap log, in the folder `archive` of the job.
    pub(crate) keeps_log: bool,
    /// Bytes that no file of a process of its own may exceed.
    pub(crate) file_limit: Option<(u64, AtLimit)>,
}

impl Live {
    /// Of a scenario folder whose `scenario.toml` says no more than `until`.
    pub(crate) fn of(scenario: &Path, until: i64) -> Self {
        let time = format!("tick_ms = 1000\nemit_ms = 1000\nclock = \"data\"\nstop_at_end = true\nuntil = {until}");
        let folder = tempfile::tempdir().expect("a folder");
        Live {
            folder,
            scenario: scenario.to_owned(),
            workers: 1,
            snapshot_ms: 3_600_000,
            time,
            policy: BTreeMap::new(),
            keeps_log: false,
            file_limit: None,
        }
    }

    /// A file or folder of the job.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration, whole: a process that was started before may just be reading it.
    pub(crate) fn config(&self) -> PathBuf {
        let mut text = format!("workers = {}\n[time]\n{}\n[state]\n", self.workers, self.time);
        _ = write!(text, "folder = {:?}\nsnapshot_ms = {}\n", self.path("state"), self.snapshot_ms);
        for topic in Topic::ALL {
            let path = self.scenario.join(format!("{topic}.jsonl"));
            if path.exists() {
                _ = write!(text, "[input.{topic}]\nconnector = \"file\"\npath = {path:?}\n");
            }
        }
        for topic in OutputTopic::ALL.map(OutputTopic::name) {
            let path = self.path(&format!("{topic}.jsonl"));
            _ = write!(text, "[output.{topic}]\nconnector = \"file\"\npath = {path:?}\n");
        }
        text.push_str("[policy]\n");
        self.policy.iter().for_each(|(name, value)| _ = writeln!(text, "{name:?} = {value}"));
        let (path, new) = (self.path("storepulse.toml"), self.path("storepulse.toml.new"));
        std::fs::write(&new, text).expect("written");
        std::fs::rename(&new, &path).expect("renamed");
        path
    }

    /// Runs it in this process, to its end.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let config = Config::read(&self.config()).expect("a configuration");
        live::run(&config, &Processes::alone(), &Arc::new(AtomicBool::new(false)))
    }

    /// Starts it in a process of its own, which dies at a fail point if one is named.
    pub(crate) fn spawn(&self, fail: Option<&str>) -> Child {
        self.command(fail).spawn().expect("started")
    }

    /// Starts one of several processes.
    pub(crate) fn spawn_one_of(&self, index: usize, hosts: &[String], fail: Option<&str>) -> Child {
        self.command(fail).env(HOSTS, format!("{index} {}", hosts.join(" "))).spawn().expect("started")
    }

    fn command(&self, fail: Option<&str>) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["live_job::child", "--exact", "--ignored", "--nocapture"]).env(CONFIG, self.config());
        command.env("RUST_BACKTRACE", "0");
        let log = File::options().create(true).append(true).open(self.path("child.log")).expect("a log");
        command.stdout(Stdio::null()).stderr(log);
        if self.keeps_log {
            command.env(ARCHIVE, self.path("archive"));
        }
        if let Some((bytes, at_limit)) = self.file_limit {
            command.env(FILE_LIMIT, format!("{bytes} {at_limit:?}"));
        }
        if let Some(fail) = fail {
            command.env("STOREPULSE_FAIL", fail);
        }
        command
    }

    /// Runs it in a process of its own until that ends.
    pub(crate) fn run_apart(&self, fail: Option<&str>) -> ExitStatus {
        self.spawn(fail).wait().expect("waited for")
    }

    /// What the processes of their own had to say.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("child.log")).unwrap_or_default()
    }

    /// What consumers read: every topic's records, each once, in order, of closed ticks.
    pub(crate) fn read(&self) -> Vec<(&'static str, String)> {
        let config = Config::read(&self.config()).expect("a configuration");
        let names = [
            OutputTopic::Views,
            OutputTopic::Exceptions,
            OutputTopic::Decisions,
            OutputTopic::Late,
            OutputTopic::DeadLetter,
        ];
        names.map(|topic| (topic.name(), read(&config, topic))).to_vec()
    }
}

fn read(config: &Config, topic: OutputTopic) -> String {
    let source = config.output[&topic].source(Start::Beginning, true).expect("opened");
    let mut reader = Reader::new(source);
    let mut text = String::new();
    loop {
        match reader.next(Duration::ZERO).expect("read") {
            Next::Tick { records, .. } => {
                for record in records {
                    text.push_str(std::str::from_utf8(&record).expect("text"));
                    text.push('\n');
                }
            }
            Next::Idle => {}
            Next::Ended => return text,
        }
    }
}

/// Addresses on this machine that nobody listens on.
pub(crate) fn free_hosts(count: usize) -> Vec<String> {
    let listeners: Vec<_> = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("bound")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address").to_string()).collect()
}
