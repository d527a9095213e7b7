//! The till lines of one item at one store that may still be corrected: promotions yet to come may take them in.
//!
//! *State.* One entry a sale or void line until it folds. *Cost.* A binary search a line, near the end for lines in order.

use operators::slim::Slim;
use serde::{Deserialize, Serialize};

use crate::ids::EventId;

/// A sale or void line as promotions see it; the amounts of a void are negative.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// When.
    pub event_time: i64,
    /// Which record.
    pub id: EventId,
    /// It may be corrected until this is out of the horizon.
    pub horizon: i64,
    /// Whether it sells.
    pub sale: bool,
    /// How much.
    pub units_milli: i64,
    /// For how much.
    pub net_cents: i64,
    /// What was taken off.
    pub discount_cents: i64,
    /// Price of one unit.
    pub unit_price_cents: i64,
}

/// The lines that may still be corrected, ascending.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lines {
    held: Slim<(Line, i64)>,
}

impl Lines {
    /// Adds `count` copies of a line.
    pub fn add(&mut self, line: Line, count: i64) {
        match self.held.binary_search_by(|(held, _)| held.cmp(&line)) {
            Ok(at) => {
                self.held[at].1 += count;
                if self.held[at].1 == 0 {
                    self.held.remove(at);
                }
            }
            Err(at) => self.held.insert(at, (line, count)),
        }
    }

    /// Gives up the lines that can no longer be corrected, telling each to `folded`. Unless they are `due`, it waits until that
    /// frees half of what is held, so that its cost per line is constant.
    pub fn fold(&mut self, edge: i64, due: bool, mut folded: impl FnMut(&Line, i64)) {
        let old = self.held.partition_point(|(line, _)| line.event_time < edge);
        if old == 0 || (!due && old * 2 < self.held.len()) {
            return;
        }
        self.held.retain(|(line, count)| {
            let folds = line.horizon < edge;
            if folds {
                folded(line, *count);
            }
            !folds
        });
    }

    /// The lines of `[start_at, end_at)`, ascending, with how often each is held.
    pub fn within(&self, start_at: i64, end_at: i64) -> &[(Line, i64)] {
        let from = self.held.partition_point(|(line, _)| line.event_time < start_at);
        let to = self.held.partition_point(|(line, _)| line.event_time < end_at);
        self.held.get(from..to).unwrap_or_default()
    }

    /// An instant out of the horizon of the last line.
    pub fn horizon(&self) -> Option<i64> {
        self.held.last().map(|(line, _)| line.horizon)
    }

    /// Whether no line is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event_time: i64, horizon: i64) -> Line {
        let id = EventId::new(format!("e{event_time}"));
        let (units_milli, net_cents, unit_price_cents) = (1_000, 90, 90);
        Line { event_time, id, horizon, sale: true, units_milli, net_cents, discount_cents: 0, unit_price_cents }
    }

    fn folded(lines: &mut Lines, edge: i64, due: bool) -> Vec<i64> {
        let mut folded = Vec::new();
        lines.fold(edge, due, |line, _| folded.push(line.event_time));
        folded
    }

    #[test]
    fn folds_half_at_a_time_or_when_due() {
        let mut lines = Lines::default();
        (1..=4).for_each(|at| lines.add(line(at, at), 1));
        assert!(folded(&mut lines, 2, false).is_empty());
        assert_eq!(folded(&mut lines, 3, false), [1, 2]);
        assert_eq!(folded(&mut lines, 4, true), [3]);
        assert_eq!((lines.within(0, 9).len(), lines.horizon()), (1, Some(4)));
    }

    #[test]
    fn a_line_that_once_was_said_to_be_later_folds_later() {
        let mut lines = Lines::default();
        lines.add(line(1, 9), 1);
        assert!(folded(&mut lines, 9, true).is_empty());
        assert_eq!(folded(&mut lines, 10, true), [1]);
        assert!(lines.is_empty());
    }

    #[test]
    fn a_correction_may_come_before_what_it_replaces_goes() {
        let mut lines = Lines::default();
        lines.add(line(5, 5), 1);
        lines.add(line(6, 6), 1);
        lines.add(line(5, 5), -1);
        assert_eq!((lines.within(5, 6).len(), lines.within(6, 7).len(), lines.within(9, 0).len()), (0, 1, 0));
    }
}
