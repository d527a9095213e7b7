//! What each store sold hour by hour, who came in, and what the work of that hour brought.

use contract::event::pos::{LineKind, PosLine};
use contract::event::traffic::TrafficCount;
use contract::exception::Severity;
use contract::ids::Transaction;
use contract::keys::StoreHour;
use contract::time::{DAY_MS, HOUR_MS, MINUTE_MS, hour};
use contract::units::{floor_div, quotient, ratio_bp, saturated};
use engine::row::READABLE_MS;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use retail::views::labor_productivity::{self, Productivity};
use retail::views::store_sales::{self, Sales};
use retail::views::store_traffic::{self, Traffic};
use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, Marks, NOBODY, place};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `store.conversion_drop`, by its place in the list of types.
pub(super) const CONVERSION: u8 = 17;
const GRACE_MS: i64 = 5 * MINUTE_MS;
const ENOUGH: i64 = 50;
const ENOUGH_HOURS: i64 = 6;

/// An hour of a store.
#[derive(Debug, Default)]
struct Hour {
    sums: Sales,
    /// Sale − void lines, and sale lines with a customer, by transaction.
    baskets: HashMap<Transaction, (i32, i32), FixedState>,
    transactions: i64,
    loyalty: i64,
    sales: Said<Sales>,
    sold_by: u32,
    sold: bool,
    counts: i64,
    visitors_in: i128,
    visitors_out: i128,
    traffic: Said<Traffic>,
    roles: i64,
    minutes: i64,
    productivity: Said<Productivity>,
}

/// The hours of all stores.
#[derive(Debug, Default)]
pub(super) struct Hours {
    book: Book<(u32, i64), Hour>,
    productive: Marks,
    sales: Unsent<Sales>,
    traffic: Unsent<Traffic>,
    productivity: Unsent<Productivity>,
    /// By store, the case of its conversion.
    drops: Vec<Drop>,
    dropping: Vec<u32>,
    list: Vec<(u32, u32)>,
}

#[derive(Debug, Default)]
struct Drop {
    case: Case,
    /// Hours with a row of traffic, ever.
    visited: bool,
    wake: i64,
}

/// What explains a drop, asked when it is told.
pub(super) struct Explained {
    /// Customers served in time, and all, of the hour.
    pub(super) served: (i128, i128),
    /// Cashiers missing.
    pub(super) gap: i64,
    /// Open stockout risks of the store.
    pub(super) stockouts: i64,
}

impl Hours {
    fn at(&mut self, desk: &mut Desk, store: u32, start: i64) -> u32 {
        let (at, new) = self.book.open(&(store, start), || Hour { sold_by: NOBODY, ..Hour::default() });
        if new {
            let settles_at = start + HOUR_MS + desk.lateness_ms;
            desk.wake(settles_at, Timer::Hour(at));
            desk.wake(settles_at + READABLE_MS + HOUR_MS, Timer::Hour(at));
        }
        at
    }

