//! What comes back: of each item, and over the hands of each till operator.

use contract::event::pos::{PosLine, Reason};
use contract::exception::Severity;
use contract::ids::Id;
use contract::policy::RETURNS_PRIOR;
use contract::time::DAY_MS;
use contract::units::ratio_bp;
use retail::detectors::returns_abnormal_rate::detail;
use retail::stats::{basis_points, wilson_low};
use retail::views::returns_item::{self, Item, ItemReturns, score_bp};
use retail::views::returns_operator::{self, OperatorReturns, StoreOperator};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, Marks, NOBODY, place};
use super::speech::{Answer, Drivers, Key, Parameter, Part};
use super::sums::{Shape, Trail};
use super::timers::Timer;

/// `returns.abnormal_rate`, by its place in the list of types.
pub(super) const ABNORMAL: u8 = 15;
/// `returns.operator_pattern`.
pub(super) const PATTERN: u8 = 16;

const FOUR_WEEKS: Shape = Shape { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };
const WEEK: Shape = Shape { window_ms: 7 * DAY_MS, pane_ms: DAY_MS };
const LEAST_RETURNED_MILLI: i64 = 5_000;
const LEAST_REFUNDS: i64 = 5;

#[derive(Debug, Default)]
struct OfItem {
    /// Lines, sold, returned, refunded, without receipt, then by reason.
    sums: Trail<[i64; 10]>,
    said: Said<ItemReturns>,
    case: Case,
}

#[derive(Debug, Default)]
struct OfOperator {
    /// Lines, refunds, without receipt, refunded, sold.
    sums: Trail<[i64; 5]>,
    said: Said<OperatorReturns>,
    case: Case,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Returns {
    items: Vec<OfItem>,
    marks: Marks,
    unsent: Unsent<ItemReturns>,
    abnormal: Vec<u32>,
    operators: Book<(u32, Id), OfOperator>,
    operators_unsent: Unsent<OperatorReturns>,
    patterns: Vec<u32>,
}

fn reason(reason: Reason) -> usize {
    5 + match reason {
        Reason::Defective => 0,
        Reason::NotAsDescribed => 1,
        Reason::WrongItem => 2,
        Reason::Unwanted => 3,
        Reason::Other => 4,
    }
}

impl Returns {
    /// A till line.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        (store, item): (u32, u32),
        (time, line): (i64, &PosLine),
        (diff, cause): (i64, u32),
    ) {
        let now = desk.now;
        let returned = line.is_return();
        let mut sums = [0; 10];
        sums[0] = diff;
        sums[1] = diff * line.units_milli();
        if returned {
            let milli = diff * line.quantity_milli;
            sums[2] = milli;
            sums[3] = diff * line.net_cents;
            sums[4] = if line.receipt { 0 } else { milli };
            if let Some(at) = line.reason.map(reason) {
                sums[at] = milli;
            }
        }
        if self.items.len() <= item as usize {
            self.items.resize_with(item as usize + 1, OfItem::default);
        }
        self.marks.touch(item, cause);
        if let Some(start) = self.items[item as usize].sums.add(FOUR_WEEKS, time, &sums, now) {
            if start > now {
                desk.wake(start, Timer::ItemReturns(item));
            }
            desk.wake(start + FOUR_WEEKS.window_ms, Timer::ItemReturns(item));
        }
        let refunds = if returned { diff } else { 0 };
        let sums = [
            diff,
            refunds,
            if line.receipt { 0 } else { refunds },
            refunds * line.net_cents,
            diff * line.sale_sign() * line.net_cents,
        ];
        let (at, _) = self.operators.open(&(store, line.operator), OfOperator::default);
        if let Some(start) = self.operators.touch(at, cause).sums.add(WEEK, time, &sums, now) {
            if start > now {
                desk.wake(start, Timer::OperatorReturns(at));
            }
            desk.wake(start + WEEK.window_ms, Timer::OperatorReturns(at));
        }
    }

    /// The clock looks at an item.
    pub(super) fn wake_item(&mut self, item: u32, now: i64) {
        self.items[item as usize].sums.look(FOUR_WEEKS, now);
        self.marks.touch(item, NOBODY);
    }

    /// The clock looks at an operator.
    pub(super) fn wake_operator(&mut self, at: u32, now: i64) {
        self.operators.touch(at, NOBODY).sums.look(WEEK, now);
    }

    /// What is usual is said anew.
    pub(super) fn restate(&mut self, cause: u32) {
        (0u32..).zip(&self.items).for_each(|(at, _)| self.marks.touch(at, cause));
    }

    /// Touches the cases of all items, or of one.
    pub(super) fn touch_items(&mut self, item: Option<u32>, cause: u32) {
        for at in item.map_or(0..place(self.items.len()), |at| at..at + 1) {
            let of = &mut self.items[at as usize];
            if of.said.value.is_some() || !of.case.is_idle() {
                of.case.touch(cause, at, &mut self.abnormal);
            }
        }
    }

