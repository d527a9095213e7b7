//! `storepulse scenario score`: compares the exceptions of a replay with the labels of its scenario.
//!
//! `truth.jsonl` of a generated scenario holds labels: a type, a key (a field that it omits may have any value), a span
//! and a cause. An exception **matches** a label of its type and key if it was open at some time of the span. A label
//! that is `certain` must be found; any other label only explains exceptions. The scores of a type:
//!
//! - **right**: exceptions that match a certain label; **explained**: those that match another one only;
//!   **false**: those that match none, whatever their type: the simulator labels everything it knows to be wrong, so what
//!   it does not label is taken for quiet;
//! - **precision** = (right + explained) / opened;
//! - **found** and **missed**: certain labels that an exception matches, and those that none does;
//! - **recall** = found / (found + missed).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use connectors::file::lines::Lines;
use live::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::out::Out;

/// Compares the exceptions of a replay with the labels of its scenario: precision and recall by type.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse scenario generate short-staffed --out /tmp/short-staffed\n  storepulse replay /tmp/short-staffed --out /tmp/out\n  storepulse scenario score /tmp/short-staffed --out-dir /tmp/out\n\nright: an exception that must be raised. explained: one that may be. false: one without any label.\nprecision = (right + explained) / opened; recall = found / (found + missed) of the labels that are certain."
)]
pub struct Score {
    /// The scenario folder, with its truth.jsonl.
    scenario: PathBuf,
    /// The folder with the exceptions.jsonl of its replay.
    #[arg(long)]
    out_dir: PathBuf,
    /// False alarms and missed labels to name for each type.
    #[arg(long, default_value_t = 3)]
    examples: usize,
}

/// A label: a problem that truly existed.
#[derive(Clone, Debug, Deserialize)]
struct Label {
    #[serde(rename = "type")]
    kind: String,
    key: Map<String, Value>,
    from: i64,
    to: i64,
    cause: String,
    certain: bool,
}

/// A reported exception, from its opening to its end.
#[derive(Clone, Debug)]
struct Reported {
    kind: String,
    key: Map<String, Value>,
    from: i64,
    /// The tick at which it cleared; the end of time if it did not.
    to: i64,
}

impl Label {
    fn matches(&self, reported: &Reported) -> bool {
        self.kind == reported.kind
            && self.from <= reported.to
            && reported.from <= self.to
            && self.key.iter().all(|(field, value)| reported.key.get(field) == Some(value))
    }
}

/// The score of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exceptions that match a certain label.
    pub right: u64,
    /// Exceptions that match another one only.
    pub explained: u64,
    /// Exceptions that match none, by key.
    pub wrong: Vec<String>,
    /// Certain labels an exception matches.
    pub found: u64,
    /// The labels that no exception matches, by key and cause.
    pub missed: Vec<String>,
}

/// A share in whole hundredths; `None` of nothing.
fn share_percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| part * 100 / whole)
}

impl Tally {
    /// Exceptions that were opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.right + self.explained + self.wrong.len() as u64
    }

    /// Precision: the share of exceptions that had a reason, in hundredths.
    #[must_use]
    pub fn precision_percent(&self) -> Option<u64> {
        share_percent(self.right + self.explained, self.opened())
    }

    /// Recall: the share of certain labels that were found, in hundredths.
    #[must_use]
    pub fn recall_percent(&self) -> Option<u64> {
        share_percent(self.found, self.found + self.missed.len() as u64)
    }

    fn add(&mut self, other: &Tally) {
        self.right += other.right;
        self.explained += other.explained;
        self.found += other.found;
        self.wrong.extend(other.wrong.iter().cloned());
        self.missed.extend(other.missed.iter().cloned());
    }
}

/// Scores the exceptions in a folder of outputs by the truth of a scenario, by type.
///
/// # Errors
/// If one of the two files is missing, cannot be read, or holds something else.
pub fn score(scenario: &Path, out: &Path) -> Result<BTreeMap<String, Tally>, Error> {
    let truth = scenario.join("truth.jsonl");
    if !truth.is_file() {
        return Err(Error::scenario(&truth, "no such file: only scenarios of the retailer's world know their truth"));
    }
    let labels: Vec<Label> = read(&truth)?;
    Ok(tally(&labels, &reported(&out.join("exceptions.jsonl"))?))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, Error> {
    let mut lines = Lines::open(path)?;
    let mut read = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        let value = serde_json::from_slice(line);
        read.push(value.map_err(|error| Error::scenario(path, format!("line {number}: {error}")))?);
    }
    Ok(read)
}

/// The fields that are read of an exceptions record.
#[derive(Deserialize)]
struct Step {
    time: i64,
    exception_id: String,
    #[serde(rename = "type")]
    kind: String,
    event: String,
    key: Map<String, Value>,
}

