//! What must hold when a campaign is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use contract::output::OutputTopic;
use live::input::binder::Clock;
use serde_json::Value;
use tests::{Run, run};

use super::arrivals::{LATENESS_MS, TOPICS};
use super::consumer::{Consumer, assert_same};
use super::{Campaign, EMIT_MS, TICK_MS};
use crate::live_job::Live;
use crate::process::{HANG, Process};

impl Campaign {
    /// Lets the job come to an end of its own, and looks at all that was said.
    pub(super) fn check(mut self) {
        self.arrivals.last_lines(&mut self.job.inputs);
        let expected = match self.clock {
            Clock::Wall => {
                self.job.start(None);
                let ended = self.shows_life();
                assert_eq!(ended, None, "{}", self.job.log());
                self.every_line_is_told_of();
                self.job.stop();
                self.look();
                self.log_fed_again()
            }
            Clock::Data => {
                let until = self.end_of_inputs();
                self.replayed(until)
            }
        };
        for ((topic, expected), consumer) in expected.iter().zip(&self.consumers) {
            assert_same(*topic, consumer.ticks(), expected, "an uninterrupted run");
        }
        self.read_anew();
        self.everything_once();
        let counts: Vec<(&str, usize)> =
            self.consumers.iter().map(|consumer| (consumer.topic.name(), consumer.count())).collect();
        let lines: u64 = TOPICS.iter().map(|topic| self.job.inputs.lines(topic)).sum();
        println!("of {lines} lines came, each once and as without an end, {counts:?}");
        assert!(counts.iter().all(|(topic, count)| *count > 0 || *topic == "decisions" || *topic == "late"));
    }

    /// By the wall clock a job never is at its end: what ends each topic has been told of when all before it has been taken.
    fn every_line_is_told_of(&mut self) {
        self.job.wait("dead letter for the last line of every topic", |live| {
            fs::read_to_string(live.path("dead_letter.jsonl"))
                .is_ok_and(|text| text.matches("\"raw\":\"the end\"").count() >= TOPICS.len())
        });
    }

    /// What an uninterrupted job says that is fed what the remap log says, from the first tick to the last.
    fn log_fed_again(&self) -> Vec<(OutputTopic, BTreeMap<i64, String>)> {
        let mut again = Live::of(self.job.inputs.folder(), 0);
        let settings = format!("tick_ms = {TICK_MS}\nemit_ms = {EMIT_MS}\nlateness_ms = {LATENESS_MS}");
        again.time = format!("{settings}\nclock = \"data\"\nstop_at_end = true");
        let (archive, remap) = (self.job.live.path("archive"), again.path("state/remap"));
        fs::create_dir_all(&remap).expect("made");
        for segment in fs::read_dir(archive).expect("listed") {
            let segment = segment.expect("an entry");
            fs::copy(segment.path(), remap.join(segment.file_name())).expect("copied");
        }
        // All of the campaign at once takes longer than one wait.
        let ended = Process::new(again.spawn(None)).wait_for_end(HANG * (1 + self.number / 20));
        let ended = ended.unwrap_or_else(|| panic!("fed the log again, it stands still: {}", again.log()));
        assert!(ended.success(), "fed the log again: {ended}: {}", again.log());
        let closed = self.last_tick();
        let mut consumers = Consumer::of_all();
        consumers.iter_mut().for_each(|consumer| consumer.read_on(&again));
        let said = |consumer: &Consumer| {
            // It goes on to the end of its inputs, and there views leave that wait; the other was stopped before.
            let is_before = |tick: i64| {
                tick <= closed && (consumer.topic != OutputTopic::Views || tick < closed || tick % EMIT_MS == 0)
            };
            let ticks = consumer.ticks().iter().filter(|(tick, _)| is_before(**tick));
            (consumer.topic, ticks.map(|(tick, text)| (*tick, text.clone())).collect())
        };
        consumers.iter().map(said).collect()
    }