    /// Touches the cases of all operators, or of one.
    pub(super) fn touch_operators(&mut self, operator: Option<u32>, cause: u32) {
        for at in operator.map_or(0..self.operators.places(), |at| at..at + 1) {
            let of = self.operators.get_mut(at);
            if of.said.value.is_some_and(|row| row.refunds > 0) || !of.case.is_idle() {
                of.case.touch(cause, at, &mut self.patterns);
            }
        }
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &Desk, list: &mut Vec<(u32, u32)>) {
        let prior_bp = desk.policies.get(RETURNS_PRIOR);
        self.marks.drain(list);
        for (at, cause) in list.drain(..) {
            let of = &mut self.items[at as usize];
            let [lines, sums @ ..] = of.sums.total;
            let value = (lines > 0).then(|| row(sums, prior_bp));
            if self.unsent.say(at, &mut of.said, value) {
                of.case.touch(cause, at, &mut self.abnormal);
            }
        }
        let touched = self.operators.take_touched();
        for at in &touched {
            let (_, of, cause) = self.operators.close(*at);
            let [lines, refunds, no_receipt, refund_cents, sale_cents] = of.sums.total;
            let before = of.said.value;
            let value = (lines > 0).then(|| OperatorReturns {
                refunds,
                no_receipt,
                refund_cents,
                sale_cents,
                no_receipt_low_bp: wilson_low(no_receipt, refunds).map(basis_points),
            });
            let refunded = |row: Option<OperatorReturns>| row.is_some_and(|row| row.refunds > 0);
            if self.operators_unsent.say(*at, &mut of.said, value) && (refunded(before) || refunded(value)) {
                of.case.touch(cause, *at, &mut self.patterns);
            }
        }
        self.operators.give_back(touched);
    }

    /// Judges what was touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for at in std::mem::take(&mut self.abnormal) {
            let of = &mut self.items[at as usize];
            let bounds = [court.policy(ABNORMAL, 0), court.policy(ABNORMAL, 1)];
            let verdict = of.said.value.map_or(Verdict::GONE, |row| Verdict {
                open: row.score_bp.is_some_and(|score| score >= bounds[0])
                    && row.returned_milli >= LEAST_RETURNED_MILLI,
                clear: row.score_bp.is_none_or(|score| score < bounds[1]),
                gone: false,
            });
            let subject = Abnormal { id: desk.goods[at as usize].id, row: of.said.value, bounds };
            court.step(desk, (ABNORMAL, at), &mut of.case, verdict, &subject);
        }
        for at in std::mem::take(&mut self.patterns) {
            let (store, operator) = *self.operators.key(at);
            let of = self.operators.get_mut(at);
            let open_bp = court.policy(PATTERN, 0);
            let row = of.said.value.filter(|row| row.refunds > 0);
            let verdict = row.map_or(Verdict::GONE, |row| {
                let above = row.no_receipt_low_bp.is_some_and(|low| low > open_bp);
                Verdict { open: above && row.refunds >= LEAST_REFUNDS, clear: !above, gone: false }
            });
            let subject = Pattern { store, names: (desk.store_id(store), operator), row, open_bp };
            court.step(desk, (PATTERN, at), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows of items that changed.
    pub(super) fn send_items(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let Returns { items, unsent, .. } = self;
        let look = |at: u32| (Item { item: desk.goods[at as usize].id }, items[at as usize].said.leave());
        unsent.send(returns_item::NAME, page, look);
    }

    /// Sends the rows of operators that changed.
    pub(super) fn send_operators(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let Returns { operators, operators_unsent, .. } = self;
        operators_unsent.send(returns_operator::NAME, page, |at| {
            let (store, operator) = *operators.key(at);
            (StoreOperator { store: desk.store_id(store), operator }, operators.get_mut(at).said.leave())
        });
    }
}

fn row(sums: [i64; 9], prior_bp: i64) -> ItemReturns {
    let [
        sold_milli,
        returned_milli,
        refund_cents,
        no_receipt_milli,
        defective,
        not_as_described,
        wrong,
        unwanted,
        other,
    ] = sums;
    ItemReturns {
        sold_milli,
        returned_milli,
        refund_cents,
        no_receipt_milli,
        defective_milli: defective,
        not_as_described_milli: not_as_described,
        wrong_item_milli: wrong,
        unwanted_milli: unwanted,
        other_milli: other,
        rate_bp: ratio_bp(returned_milli, sold_milli),
        score_bp: score_bp(returned_milli, sold_milli, prior_bp),
    }
}

struct Abnormal {
    id: Id,
    row: Option<ItemReturns>,
    bounds: [i64; 2],
}

impl Subject for Abnormal {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.id)]
    }

    fn store(&self) -> Option<u32> {
        None
    }

    fn answer(&self) -> Answer {
        let detail = self.row.as_ref().map_or("store_process", detail);
        answer(Severity::High, "investigate", "quality_manager").with("detail", Parameter::Text(detail))
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        let milli = |name, of: fn(ItemReturns) -> i64| driver(name, row.map(of), None, "milli-units");
        let score_bp = row.and_then(|row| row.score_bp);
        let returned = row.map(|row| row.returned_milli);
        smallvec![
            driver("returns_score", score_bp, self.bounds[0], "bp"),
            driver("returns_score_to_clear", score_bp, self.bounds[1], "bp"),
            driver("returned", returned, LEAST_RETURNED_MILLI, "milli-units"),
            milli("sold", |row| row.sold_milli),
            driver("return_rate", row.and_then(|row| row.rate_bp), None, "bp"),
            milli("returned_defective", |row| row.defective_milli),
            milli("returned_not_as_described", |row| row.not_as_described_milli),
            milli("returned_wrong_item", |row| row.wrong_item_milli),
            milli("returned_unwanted", |row| row.unwanted_milli),
            milli("returned_other", |row| row.other_milli),
        ]
    }
}

struct Pattern {
    store: u32,
    names: (Id, Id),
    row: Option<OperatorReturns>,
    open_bp: i64,
}

impl Subject for Pattern {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.names.0), Part::Name(self.names.1)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "review_case", "loss_prevention")
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        smallvec![
            driver("no_receipt_share_at_least", row.and_then(|row| row.no_receipt_low_bp), self.open_bp, "bp"),
            driver("refunds", row.map_or(0, |row| row.refunds), LEAST_REFUNDS, "lines"),
            driver("refunds_without_receipt", row.map_or(0, |row| row.no_receipt), None, "lines"),
            driver("refunded", row.map_or(0, |row| row.refund_cents), None, "cents"),
        ]
    }
}