fn reported(path: &Path) -> Result<Vec<Reported>, Error> {
    let mut reported: BTreeMap<String, Reported> = BTreeMap::new();
    for Step { time, exception_id, kind, event, key } in read::<Step>(path)? {
        let one = reported.entry(exception_id).or_insert_with(|| Reported { kind, key, from: time, to: i64::MAX });
        if event == "cleared" {
            one.to = time;
        }
    }
    let mut reported: Vec<Reported> = reported.into_values().collect();
    reported.sort_by(|a, b| (a.from, &a.kind).cmp(&(b.from, &b.kind)));
    Ok(reported)
}

fn tally(labels: &[Label], reported: &[Reported]) -> BTreeMap<String, Tally> {
    let mut labels_of: BTreeMap<&str, Vec<(&Label, bool)>> = BTreeMap::new();
    for label in labels {
        labels_of.entry(&label.kind).or_default().push((label, false));
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for one in reported {
        let tally = tallies.entry(one.kind.clone()).or_default();
        let (mut right, mut explained) = (false, false);
        for (label, found) in labels_of.get_mut(one.kind.as_str()).into_iter().flatten() {
            if label.matches(one) {
                *found = true;
                (right, explained) = (right | label.certain, explained | !label.certain);
            }
        }
        match (right, explained) {
            (true, _) => tally.right += 1,
            (false, true) => tally.explained += 1,
            (false, false) => tally.wrong.push(format!("{} at {}", name(&one.key), one.from)),
        }
    }
    for (kind, labels) in labels_of {
        let certain: Vec<_> = labels.into_iter().filter(|(label, _)| label.certain).collect();
        if certain.is_empty() && !tallies.contains_key(kind) {
            continue;
        }
        let tally = tallies.entry(kind.to_owned()).or_default();
        for (label, found) in certain {
            if found {
                tally.found += 1;
            } else {
                tally.missed.push(format!("{} from {}: {}", name(&label.key), label.from, label.cause));
            }
        }
    }
    tallies
}

fn name(key: &Map<String, Value>) -> String {
    let parts = key.values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    parts.collect::<Vec<_>>().join(", ")
}

impl Score {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of [`score`], or that they cannot be printed.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let tallies = score(&self.scenario, &self.out_dir)?;
        let shown = |percent: Option<u64>| percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
        outln!(
            out,
            "{:<28} {:>7} {:>6} {:>9} {:>6} {:>10} {:>6} {:>7} {:>7}",
            "exception",
            "opened",
            "right",
            "explained",
            "false",
            "precision",
            "found",
            "missed",
            "recall"
        );
        let mut all = Tally::default();
        for tally in tallies.values() {
            all.add(tally);
        }
        for (kind, tally) in tallies.iter().map(|(kind, tally)| (kind.as_str(), tally)).chain([("all", &all)]) {
            outln!(
                out,
                "{kind:<28} {:>7} {:>6} {:>9} {:>6} {:>10} {:>6} {:>7} {:>7}",
                tally.opened(),
                tally.right,
                tally.explained,
                tally.wrong.len(),
                shown(tally.precision_percent()),
                tally.found,
                tally.missed.len(),
                shown(tally.recall_percent())
            );
        }
        for (kind, tally) in &tallies {
            for (word, list) in [("false", &tally.wrong), ("missed", &tally.missed)] {
                for one in list.iter().take(self.examples) {
                    outln!(out, "{word}: {kind} of {one}");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<Label> {
        text.lines().map(|line| serde_json::from_str(line).expect("a label")).collect()
    }

    fn reported(kind: &str, store: &str, from: i64, to: i64) -> Reported {
        let key = Map::from_iter([("store".to_owned(), store.into()), ("topic".to_owned(), "pos".into())]);
        Reported { kind: kind.to_owned(), key, from, to }
    }

    #[test]
    fn overlaps_with_certain_labels_are_right_with_others_explained_with_none_false() {
        let labels = labels(
            r#"{"type":"a","key":{"store":"s1","topic":"pos"},"from":10,"to":20,"cause":"x","certain":true}
{"type":"a","key":{"store":"s2"},"from":10,"to":20,"cause":"y","certain":false}
{"type":"b","key":{"store":"s1"},"from":10,"to":20,"cause":"z","certain":true}
{"type":"c","key":{},"from":0,"to":99,"cause":"w","certain":false}"#,
        );
        let reported = [
            reported("a", "s1", 5, 10),
            reported("a", "s1", 20, i64::MAX),
            reported("a", "s1", 21, 22),
            reported("a", "s2", 12, 13),
            reported("a", "s3", 12, 13),
        ];
        let tallies = tally(&labels, &reported);
        assert_eq!(tallies.keys().collect::<Vec<_>>(), ["a", "b"]);
        let a = &tallies["a"];
        assert_eq!((a.right, a.explained, a.found, a.missed.len()), (2, 1, 1, 0));
        assert_eq!(a.wrong, ["s1, pos at 21", "s3, pos at 12"]);
        assert_eq!((a.precision_percent(), a.recall_percent()), (Some(60), Some(100)));
        let b = &tallies["b"];
        assert_eq!((b.opened(), b.precision_percent(), b.recall_percent()), (0, None, Some(0)));
        assert_eq!(b.missed, ["s1 from 10: z"]);
    }
}
