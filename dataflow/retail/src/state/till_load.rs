//! Till load: transactions and lines of the last quarter of an hour, and the checkouts they require.
//!
//! *State.* One weight a transaction and minute of the window, one sum a minute.

use contract::ids::Transaction;
use contract::time::{MINUTE_MS, QUARTER_MS};
use operators::window::distinct_in_window::DistinctInWindow;
use operators::window::panes::{Panes, Trail};

use crate::stats::required_servers;
use serde::{Deserialize, Serialize};

const WINDOW: Trail = Trail { window_ms: QUARTER_MS, pane_ms: MINUTE_MS };

/// The sale and void lines of a store's last 15 minutes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TillLoad {
    baskets: DistinctInWindow<Transaction>,
    lines: Panes<i64>,
}

impl TillLoad {
    /// Takes `diff` copies of a sale (`sign` 1) or void (`sign` −1) line at tick `now`.
    pub fn add(&mut self, event_time: i64, transaction: Transaction, sign: i64, diff: i64, now: i64) {
        // What has left by now left before it was retracted, too.
        if WINDOW.has_left(WINDOW.pane(event_time), now) {
            return;
        }
        self.baskets.add(WINDOW, event_time, &transaction, sign * diff);
        if sign > 0 {
            self.lines.add(WINDOW, event_time, &diff);
        }
    }

    /// The checkouts needed at `now`.
    pub fn required(&mut self, now: i64) -> i64 {
        self.lines.expire(WINDOW, now);
        required_servers(self.baskets.count(WINDOW, now), self.lines.total(WINDOW, now))
    }

    /// The instant at which the clock alone next changes the required checkouts.
    pub fn next(&self, now: i64) -> Option<i64> {
        self.baskets.next(WINDOW, now).into_iter().chain(self.lines.next(WINDOW, now)).min()
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.baskets.is_empty() && self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_quarter_of_an_hour_counts_minute_by_minute() {
        let mut load = TillLoad::default();
        let minute = |nth: i64| nth * MINUTE_MS;
        for nth in 0..30 {
            let transaction = Transaction::new(&format!("t{nth}"));
            load.add(minute(nth) + 10, transaction, 1, 1, minute(nth) + 500);
        }
        // 15 transactions of one line are 15 · 43 / 900 = 0.72 erlangs.
        assert_eq!(load.required(minute(29) + 500), required_servers(15, 15));
        assert_eq!(load.next(minute(29) + 500), Some(minute(30)));
        // A void in the window ends its transaction, not its line; one that ended before is not looked for.
        load.add(minute(20) + 20, Transaction::new("t20"), -1, 1, minute(29) + 600);
        load.add(minute(3) + 20, Transaction::new("t3"), -1, 1, minute(29) + 600);
        assert_eq!(load.required(minute(29) + 600), required_servers(14, 15));
        assert_eq!(load.required(minute(44)), 0);
        assert!(load.is_empty());
    }
}
