//! What comes back: broken kettles, the odd wrong purchase, and refunds of one cashier which nobody has a receipt for.

use super::cast::{Shop, item};
use super::clock::at;
use super::till::Receipt;
use super::{plot, prompt, staff};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Channel, ReturnReason, SaleKind};

/// Why something comes back, whether with its receipt, and whether it can be sold again.
type Story = (Option<ReturnReason>, bool, bool);

const BROKEN: Story = (Some(ReturnReason::Defective), true, false);
const WRONG: Story = (Some(ReturnReason::WrongItem), true, true);
const UNWANTED: Story = (Some(ReturnReason::Unwanted), true, true);
const NO_RECEIPT: Story = (None, false, true);

/// The cashier.
pub(super) const REX: &str = "e-rex";

/// When, where, what, and the story told.
const RETURNS: [(i64, Shop, &str, Story); 17] = [
    (at(8, 12), Shop::Market, "kettle", BROKEN),
    (at(8, 50), Shop::Corner, "kettle", BROKEN),
    (at(9, 5), Shop::Market, "toothpaste", WRONG),
    (at(9, 36), Shop::Market, "kettle", BROKEN),
    (at(10, 40), Shop::Corner, "kettle", UNWANTED),
    (FIFTH_KETTLE, Shop::Market, "kettle", BROKEN),
    (at(12, 15), Shop::Corner, "kettle", BROKEN),
    (at(14, 5), Shop::Corner, "detergent", UNWANTED),
    (at(15, 30), Shop::Market, "coffee", (Some(ReturnReason::NotAsDescribed), true, false)),
    (at(18, 5), Shop::Market, "rice", (Some(ReturnReason::Other), false, false)),
    (at(20, 10), Shop::Station, "white-wine", NO_RECEIPT),
    (at(20, 40), Shop::Station, "coffee", NO_RECEIPT),
    (at(21, 25), Shop::Station, "white-wine", NO_RECEIPT),
    (at(22, 50), Shop::Station, "candles", NO_RECEIPT),
    (FIFTH_REFUND, Shop::Station, "coffee", NO_RECEIPT),
    (at(23, 40), Shop::Station, "toothpaste", UNWANTED),
    (at(24, 30), Shop::Station, "white-wine", NO_RECEIPT),
];

/// With it, five units are back of at most twenty-five sold: more than twice what is usual.
pub(super) const FIFTH_KETTLE: i64 = at(11, 20);

/// With it, all of five refunds are without a receipt: in truth surely more than three of ten.
pub(super) const FIFTH_REFUND: i64 = at(23, 20);

/// Each return is a receipt of its own.
pub(super) fn tell(desk: &mut Desk) {
    for (number, (at, shop, name, (reason, receipt, restock))) in (1_u64..).zip(RETURNS) {
        let operator = if shop == Shop::Station { REX } else { staff::at_till(shop, at, number) };
        let header = Receipt {
            shop,
            name: format!("{}-return-{number}", shop.name()),
            operator,
            channel: Channel::Store,
            customer: receipt.then_some(40 + i64::from(number % 9 == 0)),
        };
        let mut told = prompt(header.line(1, at, item(name), 1000));
        if let Body::PosLine(line) = &mut told.body {
            (line.kind, line.reason) = (SaleKind::Return, reason);
            (line.receipt, line.restock) = (Some(receipt), Some(restock));
        }
        desk.put(told, Fate::Accepted);
    }
}

/// The ticks at which the fifth of each reaches the log.
pub(super) const KETTLES_OPEN: i64 = FIFTH_KETTLE + plot::PROMPT_MS;
pub(super) const REFUNDS_OPEN: i64 = FIFTH_REFUND + plot::PROMPT_MS;
