//! View `customer.profile`: purchases, returns and activity of each loyalty customer over four weeks (contract §4, view
//! 4).

use contract::event::Topic;
use contract::event::activity::Act;
use contract::event::pos::{Channel, LineKind, PosLine};
use contract::ids::{Id, Transaction};
use contract::time::{Cause, DAY_MS, day};
use contract::units::quotient;
use engine::row::{Row, emit_row};
use engine::streams::Streams;
use engine::time::{Collection, Inputs};
use operators::aggregate::max_by_key::RetractableMax;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator, stagger};
use operators::window::distinct_in_window::DistinctInWindow;
use operators::window::panes::{Panes, Trail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "customer.profile";

const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

/// A loyalty customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Customer {
    /// The customer.
    pub customer: Id,
}

/// What a customer did over the last 28 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Baskets with more sale than void lines.
    pub transactions: i64,
    /// Sold − voided.
    pub units_milli: i64,
    /// Money spent: sale − void − return.
    pub net_cents: i64,
    /// Money given back.
    pub return_cents: i64,
    /// Sale − void on promotion.
    pub promo_cents: i64,
    /// Sale − void in stores.
    pub store_cents: i64,
    /// Sale − void on the web.
    pub web_cents: i64,
    /// Sale − void in the app.
    pub app_cents: i64,
    /// The latest sale line, voided or not.
    pub last_purchase_at: Option<i64>,
    /// Items looked at.
    pub views: i64,
    /// Items put in a cart.
    pub cart_adds: i64,
    /// Money spent per basket.
    pub aov_cents: Option<i64>,
}

operators::sums! {
    /// Sums over a customer's records.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    struct Sums {
        records: i64,
        units_milli: i64,
        sale_cents: i64,
        return_cents: i64,
        promo_cents: i64,
        web_cents: i64,
        app_cents: i64,
        views: i64,
        cart_adds: i64,
    }
}

/// A record of a customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum CustomerEvent {
    /// A till line.
    Line { store: Id, transaction: Transaction, kind: LineKind, milli: i64, cents: i64, channel: Channel, promo: bool },
    /// Looked at something.
    View,
    /// Put something in a cart.
    CartAdd,
}

impl CustomerEvent {
    fn line(line: &PosLine) -> Self {
        CustomerEvent::Line {
            store: line.store,
            transaction: line.transaction,
            kind: line.kind,
            milli: line.quantity_milli,
            cents: line.net_cents,
            channel: line.channel,
            promo: line.promotion.is_some(),
        }
    }

