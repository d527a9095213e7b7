//! Probes: sales that must open an exception, so that latency has enough samples.
//!
//! The load alone opens too few exceptions for a percentile of one in ten thousand. So one event in a hundred is a
//! probe: it sells one unit of an item of its own, which was counted as zero before the measured window, in a store of
//! the load and at the moment of the event before it. The stock goes negative, and `inventory.negative_on_hand` opens
//! in the same tick. Each repeat has probe items of its own.

use live::error::Error;
use scenarios::topic::{Body, Channel, Count, Id, PosLine, Quantity, Record as Sent, SaleKind};

use crate::load::{Load, Size};

/// One event in this many is a probe.
const EVERY: u64 = 100;

/// A load of this size and rate, its probes included.
///
/// # Errors
/// As [`Load::new`].
pub fn load(size: Size) -> Result<Load, Error> {
    let events = size.events as u64;
    let probes = events / EVERY;
    let others = usize::try_from(events - probes).unwrap_or(usize::MAX);
    let rate = (size.rate - size.rate / EVERY).max(1);
    let mut load = Load::new(Size { events: others, rate, ..size })?;
    let window = Vec::with_capacity(size.events);
    let (mut number, plain) = (0, std::mem::replace(&mut load.window, window));
    let before = load.warm_up.last().map_or(load.window_at - 1, |last| last.ingest_time);
    for (place, record) in (1..).zip(plain) {
        // After every 99th, while there are probes to place.
        let probe = (place % (EVERY - 1) == 0 && number < probes).then(|| probe(number, &record));
        load.window.push(record);
        if let Some(probe) = probe {
            load.warm_up.extend((0..size.repeats).map(|repeat| count((number, repeat), &probe, before)));
            load.window.push(probe);
            number += 1;
        }
    }
    load.size = size;
    Ok(load)
}

/// The prefix of the items of probes.
pub const PREFIX: &str = "probe-";

fn item((number, repeat): (u64, u32)) -> Id {
    Id::resembling(&if repeat == 0 { format!("{PREFIX}{number}") } else { format!("{PREFIX}{number}:{repeat}") })
}

/// The sale that makes the stock of an item negative.
fn probe(number: u64, beside: &Sent) -> Sent {
    let store = beside.store_id.clone().unwrap_or_else(|| Id::resembling("probes"));
    let line = PosLine {
        transaction_id: item((number, 0)),
        line: 1,
        register_id: Id::resembling("r1"),
        operator_id: Id::resembling("o1"),
        item_id: item((number, 0)),
        kind: SaleKind::Sale,
        quantity: Quantity::from_units(1).unwrap_or_default(),
        unit_price_cents: 199,
        net_cents: 199,
        discount_cents: 0,
        channel: Channel::Store,
        promotion_id: None,
        customer_id: None,
        receipt: None,
        reason: None,
        restock: None,
    };
    let at = beside.ingest_time;
    Sent::new(Id::resembling(&format!("probe-sale-{number}")), at, Some(store), Body::PosLine(line))
}

/// The count after which one sale of the probe opens an exception.
fn count((number, repeat): (u64, u32), probe: &Sent, at: i64) -> Sent {
    let counted = Count { item_id: item((number, repeat)), counted: Quantity::default() };
    Sent::new(
        Id::resembling(&format!("probe-count-{number}-{repeat}")),
        at,
        probe.store_id.clone(),
        Body::Count(counted),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_is_a_probe_and_the_size_is_what_was_asked_for() {
        let load = load(Size::TINY).expect("a load");
        assert_eq!((load.window.len(), load.size), (Size::TINY.events, Size::TINY));
        let is_probe = |record: &&Sent| record.event_id.as_str().starts_with("probe-");
        assert_eq!(load.window.iter().filter(is_probe).count(), 20);
        assert_eq!(load.warm_up.iter().filter(is_probe).count(), 20);
        assert!(load.window.is_sorted_by_key(|record| record.ingest_time));
        assert!(load.warm_up.is_sorted_by_key(|record| record.ingest_time));
    }
}
