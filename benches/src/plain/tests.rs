//! Both ways say the same rows; and would be told apart, whatever one of them were not given.

use dataflow::bench::drive::Decoded;
use dataflow::bench::load::{Load, Size};
use dataflow::event::activity::Act;
use dataflow::event::reference::Product;
use dataflow::event::{FactBody, StateBody, Topic};
use dataflow::ids::Id;
use dataflow::views::{customer_profile, inventory_position, margin_daily, returns_item};
use dataflow::views::{returns_operator, store_queue, store_sales};
use operators::arrival::Fact;

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
    let left_out = [&mut facts.rush, &mut facts.opening].into_iter().find_map(|part| {
        let last = part.iter().rposition(|given| is(&given.2))?;
        Some(part.remove(last))
    });
    assert!(left_out.is_some(), "there is something to leave out");
    facts
}

/// Where a product moves.
const ELSEWHERE: &str = "elsewhere";

/// With a product that has another department and cost from the middle of the rush on.
fn with_a_moved_product(mut facts: Facts) -> Facts {
    let found = facts.opening.iter().find_map(|(.., given)| match given {
        Given::Row(row @ Fact { body: StateBody::Product(product), .. }, 1) => Some((row.clone(), *product)),
        _ => None,
    });
    let (row, product) = found.expect("there is a product");
    let moved = Product { dept: Id::new(ELSEWHERE), unit_cost_cents: product.unit_cost_cents + 1, ..product };
    let moved = Fact { body: StateBody::Product(moved), ..row.clone() };
    let tick = facts.rush[facts.rush.len() / 2].0;
    let at = facts.rush.partition_point(|given| given.0 < tick);
    let changes = [Given::Row(row, -1), Given::Row(moved, 1)];
    facts.rush.splice(at..at, changes.map(|given| (tick, Topic::Reference, given)));
    facts
}

fn facts() -> Facts {
    let load = Load::new(Size::TINY).expect("a load");
    with_a_moved_product(Facts::of(&Decoded::new(&load).expect("sound")))
}

#[test]
fn both_ways_say_the_same_rows_at_every_tick() {
    let facts = facts();
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
