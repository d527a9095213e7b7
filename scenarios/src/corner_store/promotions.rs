//! Three promotions: one the till does not know in time, one nobody sees, one that goes well.

use super::cast::Shop;
use super::clock::{SECOND_MS, at};
use super::{id, plot, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Op, Promotion};

/// Items at a price for a while.
pub(super) struct Offer {
    pub(super) name: &'static str,
    shops: &'static [Shop],
    items: &'static [&'static str],
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) price_cents: i64,
    /// How much more than forecast it should sell.
    uplift_bp: i64,
    setup_required: bool,
}

/// Pretzels at the station, in the evening.
pub(super) const PRETZELS: Offer = Offer {
    name: "p-pretzel",
    shops: &[Shop::Station],
    items: &["pretzel"],
    from: at(18, 0),
    to: at(24, 0),
    price_cents: 90,
    uplift_bp: 10_000,
    setup_required: true,
};

/// Iced tea and lemonade by the lake.
pub(super) const DRINKS: Offer = Offer {
    name: "p-drinks",
    shops: &[Shop::Market, Shop::Corner],
    items: &["iced-tea", "lemonade"],
    from: at(6, 0),
    to: at(20, 0),
    price_cents: 150,
    uplift_bp: 5_000,
    setup_required: false,
};

/// Muesli in the market, on a display that is not there in time.
pub(super) const MUESLI: Offer = Offer {
    name: "p-muesli",
    shops: &[Shop::Market],
    items: &["muesli"],
    from: plot::MUESLI.start,
    to: plot::MUESLI.end,
    price_cents: 379,
    uplift_bp: 20_000,
    setup_required: true,
};

const OFFERS: [&Offer; 3] = [&PRETZELS, &DRINKS, &MUESLI];

/// The offer a till knows for an item at an instant.
pub(super) fn at_till(shop: Shop, item: &str, at: i64) -> Option<&'static Offer> {
    let known = |offer: &Offer| shop != Shop::Corner || offer.name != DRINKS.name || at >= plot::TILL_REPAIRED;
    OFFERS.into_iter().find(|offer| {
        offer.shops.contains(&shop)
            && offer.items.contains(&item)
            && (offer.from..offer.to).contains(&at)
            && known(offer)
    })
}

/// All three are known in the night; the price of the pretzels is set in the morning, and an offer keyed by mistake is
/// taken back before it starts.
pub(super) fn tell(desk: &mut Desk) {
    for (nth, offer) in (1..).zip(OFFERS) {
        let first_price = if offer.name == PRETZELS.name { 100 } else { offer.price_cents };
        let told = record(offer.name, at(2, 30) + nth * SECOND_MS, None, body(offer, first_price));
        desk.put(told, Fate::Accepted);
    }
    let mut revised = record(PRETZELS.name, at(9, 0), None, body(&PRETZELS, PRETZELS.price_cents));
    revised.revision = 1;
    desk.put(revised.clone(), Fate::Accepted);
    revised.ingest_time += 40 * SECOND_MS;
    desk.put(revised, Fate::Duplicate);

    let mistake = Offer { name: "p-mistake", from: at(12, 0), to: at(18, 0), ..PRETZELS };
    let told = record(mistake.name, at(10, 0), None, body(&mistake, 9));
    desk.put(told.clone(), Fate::Accepted);
    let mut taken_back = record(mistake.name, at(10, 30), None, told.body);
    (taken_back.revision, taken_back.op) = (1, Op::Delete);
    desk.put(taken_back, Fate::Accepted);
}

fn body(offer: &Offer, promo_price_cents: i64) -> Body {
    Body::Promotion(Promotion {
        promotion_id: id(offer.name),
        store_ids: offer.shops.iter().map(|shop| id(shop.name())).collect(),
        item_ids: offer.items.iter().map(|item| id(item)).collect(),
        start_at: offer.from,
        end_at: offer.to,
        promo_price_cents,
        expected_uplift_bp: offer.uplift_bp,
        setup_required: offer.setup_required,
    })
}
