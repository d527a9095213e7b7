//! The till lines and movements of one item at one store that may still be corrected.
//!
//! The ledger sums them and promotions select from them, future promotions too, so each is stored whole until it folds.
//! *State.* One entry per line or movement until it folds. *Cost.* A binary search per update, at the end for lines in
//! order.

use contract::event::inventory::Movement;
use contract::event::pos::{LineKind, PosLine};
use contract::ids::EventId;
use engine::streams::FactRef;
use operators::compact::compact_vec::CompactVec;
use serde::{Deserialize, Serialize};

/// The kind of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MoveKind {
    /// A sale line.
    Sale,
    /// A void line.
    Void,
    /// A return line or a movement: nothing a promotion cares about.
    Other,
}

/// A till line or movement with its effect on stock and sales; the amounts of a void are negative.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move {
    /// The event time.
    pub event_time: i64,
    /// The event id.
    pub id: EventId,
    /// The move may be corrected until this instant is out of the horizon.
    pub horizon: i64,
    /// The change of the stock.
    pub stock_milli: i64,
    /// The net price of the line.
    pub net_cents: i64,
    /// The discount.
    pub discount_cents: i64,
    /// Price of one unit.
    pub unit_price_cents: i64,
    /// The kind.
    pub kind: MoveKind,
}

impl Move {
    /// The move of a till line.
    pub fn of_line(line: &FactRef<'_, PosLine>) -> Self {
        let FactRef { id, event_time, horizon, body } = *line;
        let (sign, stock_milli) = (body.sale_sign(), body.stock_milli());
        let kind = match body.kind {
            LineKind::Sale => MoveKind::Sale,
            LineKind::Void => MoveKind::Void,
            LineKind::Return => MoveKind::Other,
        };
        let (net_cents, discount_cents) = (sign * body.net_cents, sign * body.discount_cents);
        let unit_price_cents = body.unit_price_cents;
        Move { event_time, id: id.clone(), horizon, stock_milli, net_cents, discount_cents, unit_price_cents, kind }
    }

    /// The move of a movement.
    pub fn of_movement(movement: &FactRef<'_, Movement>) -> Self {
        let FactRef { id, event_time, horizon, body } = *movement;
        Move::of_stock(event_time, id.clone(), horizon, body.quantity_milli)
    }

    /// A change of the stock that is no sale.
    pub fn of_stock(event_time: i64, id: EventId, horizon: i64, stock_milli: i64) -> Self {
        let (net_cents, discount_cents, unit_price_cents) = (0, 0, 0);
        let kind = MoveKind::Other;
        Move { event_time, id, horizon, stock_milli, net_cents, discount_cents, unit_price_cents, kind }
    }

    /// True for a sale line.
    pub fn is_sale(&self) -> bool {
        self.kind == MoveKind::Sale
    }

    /// True for a sale or void line.
    pub fn is_sold(&self) -> bool {
        self.kind != MoveKind::Other
    }

    /// Sold − voided: what a sale takes from the stock.
    pub fn units_milli(&self) -> i64 {
        if self.is_sold() { -self.stock_milli } else { 0 }
    }
}

/// The moves that may still be corrected, ascending.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Moves {
    entries: CompactVec<(Move, i64)>,
}

impl Moves {
    /// Adds `count` copies of a move.
    pub fn add(&mut self, moved: Move, count: i64) {
        // Most come in order.
        let is_last = self.entries.last().is_none_or(|(last, _)| *last < moved);
        let place = if is_last {
            Err(self.entries.len())
        } else {
            self.entries.binary_search_by(|(entry, _)| entry.cmp(&moved))
        };
        match place {
            Ok(at) => {
                self.entries[at].1 += count;
                if self.entries[at].1 == 0 {
                    self.entries.remove(at);
                }
            }
            Err(at) => self.entries.insert(at, (moved, count)),
        }
    }

    /// The number of moves before `edge`.
    pub fn before(&self, edge: i64) -> usize {
        self.starting(edge, |at, edge| at < edge)
    }

    /// The event time of the first move.
    pub fn begins(&self) -> Option<i64> {
        self.entries.first().map(|(moved, _)| moved.event_time)
    }

    /// The number of moves.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no move.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of leading moves whose time `is_in`, relative to `instant`. Usually all of them, and then only the
    /// last move is compared: new moves come last.
    fn starting(&self, instant: i64, is_in: impl Fn(i64, i64) -> bool) -> usize {
        let is_in = |(moved, _): &(Move, i64)| is_in(moved.event_time, instant);
        if self.entries.last().is_none_or(is_in) { self.entries.len() } else { self.entries.partition_point(is_in) }
    }

