//! What arrives in the inputs of a campaign, by chance; and what must come of it however often the job ends.

use std::collections::BTreeSet;

use engine::clock::wall_ms;
use live::input::binder::Clock;

use operators::testing::Random;

use crate::growing::Growing;

/// The topics that are read, the last of them seldom written.
pub(super) const TOPICS: [&str; 3] = ["inventory", "pos", "traffic"];
/// How far back an event may have happened.
pub(super) const LATENESS_MS: i64 = 20_000;
/// The first instant by the records' clock.
const BEGINNING: i64 = 1_778_850_000_000;

/// Writes the inputs.
pub(super) struct Arrivals {
    clock: Clock,
    random: Random,
    /// The instant by the records' clock.
    at: i64,
    /// A line written before.
    earlier: Option<(usize, String)>,
    /// What must be told once: items of probes, ids of late events, places of lines that cannot be read.
    pub(super) probes: BTreeSet<String>,
    pub(super) late: BTreeSet<String>,
    pub(super) dead: BTreeSet<(String, u64)>,
}

impl Arrivals {
    pub(super) fn new(clock: Clock, seed: u64) -> Self {
        Arrivals {
            clock,
            random: Random::new(seed),
            at: BEGINNING,
            earlier: None,
            probes: BTreeSet::new(),
            late: BTreeSet::new(),
            dead: BTreeSet::new(),
        }
    }

    /// The instant by the clock of the job.
    pub(super) fn now(&self) -> i64 {
        if self.clock == Clock::Wall { wall_ms() } else { self.at }
    }

    /// Nothing arrives for a while. By the wall clock that needs no doing.
    pub(super) fn nothing(&mut self) {
        self.at += self.random.below(3_000);
    }

    /// Lines arrive whose log times are spread over `over_ms`, up to now by the wall clock.
    pub(super) fn some(&mut self, inputs: &mut Growing, lines: i64, over_ms: i64) {
        let from = if self.clock == Clock::Wall { wall_ms() - over_ms } else { self.at };
        let mut batches = TOPICS.map(|topic| (inputs.lines(topic), Vec::new()));
        for line in 1..=lines {
            let at = from + over_ms * line / lines;
            let topic = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2][self.random.index(10)];
            let (before, batch) = &mut batches[topic];
            // The first line of a topic says when it is.
            let position = *before + batch.len() as u64 + 1;
            let text = if position == 1 { good(inputs, topic, at) } else { self.line(inputs, (topic, position), at) };
            batch.push(text);
        }
        self.at += over_ms;
        for (topic, (_, batch)) in TOPICS.iter().zip(batches) {
            inputs.append(topic, &batch);
        }
    }

    fn line(&mut self, inputs: &mut Growing, (topic, position): (usize, u64), at: i64) -> String {
        match self.random.below(400) {
            0 => {
                self.dead.insert((TOPICS[topic].to_owned(), position));
                "{\"event_id\":".to_owned()
            }
            1 => {
                let long_ago = at - 2 * LATENESS_MS;
                let text = good(inputs, topic, long_ago);
                // It happened long ago, and the log took it now.
                self.late.insert(event_id(&text).to_owned());
                text.replace(&format!("\"ingest_time\":{long_ago}"), &format!("\"ingest_time\":{at}"))
            }
            2 => match self.earlier.take_if(|(earlier, _)| *earlier == topic) {
                Some((_, text)) => text,
                None => good(inputs, topic, at),
            },
            3 => good(inputs, topic, at + self.random.below(50)),
            4 => {
                let text = good(inputs, topic, at);
                self.earlier = Some((topic, text.clone()));
                text
            }
            _ => good(inputs, topic, at),
        }
    }

    /// A probe arrives; answers its item.
    pub(super) fn probe(&mut self, inputs: &mut Growing) -> String {
        let (item, lines) = inputs.probe(self.now());
        inputs.append("inventory", &lines);
        self.probes.insert(item.clone());
        if self.clock == Clock::Data {
            // Its tick closes when every topic has come to a later one.
            self.at += 100;
            for (topic, name) in TOPICS.iter().enumerate() {
                let line = good(inputs, topic, self.at);
                inputs.append(name, &[line]);
            }
        }
        item
    }

    /// A line that cannot be read arrives at the end of each topic: who tells of it has taken everything before it.
    pub(super) fn last_lines(&mut self, inputs: &mut Growing) {
        for (topic, name) in TOPICS.iter().enumerate() {
            // Also a topic that has had nothing has a first line that can be read.
            let line = good(inputs, topic, self.now());
            inputs.append(name, &[line, "the end".to_owned()]);
            self.dead.insert(((*name).to_owned(), inputs.lines(name)));
        }
    }
}

fn good(inputs: &mut Growing, topic: usize, at: i64) -> String {
    let item = format!("i{}", inputs.serial() % 40);
    match topic {
        0 if inputs.serial().is_multiple_of(5) => inputs.count(&item, 3, at),
        0 => inputs.movement(&item, -1, at),
        1 => inputs.sale(&item, at),
        _ => inputs.passing(at),
    }
}

/// The event id of a line that begins with it.
fn event_id(line: &str) -> &str {
    line.split('"').nth(3).expect("a line begins with its event id")
}