    /// A till line.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        store: u32,
        (time, line): (i64, &PosLine),
        (diff, cause): (i64, u32),
    ) {
        let at = self.at(desk, store, hour(time));
        let of = self.book.touch(at, NOBODY);
        of.sold = true;
        of.sold_by = of.sold_by.min(cause);
        if of.sales.settled {
            return;
        }
        add(&mut of.sums, line, diff);
        let sales = if line.is_return() { 0 } else { sign(diff) * sign(line.sale_sign()) };
        if sales != 0 {
            let loyal = if line.is_sale() && line.customer.is_some() { sign(diff) } else { 0 };
            let held = of.baskets.entry(line.transaction).or_default();
            let counts = |(sales, loyal): (i32, i32)| (i64::from(sales > 0), i64::from(sales > 0 && loyal > 0));
            let before = counts(*held);
            held.0 += sales;
            held.1 += loyal;
            let after = counts(*held);
            of.transactions += after.0 - before.0;
            of.loyalty += after.1 - before.1;
        }
    }

    /// A sensor's count.
    pub(super) fn traffic(
        &mut self,
        desk: &mut Desk,
        store: u32,
        (time, count): (i64, &TrafficCount),
        (diff, cause): (i64, u32),
    ) {
        let at = self.at(desk, store, hour(time));
        let of = self.book.touch(at, cause);
        of.counts += diff;
        if count.online {
            of.visitors_in += i128::from(diff) * i128::from(count.visitors_in);
            of.visitors_out += i128::from(diff) * i128::from(count.visitors_out);
        }
    }

    /// A row of worked hours came, changed or went.
    pub(super) fn worked(&mut self, desk: &mut Desk, (store, start): (u32, i64), roles: i64, minutes: i64) {
        let at = self.at(desk, store, start);
        let of = self.book.get_mut(at);
        of.roles += roles;
        of.minutes += minutes;
        self.productive.touch(at, NOBODY);
    }

    /// The clock looks at an hour: it settles, or nobody needs it any more.
    pub(super) fn wake(&mut self, at: u32, desk: &mut Desk) {
        let (_, start) = *self.book.key(at);
        if desk.now < start + HOUR_MS + desk.lateness_ms + READABLE_MS + HOUR_MS {
            self.book.touch(at, NOBODY);
            self.productive.touch(at, NOBODY);
            return;
        }
        let of = self.book.get(at);
        let waiting = of.sales.is_waiting() || of.traffic.is_waiting() || of.productivity.is_waiting();
        if waiting || !self.book.forget(at) {
            desk.wake(desk.now + HOUR_MS, Timer::Hour(at));
        }
    }

    /// Says the rows of sales and traffic.
    pub(super) fn close(&mut self, desk: &mut Desk) {
        let touched = self.book.take_touched();
        for at in &touched {
            let (&(store, start), of, mut cause) = self.book.close(*at);
            let settles = (desk.now, start + HOUR_MS + desk.lateness_ms);
            let sums = of.sums;
            let value = (sums.lines + sums.void_lines + sums.return_lines > 0).then_some(Sales {
                transactions: of.transactions,
                loyalty_transactions: of.loyalty,
                ..sums
            });
            let sold_by = std::mem::replace(&mut of.sold_by, NOBODY);
            of.sold = false;
            if self.sales.tumble(*at, &mut of.sales, value, settles) {
                cause = cause.min(sold_by);
                self.productive.touch(*at, NOBODY);
            }
            if of.sales.settled {
                of.baskets = HashMap::with_hasher(FixedState::with_seed(0));
            }
            let before = of.traffic.value;
            let visitors_in = saturated(of.visitors_in);
            let transactions = of.sales.value.map_or(0, |sales| sales.transactions);
            let value = (of.counts > 0).then(|| Traffic {
                visitors_in,
                visitors_out: saturated(of.visitors_out),
                transactions,
                conversion_bp: ratio_bp(transactions, visitors_in),
            });
            self.traffic.tumble(*at, &mut of.traffic, value, settles);
            let after = of.traffic.value;
            self.watch(desk, (store, start), before, after, cause);
        }
        self.book.give_back(touched);
    }

    /// Touches the case of a store if the row of an hour that is read changed.
    fn watch(
        &mut self,
        desk: &mut Desk,
        (store, start): (u32, i64),
        before: Option<Traffic>,
        after: Option<Traffic>,
        cause: u32,
    ) {
        let read = |row: Option<Traffic>| row.map(|row| (row.visitors_in, row.conversion_bp));
        if after.is_some() {
            let drop = drop_of(&mut self.drops, store);
            drop.visited = true;
            if drop.wake <= desk.now {
                drop.wake = desk.wake(hour(desk.now - GRACE_MS) + HOUR_MS + GRACE_MS, Timer::Conversion(store));
            }
        }
        let (from, until) = (start + HOUR_MS + GRACE_MS, start + 2 * HOUR_MS + GRACE_MS + DAY_MS);
        let now = desk.now;
        let shown = if desk.ticks.at(from) < now && now <= desk.ticks.at(until) { read(before) } else { None };
        let shows = if from <= now && now < until { read(after) } else { None };
        if shown != shows {
            drop_of(&mut self.drops, store).case.touch(cause, store, &mut self.dropping);
        }
    }

    /// The hour that counts is another one.
    pub(super) fn turn(&mut self, store: u32, desk: &mut Desk) {
        let drop = drop_of(&mut self.drops, store);
        if drop.visited && drop.wake <= desk.now {
            drop.wake = desk.wake(hour(desk.now - GRACE_MS) + HOUR_MS + GRACE_MS, Timer::Conversion(store));
            drop.case.touch(NOBODY, store, &mut self.dropping);
        }
    }

    /// Touches the case of a store, or of all.
    pub(super) fn touch_drop(&mut self, store: Option<u32>, cause: u32) {
        for at in store.map_or(0..place(self.drops.len()), |at| at..at + 1) {
            self.drops[at as usize].case.touch(cause, at, &mut self.dropping);
        }
    }

    /// Says the rows of productivity.
    pub(super) fn close_productivity(&mut self, desk: &Desk) {
        let mut list = std::mem::take(&mut self.list);
        self.productive.drain(&mut list);
        for (at, _) in list.drain(..) {
            let start = self.book.key(at).1;
            let of = self.book.get_mut(at);
            let net_cents = of.sales.value.map_or(0, |sales| sales.net_cents);
            let splh_cents = quotient(i128::from(net_cents) * 60, i128::from(of.minutes));
            let value = (of.roles > 0).then_some(Productivity { worked_minutes: of.minutes, net_cents, splh_cents });
            self.productivity.tumble(at, &mut of.productivity, value, (desk.now, start + HOUR_MS + desk.lateness_ms));
        }
        self.list = list;
    }

    fn compare(&self, store: u32, now: i64) -> Comparison {
        let start = hour(now - GRACE_MS) - HOUR_MS;
        let row = |start: i64| self.book.find(&(store, start)).and_then(|at| self.book.get(at).traffic.value);
        let of = row(start);
        let (mut hours, mut conversion_sum_bp) = (0, 0i64);
        for back in 1..=24 {
            if let Some(row) = row(start - back * HOUR_MS).filter(|row| row.visitors_in >= ENOUGH)
                && let Some(conversion_bp) = row.conversion_bp
            {
                hours += 1;
                conversion_sum_bp = conversion_sum_bp.saturating_add(conversion_bp);
            }
        }
        Comparison {
            start,
            visitors: of.map(|row| row.visitors_in),
            conversion_bp: of.and_then(|row| row.conversion_bp),
            hours,
            conversion_sum_bp,
        }
    }

    /// Judges the conversion of the stores that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court, explain: impl Fn(u32, i64) -> Explained) {
        for store in std::mem::take(&mut self.dropping) {
            let comparison = self.compare(store, desk.now);
            let drop_bp = court.policy(CONVERSION, 0);
            let open = comparison.is_drop(drop_bp);
            let verdict = Verdict { open, clear: comparison.is_judged() && !open, gone: false };
            let mut case = std::mem::take(&mut self.drops[store as usize].case);
            let subject = Conversion {
                store,
                name: desk.store_id(store),
                drop_bp,
                explained: (open || case.is_open()).then(|| explain(store, comparison.start)),
                comparison,
            };
            court.step(desk, (CONVERSION, store), &mut case, verdict, &subject);
            self.drops[store as usize].case = case;
        }
    }

    /// Sends the rows of sales that changed.
    pub(super) fn send_sales(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let book = &mut self.book;
        self.sales.send(store_sales::NAME, page, |at| (key(desk, book, at), book.get_mut(at).sales.leave()));
    }

    /// Sends the rows of traffic that changed.
    pub(super) fn send_traffic(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let book = &mut self.book;
        self.traffic.send(store_traffic::NAME, page, |at| (key(desk, book, at), book.get_mut(at).traffic.leave()));
    }

    /// Sends the rows of productivity that changed.
    pub(super) fn send_productivity(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let book = &mut self.book;
        let name = labor_productivity::NAME;
        self.productivity.send(name, page, |at| (key(desk, book, at), book.get_mut(at).productivity.leave()));
    }
}

