//! How exceptions open, are updated and clear. Contract §5.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::decode::Id;
use super::detectors::DETECTORS;
use super::fates::seq;
use super::record::Command;
use super::tables::{Key, Part, Tables};
use super::world::World;

/// A parameter of an action.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Param {
    Number(i64),
    Text(&'static str),
    Flag,
}

/// What a detector finds of a key at a tick.
#[derive(Clone)]
pub(super) struct Verdict {
    pub(super) open: bool,
    pub(super) clear: bool,
    /// It cannot be held open by a stale feed: its row, order or promotion is over.
    pub(super) gone: bool,
    /// It neither opens nor clears nor changes.
    pub(super) stays: bool,
    pub(super) severity: &'static str,
    pub(super) action: &'static str,
    pub(super) parameters: Vec<(&'static str, Param)>,
    /// The store it is of; empty where it is of none.
    pub(super) store: Id,
}

impl Verdict {
    /// Open as long as a condition holds.
    pub(super) fn when(open: bool, severity: &'static str, action: &'static str, store: &Id) -> Self {
        let (gone, stays, parameters, store) = (false, false, Vec::new(), store.clone());
        Verdict { open, clear: !open, gone, stays, severity, action, parameters, store }
    }

    /// With a clear condition of its own.
    pub(super) fn until(self, clear: bool) -> Self {
        Verdict { clear, ..self }
    }

    /// With a parameter.
    pub(super) fn with(mut self, name: &'static str, value: Param) -> Self {
        self.parameters.push((name, value));
        self
    }
}

/// An exception type.
pub(super) struct Detector {
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    /// The feeds it reads.
    pub(super) feeds: &'static [&'static str],
    pub(super) approver: &'static str,
    /// Whether an open exception stays as it is when there is nothing to judge.
    pub(super) absent_stays: bool,
    /// The verdicts on all keys there is something to say about.
    pub(super) judge: fn(&World, &Tables) -> BTreeMap<Key, Verdict>,
}

/// An exception that is not cleared; severity and action as last written.
struct Live {
    id: String,
    version: i64,
    opened_at: i64,
    status: &'static str,
    until: Option<i64>,
    last: Verdict,
}

