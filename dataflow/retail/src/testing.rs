//! Test driver: a keyed state driven by hand, with the rows that it currently maintains.

use std::collections::BTreeMap;

use contract::time::Cause;
use engine::row::Row;
use operators::diff::Traced;
use operators::keyed::{Keyed, KeyedStore, Ticks};

/// The rows a view maintains, tick by tick.
pub(crate) struct Driven<L: Keyed<Cause = Cause>, K, V> {
    /// The keyed state that maintains them.
    pub(crate) state: KeyedStore<L>,
    /// The current rows.
    pub(crate) rows: BTreeMap<K, V>,
}

impl<L, K, V> Driven<L, K, V>
where
    L: Keyed<Cause = Cause, Output = Row<K, V>>,
    K: Ord + Clone,
    V: PartialEq + Clone + std::fmt::Debug,
{
    /// No rows yet; ticks of `tick_ms`.
    pub(crate) fn new(logic: L, tick_ms: i64) -> Self {
        Driven { state: KeyedStore::new(logic, Ticks { tick_ms }), rows: BTreeMap::new() }
    }

    /// Takes a change.
    pub(crate) fn update(&mut self, now: i64, key: L::Key, input: L::Input, diff: L::Diff) {
        self.state.update(key, input, Traced::new(diff, None), now);
    }

    /// Closes the tick and every one before it at which the clock wanted a look; answers how many rows changed.
    pub(crate) fn close(&mut self, now: i64) -> usize {
        let mut changes = 0;
        while let Some(wake) = self.state.next_timer().filter(|wake| *wake < now) {
            changes += self.close_tick(wake);
        }
        changes + self.close_tick(now)
    }

    fn close_tick(&mut self, now: i64) -> usize {
        let (mut out, mut fuel) = (Vec::new(), usize::MAX);
        self.state.fire_timers(now);
        assert!(self.state.close(now, &mut fuel, &mut out));
        out.sort_by_key(|(_, _, change)| change.diff);
        for (row, _, change) in &out {
            if change.diff < 0 {
                assert_eq!(self.rows.remove(&row.key).as_ref(), Some(&row.value), "retracts the current row");
            } else {
                assert!(self.rows.insert(row.key.clone(), row.value.clone()).is_none(), "one row a key");
            }
        }
        out.len()
    }
}
