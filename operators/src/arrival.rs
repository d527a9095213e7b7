//! A record on its way in: what deduplication and latest-by-key judge, and the fates they give.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Where a record is in its topic: records of one tick are judged in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// When its log took it (milliseconds); 0 where a topic is one log in order.
    pub logged_at: i64,
    /// The log it is in, of those of the topic.
    pub partition: u32,
    /// Its number in that log.
    pub offset: u64,
}

impl Place {
    /// A place in a topic that is one log.
    pub fn number(offset: u64) -> Self {
        Place { offset, ..Place::default() }
    }
}

/// One record of a topic, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Arrival<I, D, M> {
    /// Its place in its topic: arrivals of one tick are judged in this order.
    pub place: Place,
    /// The name of the record, the last resort in ordering.
    pub id: I,
    /// Greater revisions replace lesser ones.
    pub revision: i64,
    /// When it happened (milliseconds).
    pub event_time: i64,
    /// What it says; `None` deletes what was said before.
    pub content: Option<D>,
    /// Carried beside it to its judgement.
    pub memo: M,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// It stands.
    Accepted,
    /// Something at least as new had been accepted before.
    Duplicate,
    /// It would replace content whose time for corrections is over, by this many milliseconds.
    Late(i64),
}

/// The output of a judging operator: facts that come and go, and one fate an arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Judged<I, D, M> {
    /// Content that stands (+1) or no longer stands (−1).
    Fact(Fact<I, D>),
    /// The fate of one arrival, once.
    Fate(Fate, M),
}

/// Accepted content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact<I, D> {
    /// The name of the record.
    pub id: I,
    /// When it happened (milliseconds).
    pub event_time: i64,
    /// The greatest event time of its accepted revisions: it can change until this is out of the horizon.
    pub horizon: i64,
    /// What it says.
    pub body: D,
}

/// Arrivals that wait for the close of their tick, of all keys: a key holds but the number of its last one, 0 for none.
#[derive(Debug)]
pub(crate) struct Waiting<A> {
    /// Each with the number of the one before it of its key.
    arrivals: Vec<Option<(A, u32)>>,
    count: usize,
}

impl<A> Default for Waiting<A> {
    fn default() -> Self {
        Waiting { arrivals: Vec::new(), count: 0 }
    }
}

impl<I, D, M> Waiting<Arrival<I, D, M>> {
    /// Adds one to those of a key.
    pub(crate) fn put(&mut self, last: &mut u32, arrival: Arrival<I, D, M>) {
        self.arrivals.push(Some((arrival, *last)));
        self.count += 1;
        *last = u32::try_from(self.arrivals.len()).expect("a tick has fewer than 2^32 records");
    }

    /// Takes those of a key, in order of their places.
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
