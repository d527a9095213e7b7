//! A day of three shops on which everything goes wrong once: small enough to read, with every exception of the
//! contract in it.
//!
//! It is Wednesday, 13 May 2026, warm, and the eve of a holiday. All times are UTC. The **market** by the lake is a
//! supermarket, open 06:00 to 20:00; the **corner** store near it is open 07:00 to 19:00; the kiosk at the **station**
//! up the hill from 14:00 to 02:00. The story begins at 02:10 with what the chain knows of its shops, 32 items in five
//! departments, and ends, after the holiday, on Friday 15 May at 13:00, when Wednesday has settled. Some 1 400 till
//! lines, 520 counts at doors and queues, and 13 orders later, this is what should have been said:
//!
//! | exception | of | opens | clears | because |
//! |---|---|---|---|---|
//! | inventory.stockout_risk | station, lager | 03:53:17 | 18:45:02 | the night count of 48 is written down as 4, until somebody counts again |
//! | inventory.negative_on_hand | station, lager | 15:41:47 | 18:45:02 | the fifth of those four is sold |
//! | promotion.setup_overdue | p-muesli, market | 06:00:00 | 10:30:02 | the display is built four and a half hours late |
//! | task.overdue | market, t-market-muesli | 06:00:00 | 10:30:02 | the same, as a task; high from 10:00, four hours after it was due |
//! | promotion.under_attainment | p-muesli, market, muesli | 10:00:00 | 18:00:00 | nobody saw it before; it never catches up, and ends |
//! | promotion.price_mismatch | p-drinks, corner, lemonade | 07:03:38 | 11:10:32 | the till learns the price at 11:00, and the next bottle is sold right |
//! | promotion.price_mismatch | p-drinks, corner, iced-tea | 07:07:15 | 11:21:18 | the same |
//! | fulfillment.promise_risk | o-cake | 08:10:02 | 09:28:02 | two cakes are ordered, one is there; two come |
//! | data.feed_stale | corner, traffic | 09:55:02 | 12:30:01 | the door sensor is dead from 09:40 to 12:20 |
//! | inventory.phantom_stock | market, charcoal | 10:03:35 | 12:50:02 | it lies behind a pallet and does not sell, until a shelf check counts it |
//! | fulfillment.capacity_overload | market | 10:06:02 | 10:22:02 | a caterer orders 114 pieces for before noon; a second picker clocks in |
//! | fulfillment.promise_risk | o-caterer-3 | 10:06:02 | 10:22:02 | the last of them: more work than time; critical |
//! | task.overdue | corner, t-corner-scan | 11:00:00 | 12:20:02 | the shelf scan is late |
//! | returns.abnormal_rate | kettle | 11:20:02 | – | the fifth kettle comes back, of hardly any sold |
//! | demand.drop | corner, bakery | 12:00:00 | 14:04:35 | the oven is broken from 11:00 to 13:30 |
//! | fulfillment.capacity_overload | corner | 12:30:02 | 13:00:02 | the only picker takes a break while an order is open |
//! | labor.coverage_gap | corner, fulfillment | 12:35:02 | 13:00:02 | the same, when it has lasted five minutes |
//! | fulfillment.promise_risk | o-forgotten | 13:56:00 | 14:00:00 | the picker forgets the order; critical from 13:57, and at 14:00 no longer a risk |
//! | fulfillment.promise_missed | o-forgotten | 14:00:00 | 14:35:02 | the promise is broken, until the order is ready |
//! | store.conversion_drop | market | 14:05:00 | 15:05:00 | from 13:00 to 14:00 a bus brings visitors who do not buy |
//! | demand.surge | corner, beverages | 16:01:10 | 18:11:00 | heat: from 15:45 to 17:15 everybody wants a cold drink |
//! | labor.coverage_gap | corner, checkout | 16:25:02 | 16:58:02 | in the middle of it one of two cashiers goes home at 16:20; another is called in |
//! | store.queue_breach | corner, tills | 16:35:00 | 17:20:00 | so the queue grows: critical at 16:50, high again at 17:05 |
//! | inventory.stockout_risk | corner, water | 17:30:00 | 18:05:02 | so the water runs low; heard of only when the office ends its noon rule, and mended from the market |
//! | data.feed_stale | station, pos | 17:14:46 | 17:35:11 | the line of the till is down from 17:00 to 17:35; the sales come in one burst |
//! | inventory.stockout_risk | station, chocolate | 17:20:02 | 17:35:11 | meanwhile a count misses a box: advisory only, and not cleared by the recount of 17:28 before the line is back |
//! | demand.drop | station, bakery | 17:34:00 | 17:35:24 | and the silence looks like a drop: a false alarm of a minute and a half |
//! | margin.leak | market, grocery, 13 May | 17:45:45 | 14 May 07:10:00 | three broken bottles of oil are keyed as thirty, and corrected the next morning |
//! | returns.operator_pattern | station, e-rex | 23:20:02 | – | the fifth refund without a receipt at one till |
//! | model.drift | lake, supermarket, bakery | 14 May 00:00:00 | 14 May 09:00:01 | the forecast is 30 % too high, until it is put right |
//! | model.drift | lake, convenience, beverages | 14 May 00:00:00 | – | no forecast knew of the heat |
//! | margin.leak | market, beverages, 13 May | 14 May 09:30:01 | 15 May 12:00:00 | an invoice restates the cost of the day before; then the day settles |
//!
//! Nothing else should open: not the pretzel promotion at the station, which is set up in time and sells as expected,
//! and nothing on the holiday, before which the office sets `stale_ms.*`, `inventory.phantom_stock.alpha_bp` and
//! `demand.drop.open_bp` so that silence means nothing.
//!
//! **People answer** twenty times (`answers.rs`). The setup exception is snoozed until 09:00, and updated then; others
//! are acknowledged, approved, rejected, dismissed, or snoozed without end. Four answers are refused: two approvals by a
//! role that may not (10:08:02 and 11:31:02), one word to an exception that has cleared (13:00:02), and one to an
//! exception nobody knows (15:00:02).
//!
//! **Records arrive in disorder** (`mischief.rs`): a basket in a hundred waits, some come twice, a few are corrected,
//! deleted, told by a wrong clock, or told too late. **And some cannot be read** (`spoilt.rs`): one bad field each, half
//! a line, no object, no UTF-8, a bad line before any good one of its topic; and three blank lines, which have no fate.
//! The fates an engine must count:
//!
//! | topic | accepted | duplicates | late | dead |
//! |---|---|---|---|---|
//! | `pos` | 1393 | 9 | 3 | 9 |
//! | `activity` | 428 | 0 | 1 | 2 |
//! | `traffic` | 213 | 1 | 1 | 3 |
//! | `queue` | 305 | 1 | 1 | 2 |
//! | `inventory` | 121 | 1 | 1 | 2 |
//! | `workforce` | 89 | 2 | 1 | 1 |
//! | `tasks` | 43 | 1 | 0 | 1 |
//! | `promotions` | 6 | 1 | 0 | 1 |
//! | `orders` | 63 | 1 | 0 | 1 |
//! | `reference` | 122 | 1 | 0 | 2 |
//! | `signals` | 8 | 1 | 0 | 2 |
//! | `commands` | 29 | 1 | 0 | 1 |
//!
//! The folder is committed as `scenarios/corner-store`. After a change here, write it again and read the difference:
//! `rm -r scenarios/corner-store && storepulse scenario generate corner-store --out scenarios/corner-store`.

