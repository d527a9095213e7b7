//! The catalog of this program: its views and detectors, every named collection of them on one page.

use crate::context::Notice;
use crate::detect::{Fed, open_stores, watch};
use crate::detectors::{
    KINDS, abnormal_rate, capacity_overload, conversion_drop, coverage_gap, drop, feed_stale, leak, model_drift,
    operator_pattern, overdue, price_mismatch, promise_missed, promise_risk, queue_breach, setup_overdue, surge,
    under_attainment,
};
use crate::exception::Step;
use crate::graph::{Catalog, Detected, GraphInputs, broadcast};
use crate::ids::EventId;
use crate::row::{Row, StoreDept, StoreHour, read};
use crate::shelf::{self, Shelf};
use crate::stage::Outputs;
use crate::time::{self, Collection};
use crate::views::attendance::{self, Attendance};
use crate::views::customer_profile::{self, Customer, Profile};
use crate::views::customer_segments::{self, Customers, SegmentKey};
use crate::views::demand_index::{self, DemandIndex};
use crate::views::feed_health::{self, Feed, Pulse};
use crate::views::fulfillment_node::{self, Fulfillment, Node};
use crate::views::inventory_accuracy::{self, Accuracy, StoreDay};
use crate::views::inventory_position;
use crate::views::labor_coverage::{self, Coverage, StoreRole};
use crate::views::labor_hours::{self, RoleHour, WorkedHour};
use crate::views::labor_productivity::{self, Productivity};
use crate::views::margin_daily::{self, Margin, StoreDeptDay};
use crate::views::model_drift::{self as drift, Drift, Segment};
use crate::views::promise_score::{self, Score};
use crate::views::promotion_performance;
use crate::views::returns_item::{self, Item, ItemReturns};
use crate::views::returns_operator::{self, OperatorReturns, StoreOperator};
use crate::views::store_queue::{self, Quarter, ZoneQuarter};
use crate::views::store_sales::{self, Sales};
use crate::views::store_traffic::{self, Traffic};
use crate::views::task_status::{self, StoreDayType, TaskCounts};

/// The views and detectors of this program.
pub const CATALOG: Catalog = Catalog { types: KINDS, build };

/// Builds every view and detector; what leaves of views is collected in `outputs`.
fn build<'scope>(inputs: &GraphInputs<'scope>, outputs: &mut Outputs) -> Detected<'scope> {
    let ground = Ground::lay(inputs);
    let views = Views::build(&ground);
    views.publish(outputs);
    Detected { steps: ground.detect(&views), notices: ground.notices }
}

/// The inputs of the graph, and the feeds that are stale among the notices.
struct Ground<'a, 'scope> {
    inputs: &'a GraphInputs<'scope>,
    feed_health: Collection<'scope, Row<Feed, Pulse>>,
    /// Policies, stores and stale feeds, to every worker.
    notices: Collection<'scope, Notice>,
}

impl<'a, 'scope> Ground<'a, 'scope> {
    fn lay(inputs: &'a GraphInputs<'scope>) -> Self {
        let GraphInputs { ticks, context, reference, edge, .. } = inputs;
        let feed_health = feed_health::build(*ticks, context.clone(), reference, edge);
        let stale = broadcast(feed_health::stale(*ticks, &feed_health));
        let notices = reference.clone().concat(stale);
        Ground { inputs, feed_health, notices }
    }

    fn watch<D: Fed>(
        &self,
        detector: D,
        input: impl Into<time::Inputs<'scope, D::Key, D::Input>>,
    ) -> Collection<'scope, Step> {
        watch(detector, self.inputs.ticks, self.inputs.context.clone(), &self.notices, input)
    }

    /// Runs every detector.
    fn detect(&self, views: &Views<'scope>) -> Collection<'scope, Step> {
        let (ticks, streams) = (self.inputs.ticks, &self.inputs.streams);
        let explained = conversion_drop::Explanations {
            quarters: &views.store_queue,
            coverage: &views.labor_coverage,
            stockouts: &open_stores(&views.shelf.stockouts),
        };
        let conversions = conversion_drop::readings(ticks, &views.store_traffic, &explained);
        let queues = queue_breach::readings(ticks, &views.store_queue, &views.labor_coverage);
        let prices = read(&views.shelf.standings, |row| price_mismatch::Prices::of(&row));
        let attained = read(&views.shelf.standings, |row| under_attainment::Sales::of(&row));
        let setups = setup_overdue::inputs(&streams.promotions, &streams.tasks);
        let loads = capacity_overload::loads(&views.fulfillment_node, &views.attendance);
        let promises = streams.orders.clone().map(promise_missed::Promise::of);
        views.shelf.stockouts.clone().concatenate([
            views.shelf.doubts.clone(),
            self.watch(price_mismatch::PriceMismatch, prices),
            self.watch(under_attainment::UnderAttainment, attained),
            self.watch(setup_overdue::SetupOverdue, setups),
            self.watch(coverage_gap::CoverageGap, read(&views.labor_coverage, |row| row)),
            self.watch(queue_breach::QueueBreach, queues),
            self.watch(promise_risk::PromiseRisk, views.promise_scores.clone()),
            self.watch(promise_missed::PromiseMissed, promises),
            self.watch(capacity_overload::CapacityOverload, loads),
            self.watch(abnormal_rate::AbnormalRate, abnormal_rate::input(&views.returns_item)),
            self.watch(operator_pattern::OperatorPattern, operator_pattern::input(&views.returns_operator)),
            self.watch(surge::Surge, read(&views.demand_index, |row| row)),
            self.watch(drop::Drop, read(&views.demand_index, |row| row)),
            self.watch(conversion_drop::ConversionDrop, conversions),
            self.watch(overdue::Overdue, overdue::readings(&streams.tasks)),
            self.watch(feed_stale::FeedStale, feed_stale::readings(&self.feed_health)),
            self.watch(leak::Leak, leak::readings(&views.margin_daily)),
            self.watch(model_drift::ModelDrift, read(&views.model_drift, |row| row)),
        ])
    }
}

