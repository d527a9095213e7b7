//! A live job in a process of its own that follows growing files, and what is asked of it however it ends: that it starts,
//! that it lives, and that it stops when told. A job that does not fails its test instead of hanging it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::ExitStatus;

use engine::clock::wall_ms;
use rustix::process::Signal;
use serde_json::Value;

use crate::growing::Growing;
use crate::live_job::Live;
use crate::process::{HANG, Process, Waited};

/// The job, its inputs, and the process that runs it now.
pub(crate) struct Following {
    pub(crate) live: Live,
    pub(crate) inputs: Growing,
    opened: Opened,
    process: Option<Process>,
}

impl Following {
    /// Nothing has been started; every input is empty. `time` is its `[time]` table.
    pub(crate) fn new(topics: &[&str], time: &str) -> Self {
        let inputs = Growing::new(topics);
        let mut live = Live::of(inputs.folder(), 0);
        time.clone_into(&mut live.time);
        let opened = Opened { path: live.path("exceptions.jsonl"), read: 0, probes: BTreeMap::new() };
        Following { live, inputs, opened, process: None }
    }

    /// Starts it; it dies at a fail point if one is named.
    pub(crate) fn start(&mut self, fail: Option<&str>) {
        assert!(self.process.is_none(), "it runs");
        self.process = Some(Process::new(self.live.spawn(fail)));
    }

    /// The process that runs.
    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }

    /// Waits for a state of the job, which must come while it runs.
    pub(crate) fn wait(&mut self, what: &str, mut is_so: impl FnMut(&Live) -> bool) {
        let process = self.process.as_mut().expect("it was started");
        match process.wait(HANG, || is_so(&self.live)) {
            Waited::Happened => {}
            Waited::Ended(ended) => panic!("it ended with {ended} before {what}: {}", self.log()),
            Waited::Neither => panic!("it stands still: no {what} within {HANG:?}: {}", self.log()),
        }
    }

    /// Waits for the exception that a probe opens.
    pub(crate) fn opens(&mut self, item: &str) {
        match self.try_opens(item) {
            Waited::Happened => {}
            Waited::Ended(ended) => panic!("it ended with {ended} and has not told of {item}: {}", self.log()),
            Waited::Neither => panic!("it stands still, and has not told of {item} within {HANG:?}: {}", self.log()),
        }
    }

    /// Waits for the exception that a probe opens, of a process that may be about to die.
    pub(crate) fn try_opens(&mut self, item: &str) -> Waited {
        let process = self.process.as_mut().expect("it was started");
        process.wait(HANG, || self.opened.has(item))
    }

    /// Has it show that it lives: what is written now comes out.
    pub(crate) fn lives(&mut self) {
        let (item, lines) = self.inputs.probe(wall_ms());
        self.inputs.append("inventory", &lines);
        self.opens(&item);
    }

    /// The instants at which the exception that a probe opens was opened; one, if all is well.
    pub(crate) fn opened_at(&mut self, item: &str) -> Vec<i64> {
        self.opened.has(item);
        self.opened.probes.get(item).into_iter().flatten().copied().collect()
    }

    /// Kills it, and says how it ended.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.process.take().expect("it was started").kill()
    }

    /// Tells it to stop: it ends, and ends well.
    pub(crate) fn stop(&mut self) {
        self.process().signal(Signal::TERM);
        let ended = self.ends();
        assert!(ended.success(), "told to stop it ended with {ended}: {}", self.log());
    }

    /// Forgets a process that has ended by itself.
    pub(crate) fn forget_ended(&mut self) {
        let ended = self.process.take().map(|mut process| process.ended());
        assert_ne!(ended, Some(None), "it runs");
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it was started");
        let ended = process.wait_for_end(HANG);
        ended.unwrap_or_else(|| panic!("it has not ended after {HANG:?}: {}", self.log()))
    }

    /// The last lines its processes wrote.
    pub(crate) fn log(&self) -> String {
        let log = self.live.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// Which exceptions about probes have been opened, read from their topic as it grows.
#[derive(Default)]
struct Opened {
    path: PathBuf,
    /// Bytes read: whole lines, which stay.
    read: u64,
    /// The ticks they were opened at, by item.
    probes: BTreeMap<String, BTreeSet<i64>>,
}

impl Opened {
    /// Whether the exception about `item` has been opened by now.
    fn has(&mut self, item: &str) -> bool {
        let Ok(mut file) = File::open(&self.path) else { return false };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.read)).expect("read on");
        file.read_to_end(&mut text).expect("read");
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            let words = ["\"probe-", "\"event\":\"opened\"", "\"inventory.negative_on_hand\""];
            if words.iter().all(|word| line.contains(word)) {
                self.take(line);
            }
        }
        self.probes.contains_key(item)
    }

    fn take(&mut self, line: &str) {
        let record: Value = serde_json::from_str(line).expect("every record is JSON");
        let time = record["time"].as_i64().expect("every record has a time");
        let item = line.split("\"probe-").nth(1).and_then(|rest| rest.split('"').next()).expect("it names its item");
        self.probes.entry(format!("probe-{item}")).or_default().insert(time);
    }
}