fn drop_of(drops: &mut Vec<Drop>, store: u32) -> &mut Drop {
    if drops.len() <= store as usize {
        drops.resize_with(store as usize + 1, Drop::default);
    }
    &mut drops[store as usize]
}

fn key(desk: &Desk, book: &Book<(u32, i64), Hour>, at: u32) -> StoreHour {
    let (store, hour) = *book.key(at);
    StoreHour { store: desk.store_id(store), hour }
}

fn sign(diff: i64) -> i32 {
    if diff > 0 { 1 } else { -1 }
}

/// Adds a line to the sums of its hour.
fn add(sums: &mut Sales, line: &PosLine, diff: i64) {
    let put = |into: &mut i64, by: i64| *into = into.wrapping_add(diff.wrapping_mul(by));
    put(&mut sums.discount_cents, line.sale_sign() * line.discount_cents);
    put(&mut sums.units_milli, line.units_milli());
    match line.kind {
        LineKind::Sale => {
            put(&mut sums.gross_cents, line.net_cents);
            put(&mut sums.net_cents, line.net_cents);
            put(&mut sums.lines, 1);
        }
        LineKind::Void => {
            put(&mut sums.void_cents, line.net_cents);
            put(&mut sums.net_cents, -line.net_cents);
            put(&mut sums.void_lines, 1);
        }
        LineKind::Return => {
            put(&mut sums.return_cents, line.net_cents);
            put(&mut sums.net_cents, -line.net_cents);
            put(&mut sums.returned_milli, line.quantity_milli);
            put(&mut sums.return_lines, 1);
        }
    }
}

