//! View `feed.health`: the fates of each feed's records, and whether the feed is stale (contract §4, view 18).

use contract::event::Topic;
use contract::fate::Outcome;
use contract::ids::Id;
use contract::policy::STALE_AFTER;
use contract::time::Cause;
use engine::edge::Edge;
use engine::reference::{Context, Notice};
use engine::row::{Row, emit_row};
use engine::time::Collection;
use operators::aggregate::sum_by_key::sum_by_key;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "feed.health";

/// A feed: a topic of a store (`-` when the record names none).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Feed {
    /// The store.
    pub store: Id,
    /// The topic.
    pub topic: Topic,
}

/// The fates of a feed's records, and whether it has fallen silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Records that were accepted.
    pub accepted: i64,
    /// Records that said nothing new.
    pub duplicates: i64,
    /// Records that came too late.
    pub late: i64,
    /// Records that could not be taken.
    pub dead: i64,
    /// The greatest event time of accepted records.
    pub last_event_time: Option<i64>,
    /// Silent for longer than its policy allows while the store is open.
    pub stale: bool,
}

/// A row with the field that detectors read beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeedHealthRow {
    /// The row of the view.
    pub health: Health,
    /// The tick of the last accepted record.
    pub accepted_at: Option<i64>,
}

/// The fate of a record, as an input of its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordFate {
    /// Accepted, with its event time.
    Accepted(i64),
    /// A duplicate.
    Duplicate,
    /// Came too late.
    Late,
    /// Could not be taken.
    Dead,
}

#[derive(Default, Serialize, Deserialize)]
struct FeedHealthState {
    row: FeedHealthRow,
    last_emitted: Option<FeedHealthRow>,
}

struct FeedHealth {
    context: Context,
}

impl FeedHealth {
    /// True if the feed is stale at `now`, with the instant at which the clock may change that.
    fn stale(&self, feed: &Feed, accepted_at: Option<i64>, now: i64) -> (bool, Option<i64>) {
        let limit = allowed_ms(&self.context, feed.topic);
        let (Some(limit_ms), Some(accepted_at)) = (limit, accepted_at) else { return (false, None) };
        let hours = self.context.hours(feed.store);
        let turn = hours.next_turn(now);
        if !hours.is_open(now) {
            return (false, turn);
        }
        let since = silent_since(&self.context, feed.store, accepted_at, now);
        if now - since > limit_ms { (true, turn) } else { (false, Some(earlier(turn, since + limit_ms + 1))) }
    }
}

/// The silence that the policy allows a feed of this topic; `None` is no limit.
pub fn allowed_ms(context: &Context, topic: Topic) -> Option<i64> {
    let name = format!("stale_ms.{topic}");
    let default = STALE_AFTER.iter().find(|policy| policy.name == name).map(|policy| policy.default);
    context.policies.value_of(&name).or(default)
}

/// The instant since which the store is open and its feed silent; the feed was last accepted at `accepted_at`.
pub fn silent_since(context: &Context, store: Id, accepted_at: i64, now: i64) -> i64 {
    context.hours(store).last_opening(now).map_or(accepted_at, |opening| opening.max(accepted_at))
}

fn earlier(instant: Option<i64>, other: i64) -> i64 {
    instant.map_or(other, |instant| instant.min(other))
}

impl Keyed for FeedHealth {
    type Key = Feed;
    type Input = RecordFate;
    type Diff = i64;
    type Broadcast = Notice;
    type Cause = Cause;
    type State = FeedHealthState;
    type Output = Row<Feed, FeedHealthRow>;

    fn update(&mut self, _: &Feed, state: &mut FeedHealthState, fate: RecordFate, diff: i64, now: i64) {
        let health = &mut state.row.health;
        match fate {
            RecordFate::Accepted(event_time) => {
                health.accepted += diff;
                health.last_event_time = health.last_event_time.max(Some(event_time));
                state.row.accepted_at = Some(now);
            }
            RecordFate::Duplicate => health.duplicates += diff,
            RecordFate::Late => health.late += diff,
            RecordFate::Dead => health.dead += diff,
        }
    }

    fn on_broadcast(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
    }

    fn is_affected(&self, notice: &Notice, feed: &Feed, _: &FeedHealthState) -> bool {
        match notice {
            Notice::Policy(policy) => policy.key.starts_with("stale_ms."),
            Notice::Store(store) => store.store == feed.store,
            Notice::Stale(..) => false,
        }
    }

    fn close(&mut self, feed: &Feed, state: &mut FeedHealthState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let (stale, turns) = self.stale(feed, state.row.accepted_at, emit.now());
        state.row.health.stale = stale;
        let row = state.row;
        emit_row(feed, &mut state.last_emitted, Some(row), emit);
        Next::Rest.or_at(turns)
    }
}

/// Maintains the rows with the fields that detectors read.
pub fn build<'scope>(
    ticks: Ticks,
    context: Context,
    notices: &Collection<'scope, Notice>,
    edge: &Edge<'scope>,
) -> Collection<'scope, Row<Feed, FeedHealthRow>> {
    let fates = edge.fates(|header, outcome| {
        let fate = match outcome {
            Outcome::Accepted => RecordFate::Accepted(header.event_time.unwrap_or_default()),
            Outcome::Duplicate => RecordFate::Duplicate,
            Outcome::Late(_) => RecordFate::Late,
            Outcome::Dead(..) => RecordFate::Dead,
        };
        Some((Feed { store: header.store.unwrap_or_else(|| Id::new("-")), topic: header.topic }, fate))
    });
    keyed_operator("view: feed.health", ticks, fates, Some(notices.clone()), FeedHealth { context })
}

/// Broadcast updates of stale feeds: one when a feed becomes stale and one when it recovers.
pub fn stale<'scope>(ticks: Ticks, rows: &Collection<'scope, Row<Feed, FeedHealthRow>>) -> Collection<'scope, Notice> {
    let stale = rows.clone().flat_map(|row| row.value.health.stale.then_some(row.key));
    sum_by_key("stale feeds", ticks, stale).map(|(feed, _)| Notice::Stale(feed.store, feed.topic))
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &Topic::ALL;
    type Key = Feed;
    type Inner = FeedHealthRow;
    type Value = Health;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Feed, FeedHealthRow>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.context.clone(), &inputs.reference, &inputs.edge)
    }

    fn publish(row: FeedHealthRow) -> Health {
        row.health
    }
}
