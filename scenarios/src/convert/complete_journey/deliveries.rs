//! From lines of receipts to records on their way: who rang them up, when they arrive, and which arrive twice or wrong.

use std::collections::BTreeMap;

use super::sales::Sale;
use super::tally::{Rule, Tally};
use crate::Error;
use crate::disorder::{Cause, Disorder, Line};
use crate::topic::{Body, Channel, Id, PosLine, Quantity, Record, SaleKind};

/// The registers of a store and its operators: the source names neither, so a basket's number picks them.
const REGISTERS: i64 = 8;
const OPERATORS: i64 = 12;

/// The state in which a line is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    /// As the source has it.
    True,
    /// Wrong, to be corrected later.
    Wrong,
    /// As the source has it, after it was wrong.
    Corrected,
}

/// A line on its way. The order of the fields is that of arrival; of what arrives at once, that of events, then that
/// of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delivery {
    pub(super) ingest_time: i64,
    event_time: i64,
    sale: usize,
    version: Version,
}

/// Everything that arrives, in order.
pub(super) fn deliveries(sales: &[Sale], disorder: Disorder, tally: &mut Tally) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(sales.len() + sales.len() / 64);
    for (index, sale) in sales.iter().enumerate() {
        let line = Line {
            store: sale.store.cast_unsigned(),
            basket: sale.basket.cast_unsigned(),
            number: u64::from(sale.number),
            event_time: sale.event_time,
        };
        let (ingest_time, cause) = disorder.arrival(&line);
        match cause {
            Cause::Trickle => {}
            Cause::Hiccup => tally.add(Rule::LineHiccup),
            Cause::Offline => tally.add(Rule::LineOffline),
            Cause::Polled => tally.add(Rule::LinePolled),
        }
        let mut deliver = |ingest_time, version| {
            deliveries.push(Delivery { ingest_time, event_time: sale.event_time, sale: index, version });
        };
        let correction = disorder.correction(&line, ingest_time);
        let first = if correction.is_some() { Version::Wrong } else { Version::True };
        deliver(ingest_time, first);
        if let Some(at) = correction {
            tally.add(Rule::LineCorrected);
            deliver(at, Version::Corrected);
        }
        if let Some(at) = disorder.resend(&line, ingest_time) {
            tally.add(Rule::LineResent);
            deliver(at, first);
        }
    }
    deliveries.sort_unstable();
    deliveries
}

/// Turns deliveries into records.
pub(super) struct Writer<'a> {
    pub(super) sales: &'a [Sale],
    pub(super) promotion_of_sale: &'a [Option<Id>],
    pub(super) coupon_of_sale: &'a BTreeMap<usize, Id>,
}

impl Writer<'_> {
    /// The record of a delivery. A redeemed coupon names the line's promotion before a placement does: it is the
    /// household's own.
    pub(super) fn record(&self, delivery: &Delivery) -> Result<Record, Error> {
        let sale = &self.sales[delivery.sale];
        let promotion = self.coupon_of_sale.get(&delivery.sale).or(self.promotion_of_sale[delivery.sale].as_ref());
        let mut line = line_of(sale, promotion.cloned())?;
        let revision = match delivery.version {
            Version::True => 0,
            Version::Wrong => {
                spoil(&mut line, sale);
                0
            }
            Version::Corrected => 1,
        };
        Ok(Record {
            ingest_time: delivery.ingest_time,
            revision,
            ..Record::new(
                Id::new(format!("{}-{}", sale.basket, sale.number))?,
                sale.event_time,
                Some(Id::from(sale.store)),
                Body::PosLine(line),
            )
        })
    }
}

fn line_of(sale: &Sale, promotion_id: Option<Id>) -> Result<PosLine, Error> {
    let register = sale.basket.rem_euclid(REGISTERS) + 1;
    let operator = sale.basket.div_euclid(REGISTERS).rem_euclid(OPERATORS) + 1;
    Ok(PosLine {
        transaction_id: Id::from(sale.basket),
        line: sale.number,
        register_id: Id::new(format!("r{register}"))?,
        operator_id: Id::new(format!("o{operator}"))?,
        item_id: Id::from(sale.item),
        kind: SaleKind::Sale,
        quantity: sale.quantity,
        unit_price_cents: sale.unit_price_cents(),
        net_cents: sale.net_cents,
        discount_cents: sale.discount_cents(),
        channel: Channel::Store,
        promotion_id,
        customer_id: Some(Id::from(sale.household)),
        receipt: None,
        reason: None,
        restock: None,
    })
}

/// What the till rang up by mistake: the card's price forgotten where there was one, else everything scanned twice.
fn spoil(line: &mut PosLine, sale: &Sale) {
    if sale.retail_cents > 0 {
        line.unit_price_cents = sale.regular_price_cents();
        line.net_cents += sale.retail_cents;
        line.discount_cents -= sale.retail_cents;
    } else if let Some(twice) = Quantity::from_milli(2 * line.quantity.milli()) {
        line.quantity = twice;
        line.net_cents *= 2;
        line.discount_cents *= 2;
    }
}