use std::path::Path;

use crate::Error;
use crate::disorder::{Disorder, Rates};
use crate::folder::Scenario;
use crate::generate::{Desk, Generated, Make, Report};
use crate::topic::{Body, Id, Quantity, Record};

mod answers;
mod cast;
mod chores;
mod clock;
mod doors;
mod mischief;
mod office;
mod online;
mod orders;
mod plot;
mod promotions;
mod returns;
mod shelves;
mod spoilt;
mod staff;
mod till;

/// Its place in the list of generated scenarios.
pub const SCENARIO: Generated = Generated {
    name: "corner-store",
    about: "A day of three shops on which everything goes wrong once: small, told in full, and committed.",
    make: Make::Told(write),
};

/// What all chance comes from.
const SEED: u64 = 20_260_513;

/// Till lines and app taps trickle in; a basket now and then waits, a line now and then comes twice.
const DISORDER: Disorder = Disorder::On {
    rates: Rates { hiccup_bp: 100, offline_bp: 0, polled_bp: 0, resend_bp: 60, correction_bp: 0 },
    seed: SEED,
};

/// Writes the scenario into a folder, which must not exist or be empty.
///
/// # Errors
/// [`Error::OutputExists`] if the folder holds something, [`Error::Write`] if the system refuses.
pub fn write(out: &Path) -> Result<Report, Error> {
    let mut desk = Desk::default();
    cast::tell(&mut desk);
    promotions::tell(&mut desk);
    shelves::tell(&mut desk);
    staff::tell(&mut desk);
    chores::tell(&mut desk);
    till::tell(&mut desk);
    orders::tell(&mut desk);
    returns::tell(&mut desk);
    shelves::tell_checks(&mut desk);
    doors::tell(&mut desk);
    online::tell(&mut desk);
    office::tell(&mut desk);
    mischief::tell(&mut desk);
    spoilt::tell(&mut desk)?;
    desk.write(out, &head())
}

