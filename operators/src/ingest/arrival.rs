//! Arrival of a record, and the result of judging it: a fact or row, and one fate per arrival.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The position of a record in its topic: records of one tick are judged in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The instant at which its log appended it (milliseconds); 0 where a topic is one ordered log.
    pub logged_at: i64,
    /// The partition of the topic.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: u64,
}

impl Place {
    /// A position in a topic of one partition.
    pub fn number(offset: u64) -> Self {
        Place { offset, ..Place::default() }
    }
}

/// One record of a topic, as it arrives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Arrival<I, D, M> {
    /// The position of the record: arrivals of one tick are judged in this order.
    pub place: Place,
    /// The id of the record, which breaks ties of revision and event time.
    pub id: I,
    /// The revision: greater ones replace lesser ones.
    pub revision: i64,
    /// The event time (milliseconds).
    pub event_time: i64,
    /// The content; `None` deletes the accepted content.
    pub content: Option<D>,
    /// Data that is passed through to the fate.
    pub memo: M,
}

/// The fate of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// It adds, replaces or deletes content.
    Accepted,
    /// An arrival at least as new was accepted before.
    Duplicate,
    /// It would replace content that left the correction horizon this many milliseconds ago.
    Late(i64),
}

/// The output of a judging operator: facts with their retractions, and one fate per arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Judged<I, D, M> {
    /// Accepted content, added (+1) or retracted (−1).
    Fact(Fact<I, D>),
    /// The fate of one arrival, once.
    Fate(Fate, M),
}

/// Accepted content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact<I, D> {
    /// The id of the record.
    pub id: I,
    /// The event time (milliseconds).
    pub event_time: i64,
    /// The greatest event time of its accepted revisions: it can change until this leaves the correction horizon.
    pub horizon: i64,
    /// The content.
    pub body: D,
}

/// The arrivals of the present tick, of all keys in one list. The state of a key holds only the number of its last
/// arrival, 0 for none.
#[derive(Debug)]
pub(crate) struct PendingArrivals<A> {
    /// Each with the number of the previous arrival of its key.
    arrivals: Vec<Option<(A, u32)>>,
    count: usize,
}

impl<A> Default for PendingArrivals<A> {
    fn default() -> Self {
        PendingArrivals { arrivals: Vec::new(), count: 0 }
    }
}

impl<I, D, M> PendingArrivals<Arrival<I, D, M>> {
    /// Adds an arrival of a key.
    pub(crate) fn push(&mut self, last: &mut u32, arrival: Arrival<I, D, M>) {
        self.arrivals.push(Some((arrival, *last)));
        self.count += 1;
        *last = u32::try_from(self.arrivals.len()).expect("a tick has fewer than 2^32 records");
    }

    /// Removes the arrivals of a key, in order of position.
    pub(crate) fn take(&mut self, last: &mut u32) -> SmallVec<[Arrival<I, D, M>; 1]> {
        let mut taken = SmallVec::new();
        while let Some(at) = std::mem::take(last).checked_sub(1)
            && let Some((arrival, before)) = self.arrivals[at as usize].take()
        {
            taken.push(arrival);
            *last = before;
        }
        self.count -= taken.len();
        if self.count == 0 {
            self.arrivals.clear();
        }
        taken.sort_by_key(|arrival: &Arrival<I, D, M>| arrival.place);
        taken
    }
}
