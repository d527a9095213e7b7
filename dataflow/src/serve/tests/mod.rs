//! The board and the server, tried out: what a whole scenario leaves, and what every route answers.

mod board;
mod client;
mod reading;
mod speaking;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::encode::lines;
use crate::feed::Feed;
use crate::job;
use crate::output::{Numbers, OutputTopic};
use crate::scenario::{Overrides, Scenario};
use crate::serve::Board;

/// The records of one topic that left at one tick.
pub(super) struct Left {
    pub(super) time: i64,
    pub(super) topic: OutputTopic,
    pub(super) records: Vec<Vec<u8>>,
}

/// Everything that the committed scenario says, in order.
pub(super) fn corner_store() -> Vec<Left> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios/corner-store");
    let scenario = Scenario::open(&folder, &Overrides::default()).expect("a scenario");
    let feed = Feed::open(&scenario, Arc::new(AtomicU64::new(0))).expect("its logs open");
    let (mut left, mut numbers) = (Vec::new(), Numbers::default());
    let write = |closed: job::Closed| {
        for emission in closed.emissions {
            let records = lines(&emission, numbers.take(&emission))?;
            left.push(Left { time: emission.time, topic: emission.topic, records });
        }
        Ok(())
    };
    job::run(feed, &scenario.settings, 1, write).expect("it runs");
    left
}

/// A view record of the first tick.
pub(super) fn row(view: &str, key: &str, value: &str) -> Vec<u8> {
    format!(r#"{{"time":1000,"seq":0,"view":"{view}","key":{key},"op":"insert","value":{value}}}"#).into_bytes()
}

/// A record of the exceptions topic: `id` says type, store and whether it is restricted.
pub(super) fn told(name: (i64, u64), id: &str, event: &str, status: &str) -> Vec<u8> {
    let restricted = id.starts_with("operator");
    let kind = if restricted { "returns.operator_pattern" } else { "labor.coverage_gap" };
    let store = if id.ends_with('2') { "s02" } else { "s01" };
    format!(
        r#"{{"time":{},"seq":{},"exception_id":"{id}","type":"{kind}","version":1,"event":"{event}","status":"{status}","severity":"high","confidence_bp":10000,"mode":"actionable","restricted":{restricted},"key":{{"store":"{store}"}},"store_id":"{store}","opened_at":1000}}"#,
        name.0, name.1
    )
    .into_bytes()
}

/// A board at tick 1000: three rows of store.sales, and three open exceptions of which one is restricted.
pub(super) fn board() -> Board {
    let board = Board::new(1_000);
    let sales = [
        row("store.sales", r#"{"store":"s01","hour":0}"#, r#"{"net_cents":100}"#),
        row("store.sales", r#"{"store":"s01","hour":3600000}"#, r#"{"net_cents":200}"#),
        row("store.sales", r#"{"store":"s02","hour":0}"#, r#"{"net_cents":300}"#),
    ];
    let open = [
        told((1_000, 0), "gap1", "opened", "open"),
        told((1_000, 1), "gap2", "opened", "open"),
        told((1_000, 2), "operator1", "opened", "open"),
    ];
    board.apply(1_000, OutputTopic::Views, &sales).expect("rows");
    board.apply(1_000, OutputTopic::Exceptions, &open).expect("exceptions");
    board.closed(1_000);
    board
}