/// The hour that counts, and what was usual before it.
struct Comparison {
    start: i64,
    visitors: Option<i64>,
    conversion_bp: Option<i64>,
    hours: i64,
    conversion_sum_bp: i64,
}

impl Comparison {
    fn is_judged(&self) -> bool {
        self.visitors.is_some_and(|visitors| visitors >= ENOUGH)
    }

    fn is_drop(&self, drop_bp: i64) -> bool {
        let below = |conversion_bp: i64| {
            i128::from(conversion_bp) * i128::from(self.hours) * 10_000
                < i128::from(drop_bp) * i128::from(self.conversion_sum_bp)
        };
        self.is_judged() && self.hours >= ENOUGH_HOURS && self.conversion_bp.is_some_and(below)
    }
}

struct Conversion {
    store: u32,
    name: contract::ids::Id,
    drop_bp: i64,
    comparison: Comparison,
    explained: Option<Explained>,
}

impl Subject for Conversion {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.name)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "review_store", "regional_manager")
    }

    fn drivers(&self) -> Drivers {
        let Comparison { start, visitors, conversion_bp, hours, conversion_sum_bp } = self.comparison;
        let mean =
            |share_bp: i64| quotient(i128::from(conversion_sum_bp) * i128::from(share_bp), i128::from(hours) * 10_000);
        let (in_time, customers) = self.explained.as_ref().map_or((0, 0), |explained| explained.served);
        let service_level = (customers > 0).then(|| floor_div(in_time * 10_000, customers));
        smallvec![
            driver("conversion", conversion_bp, mean(self.drop_bp), "bp"),
            driver("usual_conversion", mean(10_000), None, "bp"),
            driver("visitors", visitors, ENOUGH, "visitors"),
            driver("hours_compared", hours, ENOUGH_HOURS, "hours"),
            driver("hour_start", start, None, "ms"),
            driver("service_level", service_level, None, "bp"),
            driver("checkout_gap", self.explained.as_ref().map_or(0, |explained| explained.gap), 0, "heads"),
            driver(
                "open_stockout_risks",
                self.explained.as_ref().map_or(0, |explained| explained.stockouts),
                0,
                "items"
            ),
        ]
    }
}