    /// The tick at which the job was stopped: that of its last snapshot.
    fn last_tick(&self) -> i64 {
        let snapshots = fs::read_dir(self.job.live.path("state/snapshots")).expect("listed");
        let ticks = snapshots.filter_map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name()?.to_str()?;
            path.join("manifest").exists().then(|| name.parse().expect("it is called by its tick"))
        });
        ticks.max().expect("who stops leaves a snapshot")
    }

    /// Reads the files to their ends and stops; answers the last instant.
    fn end_of_inputs(&mut self) -> i64 {
        let until = self.arrivals.now() + 10_000;
        let until = until - until % EMIT_MS;
        self.job.live.time += &format!("\nstop_at_end = true\nuntil = {until}");
        self.job.start(None);
        let ended = self.job.ends();
        assert!(ended.success(), "at its end: {ended}: {}", self.job.log());
        self.look();
        until
    }

    /// What a replay of the files says.
    fn replayed(&self, until: i64) -> Vec<(OutputTopic, BTreeMap<i64, String>)> {
        let settings =
            format!("tick_ms = {TICK_MS}\nemit_ms = {EMIT_MS}\nlateness_ms = {LATENESS_MS}\nuntil = {until}");
        fs::write(self.job.inputs.folder().join("scenario.toml"), settings).expect("written");
        let outputs = run(self.job.inputs.folder(), Run { workers: 1, shuffle: None });
        let by_tick = |text: &str| {
            let mut ticks: BTreeMap<i64, String> = BTreeMap::new();
            for line in text.split_inclusive('\n') {
                let time = line.strip_prefix("{\"time\":").and_then(|rest| rest.split(',').next());
                let time = time.and_then(|time| time.parse().ok()).expect("a record begins with its time");
                ticks.entry(time).or_default().push_str(line);
            }
            ticks
        };
        OutputTopic::ALL.map(|topic| (topic, by_tick(outputs.text(topic.name())))).into()
    }

    /// Who reads for the first time reads what those have read who were there all the time.
    fn read_anew(&self) {
        for (mut anew, consumer) in Consumer::of_all().into_iter().zip(&self.consumers) {
            anew.read_on(&self.job.live);
            assert_same(consumer.topic, consumer.ticks(), anew.ticks(), "what is read anew");
        }
    }

    fn records(&self, topic: OutputTopic) -> impl Iterator<Item = Value> {
        let consumer = self.consumers.iter().find(|consumer| consumer.topic == topic);
        consumer.expect("every topic has a consumer").records()
    }

    /// What must be told is told once.
    fn everything_once(&self) {
        let mut opened = BTreeMap::new();
        let mut stands: BTreeSet<String> = BTreeSet::new();
        for record in self.records(OutputTopic::Exceptions) {
            let (id, event) = (text(&record["exception_id"]), text(&record["event"]));
            match event.as_str() {
                "opened" => assert!(stands.insert(id), "opened while it stands: {record}"),
                "cleared" => assert!(stands.remove(&id), "cleared and does not stand: {record}"),
                _ => assert!(stands.contains(&id), "does not stand: {record}"),
            }
            let item = text(&record["key"]["item"]);
            if event == "opened" && record["type"] == "inventory.negative_on_hand" && item.starts_with("probe-") {
                *opened.entry(item).or_insert(0) += 1;
            }
        }
        let once = self.arrivals.probes.iter().map(|item| (item.clone(), 1)).collect::<BTreeMap<_, _>>();
        assert_eq!(opened, once, "each probe opens its exception once");
        let dead: Vec<(String, u64)> = self
            .records(OutputTopic::DeadLetter)
            .map(|record| (text(&record["topic"]), record["position"].as_u64().expect("a position")))
            .collect();
        let places: BTreeSet<_> = dead.iter().cloned().collect();
        assert_eq!(dead.len(), places.len(), "a line that cannot be read is told twice");
        assert_eq!(places, self.arrivals.dead, "lines that cannot be read");
        let late: Vec<String> = self.records(OutputTopic::Late).map(|record| text(&record["event_id"])).collect();
        let events: BTreeSet<_> = late.iter().cloned().collect();
        assert_eq!(late.len(), events.len(), "a late event is told twice");
        assert!(events.is_superset(&self.arrivals.late), "a late event is not told");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
