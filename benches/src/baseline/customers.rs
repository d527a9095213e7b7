//! What each loyalty customer did over the last four weeks, and how many customers there are of each kind.

use contract::event::pos::{Channel, PosLine};
use contract::ids::{Id, Transaction};
use contract::time::{DAY_MS, day};
use contract::units::quotient;
use retail::views::customer_profile::{self, Customer, Profile};
use retail::views::customer_segments::{self, Customers as Members, Segment, SegmentKey};

use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Marks, NOBODY, Names};
use super::sums::{Shape, Trail};
use super::timers::Timer;

const FOUR_WEEKS: Shape = Shape { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };
const LAPSES_MS: i64 = 14 * DAY_MS;

// Columns of the sums.
const RECORDS: usize = 0;
const UNITS: usize = 1;
const SALES: usize = 2;
const RETURNS: usize = 3;
const PROMO: usize = 4;
const WEB: usize = 5;
const APP: usize = 6;
const VIEWS: usize = 7;
const CARTS: usize = 8;
type Sums = [i64; 9];

/// The lines of a transaction on a day.
#[derive(Clone, Copy, Debug)]
struct Basket {
    day: i64,
    store: u32,
    transaction: Transaction,
    weight: i64,
}

#[derive(Debug, Default)]
struct Person {
    sums: Trail<Sums>,
    /// Oldest day first, but for what came late.
    baskets: Vec<Basket>,
    transactions: i64,
    /// When sale lines were sold, with how many; ascending.
    purchases: Vec<(i64, i64)>,
    said: Said<Profile>,
    member: Option<(Segment, i64)>,
    lapse_wake: i64,
}

/// What a customer did with an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// Looked at it.
    View,
    /// Put it in a cart.
    Cart,
}

/// All customers.
#[derive(Debug, Default)]
pub(super) struct Customers {
    names: Names,
    people: Vec<Person>,
    marks: Marks,
    moved: Marks,
    unsent: Unsent<Profile>,
    segments: [(Members, Said<Members>); 6],
    segments_unsent: Unsent<Members>,
}

const SEGMENTS: [Segment; 6] =
    [Segment::Inactive, Segment::Lapsing, Segment::Loyal, Segment::New, Segment::Occasional, Segment::Regular];

impl Customers {
    fn at(&mut self, customer: Id) -> u32 {
        let at = self.names.of(customer);
        if at as usize == self.people.len() {
            self.people.push(Person::default());
        }
        self.marks.touch(at, NOBODY);
        at
    }

    fn sum(&mut self, desk: &mut Desk, at: u32, time: i64, sums: &Sums) {
        let now = desk.now;
        if let Some(start) = self.people[at as usize].sums.add(FOUR_WEEKS, time, sums, now) {
            if start > now {
                desk.wake(start, Timer::Customer(at));
            }
            desk.wake(start + FOUR_WEEKS.window_ms, Timer::Customer(at));
        }
    }

    /// A look at an item.
    pub(super) fn look(&mut self, desk: &mut Desk, customer: Id, (time, look): (i64, Look), diff: i64) {
        let at = self.at(customer);
        let mut sums = Sums::default();
        sums[RECORDS] = diff;
        match look {
            Look::View => sums[VIEWS] = diff,
            Look::Cart => sums[CARTS] = diff,
        }
        self.sum(desk, at, time, &sums);
    }

    /// A till line.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        (customer, store): (Id, u32),
        (time, line): (i64, &PosLine),
        diff: i64,
    ) {
        let at = self.at(customer);
        let mut sums = Sums::default();
        sums[RECORDS] = diff;
        if line.is_return() {
            sums[RETURNS] = diff * line.net_cents;
            return self.sum(desk, at, time, &sums);
        }
        let sign = diff * line.sale_sign();
        let cents = sign * line.net_cents;
        sums[UNITS] = sign * line.quantity_milli;
        sums[SALES] = cents;
        sums[PROMO] = if line.promotion.is_some() { cents } else { 0 };
        match line.channel {
            Channel::Store => {}
            Channel::Web => sums[WEB] = cents,
            Channel::App => sums[APP] = cents,
        }
        self.sum(desk, at, time, &sums);
        let person = &mut self.people[at as usize];
        if !FOUR_WEEKS.has_left(day(time), desk.now) {
            person.basket(Basket { day: day(time), store, transaction: line.transaction, weight: sign }, desk.now);
            if line.is_sale() {
                person.purchase(time, diff);
            }
        }
    }

    /// The clock looks at a customer.
    pub(super) fn wake(&mut self, at: u32, now: i64) {
        let person = &mut self.people[at as usize];
        person.sums.look(FOUR_WEEKS, now);
        person.baskets.retain(|basket| !FOUR_WEEKS.has_left(basket.day, now));
        person.purchases.retain(|(time, _)| !FOUR_WEEKS.has_left(day(*time), now));
        person.transactions = person.count(now);
        self.marks.touch(at, NOBODY);
    }

    /// A customer may lapse.
    pub(super) fn lapse(&mut self, at: u32) {
        self.moved.touch(at, NOBODY);
    }

    /// Says the rows of customers, then those of segments.
    pub(super) fn close(&mut self, desk: &mut Desk, list: &mut Vec<(u32, u32)>) {
        self.marks.drain(list);
        for (at, _) in list.drain(..) {
            let person = &mut self.people[at as usize];
            person.fold(desk.edge());
            let value = person.profile(desk.now);
            if self.unsent.say(at, &mut person.said, value) {
                self.moved.touch(at, NOBODY);
            }
        }
        self.moved.drain(list);
        let mut stirred = [false; 6];
        for (at, _) in list.drain(..) {
            let person = &mut self.people[at as usize];
            let member = person.said.value.map(|profile| (segment(&profile, desk.now), profile.net_cents));
            for (member, diff) in [(person.member, -1), (member, 1)] {
                if let Some((segment, net_cents)) = member {
                    let (sums, _) = &mut self.segments[segment as usize];
                    sums.customers += diff;
                    sums.net_cents += diff * net_cents;
                    stirred[segment as usize] = true;
                }
            }
            person.member = member;
            let lapses_at =
                person.said.value.and_then(|profile| profile.last_purchase_at).map(|at| day(at) + LAPSES_MS + DAY_MS);
            if let Some(lapses_at) = lapses_at.filter(|lapses_at| *lapses_at > desk.now)
                && person.lapse_wake != lapses_at
            {
                person.lapse_wake = lapses_at;
                desk.wake(lapses_at, Timer::Member(at));
            }
        }
        for (at, (sums, said)) in (0u32..).zip(&mut self.segments) {
            if stirred[at as usize] {
                let value = Some(*sums).filter(|sums| (sums.customers, sums.net_cents) != (0, 0));
                self.segments_unsent.say(at, said, value);
            }
        }
    }

    /// Sends the rows of customers that changed.
    pub(super) fn send(&mut self, page: &mut Page<'_>) {
        let Customers { names, people, unsent, .. } = self;
        let look = |at: u32| (Customer { customer: names.name(at) }, people[at as usize].said.leave());
        unsent.send(customer_profile::NAME, page, look);
    }

    /// Sends the rows of segments that changed.
    pub(super) fn send_segments(&mut self, page: &mut Page<'_>) {
        let Customers { segments, segments_unsent, .. } = self;
        let look = |at: u32| (SegmentKey { segment: SEGMENTS[at as usize] }, segments[at as usize].1.leave());
        segments_unsent.send(customer_segments::NAME, page, look);
    }
}

