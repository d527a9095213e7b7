//! Both ways say the same rows; and would be told apart, whatever one of them were not given.

use contract::event::activity::Act;
use contract::event::inventory::Count;
use contract::event::order::{CustomerOrder, OrderLine, OrderState};
use contract::event::pos::{LineKind, PosLine};
use contract::event::reference::Product;
use contract::event::{FactBody, StateBody, Topic};
use contract::ids::{Id, Transaction};
use contract::time::Time;
use measure::drive::Decoded;
use measure::load::{Load, Size};
use retail::views::{customer_profile, inventory_position, margin_daily, returns_item};
use retail::views::{returns_operator, store_queue, store_sales};

use operators::ingest::arrival::Fact;

use super::{ABOUT, Facts, Given, Way, run};

/// Whether something is of a kind.
type Is = fn(&Given) -> bool;

/// What there is, and the views that read it.
const READ: [(Is, &[&str]); 7] = [
    (
        |given| fact(given, |body| matches!(body, FactBody::Pos(line) if line.customer.is_some())),
        &[
            store_sales::NAME,
            returns_operator::NAME,
            customer_profile::NAME,
            returns_item::NAME,
            margin_daily::NAME,
            inventory_position::NAME,
        ],
    ),
    (|given| fact(given, |body| matches!(body, FactBody::Queue(_))), &[store_queue::NAME]),
    (|given| fact(given, is_look), &[customer_profile::NAME]),
    (
        |given| fact(given, |body| matches!(body, FactBody::Movement(moved) if moved.reason.is_shrink())),
        &[margin_daily::NAME, inventory_position::NAME],
    ),
    (|given| fact(given, |body| matches!(body, FactBody::Count(_))), &[inventory_position::NAME]),
    (|given| row(given, |body| matches!(body, StateBody::Product(_))), &[margin_daily::NAME]),
    (|given| row(given, |body| matches!(body, StateBody::Order(_))), &[inventory_position::NAME]),
];

fn fact(given: &Given, is: fn(&FactBody) -> bool) -> bool {
    matches!(given, Given::Fact(fact) if is(&fact.body))
}

fn row(given: &Given, is: fn(&StateBody) -> bool) -> bool {
    matches!(given, Given::Row(row, 1) if is(&row.body))
}

fn is_look(body: &FactBody) -> bool {
    matches!(body, FactBody::Activity(activity) if activity.customer.is_some() && activity.act != Act::Loyalty)
}

/// All but the last that `is` of a kind.
fn without_last(mut facts: Facts, is: Is) -> Facts {
    let left_out = [&mut facts.window, &mut facts.warm_up].into_iter().find_map(|part| {
        let last = part.iter().rposition(|given| is(&given.2))?;
        Some(part.remove(last))
    });
    assert!(left_out.is_some(), "there is something to leave out");
    facts
}

/// What the load does not have, at a tick in the middle of the rush: of the shelf and the customer of some sale.
fn with_the_unusual(mut facts: Facts) -> Facts {
    let tick = facts.window[facts.window.len() / 2].0;
    let at = facts.window.partition_point(|given| given.0 < tick);
    let sale = facts.window[..at].iter().find_map(|(.., given)| match given {
        Given::Fact(Fact { event_time, body: FactBody::Pos(line), .. }) if line.is_sale() => {
            line.customer.map(|_| (*event_time, line.clone()))
        }
        _ => None,
    });
    let (sold_at, sale) = sale.expect("a loyal customer bought something");
    let given = facts.warm_up.iter().chain(&facts.window);
    let (mut product, mut order) = (None, None);
    for (.., given) in given {
        match given {
            Given::Row(Fact { body: StateBody::Product(row), .. }, 1) if row.item == sale.item => product = Some(*row),
            Given::Row(Fact { body: StateBody::Order(row), .. }, 1) => order = Some(row.clone()),
            _ => {}
        }
    }
    let (product, order) = (product.expect("it has a product"), order.expect("there is an order"));
    let unusual = unusual(sold_at, &sale, product, order);
    facts.window.splice(at..at, unusual.into_iter().map(|(topic, given)| (tick, topic, given)));
    facts
}

