//! Orders to pick: most go well, three together overwhelm the picker, one is forgotten.

use super::cast::{Shop, item};
use super::clock::{HOUR_MS, MINUTE_MS, at};
use super::till::Receipt;
use super::{id, milli, plot, prompt, record, staff};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Channel, Fulfillment, Movement, MovementReason, Op, Order, OrderLine, OrderState, Record};

/// How an order leaves the shop.
#[derive(Clone, Copy)]
enum End {
    /// Through the till.
    Sold,
    /// In a van, invoiced by the head office: stock moves and no till knows.
    Shipped,
    /// Not at all.
    Cancelled,
}

/// An order of the story.
struct Plan {
    name: &'static str,
    shop: Shop,
    fulfillment: Fulfillment,
    placed_at: i64,
    promise_at: i64,
    /// Items and pieces.
    lines: &'static [(&'static str, i64)],
    /// Pieces of the first line that are not to be found.
    short: i64,
    /// When half of the pieces are picked.
    half_at: Option<i64>,
    ready_at: i64,
    end: End,
}

/// An order that is promised in two hours and ready in forty minutes.
const fn plan(name: &'static str, shop: Shop, placed_at: i64, lines: &'static [(&'static str, i64)]) -> Plan {
    let (promise_at, ready_at) = (placed_at + 2 * HOUR_MS, placed_at + 40 * MINUTE_MS);
    let (fulfillment, end) = (Fulfillment::Bopis, End::Sold);
    Plan { name, shop, fulfillment, placed_at, promise_at, lines, short: 0, half_at: None, ready_at, end }
}

/// One of the caterer's orders: it comes so long before the last of them, is promised, half picked and ready.
const fn catered(name: &'static str, before_ms: i64, times: [i64; 3], lines: &'static [(&'static str, i64)]) -> Plan {
    let ordinary = plan(name, Shop::Market, plot::CATERER_ORDERS - before_ms, lines);
    let fulfillment = Fulfillment::Delivery;
    Plan {
        fulfillment,
        promise_at: times[0],
        half_at: Some(times[1]),
        ready_at: times[2],
        end: End::Shipped,
        ..ordinary
    }
}

const PLANS: [Plan; 12] = [
    plan("o-101", Shop::Market, at(7, 10), &[("pasta", 2), ("coffee", 1)]),
    plan("o-102", Shop::Corner, at(8, 30), &[("oat-milk", 2), ("pasta", 1)]),
    Plan { ready_at: at(9, 40), ..plan("o-cake", Shop::Market, at(8, 10), &[("cake", 2)]) },
    catered("o-caterer-1", 6 * MINUTE_MS, [at(11, 35), at(10, 50), at(11, 5)], &[("rolls", 38)]),
    catered("o-caterer-2", 3 * MINUTE_MS, [at(11, 45), at(11, 12), at(11, 20)], &[("croissant", 38)]),
    catered("o-caterer-3", 0, [at(11, 55), at(11, 30), at(11, 42)], &[("napkins", 38)]),
    plan("o-103", Shop::Market, at(11, 50), &[("detergent", 1), ("bin-bags", 2)]),
    Plan {
        promise_at: plot::FORGOTTEN_PROMISE,
        ready_at: plot::FORGOTTEN_PROMISE + 35 * MINUTE_MS,
        ..plan("o-forgotten", Shop::Corner, at(12, 5), &[("chocolate", 2), ("napkins", 2)])
    },
    plan("o-104", Shop::Market, at(14, 40), &[("napkins", 2), ("bin-bags", 1)]),
    Plan { short: 1, ..plan("o-105", Shop::Corner, at(15, 0), &[("candles", 2), ("rice", 1)]) },
    Plan { end: End::Cancelled, ..plan("o-106", Shop::Market, at(16, 0), &[("toothpaste", 2), ("candles", 1)]) },
    Plan {
        fulfillment: Fulfillment::ShipFromStore,
        end: End::Shipped,
        ..plan("o-107", Shop::Market, at(17, 5), &[("rice", 3), ("pasta", 3)])
    },
];

/// How much of an order is picked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Picked {
    Nothing,
    Half,
    All,
}

impl Plan {
    /// The pieces of a line that are picked, and those that are short.
    fn picked(&self, line: usize, pieces: i64, picked: Picked) -> (i64, i64) {
        let short = if line == 0 { self.short } else { 0 };
        match picked {
            Picked::Nothing => (0, 0),
            Picked::Half => (pieces / 2, 0),
            Picked::All => (pieces - short, short),
        }
    }

    /// What is known of it from an instant on.
    fn state(&self, state: OrderState, at: i64, picked: Picked) -> Record {
        let lines = self.lines.iter().enumerate().map(|(line, (name, pieces))| {
            let (picked, short) = self.picked(line, *pieces, picked);
            let [quantity, picked, short] = [*pieces, picked, short].map(|pieces| milli(pieces * 1000));
            OrderLine { item_id: id(name), quantity, picked, short }
        });
        let order = Order {
            order_id: id(self.name),
            fulfillment: self.fulfillment,
            state,
            placed_at: self.placed_at,
            promise_at: self.promise_at,
            lines: lines.collect(),
            ready_at: matches!(state, OrderState::Ready | OrderState::PickedUp | OrderState::Shipped)
                .then_some(self.ready_at),
        };
        prompt(record(
            &format!("{}-{}", self.name, (at - self.placed_at) / MINUTE_MS),
            at,
            Some(self.shop),
            Body::Order(order),
        ))
    }

    /// Its states, each with its instant and how much is picked by then.
    fn states(&self) -> Vec<(OrderState, i64, Picked)> {
        let mut states = vec![
            (OrderState::Placed, self.placed_at, Picked::Nothing),
            (OrderState::Accepted, self.placed_at + 2 * MINUTE_MS, Picked::Nothing),
        ];
        if matches!(self.end, End::Cancelled) {
            states.push((OrderState::Cancelled, self.placed_at + 25 * MINUTE_MS, Picked::Nothing));
            return states;
        }
        let picking_at = self.half_at.unwrap_or(self.ready_at) - 15 * MINUTE_MS;
        states.push((OrderState::Picking, picking_at, Picked::Nothing));
        states.extend(self.half_at.map(|at| (OrderState::Picking, at, Picked::Half)));
        states.push((OrderState::Ready, self.ready_at, Picked::All));
        let gone = if matches!(self.end, End::Sold) { OrderState::PickedUp } else { OrderState::Shipped };
        states.push((gone, self.gone_at(), Picked::All));
        states
    }

    /// When it leaves the shop.
    fn gone_at(&self) -> i64 {
        self.ready_at + if matches!(self.end, End::Sold) { 50 * MINUTE_MS } else { 5 * MINUTE_MS }
    }

    /// What leaves the shelf with it: through the till, or past it.
    fn leave(&self, customer: i64) -> Vec<Record> {
        let at = self.gone_at();
        let operator = staff::at_till(self.shop, at, 0);
        let channel = if self.shop == Shop::Market { Channel::Web } else { Channel::App };
        let receipt =
            Receipt { shop: self.shop, name: self.name.to_owned(), operator, channel, customer: Some(customer) };
        let lines = (1_u32..).zip(self.lines.iter().enumerate());
        lines
            .filter_map(|(number, (line, (name, pieces)))| {
                let (picked, _) = self.picked(line, *pieces, Picked::All);
                Some(match self.end {
                    End::Cancelled => return None,
                    End::Sold => prompt(receipt.line(number, at, item(name), picked * 1000)),
                    End::Shipped => {
                        let (quantity, reason) = (milli(-1000 * picked), MovementReason::TransferOut);
                        let moved = Body::Movement(Movement { item_id: id(name), quantity, reason });
                        prompt(record(&format!("{}-{number}", self.name), at, Some(self.shop), moved))
                    }
                })
            })
            .collect()
    }
}

/// Every order through its states; one that was placed by mistake is deleted.
pub(super) fn tell(desk: &mut Desk) {
    for (customer, plan) in (1..).zip(&PLANS) {
        for (state, at, picked) in plan.states() {
            desk.put(plan.state(state, at, picked), Fate::Accepted);
        }
        for gone in plan.leave(customer) {
            desk.put(gone, Fate::Accepted);
        }
    }
    let mistake = plan("o-mistake", Shop::Market, at(9, 5), &[("coffee", 20)]);
    let placed = mistake.state(OrderState::Placed, at(9, 5), Picked::Nothing);
    desk.put(placed.clone(), Fate::Accepted);
    let deleted =
        Record { op: Op::Delete, revision: 1, event_time: at(9, 12), ingest_time: at(9, 12), ..placed.clone() };
    desk.put(deleted, Fate::Accepted);
    desk.put(Record { ingest_time: at(9, 13), ..placed }, Fate::Duplicate);
}