fn segment(profile: &Profile, now: i64) -> Segment {
    let lapsing = profile.last_purchase_at.is_some_and(|at| at < day(now) - LAPSES_MS);
    match profile.transactions {
        _ if lapsing => Segment::Lapsing,
        ..=0 => Segment::Inactive,
        1 => Segment::New,
        2..=3 => Segment::Occasional,
        4..=9 => Segment::Regular,
        10.. => Segment::Loyal,
    }
}

impl Person {
    fn weight(&self, of: &Basket, now: i64) -> i64 {
        let same = |one: &&Basket| one.transaction == of.transaction && one.store == of.store && one.day <= now;
        self.baskets.iter().filter(same).map(|one| one.weight).sum()
    }

    fn basket(&mut self, basket: Basket, now: i64) {
        let before = if basket.day <= now { self.weight(&basket, now) } else { 0 };
        let same =
            |one: &Basket| one.transaction == basket.transaction && one.store == basket.store && one.day == basket.day;
        match self.baskets.iter().rposition(same) {
            Some(at) => {
                self.baskets[at].weight += basket.weight;
                if self.baskets[at].weight == 0 {
                    self.baskets.remove(at);
                }
            }
            None => self.baskets.push(basket),
        }
        if basket.day <= now {
            let after = before + basket.weight;
            self.transactions += i64::from(after > 0) - i64::from(before > 0);
        }
    }

    fn count(&self, now: i64) -> i64 {
        let mut weights: Vec<((u32, Transaction), i64)> = Vec::with_capacity(self.baskets.len());
        weights.extend(
            self.baskets.iter().filter(|one| one.day <= now).map(|one| ((one.store, one.transaction), one.weight)),
        );
        weights.sort_unstable();
        let (mut count, mut at) = (0, 0);
        while at < weights.len() {
            let end = at + weights[at..].partition_point(|one| one.0 == weights[at].0);
            count += i64::from(weights[at..end].iter().map(|one| one.1).sum::<i64>() > 0);
            at = end;
        }
        count
    }

    fn purchase(&mut self, time: i64, diff: i64) {
        match self.purchases.binary_search_by_key(&time, |held| held.0) {
            Ok(at) => {
                self.purchases[at].1 += diff;
                if self.purchases[at].1 == 0 {
                    self.purchases.remove(at);
                }
            }
            Err(at) => self.purchases.insert(at, (time, diff)),
        }
    }

    /// Of the purchases that cannot be taken back only the latest can matter.
    fn fold(&mut self, edge: i64) {
        let folded = self.purchases.partition_point(|(time, _)| *time < edge);
        if folded > 1 {
            self.purchases.drain(..folded - 1);
        }
    }

    fn profile(&self, now: i64) -> Option<Profile> {
        let sums = &self.sums.total;
        let net_cents = sums[SALES] - sums[RETURNS];
        let last = self.purchases.iter().rev().map(|(time, _)| *time).find(|time| day(*time) <= now);
        (sums[RECORDS] > 0).then(|| Profile {
            transactions: self.transactions,
            units_milli: sums[UNITS],
            net_cents,
            return_cents: sums[RETURNS],
            promo_cents: sums[PROMO],
            store_cents: sums[SALES] - sums[WEB] - sums[APP],
            web_cents: sums[WEB],
            app_cents: sums[APP],
            last_purchase_at: last,
            views: sums[VIEWS],
            cart_adds: sums[CARTS],
            aov_cents: quotient(net_cents.into(), self.transactions.into()),
        })
    }
}
