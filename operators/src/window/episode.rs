//! Episode of a condition: it opens after the condition has held for a while, and ends when the clear condition holds.
//!
//! *Meaning.* Let t0 be the first tick of the unbroken run of ticks at which the open condition holds. The episode opens
//! at the first tick ≥ t0 + `for_ms` still in the run, and ends at the first tick at which the clear condition holds
//! and is not frozen; it does not open again at that tick.
//! *Time.* [`Episode::next`] is the instant at which the clock alone opens it. *State.* Three optional ticks per key.
//! *Cost.* Constant.

use crate::keyed::Ticks;
use serde::{Deserialize, Serialize};

/// The conditions of a key at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Condition {
    /// The open condition.
    pub open: bool,
    /// The clear condition.
    pub clear: bool,
    /// The clear condition is not to be trusted now: an open episode stays open.
    pub held: bool,
}

/// The transition of an episode at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It stays closed.
    Closed,
    /// It opens.
    Opened,
    /// It stays open.
    Stays,
    /// It stays open only because its clear condition is not trusted.
    Frozen,
    /// It ends.
    Cleared,
}

/// The episode of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    run_since: Option<i64>,
    opened_at: Option<i64>,
    cleared_at: Option<i64>,
}

impl Episode {
    /// Moves to tick `now`, at which `condition` holds.
    pub fn step(&mut self, condition: Condition, for_ms: i64, now: i64) -> Turn {
        self.run_since = if condition.open { self.run_since.or(Some(now)) } else { None };
        if self.opened_at.is_some() {
            return match (condition.clear, condition.held) {
                (false, _) => Turn::Stays,
                (true, true) => Turn::Frozen,
                (true, false) => {
                    self.opened_at = None;
                    self.cleared_at = Some(now);
                    Turn::Cleared
                }
            };
        }
        match self.run_since {
            Some(since) if now >= since.saturating_add(for_ms) && self.cleared_at != Some(now) => {
                self.opened_at = Some(now);
                Turn::Opened
            }
            _ => Turn::Closed,
        }
    }

    /// The tick at which it opened, while it is open.
    pub fn opened_at(&self) -> Option<i64> {
        self.opened_at
    }

    /// The instant at which it opens if the open condition continues to hold.
    pub fn next(&self, for_ms: i64, now: i64, ticks: Ticks) -> Option<i64> {
        let since = self.run_since.filter(|_| self.opened_at.is_none())?;
        Some(ticks.at(since.saturating_add(for_ms)).max(now + ticks.tick_ms))
    }

    /// Returns whether it is closed and its open condition does not hold.
    pub fn is_empty(&self) -> bool {
        self.run_since.is_none() && self.opened_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    /// One letter per tick: `o` open, `c` clear, `h` clear but held, `.` neither; the result has one letter per turn.
    fn check(for_ms: i64, script: &str, expected: &str) {
        let mut episode = Episode::default();
        let turns: String = script
            .chars()
            .zip(0..)
            .map(|(letter, at)| {
                let condition = Condition { open: letter == 'o', clear: "ch".contains(letter), held: letter == 'h' };
                match episode.step(condition, for_ms, at * TICKS.tick_ms) {
                    Turn::Closed => '.',
                    Turn::Opened => 'O',
                    Turn::Stays => '=',
                    Turn::Frozen => '*',
                    Turn::Cleared => 'C',
                }
            })
            .collect();
        assert_eq!(turns, expected, "{script}");
    }

    #[test]
    fn opens_at_once_and_clears() {
        check(0, "c.oo.c.oc", "..O==C.OC");
    }

    #[test]
    fn the_condition_must_hold_without_a_break() {
        check(20, "oocooooc", ".....O=C");
        check(20, "oo.oo.", "......");
    }

    #[test]
    fn an_untrusted_clear_condition_freezes_it() {
        check(0, "ohh.hc", "O**=*C");
    }

    #[test]
    fn names_the_instant_at_which_the_clock_opens_it() {
        let mut episode = Episode::default();
        let open = Condition { open: true, clear: false, held: false };
        episode.step(open, 25, 10);
        assert_eq!(episode.next(25, 10, TICKS), Some(40));
        episode.step(open, 25, 40);
        assert_eq!((episode.opened_at(), episode.next(25, 40, TICKS)), (Some(40), None));
    }
}
