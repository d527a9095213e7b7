//! What is truly wrong, and why: the labels against which exceptions are scored.
//!
//! A label says that an exception of a type and key is right between two instants. It is **certain** if an engine must
//! find it, else it merely explains an exception that may be raised: a shelf that is low but perhaps not low enough,
//! or a silence that looks like a drop. A key may leave fields out, and then stands for every key that has the rest.
//! Processes note a condition for as long as it holds; notes close to each other become one label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calendar::MINUTE_MS;

/// Notes so far apart belong to one label.
const JOIN_MS: i64 = 30 * MINUTE_MS;

/// The fields of a key, in the order of the contract.
pub type Key = Vec<(&'static str, KeyPart)>;

/// The value of a field of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum KeyPart {
    /// An id.
    Id(String),
    /// An instant, such as the start of a day.
    At(i64),
}

/// A label, as `truth.jsonl` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The type of exception.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Which one; what is left out may be anything.
    #[serde(serialize_with = "as_map")]
    pub key: Key,
    /// From when on it is right.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// What happened.
    pub cause: &'static str,
    /// Whether an engine must find it.
    pub certain: bool,
}

fn as_map<S: serde::Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(key.iter().map(|(name, part)| (name, part)))
}

/// Something that is wrong for a while.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) kind: &'static str,
    pub(crate) key: Key,
    pub(crate) when: std::ops::Range<i64>,
    pub(crate) cause: &'static str,
    pub(crate) certain: bool,
}

/// The labels of a world, gathered as it goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    open: BTreeMap<(&'static str, Key), Label>,
    done: Vec<Label>,
}

impl Labels {
    /// Notes that something is wrong. It joins the last label of its type and key if that ended not long before; the
    /// first cause that is certain stands, or else the first.
    pub(crate) fn note(&mut self, note: Note) {
        let Note { kind, key, when, cause, certain } = note;
        let fresh = Label { kind, key: key.clone(), from: when.start, to: when.end, cause, certain };
        match self.open.entry((kind, key)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(fresh);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                let label = place.get_mut();
                if when.start > label.to + JOIN_MS {
                    self.done.push(std::mem::replace(label, fresh));
                    return;
                }
                if certain && !label.certain {
                    (label.cause, label.certain) = (cause, true);
                }
                label.from = label.from.min(when.start);
                label.to = label.to.max(when.end);
            }
        }
    }

    /// Every label, by time, type and key.
    pub(crate) fn finish(self) -> Vec<Label> {
        let mut labels = self.done;
        labels.extend(self.open.into_values());
        labels.sort_by(|a, b| (a.from, a.kind, &a.key).cmp(&(b.from, b.kind, &b.key)));
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_close_to_each_other_are_one_label() {
        let mut labels = Labels::default();
        let mut note = |minute: i64, certain| {
            let key = vec![("store", KeyPart::Id("s".to_owned())), ("day", KeyPart::At(0))];
            let when = minute * MINUTE_MS..(minute + 1) * MINUTE_MS;
            labels.note(Note { kind: "a.b", key, when, cause: if certain { "sure" } else { "maybe" }, certain });
        };
        note(0, false);
        note(20, true);
        note(21, false);
        note(60, false);
        let labels = labels.finish();
        let spans: Vec<_> = labels.iter().map(|label| (label.from / MINUTE_MS, label.to / MINUTE_MS)).collect();
        assert_eq!(spans, [(0, 22), (60, 61)]);
        assert_eq!((labels[0].cause, labels[1].cause), ("sure", "maybe"));
        let text = serde_json::to_string(&labels[1]).unwrap();
        assert_eq!(
            text,
            r#"{"type":"a.b","key":{"store":"s","day":0},"from":3600000,"to":3660000,"cause":"maybe","certain":false}"#
        );
    }
}