    /// Removes the moves that can no longer be corrected and passes each to `folded`.
    pub fn fold(&mut self, edge: i64, mut folded: impl FnMut(&Move, i64)) {
        self.entries.retain(|(moved, count)| {
            let folds = moved.horizon < edge;
            if folds {
                folded(moved, *count);
            }
            !folds
        });
    }

    /// The moves of `[start_at, end_at)`, ascending, with the multiplicity of each.
    pub fn within(&self, start_at: i64, end_at: i64) -> &[(Move, i64)] {
        self.entries.get(self.before(start_at)..self.before(end_at)).unwrap_or_default()
    }

    /// The sum of stock changes later than `after` and up to `until`.
    pub fn stock_milli(&self, after: i64, until: i64) -> i64 {
        let upto = |instant| self.starting(instant, |at, instant| at <= instant);
        let span = self.entries.get(upto(after)..upto(until)).unwrap_or_default();
        span.iter().map(|(moved, count)| count * moved.stock_milli).sum()
    }

    /// The last sale before `instant`.
    pub fn last_sale_before(&self, instant: i64) -> Option<i64> {
        let sales = self.entries.iter().rev().filter(|(moved, count)| moved.is_sale() && *count > 0);
        sales.map(|(moved, _)| moved.event_time).find(|at| *at < instant)
    }

    /// The first sale at or after `instant`.
    pub fn first_sale_from(&self, instant: i64) -> Option<i64> {
        let ahead = self.entries.get(self.before(instant)..).unwrap_or_default();
        ahead.iter().find(|(moved, count)| moved.is_sale() && *count > 0).map(|(moved, _)| moved.event_time)
    }

    /// An instant out of the horizon of the last move.
    pub fn horizon(&self) -> Option<i64> {
        self.entries.last().map(|(moved, _)| moved.horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(event_time: i64, horizon: i64) -> Move {
        let id = EventId::new(format!("e{event_time}"));
        Move { kind: MoveKind::Sale, ..Move::of_stock(event_time, id, horizon, -1_000) }
    }

    fn folded(moves: &mut Moves, edge: i64) -> Vec<i64> {
        let mut folded = Vec::new();
        moves.fold(edge, |moved, _| folded.push(moved.event_time));
        folded
    }

    #[test]
    fn folds_what_is_out_of_the_horizon() {
        let mut moves = Moves::default();
        (1..=4).for_each(|at| moves.add(sale(at, at), 1));
        assert_eq!((moves.before(3), folded(&mut moves, 3)), (2, vec![1, 2]));
        assert_eq!(folded(&mut moves, 4), [3]);
        assert_eq!((moves.within(0, 9).len(), moves.horizon()), (1, Some(4)));
    }

    #[test]
    fn a_line_corrected_to_an_earlier_time_folds_at_its_later_horizon() {
        let mut moves = Moves::default();
        moves.add(sale(1, 9), 1);
        assert!(folded(&mut moves, 9).is_empty());
        assert_eq!(folded(&mut moves, 10), [1]);
        assert!(moves.is_empty());
    }

    #[test]
    fn a_correction_may_come_before_what_it_replaces_goes() {
        let mut moves = Moves::default();
        moves.add(sale(5, 5), 1);
        moves.add(sale(6, 6), 1);
        moves.add(sale(5, 5), -1);
        assert_eq!((moves.within(5, 6).len(), moves.within(6, 7).len(), moves.within(9, 0).len()), (0, 1, 0));
    }

    #[test]
    fn sales_and_stock_are_found_by_their_instants() {
        let mut moves = Moves::default();
        [5, 7].into_iter().for_each(|at| moves.add(sale(at, at), 1));
        moves.add(Move::of_stock(6, EventId::default(), 6, 9_000), 1);
        assert_eq!([(0, 9), (5, 6), (4, 6), (7, 9)].map(|(a, b)| moves.stock_milli(a, b)), [7_000, 9_000, 8_000, 0]);
        assert_eq!([5, 6, 8].map(|at| moves.last_sale_before(at)), [None, Some(5), Some(7)]);
        assert_eq!([5, 6, 8].map(|at| moves.first_sale_from(at)), [Some(5), Some(7), None]);
    }
}