fn head() -> Scenario {
    Scenario {
        notes: vec![
            "Written by `storepulse scenario generate corner-store`: change the story there, not here.".to_owned(),
            "The story, and what should open and clear when, is told at the head of scenarios/src/corner_store.rs."
                .to_owned(),
        ],
        name: SCENARIO.name.to_owned(),
        until: Some(plot::END),
        ..Scenario::default()
    }
}

/// A name of the story as an id, which it is as it stands.
fn id(name: &str) -> Id {
    let id = Id::resembling(name);
    debug_assert_eq!(id.as_str(), name);
    id
}

/// A quantity of the story, all of which are small.
fn milli(milli: i64) -> Quantity {
    Quantity::from_milli(milli).unwrap_or_default()
}

/// A record that arrives as it happens.
fn record(name: &str, at: i64, shop: Option<cast::Shop>, body: Body) -> Record {
    Record::new(id(name), at, shop.map(|shop| id(shop.name())), body)
}

/// The same, from a terminal whose every delay the story knows.
fn prompt(record: Record) -> Record {
    Record { ingest_time: record.event_time + plot::PROMPT_MS, ..record }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    /// The files of a folder by name.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
    }

    #[test]
    fn the_committed_folder_is_what_is_written_and_its_fates_are_as_told() {
        let room = tempfile::tempdir().unwrap();
        let out = room.path().join("corner-store");
        let report = write(&out).unwrap();
        let (written, committed) = (files(&out), files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corner-store")));
        assert!(written.keys().eq(committed.keys()) && written.len() == 13, "{:?}", committed.keys());
        for (name, bytes) in &written {
            assert!(
                *bytes == committed[name],
                "{name} is not what is committed: the head of this file says how to renew it"
            );
        }
        for (topic, fates) in &report.fates {
            let crate::generate::Fates { accepted, duplicates, late, dead } = fates;
            let row = format!("//! | `{}` | {accepted} | {duplicates} | {late} | {dead} |\n", topic.name());
            assert!(include_str!("corner_store.rs").contains(&row), "the table of fates lacks: {row}");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join("x"), "x").unwrap();
        assert!(matches!(write(room.path()), Err(Error::OutputExists { .. })));
    }
}
