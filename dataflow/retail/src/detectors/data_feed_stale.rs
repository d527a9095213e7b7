//! Detector `data.feed_stale`: opens while a store's feed is silent for longer than its policy allows (contract §5).

use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::{Row, read_some};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;

use crate::registry::Graph;
use crate::views::feed_health::{Feed, FeedHealthRow, allowed_ms, silent_since};

/// `data.feed_stale`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "data.feed_stale",
    key: &["store", "topic"],
    views: &[crate::views::feed_health::NAME],
    feeds: &[],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "the row of feed.health is stale",
        clears: "the row is not stale",
        severity: "high",
        recommends: &[Recommendation { action: "check_feed", parameters: &[], approver: "platform_team" }],
    },
};

/// The detector; its input is the tick of the last accepted record of each stale feed.
pub struct FeedStale;

impl Detector for FeedStale {
    const KIND: &'static ExceptionType = KIND;
    type Key = Feed;
    type State = UniqueRow<i64>;

    fn assess(&self, _: &Feed, state: &mut UniqueRow<i64>, _: &EvaluationContext<'_>) -> Verdict {
        if state.is_empty() { Verdict::GONE } else { Verdict::while_true(true) }
    }

    fn respond(&self, _: &Feed, _: &UniqueRow<i64>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("check_feed", "platform_team") }
    }

    fn drivers(&self, feed: &Feed, state: &UniqueRow<i64>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let accepted_at = state.get().copied();
        let silence = accepted_at.map(|heard_at| at.now - silent_since(at.context, feed.store, heard_at, at.now));
        vec![
            Driver::new("silence_while_open", silence, allowed_ms(at.context, feed.topic), "ms"),
            Driver::new("last_accepted_at", accepted_at, None, "ms"),
        ]
    }

    fn key_parts(&self, key: &Feed) -> Vec<KeyPart> {
        vec![key.store.into(), KeyPart::Name(key.topic.name().into())]
    }

    fn store(&self, key: &Feed, _: &UniqueRow<i64>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for FeedStale {
    type Input = i64;

    fn update(&self, _: &Feed, state: &mut UniqueRow<i64>, accepted_at: i64, diff: i64) {
        state.update(accepted_at, diff);
    }

    fn is_empty(&self, state: &UniqueRow<i64>) -> bool {
        state.is_empty()
    }
}

/// The feeds that are stale.
pub fn readings<'scope>(rows: &Collection<'scope, Row<Feed, FeedHealthRow>>) -> Inputs<'scope, Feed, i64> {
    read_some(rows, |row| row.value.accepted_at.filter(|_| row.value.health.stale))
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(FeedStale, readings(graph.feed_health()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::Topic;
    use engine::reference::Context;

    #[test]
    fn is_open_while_the_feed_is_stale() {
        let (context, key) = (Context::default(), Feed { store: Id::new("s"), topic: Topic::Pos });
        let at = EvaluationContext { now: 1_000_001, context: &context, policy: &[] };
        let mut state = UniqueRow::default();
        FeedStale.update(&key, &mut state, 100_000, 1);
        assert_eq!(FeedStale.assess(&key, &mut state, &at), Verdict::while_true(true));
        let silence = &FeedStale.drivers(&key, &state, &at)[0];
        assert_eq!((silence.observed, silence.expected), (Some(900_001), Some(900_000)));
        FeedStale.update(&key, &mut state, 100_000, -1);
        assert_eq!(FeedStale.assess(&key, &mut state, &at), Verdict::GONE);
    }
}