/// Where a product moves.
const ELSEWHERE: &str = "elsewhere";

fn unusual(sold_at: Time, sale: &PosLine, product: Product, order: CustomerOrder) -> Vec<(Topic, Given)> {
    let (store, item) = (sale.store, sale.item);
    let fact = |id: &str, event_time, body| Given::Fact(Fact { id: id.into(), event_time, horizon: event_time, body });
    let row = |body, diff| Given::Row(Fact { id: "moved".into(), event_time: sold_at, horizon: sold_at, body }, diff);
    let line = |line| FactBody::Pos(line);
    let count = |counted_milli| FactBody::Count(Count { store, item, counted_milli });
    let bare = Transaction::new("nothing but a void");
    let wanted = OrderLine { item, quantity_milli: 5_000, picked_milli: 0, short_milli: 0 };
    let cancelled = CustomerOrder { store, state: OrderState::Cancelled, lines: vec![wanted], ..order.clone() };
    let moved = Product { dept: Id::new(ELSEWHERE), unit_cost_cents: product.unit_cost_cents + 1, ..product };
    vec![
        (Topic::Reference, row(StateBody::Product(product), -1)),
        (Topic::Reference, row(StateBody::Product(moved), 1)),
        // Counted just when it was sold, which is in the count; and before that, which comes too late to matter.
        (Topic::Inventory, fact("counted", sold_at, count(7_000))),
        (Topic::Inventory, fact("counted before", sold_at - 1, count(9_000))),
        (Topic::Orders, row(StateBody::Order(cancelled), 1)),
        (Topic::Orders, row(StateBody::Order(CustomerOrder { store, lines: vec![wanted, wanted], ..order }), 1)),
        (
            Topic::Pos,
            fact("voided", sold_at + 1, line(PosLine { kind: LineKind::Void, transaction: bare, ..sale.clone() })),
        ),
        (Topic::Pos, fact("nameless", sold_at, line(PosLine { item: Id::new("nameless"), ..sale.clone() }))),
        (Topic::Pos, fact("after", sold_at + 2, line(sale.clone()))),
    ]
}

fn facts() -> Facts {
    Facts::of(&Decoded::new(&Load::new(Size::TINY).expect("a load")).expect("sound"))
}

#[test]
fn both_ways_say_the_same_rows_at_every_tick() {
    let facts = with_the_unusual(facts());
    let [job, plain] = [Way::Job, Way::Plain].map(|way| run(facts.clone(), way, true));
    assert!(job.changes > 1_000 && job.said.len() as u64 == job.changes);
    for name in READ.iter().flat_map(|(_, names)| *names) {
        assert!(job.said.iter().any(|(_, row, _)| row.contains(name)) && ABOUT.contains(name), "{name}");
    }
    assert!(job.said.iter().any(|(_, row, _)| row.contains(ELSEWHERE)));
    let differs = job.said.iter().zip(&plain.said).find(|(job, plain)| job != plain);
    assert_eq!((differs, job.said.len()), (None, plain.said.len()));
}

#[test]
fn whatever_is_left_out_is_missed_in_every_view_that_reads_it() {
    let facts = facts();
    let job = run(facts.clone(), Way::Job, true);
    for (index, (is, names)) in READ.into_iter().enumerate() {
        let plain = run(without_last(facts.clone(), is), Way::Plain, true);
        for name in names {
            let [job, plain] = [&job, &plain].map(|ran| {
                let rows = ran.said.iter().filter(|(_, row, _)| row.contains(name));
                rows.collect::<Vec<_>>()
            });
            assert_ne!(job, plain, "{name} by {index}");
        }
    }
}
