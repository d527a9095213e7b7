//! Customers and their segments: views 4 and 5.

use std::collections::BTreeMap;

use crate::model::decode::Id;
use crate::model::stats::{DAY, floor_to, per, trailing};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

#[derive(Default)]
struct Profile<'a> {
    transactions: BTreeMap<(&'a Id, &'a Id), i64>,
    units: i64,
    net: i64,
    returned: i64,
    promo: i64,
    /// store, web, app
    channels: [i64; 3],
    last_purchase_at: Option<i64>,
    views: i64,
    cart_adds: i64,
}

/// View 4.
pub(super) fn profile(world: &World, _: &Tables) -> Rows {
    let recent = trailing(world.now, 28 * DAY, DAY);
    let mut customers: BTreeMap<&Id, Profile> = BTreeMap::new();
    for fact in world.lines.iter().filter(|fact| recent(fact.time)) {
        let line = &fact.body;
        let Some(customer) = &line.customer_id else { continue };
        let of = customers.entry(customer).or_default();
        let cents = line.sign() * line.net_cents;
        *of.transactions.entry((&fact.store, &line.transaction_id)).or_default() += line.sign();
        of.units += line.sign() * line.quantity;
        of.net += cents;
        if line.is("return") {
            of.returned += line.net_cents;
            of.net -= line.net_cents;
        }
        if line.promotion_id.is_some() {
            of.promo += cents;
        }
        of.channels[["store", "web", "app"].iter().position(|of| *of == line.channel).unwrap_or(0)] += cents;
        if line.is("sale") {
            of.last_purchase_at = of.last_purchase_at.max(Some(fact.time));
        }
    }
    for fact in world.product_views.iter().filter(|fact| recent(fact.time)) {
        fact.body.customer_id.iter().for_each(|customer| customers.entry(customer).or_default().views += 1);
    }
    for fact in world.carts.iter().filter(|fact| recent(fact.time)) {
        fact.body.customer_id.iter().for_each(|customer| customers.entry(customer).or_default().cart_adds += 1);
    }
    let row = |(customer, of): (&Id, Profile)| {
        let transactions = of.transactions.values().filter(|more_sales| **more_sales > 0).count() as i64;
        let [store, web, app] = of.channels.map(Some);
        let row = vec![
            Some(transactions),
            Some(of.units),
            Some(of.net),
            Some(of.returned),
            Some(of.promo),
            store,
            web,
            app,
            of.last_purchase_at,
            Some(of.views),
            Some(of.cart_adds),
            per(of.net.into(), transactions),
        ];
        (key![customer], row)
    };
    customers.into_iter().map(row).collect()
}

/// View 5.
pub(super) fn segments(world: &World, tables: &Tables) -> Rows {
    let lapsed = floor_to(world.now, DAY) - 14 * DAY;
    let mut segments: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (_, row) in tables.current("customer.profile") {
        let cell = |column| row[tables.column("customer.profile", column)];
        let segment = match cell("transactions").unwrap_or(0) {
            _ if cell("last_purchase_at").is_some_and(|at| at < lapsed) => "lapsing",
            ..=0 => "inactive",
            1 => "new",
            2..=3 => "occasional",
            4..=9 => "regular",
            _ => "loyal",
        };
        let (customers, net) = segments.entry(segment).or_default();
        *customers += 1;
        *net += cell("net_cents").unwrap_or(0);
    }
    segments.into_iter().map(|(segment, (customers, net))| (key![segment], vec![Some(customers), Some(net)])).collect()
}
