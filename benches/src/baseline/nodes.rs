//! The orders each store has to pick, how it keeps its promises, and whether its pickers can bear the load.

use contract::event::order::{CustomerOrder, OrderState};
use contract::exception::Severity;
use contract::ids::Id;
use contract::time::{DAY_MS, hour};
use contract::units::quotient;
use retail::views::fulfillment_node::{Fulfillment, NAME, Node, PICKED_MILLI, near_from};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Marks, NOBODY, place};
use super::speech::{Answer, Drivers, Key, Part};
use super::sums::Steps;
use super::timers::Timer;

/// `fulfillment.capacity_overload`, by its place in the list of types.
pub(super) const OVERLOAD: u8 = 3;

#[derive(Debug, Default)]
struct OfStore {
    present: i64,
    open_orders: i64,
    open_milli: i64,
    due: Steps<i64>,
    /// Promises met and missed.
    judged: Steps<[i64; 2]>,
    /// Orders placed, their lines, the short ones of them.
    placed: Steps<[i64; 3]>,
    said: Said<Fulfillment>,
    case: Case,
}

/// All stores.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    stores: Vec<OfStore>,
    marks: Marks,
    unsent: Unsent<Fulfillment>,
    loads: Vec<u32>,
}

impl Nodes {
    fn at(&mut self, store: u32, cause: u32) -> &mut OfStore {
        if self.stores.len() <= store as usize {
            self.stores.resize_with(store as usize + 1, OfStore::default);
        }
        self.marks.touch(store, cause);
        &mut self.stores[store as usize]
    }

    /// An order.
    pub(super) fn order(&mut self, desk: &mut Desk, store: u32, order: &CustomerOrder, (diff, cause): (i64, u32)) {
        let of = self.at(store, cause);
        let mut ahead: smallvec::SmallVec<[i64; 5]> = smallvec![];
        let mut from = |instant: i64, is_ahead: bool| {
            if is_ahead {
                ahead.push(instant);
            }
        };
        if order.is_open() {
            let milli = order.remaining_milli();
            of.open_orders += diff;
            of.open_milli += diff * milli;
            let near = near_from(order.promise_at);
            from(near, of.due.add(near, &(diff * milli)));
        }
        if order.state != OrderState::Cancelled {
            let met = order.ready_at.is_some_and(|ready_at| ready_at <= order.promise_at);
            let kept = if met { [diff, 0] } else { [0, diff] };
            let until = hour(order.promise_at) + DAY_MS;
            from(order.promise_at, of.judged.add(order.promise_at, &kept));
            from(until, of.judged.add(until, &kept.map(|count| -count)));
        }
        let (mut lines, mut short) = (0, 0);
        for line in &order.lines {
            lines += diff;
            short += if line.short_milli > 0 { diff } else { 0 };
        }
        let (placed, until) = (hour(order.placed_at), hour(order.placed_at) + DAY_MS);
        from(placed, of.placed.add(placed, &[diff, lines, short]));
        from(until, of.placed.add(until, &[-diff, -lines, -short]));
        for instant in ahead {
            desk.wake(instant, Timer::Node(store));
        }
    }

    /// A picker came or went.
    pub(super) fn picker(&mut self, store: u32, (diff, cause): (i64, u32)) {
        self.at(store, cause).present += diff;
        self.stores[store as usize].case.touch(cause, store, &mut self.loads);
    }

    /// The clock looks at a store.
    pub(super) fn wake(&mut self, store: u32) {
        self.at(store, NOBODY);
    }

    /// Touches the cases of all stores, or of one.
    pub(super) fn touch(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..place(self.stores.len()), |at| at..at + 1) {
            self.stores[at as usize].case.touch(cause, at, &mut self.loads);
        }
    }

    /// Says the rows; tells what is due within two hours where a row changed.
    pub(super) fn close(&mut self, desk: &Desk, list: &mut Vec<(u32, u32)>, mut due: impl FnMut(u32, i64, u32)) {
        self.marks.drain(list);
        for (store, cause) in list.drain(..) {
            let of = &mut self.stores[store as usize];
            let due_2h_milli = of.due.at(desk.now);
            let [met_24h, missed_24h] = of.judged.at(desk.now);
            let [placed_24h, lines_24h, short_lines_24h] = of.placed.at(desk.now);
            let heads = i128::from(of.present) * i128::from(PICKED_MILLI);
            let row = Fulfillment {
                open_orders: of.open_orders,
                open_milli: of.open_milli,
                due_2h_milli,
                met_24h,
                missed_24h,
                short_lines_24h,
                lines_24h,
                load_bp: quotient(i128::from(due_2h_milli) * 10_000, heads),
            };
            let stands = of.open_orders > 0 || placed_24h > 0 || met_24h + missed_24h > 0;
            if self.unsent.say(store, &mut of.said, stands.then_some(row)) {
                of.case.touch(cause, store, &mut self.loads);
                due(store, of.said.value.map_or(0, |row| row.due_2h_milli), cause);
            }
        }
    }

    /// Judges the stores that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for store in std::mem::take(&mut self.loads) {
            let of = &mut self.stores[store as usize];
            let bounds = [court.policy(OVERLOAD, 0), court.policy(OVERLOAD, 1)];
            let row = of.said.value;
            let verdict = row.map_or(Verdict::GONE, |row| {
                let due = row.due_2h_milli > 0;
                let open = row.load_bp.map_or(due, |load_bp| load_bp >= bounds[0]);
                let clear = !due || row.load_bp.is_some_and(|load_bp| load_bp < bounds[1]);
                Verdict { open, clear, gone: false }
            });
            let subject = Load { store, name: desk.store_id(store), row, present: of.present, open_bp: bounds[0] };
            court.step(desk, (OVERLOAD, store), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let stores = &mut self.stores;
        self.unsent.send(NAME, page, |at| (Node { store: desk.store_id(at) }, stores[at as usize].said.leave()));
    }
}

struct Load {
    store: u32,
    name: Id,
    row: Option<Fulfillment>,
    present: i64,
    open_bp: i64,
}

impl Subject for Load {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.name)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "throttle_node", "fulfillment_lead")
    }

    fn drivers(&self) -> Drivers {
        smallvec![
            driver("load", self.row.and_then(|row| row.load_bp), self.open_bp, "bp"),
            driver("due_within_2h", self.row.map(|row| row.due_2h_milli), 0, "milli-units"),
            driver("pickers_present", self.present, 1, "heads"),
        ]
    }
}