/// The maintained views, and what detectors read beside them.
struct Views<'scope> {
    customer_profile: Collection<'scope, Row<Customer, Profile>>,
    customer_segments: Collection<'scope, Row<SegmentKey, Customers>>,
    demand_index: Collection<'scope, Row<StoreDept, DemandIndex>>,
    feed_health: Collection<'scope, Row<Feed, Pulse>>,
    fulfillment_node: Collection<'scope, Row<Node, Fulfillment>>,
    inventory_accuracy: Collection<'scope, Row<StoreDay, Accuracy>>,
    labor_coverage: Collection<'scope, Row<StoreRole, Coverage>>,
    labor_hours: Collection<'scope, Row<RoleHour, WorkedHour>>,
    labor_productivity: Collection<'scope, Row<StoreHour, Productivity>>,
    margin_daily: Collection<'scope, Row<StoreDeptDay, Margin>>,
    model_drift: Collection<'scope, Row<Segment, Drift>>,
    returns_item: Collection<'scope, Row<Item, ItemReturns>>,
    returns_operator: Collection<'scope, Row<StoreOperator, OperatorReturns>>,
    store_queue: Collection<'scope, Row<ZoneQuarter, Quarter>>,
    store_sales: Collection<'scope, Row<StoreHour, Sales>>,
    store_traffic: Collection<'scope, Row<StoreHour, Traffic>>,
    task_status: Collection<'scope, Row<StoreDayType, TaskCounts>>,
    /// Items at stores: inventory.position, promotion.performance, and the detectors of stock.
    shelf: Shelf<'scope>,
    /// Who is at work.
    attendance: Attendance<'scope>,
    /// How likely each open order is to be kept.
    promise_scores: Collection<'scope, (EventId, Score)>,
}

impl<'scope> Views<'scope> {
    fn build(ground: &Ground<'_, 'scope>) -> Self {
        let GraphInputs { ticks, lateness_ms, streams, context, reference, .. } = ground.inputs;
        let (ticks, late) = (*ticks, *lateness_ms);
        let with = || context.clone();
        let store_sales = store_sales::build(ticks, late, &streams.pos);
        let store_traffic = store_traffic::build(ticks, late, &streams.traffic, &store_sales);
        let shelf = shelf::build(ticks, late, context, &ground.notices, streams);
        let customer_profile = customer_profile::build(ticks, late, streams);
        let customer_segments = customer_segments::build(ticks, &customer_profile);
        let attendance = attendance::build(ticks, late, &streams.punches);
        let labor_hours = labor_hours::build(ticks, late, &attendance);
        let labor_productivity = labor_productivity::build(ticks, late, &labor_hours, &store_sales);
        let fulfillment_node = fulfillment_node::build(ticks, &streams.orders, &attendance);
        let labor_coverage = labor_coverage::build(ticks, streams, &attendance, &fulfillment_node);
        let promise_scores = promise_score::build(ticks, &streams.orders, shelf.short.clone(), &attendance);
        Views {
            customer_profile,
            customer_segments,
            demand_index: demand_index::build(ticks, with(), reference, streams, &shelf.demand),
            feed_health: ground.feed_health.clone(),
            fulfillment_node,
            inventory_accuracy: inventory_accuracy::build(ticks, late, shelf.variances.clone()),
            labor_coverage,
            labor_hours,
            labor_productivity,
            margin_daily: margin_daily::build(ticks, late, streams),
            model_drift: drift::build(ticks, streams),
            returns_item: returns_item::build(ticks, with(), reference, &streams.pos),
            returns_operator: returns_operator::build(ticks, &streams.pos),
            store_queue: store_queue::build(ticks, late, &streams.queues),
            store_sales,
            store_traffic,
            task_status: task_status::build(ticks, &streams.tasks),
            shelf,
            attendance,
            promise_scores,
        }
    }

    /// Sends every view to its topic.
    fn publish(&self, outputs: &mut Outputs) {
        let mut views = outputs.views(self.store_sales.inner.scope());
        views.send(customer_profile::NAME, &self.customer_profile);
        views.send(customer_segments::NAME, &self.customer_segments);
        views.send(demand_index::NAME, &self.demand_index);
        views.send(feed_health::NAME, &feed_health::view(&self.feed_health));
        views.send(fulfillment_node::NAME, &self.fulfillment_node);
        views.send(inventory_accuracy::NAME, &self.inventory_accuracy);
        views.send(inventory_position::NAME, &self.shelf.positions);
        views.send(labor_coverage::NAME, &self.labor_coverage);
        views.send(labor_hours::NAME, &self.labor_hours);
        views.send(labor_productivity::NAME, &self.labor_productivity);
        views.send(margin_daily::NAME, &self.margin_daily);
        views.send(drift::NAME, &self.model_drift);
        views.send(promotion_performance::NAME, &promotion_performance::rows(&self.shelf.standings));
        views.send(returns_item::NAME, &self.returns_item);
        views.send(returns_operator::NAME, &self.returns_operator);
        views.send(store_queue::NAME, &store_queue::view(&self.store_queue));
        views.send(store_sales::NAME, &self.store_sales);
        views.send(store_traffic::NAME, &self.store_traffic);
        views.send(task_status::NAME, &self.task_status);
        views.build();
    }
}
