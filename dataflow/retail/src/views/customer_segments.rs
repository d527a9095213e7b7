//! View `customer.segments`: number and spending of loyalty customers by segment (contract §4, view 5).

use contract::event::Topic;
use contract::time::{Cause, DAY_MS, day};
use engine::row::{Row, read};
use engine::time::Collection;
use operators::aggregate::sum_by_key::{explode, sum_by_key};
use operators::compact::unique_row::UniqueRow;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::views::customer_profile::{Customer, Profile};

/// The name of the view.
pub const NAME: &str = "customer.segments";

/// A customer whose last purchase is longer ago, in whole days, is lapsing.
const LAPSES_MS: i64 = 14 * DAY_MS;

/// A kind of customer; kinds order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Looks, but does not buy.
    Inactive,
    /// Has not bought for two weeks.
    Lapsing,
    /// Ten baskets or more.
    Loyal,
    /// One basket.
    New,
    /// Two or three baskets.
    Occasional,
    /// Four to nine baskets.
    Regular,
}

/// The name of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SegmentKey {
    /// The segment.
    pub segment: Segment,
}

/// The customers of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Customers {
    /// How many there are.
    pub customers: i64,
    /// What they spent over the last 28 days.
    pub net_cents: i64,
}

/// The fields of a profile that decide the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Member {
    transactions: i64,
    net_cents: i64,
    last_purchase_at: Option<i64>,
}

impl Member {
    fn of(profile: &Profile) -> Self {
        let Profile { transactions, net_cents, last_purchase_at, .. } = *profile;
        Member { transactions, net_cents, last_purchase_at }
    }

    fn segment(&self, now: i64) -> Segment {
        let lapsing = self.last_purchase_at.is_some_and(|at| at < day(now) - LAPSES_MS);
        match self.transactions {
            _ if lapsing => Segment::Lapsing,
            ..=0 => Segment::Inactive,
            1 => Segment::New,
            2..=3 => Segment::Occasional,
            4..=9 => Segment::Regular,
            10.. => Segment::Loyal,
        }
    }

    /// The first midnight at which the customer lapses without another purchase.
    fn lapses_at(&self) -> Option<i64> {
        self.last_purchase_at.map(|at| day(at) + LAPSES_MS + DAY_MS)
    }
}

#[derive(Default, Serialize, Deserialize)]
struct SegmentsState {
    member: UniqueRow<Member>,
    last_emitted: Option<(Segment, i64)>,
}

/// Puts every customer in a segment.
struct Segments;

impl Keyed for Segments {
    type Key = Customer;
    type Input = Member;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = SegmentsState;
    /// The segment of a customer, and what the customer spent.
    type Output = (Segment, i64);

    fn update(&mut self, _: &Customer, state: &mut SegmentsState, member: Member, diff: i64, _: i64) {
        state.member.update(member, diff);
    }

    fn close(&mut self, _: &Customer, state: &mut SegmentsState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        let member = state.member.get();
        let new = member.map(|member| (member.segment(now), member.net_cents));
        emit.replace(state.last_emitted, new);
        state.last_emitted = new;
        match member {
            None => Next::Forget,
            Some(member) => Next::Rest.or_at(member.lapses_at().filter(|at| *at > now)),
        }
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    profiles: &Collection<'scope, Row<Customer, Profile>>,
) -> Collection<'scope, Row<SegmentKey, Customers>> {
    let members = read(profiles, |profile| Member::of(&profile));
    let segments = keyed_operator("customers by segment", ticks, members, None, Segments);
    let sums = explode(segments, |(segment, net_cents)| (segment, (1, net_cents)));
    sum_by_key("view: customer.segments", ticks, sums)
        .map(|(segment, (customers, net_cents))| Row::new(SegmentKey { segment }, Customers { customers, net_cents }))
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Activity, Topic::Pos];
    type Key = SegmentKey;
    type Inner = Customers;
    type Value = Customers;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<SegmentKey, Customers>> {
        build(graph.inputs.ticks, graph.customer_profile())
    }

    fn publish(row: Customers) -> Customers {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedStore;

    use super::*;
    use contract::ids::Id;

    const TODAY: i64 = 20_000 * DAY_MS;

    fn member(transactions: i64, last_purchase_at: Option<i64>) -> Member {
        Member { transactions, net_cents: 700, last_purchase_at }
    }

    #[test]
    fn baskets_make_the_segment_until_two_weeks_without_one() {
        let segments = [-1, 0, 1, 2, 3, 4, 9, 10].map(|baskets| member(baskets, Some(TODAY)).segment(TODAY));
        use Segment::{Inactive, Lapsing, Loyal, New, Occasional, Regular};
        assert_eq!(segments, [Inactive, Inactive, New, Occasional, Occasional, Regular, Regular, Loyal]);
        assert_eq!(member(0, None).segment(TODAY), Inactive);
        let at = |last| member(12, Some(last)).segment(TODAY + DAY_MS - 1);
        assert_eq!([at(TODAY - LAPSES_MS), at(TODAY - LAPSES_MS - 1)], [Loyal, Lapsing]);
    }

    #[test]
    fn a_customer_lapses_by_the_clock() {
        for last in [TODAY, TODAY + 1, TODAY + DAY_MS - 1] {
            let (key, cause) = (Customer { customer: Id::new("c1") }, None);
            let mut state = KeyedStore::new(Segments, operators::keyed::Ticks { tick_ms: 1 });
            state.update(key, member(1, Some(last)), Traced::new(1, cause), last);
            let mut out = Vec::new();
            state.close(last, &mut 9, &mut out);
            let wake = state.next_timer().unwrap();
            assert_eq!(member(1, Some(last)).segment(wake - 1), Segment::New);
            state.fire_timers(wake);
            state.close(wake, &mut 9, &mut out);
            let emitted: Vec<_> = out.into_iter().map(|(row, at, change)| (row.0, at, change.diff)).collect();
            let (new, lapsing) = (Segment::New, Segment::Lapsing);
            assert_eq!(emitted, [(new, last, 1), (new, wake, -1), (lapsing, wake, 1)]);
            assert_eq!(state.next_timer(), None);
        }
    }

    #[test]
    fn segments_order_by_name() {
        use Segment::{Inactive, Lapsing, Loyal, New, Occasional, Regular};
        let all = [Inactive, Lapsing, Loyal, New, Occasional, Regular];
        let names = all.map(|segment| serde_json::to_string(&segment).unwrap());
        assert!(all.is_sorted() && names.is_sorted());
    }
}
