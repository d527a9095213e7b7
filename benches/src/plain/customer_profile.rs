//! What each loyalty customer did over four weeks: sums, distinct baskets and the latest purchase, all as one sum.

use contract::event::activity::{Act, Activity};
use contract::event::pos::{Channel, LineKind, PosLine};
use contract::ids::{Id, Transaction};
use contract::time::DAY_MS;
use contract::units::quotient;
use differential_dataflow::operators::ThresholdTotal;
use operators::keyed::Ticks;
use operators::testing::reference::{PlainCollection, max_by_key, sum_by_key};
use operators::window::panes::Trail;
use retail::views::customer_profile::{Customer, Profile};

use super::differential::{Facts, abelian};
use super::windows::in_window;

const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

operators::sums! {
    /// Sums over all that is known of a customer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct ProfileSums {
        records: i64,
        transactions: i64,
        units_milli: i64,
        return_cents: i64,
        promo_cents: i64,
        store_cents: i64,
        web_cents: i64,
        app_cents: i64,
        views: i64,
        cart_adds: i64,
        /// Of the latest purchase: 1, and when.
        purchased: i64,
        purchased_at: i64,
    }
}
abelian!(ProfileSums);

impl ProfileSums {
    fn of_line(line: &PosLine) -> Self {
        let record = ProfileSums { records: 1, ..ProfileSums::default() };
        if line.kind == LineKind::Return {
            return ProfileSums { return_cents: line.net_cents, ..record };
        }
        let cents = line.sale_sign() * line.net_cents;
        let by = |channel: Channel| if line.channel == channel { cents } else { 0 };
        ProfileSums {
            units_milli: line.units_milli(),
            promo_cents: if line.promotion.is_some() { cents } else { 0 },
            store_cents: by(Channel::Store),
            web_cents: by(Channel::Web),
            app_cents: by(Channel::App),
            ..record
        }
    }

    fn of_act(act: Act) -> Option<Self> {
        let record = ProfileSums { records: 1, ..ProfileSums::default() };
        match act {
            Act::View => Some(ProfileSums { views: 1, ..record }),
            Act::CartAdd => Some(ProfileSums { cart_adds: 1, ..record }),
            Act::Loyalty => None,
        }
    }

    fn value(self) -> Profile {
        let net_cents = self.store_cents + self.web_cents + self.app_cents - self.return_cents;
        Profile {
            transactions: self.transactions,
            units_milli: self.units_milli,
            net_cents,
            return_cents: self.return_cents,
            promo_cents: self.promo_cents,
            store_cents: self.store_cents,
            web_cents: self.web_cents,
            app_cents: self.app_cents,
            last_purchase_at: (self.purchased > 0).then_some(self.purchased_at),
            views: self.views,
            cart_adds: self.cart_adds,
            aov_cents: quotient(net_cents.into(), self.transactions.into()),
        }
    }
}

/// How many baskets of each customer sell more than they void.
fn baskets<'scope>(ticks: Ticks, pos: Facts<'scope, PosLine>) -> PlainCollection<'scope, Customer, ProfileSums> {
    let lines = pos.explode(|line| {
        let PosLine { store, transaction, customer, .. } = line.body;
        let sign = Some(line.body.sale_sign()).filter(|sign| *sign != 0)?;
        let basket: (Id, Transaction) = (store, transaction);
        Some((((Customer { customer: customer? }, basket), line.event_time), sign))
    });
    in_window(ticks, FOUR_WEEKS, lines)
        .threshold_total(|_, lines| i64::from(*lines > 0))
        .explode(|(customer, _)| [(customer, ProfileSums { transactions: 1, ..ProfileSums::default() })])
}

/// When each customer last bought something.
fn purchases<'scope>(ticks: Ticks, pos: Facts<'scope, PosLine>) -> PlainCollection<'scope, Customer, ProfileSums> {
    let sales = pos.flat_map(|line| {
        let customer = line.body.customer.filter(|_| line.body.is_sale())?;
        Some(((Customer { customer }, line.event_time), line.event_time))
    });
    max_by_key(in_window(ticks, FOUR_WEEKS, sales)).explode(|(customer, purchased_at)| {
        [(customer, ProfileSums { purchased: 1, purchased_at, ..ProfileSums::default() })]
    })
}

/// The rows of the view.
pub(super) fn view<'scope>(
    ticks: Ticks,
    pos: Facts<'scope, PosLine>,
    activities: Facts<'scope, Activity>,
) -> PlainCollection<'scope, (Customer, Profile), i64> {
    let bought = pos.clone().explode(|line| {
        let customer = line.body.customer?;
        Some(((Customer { customer }, line.event_time), ProfileSums::of_line(&line.body)))
    });
    let looked = activities.explode(|activity| {
        let customer = activity.body.customer?;
        Some(((Customer { customer }, activity.event_time), ProfileSums::of_act(activity.body.act)?))
    });
    let sums = in_window(ticks, FOUR_WEEKS, bought.concat(looked));
    let all = sums.concat(baskets(ticks, pos.clone())).concat(purchases(ticks, pos));
    sum_by_key(all).map(|(customer, sums)| (customer, sums.value()))
}
