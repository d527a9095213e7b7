//! Tests of customer.profile: by hand, and against a reference version that stores every record.

use std::collections::BTreeMap;

use contract::time::HOUR_MS;

use super::*;
use crate::testing::Driven;

const TODAY: i64 = 20_000 * DAY_MS;

fn key() -> Customer {
    Customer { customer: Id::new("c1") }
}

fn line(kind: LineKind, store: &str, transaction: &str, cents: i64) -> CustomerEvent {
    CustomerEvent::Line {
        store: Id::new(store),
        transaction: Transaction::new(transaction),
        kind,
        milli: 1_000,
        cents,
        channel: Channel::Store,
        promo: false,
    }
}

#[test]
fn a_basket_is_a_store_and_a_transaction_and_a_void_may_undo_it() {
    let mut view = Driven::new(CustomerProfile { lateness_ms: DAY_MS }, 1_000);
    let events = [
        line(LineKind::Sale, "s1", "t1", 500),
        line(LineKind::Sale, "s2", "t1", 301),
        line(LineKind::Sale, "s2", "t2", 100),
        line(LineKind::Void, "s2", "t2", 100),
        line(LineKind::Return, "s2", "t3", 900),
        CustomerEvent::View,
    ];
    for (event, at) in events.into_iter().zip(TODAY..) {
        view.update(TODAY, key(), (at, event), 1);
    }
    view.close(TODAY + 1_000);
    let expected = Profile {
        transactions: 2,
        units_milli: 2_000,
        net_cents: -99,
        return_cents: 900,
        store_cents: 801,
        last_purchase_at: Some(TODAY + 2),
        views: 1,
        aov_cents: Some(-50),
        ..Profile::default()
    };
    assert_eq!(view.rows[&key()], expected);
}

#[test]
fn an_event_ahead_of_the_tick_waits_and_leaves_after_four_weeks() {
    let mut view = Driven::new(CustomerProfile { lateness_ms: DAY_MS }, 1_000);
    let ahead = TODAY + 100_000;
    view.update(TODAY - 1_000, key(), (ahead, line(LineKind::Sale, "s1", "t1", 500)), 1);
    view.close(TODAY - 1_000);
    assert!(view.rows.is_empty());
    view.close(TODAY);
    assert_eq!(view.rows[&key()].last_purchase_at, Some(ahead));
    assert_eq!(view.close(TODAY + 28 * DAY_MS - 1_000), 0);
    assert_eq!(view.close(TODAY + 28 * DAY_MS), 1);
    assert!(view.rows.is_empty() && view.state.is_empty());
}

/// The reference version: computed from all current records.
fn profile_slow(taken: &[(i64, CustomerEvent)], now: i64) -> Option<Profile> {
    let inside: Vec<_> =
        taken.iter().filter(|(at, _)| (0..28).any(|back| day(*at) == day(now) - back * DAY_MS)).collect();
    let mut row = Profile::default();
    let mut baskets: BTreeMap<(Id, Transaction), i64> = BTreeMap::new();
    for (at, event) in &inside {
        match event {
            CustomerEvent::View => row.views += 1,
            CustomerEvent::CartAdd => row.cart_adds += 1,
            CustomerEvent::Line { kind: LineKind::Return, cents, .. } => row.return_cents += cents,
            CustomerEvent::Line { store, transaction, kind, milli, cents, channel, promo } => {
                let sale = *kind == LineKind::Sale;
                let sign = if sale { 1 } else { -1 };
                *baskets.entry((*store, *transaction)).or_default() += sign;
                row.units_milli += sign * milli;
                row.promo_cents += if *promo { sign * cents } else { 0 };
                *match channel {
                    Channel::Store => &mut row.store_cents,
                    Channel::Web => &mut row.web_cents,
                    Channel::App => &mut row.app_cents,
                } += sign * cents;
                row.last_purchase_at = row.last_purchase_at.max(sale.then_some(*at));
            }
        }
    }
    row.transactions = i64::try_from(baskets.values().filter(|lines| **lines > 0).count()).unwrap();
    row.net_cents = row.store_cents + row.web_cents + row.app_cents - row.return_cents;
    row.aov_cents = (row.transactions > 0).then(|| row.net_cents.div_euclid(row.transactions));
    (!inside.is_empty()).then_some(row)
}

/// Repeatable choices.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i64::try_from(self.0 >> 33).unwrap() % end
    }

    fn pick<T: Clone>(&mut self, things: &[T]) -> T {
        things[usize::try_from(self.below(things.len().try_into().unwrap())).unwrap()].clone()
    }

    fn event(&mut self) -> CustomerEvent {
        if self.below(5) == 0 {
            return self.pick(&[CustomerEvent::View, CustomerEvent::CartAdd]);
        }
        CustomerEvent::Line {
            store: Id::new(self.pick(&["s1", "s2"])),
            transaction: Transaction::new(self.pick(&["t1", "t2", "t3", "t4", "t5"])),
            kind: self.pick(&[LineKind::Sale, LineKind::Sale, LineKind::Void, LineKind::Return]),
            milli: self.below(3_000),
            cents: self.below(900),
            channel: self.pick(&[Channel::Store, Channel::Web, Channel::App]),
            promo: self.below(3) == 0,
        }
    }
}

#[test]
fn any_history_gives_the_row_of_its_records() {
    let lateness_ms = 36 * HOUR_MS;
    for seed in 1..9 {
        let mut draw = Draw(seed);
        let mut view = Driven::new(CustomerProfile { lateness_ms }, HOUR_MS);
        let mut taken: Vec<(i64, CustomerEvent)> = Vec::new();
        let mut now = TODAY;
        for _ in 0..400 {
            let quiet_hours = draw.pick(&[1, 1, 1, 2, 6, 30]) * if draw.below(60) == 0 { 25 } else { 1 };
            now += HOUR_MS * quiet_hours;
            for _ in 0..draw.below(4) {
                let entry = (now + 300_000 - draw.below(lateness_ms), draw.event());
                view.update(now, key(), entry.clone(), 1);
                taken.push(entry);
            }
            if draw.below(3) == 0
                && let Some(gone) = taken.iter().position(|(at, _)| *at >= now - lateness_ms)
            {
                view.update(now, key(), taken.remove(gone), -1);
            }
            view.close(now);
            assert_eq!(view.rows.get(&key()).copied(), profile_slow(&taken, now), "seed {seed} at {now}");
        }
    }
}
