//! Lines no machine should send: broken, mistyped, misspelt or empty; and odd ones which are nevertheless sound.

use super::cast::Shop;
use super::clock::{MINUTE_MS, SECOND_MS, at};
use super::mischief::sale;
use super::record;
use crate::Error;
use crate::generate::{Desk, Fate};
use crate::topic::{Activity, Body, Channel, Record, Topic};

/// What a sound record of a topic is, and how it is spoilt: the text that is replaced, and by what.
type Spoilt = (Topic, &'static str, &'static str, &'static str);

/// One bad field each; the last column of the story's table of fates counts them.
const SPOILT: [Spoilt; 22] = [
    (Topic::Pos, POS, r#""operator_id":"e-anna","#, ""),
    (Topic::Pos, POS, r#""quantity":1"#, r#""quantity":"one""#),
    (Topic::Pos, POS, r#""quantity":1"#, r#""quantity":0.3333"#),
    (Topic::Pos, POS, r#""quantity":1"#, r#""quantity":0"#),
    (Topic::Pos, POS, r#""pos.line""#, r#""pos.total""#),
    (Topic::Pos, POS, r#""kind":"sale""#, r#""kind":"gift""#),
    (Topic::Pos, POS, r#""store_id":"market""#, r#""store_id":"market street""#),
    (Topic::Pos, POS, r#""net_cents":270"#, r#""net_cents":-270"#),
    (Topic::Traffic, "door-market-012", r#""in":"#, r#""in":-"#),
    (Topic::Traffic, "door-market-013", r#""ok""#, r#""asleep""#),
    (Topic::Queue, "queue-market-012", r#""zone_id":"tills""#, r#""zone_id":7"#),
    (Topic::Inventory, "move-market-bread-0520", r#""quantity":60"#, r#""quantity":0"#),
    (Topic::Inventory, "count-market-pasta-0300", r#""counted":"#, r#""counted":-"#),
    (Topic::Workforce, "e-ben-in", r#""checkout""#, r#""manager""#),
    (Topic::Tasks, "t-corner-scan-0", r#""due_at""#, r#""due""#),
    (Topic::Promotions, "p-drinks", r#""lemonade""#, r#""pink lemonade""#),
    (Topic::Orders, "o-101-0", r#""quantity":2"#, r#""quantity":false"#),
    (Topic::Reference, "product-cola", r#""case_pack":12"#, r#""case_pack":0"#),
    (Topic::Reference, "store-corner", r#""open_to":1140"#, r#""open_to":1441"#),
    (Topic::Commands, "answer-02", r#""ack""#, r#""shrug""#),
    (Topic::Activity, "market-visit-1-1", r#""channel":"#, r#""channel":"fax","was":"#),
    (Topic::Signals, "bus-1", r#""factor_bp""#, r#""factor""#),
];

/// The till line that is spoilt: it is no other record's name.
const POS: &str = "market-spoilt";

/// All of them.
///
/// # Errors
/// [`Error::Encode`], as for any record.
pub(super) fn tell(desk: &mut Desk) -> Result<(), Error> {
    let pos = sale(Shop::Market, POS, at(9, 20), "toothpaste");
    for (nth, (topic, name, from, to)) in (0_i64..).zip(SPOILT) {
        let sound = desk.accepted(topic).find(|record| record.event_id.as_str() == name);
        let sound = if name == POS { Some(&pos) } else { sound };
        let Some(sound) = sound.cloned() else { continue };
        let text = text(&sound)?.replacen(from, to, 1);
        desk.put_raw(topic, sound.ingest_time + nth * 7 * SECOND_MS, text, Fate::Dead);
    }
    tell_unreadable(desk, &text(&pos)?);
    tell_odd_but_sound(desk)
}

fn text(record: &Record) -> Result<String, Error> {
    serde_json::to_string(record).map_err(|source| Error::Encode { event_id: record.event_id.to_string(), source })
}

/// Half a line, no object, bytes that are no UTF-8, a bad line before any good one of its topic; and blank lines.
fn tell_unreadable(desk: &mut Desk, sound: &str) {
    desk.put_raw(Topic::Pos, at(9, 40), &sound[..sound.len() / 2], Fate::Dead);
    desk.put_raw(Topic::Queue, at(9, 41), "[]", Fate::Dead);
    desk.put_raw(Topic::Activity, at(9, 42), b"{\"comment\":\"Kaffeeh\xe4usl\"}", Fate::Dead);
    desk.put_raw(Topic::Signals, i64::MIN, r#"{"event_id":"heat-0","type":"signal","event_time":"#, Fate::Dead);
    for topic in [Topic::Pos, Topic::Inventory, Topic::Commands] {
        desk.put_raw(topic, at(13, 0), "", Fate::Blank);
    }
}

/// A field the contract does not know, a null for nothing, a quantity with an exponent, a name given twice of which
/// the last counts; and a time of arrival that goes back, and is taken as that of the line before.
fn tell_odd_but_sound(desk: &mut Desk) -> Result<(), Error> {
    let odd = sale(Shop::Market, "market-odd", at(9, 25), "toothpaste");
    let odd_text = text(&odd)?.replacen(
        r#""quantity":1"#,
        r#""quantity":7,"quantity":10e-1,"promotion_id":null,"lane_colour":"green""#,
        1,
    );
    desk.put_raw(Topic::Pos, odd.ingest_time, odd_text, Fate::Accepted);

    let seen = Activity {
        session_id: crate::topic::Id::resembling("market-visit-back"),
        channel: Channel::Web,
        customer_id: None,
        item_id: None,
        points: None,
    };
    let mut back = record("market-visit-back-1", at(12, 0), Some(Shop::Market), Body::View(seen));
    back.ingest_time = at(12, 0);
    desk.put_raw(Topic::Activity, at(12, 0) + 30 * MINUTE_MS, text(&back)?, Fate::Accepted);
    Ok(())
}