    /// The sums of `diff` copies of the record.
    fn sums(&self, diff: i64) -> Sums {
        let records = Sums { records: diff, ..Sums::default() };
        match *self {
            CustomerEvent::View => Sums { views: diff, ..records },
            CustomerEvent::CartAdd => Sums { cart_adds: diff, ..records },
            CustomerEvent::Line { kind: LineKind::Return, cents, .. } => Sums { return_cents: diff * cents, ..records },
            CustomerEvent::Line { kind, milli, cents, channel, promo, .. } => {
                let sign = if kind == LineKind::Sale { diff } else { -diff };
                let (milli, cents) = (sign * milli, sign * cents);
                Sums {
                    units_milli: milli,
                    sale_cents: cents,
                    promo_cents: if promo { cents } else { 0 },
                    web_cents: if channel == Channel::Web { cents } else { 0 },
                    app_cents: if channel == Channel::App { cents } else { 0 },
                    ..records
                }
            }
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct CustomerProfileState {
    sums: Panes<Sums>,
    /// Sale − void lines by store and transaction.
    baskets: DistinctInWindow<(Id, Transaction)>,
    /// Event times of sale lines.
    purchases: RetractableMax<i64>,
    last_emitted: Option<Profile>,
}

impl CustomerProfileState {
    fn take(&mut self, event_time: i64, event: &CustomerEvent, diff: i64) {
        self.sums.add(FOUR_WEEKS, event_time, &event.sums(diff));
        if let CustomerEvent::Line { store, transaction, kind, .. } = event {
            let weight = match kind {
                LineKind::Sale => diff,
                LineKind::Void => -diff,
                LineKind::Return => return,
            };
            self.baskets.add(FOUR_WEEKS, event_time, &(*store, *transaction), weight);
            if *kind == LineKind::Sale {
                self.purchases.add(event_time, diff);
            }
        }
    }

    /// Drops records that left the window and, of the purchases before `edge`, all but the latest.
    fn leave(&mut self, edge: i64, now: i64) {
        self.sums.expire(FOUR_WEEKS, now);
        let opens_at = FOUR_WEEKS.opens_at(now);
        self.purchases.expire(|at| *at < opens_at);
        self.purchases.fold(|at| *at < edge);
    }

    fn profile(&mut self, now: i64) -> Option<Profile> {
        let transactions = self.baskets.count(FOUR_WEEKS, now);
        let sums = self.sums.total(FOUR_WEEKS, now);
        let net_cents = sums.sale_cents - sums.return_cents;
        (sums.records > 0).then(|| Profile {
            transactions,
            units_milli: sums.units_milli,
            net_cents,
            return_cents: sums.return_cents,
            promo_cents: sums.promo_cents,
            store_cents: sums.sale_cents - sums.web_cents - sums.app_cents,
            web_cents: sums.web_cents,
            app_cents: sums.app_cents,
            last_purchase_at: self.purchases.get(|at| day(*at) <= now).copied(),
            views: sums.views,
            cart_adds: sums.cart_adds,
            aov_cents: quotient(net_cents.into(), transactions.into()),
        })
    }
}

struct CustomerProfile {
    lateness_ms: i64,
}

impl Keyed for CustomerProfile {
    type Key = Customer;
    /// The event time and the record.
    type Input = (i64, CustomerEvent);
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = CustomerProfileState;
    type Output = Row<Customer, Profile>;

    fn update(
        &mut self,
        _: &Customer,
        state: &mut CustomerProfileState,
        (event_time, event): (i64, CustomerEvent),
        diff: i64,
        _: i64,
    ) {
        state.take(event_time, &event, diff);
    }

    fn close(
        &mut self,
        key: &Customer,
        state: &mut CustomerProfileState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let now = emit.now();
        state.leave(now - self.lateness_ms, now);
        let profile = state.profile(now);
        emit_row(key, &mut state.last_emitted, profile, emit);
        // Baskets and purchases enter and leave with the panes of the sums, which hold every record.
        let Some(turn) = state.sums.next(FOUR_WEEKS, now) else { return Next::Forget };
        // In the day after that in which a purchase can no longer change, its memory is given back.
        let folds = |at: &i64| day(at + self.lateness_ms) + DAY_MS + stagger(key, DAY_MS);
        let folds = state.purchases.standing().next().map(folds);
        Next::At(turn).or_at(folds)
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    streams: &Streams<'scope>,
) -> Collection<'scope, Row<Customer, Profile>> {
    let lines = streams.pos.flat_map(|line| {
        let customer = line.body.customer?;
        Some((Customer { customer }, (line.event_time, CustomerEvent::line(line.body))))
    });
    let looks = streams.activities.flat_map(|activity| {
        let event = match activity.body.act {
            Act::View => CustomerEvent::View,
            Act::CartAdd => CustomerEvent::CartAdd,
            Act::Loyalty => return None,
        };
        let customer = activity.body.customer?;
        Some((Customer { customer }, (activity.event_time, event)))
    });
    keyed_operator(
        "view: customer.profile",
        ticks,
        Inputs::from(lines).and(looks),
        None,
        CustomerProfile { lateness_ms },
    )
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Activity, Topic::Pos];
    type Key = Customer;
    type Inner = Profile;
    type Value = Profile;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Customer, Profile>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.lateness_ms, &inputs.streams)
    }

    fn publish(row: Profile) -> Profile {
        row
    }
}

#[cfg(test)]
mod tests;
