//! The clock rings: every room is told of its drawers; then rows leave in the order of their views.

use contract::policy::RETURNS_PRIOR;
use retail::detectors::KINDS;

use super::facts::Facts;
use super::rooms::Rooms;
use super::rows::Page;
use super::slots::NOBODY;
use super::timers::Timer;
use super::{
    coverage, demand, drift, feeds, hours, margins, nodes, promises, promotions, queues, returns, stock, tasks,
};

impl Rooms {
    /// The clock rings for somebody.
    pub(super) fn ring(&mut self, timer: Timer, facts: &Facts) {
        let desk = &mut self.desk;
        let now = desk.now;
        match timer {
            Timer::Position(at) => self.shelves.wake(at, facts, desk),
            Timer::ItemDemand(at) => self.demands.wake(at, now),
            Timer::Promoted(at) => self.promotions.touch(at, NOBODY),
            Timer::Customer(at) => self.customers.wake(at, now),
            Timer::Member(at) => self.customers.lapse(at),
            Timer::ItemReturns(at) => self.returns.wake_item(at, now),
            Timer::OperatorReturns(at) => self.returns.wake_operator(at, now),
            Timer::Hour(at) => self.hours.wake(at, desk),
            Timer::Quarter(at) => self.queues.wake(at, desk),
            Timer::AccuracyDay(at) => self.accuracy.wake(at, desk),
            Timer::RoleHour(at) => self.clocks.wake_hour(at, desk),
            Timer::Employee(at) => self.clocks.wake(at),
            Timer::Role(at) => self.roles.wake(at, now),
            Timer::Node(at) => self.nodes.wake(at),
            Timer::Scores(at) => self.promises.wake(at),
            Timer::Tasks(at) => self.tasks.wake(at),
            Timer::Costing(at) => self.margins.over(at),
            Timer::MarginDay(at) => self.margins.wake(at, desk),
            Timer::Dept(at) => self.demands.wake_dept(at),
            Timer::Drift(at) => self.drifts.touch_store(at, NOBODY),
            Timer::Feed(at) => self.feeds.wake(at),
            Timer::Conversion(at) => self.hours.turn(at, desk),
            Timer::Zone(at) => self.queues.turn(at),
            Timer::Snooze(at) => self.court.wake(at),
            Timer::Case(promotions::MISMATCH | promotions::UNDER, at) => self.promotions.end(at),
            Timer::Case(demand::SURGE | demand::DROP, at) => self.demands.touch_case(at, NOBODY),
            Timer::Case(kind, at) => self.touch(kind, Some(at), NOBODY),
        }
    }

    /// Touches the case of a key of an exception type, or all of them.
    pub(super) fn touch(&mut self, kind: u8, at: Option<u32>, cause: u32) {
        match kind {
            feeds::STALE => self.feeds.touch(at, cause),
            demand::DROP | demand::SURGE => match at {
                Some(at) => self.demands.touch_case(at, cause),
                None => self.demands.touch_all(kind == demand::SURGE, cause),
            },
            nodes::OVERLOAD => self.nodes.touch(at, cause),
            promises::MISSED | promises::RISK => self.promises.touch(kind, at, cause),
            stock::NEGATIVE | stock::PHANTOM | stock::STOCKOUT => {
                let all = at.is_none();
                for at in at.map_or(0..self.shelves.places(), |at| at..at + 1) {
                    let shelf = self.shelves.get_mut(at);
                    let known = shelf.said.value.is_some() || (kind != stock::NEGATIVE && shelf.location.is_some());
                    let doubts = &mut shelf.doubts;
                    match kind {
                        _ if all && !known => {}
                        stock::NEGATIVE => doubts.negative.touch(cause, at, &mut self.doubtful.negative),
                        stock::PHANTOM => doubts.phantom.touch(cause, at, &mut self.doubtful.phantom),
                        _ => doubts.stockout.touch(cause, at, &mut self.doubtful.stockout),
                    }
                }
            }
            coverage::GAP => self.roles.touch(at, cause),
            margins::LEAK => self.margins.touch(at, cause),
            drift::DRIFT => self.drifts.touch(at, cause),
            promotions::MISMATCH | promotions::UNDER => self.promotions.touch_case(kind, at, cause),
            tasks::SETUP => self.tasks.touch_setups(at, cause),
            tasks::OVERDUE => self.tasks.touch_tasks(at, cause),
            returns::ABNORMAL => self.returns.touch_items(at, cause),
            returns::PATTERN => self.returns.touch_operators(at, cause),
            hours::CONVERSION => self.hours.touch_drop(at, cause),
            queues::BREACH => self.queues.touch(at, cause),
            _ => {}
        }
    }

    /// Policies that changed in this tick take effect.
    pub(super) fn reform(&mut self) {
        if self.policies.is_empty() {
            return;
        }
        self.court.read_policies(&self.desk.policies);
        for (key, cause) in std::mem::take(&mut self.policies) {
            if key.starts_with("stale_ms.") {
                self.feeds.restate(&self.desk.policies, cause);
            }
            if key == RETURNS_PRIOR.name {
                self.returns.restate(cause);
            }
            for (kind, of) in (0u8..).zip(KINDS.iter()) {
                if key.starts_with(of.name) {
                    self.touch(kind, None, cause);
                }
            }
        }
    }

    /// Sends the rows that changed, view by view.
    pub(super) fn send(&mut self, page: &mut Page<'_>) {
        let desk = &self.desk;
        self.customers.send(page);
        self.customers.send_segments(page);
        self.demands.send(desk, page);
        self.feeds.send(desk, page);
        self.nodes.send(desk, page);
        self.accuracy.send(desk, page);
        self.shelves.send(page);
        self.roles.send(desk, page);
        self.clocks.send(desk, page);
        self.hours.send_productivity(desk, page);
        self.margins.send(desk, page);
        self.drifts.send(page);
        self.promotions.send(page);
        self.returns.send_items(desk, page);
        self.returns.send_operators(desk, page);
        self.queues.send(desk, page);
        self.hours.send_sales(desk, page);
        self.hours.send_traffic(desk, page);
        self.tasks.send(desk, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_where_the_rooms_think_they_are() {
        let places = [
            (feeds::STALE, "data.feed_stale"),
            (demand::DROP, "demand.drop"),
            (demand::SURGE, "demand.surge"),
            (nodes::OVERLOAD, "fulfillment.capacity_overload"),
            (promises::MISSED, "fulfillment.promise_missed"),
            (promises::RISK, "fulfillment.promise_risk"),
            (stock::NEGATIVE, "inventory.negative_on_hand"),
            (stock::PHANTOM, "inventory.phantom_stock"),
            (stock::STOCKOUT, "inventory.stockout_risk"),
            (coverage::GAP, "labor.coverage_gap"),
            (margins::LEAK, "margin.leak"),
            (drift::DRIFT, "model.drift"),
            (promotions::MISMATCH, "promotion.price_mismatch"),
            (tasks::SETUP, "promotion.setup_overdue"),
            (promotions::UNDER, "promotion.under_attainment"),
            (returns::ABNORMAL, "returns.abnormal_rate"),
            (returns::PATTERN, "returns.operator_pattern"),
            (hours::CONVERSION, "store.conversion_drop"),
            (queues::BREACH, "store.queue_breach"),
            (tasks::OVERDUE, "task.overdue"),
        ];
        let listed: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(places.map(|(at, _)| at).to_vec(), (0..20).collect::<Vec<u8>>());
        assert_eq!(places.map(|(_, name)| name).to_vec(), listed);
    }
}