/// All exceptions.
#[derive(Default)]
pub(super) struct Desk {
    live: BTreeMap<(&'static str, Key), Live>,
    /// The first tick of the run of ticks at which the open condition is true.
    runs: BTreeMap<(&'static str, Key), i64>,
    /// Instants at which something is due, of this tick's state.
    pub(super) due: BTreeSet<i64>,
    /// The records of this tick.
    written: Vec<Written>,
    pub(super) records: Vec<Value>,
}

impl Desk {
    /// Runs the detectors, then the commands.
    pub(super) fn tick(&mut self, world: &World, tables: &Tables, commands: &[Command]) {
        self.due.clear();
        for detector in DETECTORS {
            let verdicts = (detector.judge)(world, tables);
            let mine = |(name, key): &(&'static str, Key)| (*name == detector.name).then(|| key.clone());
            let mut keys: BTreeSet<Key> = self.live.keys().filter_map(mine).collect();
            keys.extend(self.runs.keys().filter_map(mine));
            keys.extend(verdicts.iter().filter(|(_, verdict)| verdict.open).map(|(key, _)| key.clone()));
            for key in keys {
                let verdict = verdicts.get(&key);
                self.step(detector, key, verdict, world, tables);
            }
        }
        for command in commands {
            self.apply(command, world, tables);
        }
        for live in self.live.values().filter(|live| live.status == "snoozed") {
            self.due.extend(live.until.map(|until| until.max(world.now + 1)));
        }
        let mut written = std::mem::take(&mut self.written);
        written.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        for (_, mut record) in written {
            record["seq"] = seq(&self.records, world.now).into();
            self.records.push(record);
        }
    }

    /// Judges one key.
    fn step(&mut self, detector: &Detector, key: Key, verdict: Option<&Verdict>, world: &World, tables: &Tables) {
        let (now, of) = (world.now, (detector.name, key));
        let open = verdict.is_some_and(|verdict| verdict.open);
        if !open {
            self.runs.remove(&of);
        }
        let since = if open { *self.runs.entry(of.clone()).or_insert(now) } else { now };
        let Some(live) = self.live.get_mut(&of) else {
            let Some(verdict) = verdict.filter(|_| open) else { return };
            let opens_at = since + world.policy(&format!("{}.for_ms", detector.name));
            if now < opens_at {
                self.due.insert(opens_at);
                return;
            }
            let id = exception_id(detector.name, &of.1, now);
            let mut live = Live { id, version: 0, opened_at: now, status: "open", until: None, last: verdict.clone() };
            self.written.push(live.write("opened", detector, &of.1, world, tables));
            self.live.insert(of, live);
            if verdict.clear {
                self.due.insert(now + 1);
            }
            return;
        };
        let clear = verdict.map_or(!detector.absent_stays, |verdict| verdict.clear);
        let gone = verdict.is_none_or(|verdict| verdict.gone);
        if let Some(verdict) = verdict {
            live.last.store = verdict.store.clone();
        }
        if clear && (gone || !any_stale(detector, &live.last.store, tables)) {
            live.status = "cleared";
            self.written.push(live.write("cleared", detector, &of.1, world, tables));
            self.live.remove(&of);
            if open {
                self.due.insert(now + 1);
            }
            return;
        }
        let woken = live.status == "snoozed" && live.until.is_some_and(|until| until <= now);
        let current = verdict.filter(|verdict| !verdict.stays && !clear);
        let changed = current.is_some_and(|verdict| differs(&live.last, verdict));
        if changed || woken {
            if let Some(verdict) = current {
                live.last = verdict.clone();
            }
            if woken {
                live.status = "open";
            }
            self.written.push(live.write("updated", detector, &of.1, world, tables));
        }
    }

    /// Carries out a command, unless it is to be refused.
    fn apply(&mut self, command: &Command, world: &World, tables: &Tables) {
        let Some(((name, key), live)) = self.live.iter_mut().find(|(_, live)| *live.id == *command.exception_id) else {
            return;
        };
        let Some(detector) = DETECTORS.iter().find(|detector| detector.name == *name) else { return };
        let approving = matches!(command.action, "approve" | "reject");
        if approving && *command.role != *detector.approver {
            return;
        }
        live.status = match command.action {
            "ack" => "acknowledged",
            "approve" => "approved",
            "reject" => "rejected",
            "snooze" => "snoozed",
            _ => "dismissed",
        };
        live.until = command.until;
        self.written.push(live.write(live.status, detector, key, world, tables));
    }
}

/// A record with what orders it.
type Written = ((&'static str, Key, i64), Value);

impl Live {
    fn write(&mut self, event: &str, detector: &Detector, key: &Key, world: &World, tables: &Tables) -> Written {
        self.version += 1;
        let stale = detector.feeds.iter().filter(|feed| is_stale(tables, &self.last.store, feed)).count();
        let confidence = (0..stale).fold(10_000, |confidence, _| confidence / 2);
        let advisory = confidence < world.policy("min_confidence_bp");
        let object = |pairs: Vec<(&str, Value)>| -> Value {
            pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>().into()
        };
        let parameters = self.last.parameters.iter().map(|(name, value)| match value {
            Param::Number(number) => (*name, (*number).into()),
            Param::Text(text) => (*name, (*text).into()),
            Param::Flag => (*name, true.into()),
        });
        let mut record = json!({
            "time": world.now, "seq": 0, "exception_id": self.id, "type": detector.name, "version": self.version,
            "event": event, "status": self.status, "severity": self.last.severity, "confidence_bp": confidence,
            "mode": if advisory { "advisory" } else { "actionable" },
            "restricted": detector.name == "returns.operator_pattern",
            "key": object(detector.key.iter().copied().zip(key.iter().map(Part::json)).collect()),
            "opened_at": self.opened_at,
            "action": {"name": self.last.action, "approver": detector.approver,
                "parameters": object(parameters.collect())},
        });
        if !self.last.store.is_empty() {
            record["store_id"] = (*self.last.store).into();
        }
        ((detector.name, key.clone(), self.version), record)
    }
}

/// Whether what is found now is worth an `updated`.
fn differs(last: &Verdict, now: &Verdict) -> bool {
    let parameter = |(old, new): (&(&str, Param), &(&str, Param))| match (old.1, new.1) {
        (Param::Number(old), Param::Number(new)) => old != new && (new - old).abs() * 5 >= old.abs(),
        (old, new) => old != new,
    };
    last.severity != now.severity
        || last.action != now.action
        || last.parameters.iter().zip(&now.parameters).any(parameter)
}

fn is_stale(tables: &Tables, store: &Id, feed: &str) -> bool {
    tables.cell("feed.health", &vec![store.into(), feed.into()], "stale") == Some(1)
}

fn any_stale(detector: &Detector, store: &Id, tables: &Tables) -> bool {
    detector.feeds.iter().any(|feed| is_stale(tables, store, feed))
}

/// 32 hex digits of BLAKE3 over type, key and opening.
fn exception_id(name: &str, key: &Key, opened_at: i64) -> String {
    let values: Vec<String> = key.iter().map(|part| part.id().to_string()).collect();
    let text = format!("{name}\n{}\n{opened_at}", values.join("|"));
    blake3::hash(text.as_bytes()).to_hex()[..32].to_string()
}
