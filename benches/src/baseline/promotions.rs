//! How each promotion sells, store by store and item by item, and where the till charges another price.

use std::collections::{BTreeMap, BTreeSet};

use contract::event::pos::PosLine;
use contract::event::promotion::{Promotion, Terms};
use contract::ids::Id;
use contract::time::{HOUR_MS, hour};
use engine::row::READABLE_MS;
use retail::state::offer::{LatestSale, Sums};
use retail::views::promotion_performance::{NAME, Performance, PromotionStoreItem};

use super::court::{Case, Court, Verdict};
use super::desk::Desk;
use super::facts::{Fact, Facts};
use super::offers::{Mismatch, Offer, Under, add, latest_of, line_of, under};
use super::rows::{Page, Said, Unsent};
use super::shelves::{Shelf, Shelves};
use super::slots::{Marks, NOBODY, place};
use super::timers::Timer;

/// `promotion.price_mismatch`, by its place in the list of types.
pub(super) const MISMATCH: u8 = 12;
/// `promotion.under_attainment`.
pub(super) const UNDER: u8 = 14;

/// A promotion as it is heard.
#[derive(Debug, Default)]
struct Heard {
    current: Option<Promotion>,
    held: Option<Promotion>,
    shown: bool,
    cause: Option<u32>,
}

/// All promotions.
#[derive(Debug, Default)]
pub(super) struct Promotions {
    heard: BTreeMap<Id, Heard>,
    changed: Vec<Id>,
    /// By shelf: its offers.
    of_shelf: Vec<Vec<u32>>,
    offers: Vec<Offer>,
    /// Rows that have settled and gone: nothing brings them back.
    buried: BTreeSet<(u32, Id)>,
    marks: Marks,
    unsent: Unsent<Performance>,
    mismatches: Vec<u32>,
    unders: Vec<u32>,
}

impl Promotions {
    /// A promotion came or went.
    pub(super) fn promotion(&mut self, promotion: &Promotion, (diff, cause): (i64, u32)) {
        let heard = self.heard.entry(promotion.promotion).or_default();
        heard.current = (diff > 0).then(|| promotion.clone());
        if heard.cause.is_none() {
            self.changed.push(promotion.promotion);
        }
        heard.cause = Some(heard.cause.unwrap_or(NOBODY).min(cause));
    }

    /// A sale or void line of a shelf.
    pub(super) fn line(
        &mut self,
        shelf: &Shelf,
        at: u32,
        facts: &Facts,
        (fact, line): (&Fact, &PosLine),
        (diff, cause): (i64, u32),
    ) {
        self.marks.touch(at, cause);
        let time = fact.event_time;
        for offer in self.of_shelf.get(at as usize).into_iter().flatten() {
            let offer = &mut self.offers[*offer as usize];
            let Some(terms) = offer.judged else { continue };
            if !add(&mut offer.sums, (time, line), terms, diff) || !line.is_sale() {
                continue;
            }
            if diff > 0 {
                let newer = offer.latest.as_ref().is_none_or(|last| (last.event_time, &last.id) < (time, &fact.id));
                if newer {
                    offer.latest = Some(latest_of(fact, line, terms)).max(offer.latest.take());
                }
            } else if offer.latest.as_ref().is_some_and(|last| last.id == fact.id && last.event_time == time) {
                offer.find_latest(shelf, facts);
            }
        }
    }

    /// A line of a shelf can be corrected no longer.
    pub(super) fn fold(&mut self, at: u32, facts: &Facts, fact: u32) {
        let Some((fact, line)) = line_of(facts, fact) else { return };
        for offer in self.of_shelf.get(at as usize).into_iter().flatten() {
            self.offers[*offer as usize].fold(fact, line);
        }
    }

    /// The forecast of a shelf, or the hours of its store, changed.
    pub(super) fn touch(&mut self, shelf: u32, cause: u32) {
        self.marks.touch(shelf, cause);
    }

    /// The hours of a store changed.
    pub(super) fn touch_store(&mut self, store: u32, shelves: &Shelves, cause: u32) {
        for (at, offers) in (0u32..).zip(&self.of_shelf) {
            if !offers.is_empty() && shelves.get(at).store == store {
                self.marks.touch(at, cause);
            }
        }
    }

    /// Touches the cases of all offers, or of one, under a type.
    pub(super) fn touch_case(&mut self, kind: u8, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..place(self.offers.len()), |at| at..at + 1) {
            let offer = &mut self.offers[at as usize];
            if offer.said.value.is_none() || offer.gone {
                continue;
            }
            if kind == MISMATCH {
                offer.mismatch.touch(cause, at, &mut self.mismatches);
            } else {
                offer.under.touch(cause, at, &mut self.unders);
            }
        }
    }

    /// Tells each listed store and item of its terms.
    fn tell(
        &mut self,
        desk: &mut Desk,
        shelves: &mut Shelves,
        promotion: &Promotion,
        terms: Option<Terms>,
        cause: u32,
    ) {
        for store in &promotion.stores {
            for item in &promotion.items {
                let (store, item) = (desk.shop(*store), desk.item(*item));
                let at = shelves.at(desk, store, item);
                self.marks.touch(at, cause);
                self.tell_one(at, store, shelves.get(at), promotion.promotion, terms);
            }
        }
    }

    fn tell_one(&mut self, at: u32, store: u32, shelf: &Shelf, promotion: Id, terms: Option<Terms>) {
        if self.of_shelf.len() <= at as usize {
            self.of_shelf.resize(at as usize + 1, Vec::new());
        }
        let found =
            self.of_shelf[at as usize].iter().find(|offer| self.offers[**offer as usize].key.promotion == promotion);
        if let Some(offer) = found {
            self.offers[*offer as usize].terms = terms;
        } else if terms.is_some() && !self.buried.contains(&(at, promotion)) {
            self.of_shelf[at as usize].push(place(self.offers.len()));
            self.offers.push(Offer {
                key: PromotionStoreItem { promotion, store: shelf.key.store, item: shelf.key.item },
                store,
                terms,
                judged: None,
                sums: Sums::default(),
                folded: Sums::default(),
                folded_sale: None,
                latest: None,
                said: Said::default(),
                read: ((0, 0), None),
                settled_at: None,
                over: false,
                gone: false,
                wake: i64::MIN,
                mismatch: Case::default(),
                under: Case::default(),
            });
        }
    }

    /// Which promotions can still say anything.
    fn hear(&mut self, desk: &mut Desk, shelves: &mut Shelves) {
        for id in std::mem::take(&mut self.changed) {
            let Some(mut heard) = self.heard.remove(&id) else { continue };
            let cause = heard.cause.take().unwrap_or(NOBODY);
            if heard.current != heard.held {
                let (ticks, late, now) = (desk.ticks, desk.lateness_ms, desk.now);
                let settled = |one: &Promotion| ticks.at(one.terms.end_at.saturating_add(late)) < now;
                let shows = heard
                    .current
                    .as_ref()
                    .is_some_and(|new| !settled(new) || heard.held.as_ref().is_some_and(|old| !settled(old)));
                if let Some(old) = heard.held.take().filter(|_| heard.shown) {
                    self.tell(desk, shelves, &old, None, cause);
                }
                if let Some(new) = heard.current.as_ref().filter(|_| shows) {
                    self.tell(desk, shelves, new, Some(new.terms), cause);
                }
                (heard.held, heard.shown) = (heard.current.clone(), shows);
            }
            if heard.held.is_some() {
                self.heard.insert(id, heard);
            }
        }
    }

    /// Says the rows. Lines that can be corrected no longer are folded before new terms are judged by.
    pub(super) fn close(
        &mut self,
        desk: &mut Desk,
        shelves: &mut Shelves,
        facts: &mut Facts,
        list: &mut Vec<(u32, u32)>,
    ) {
        self.hear(desk, shelves);
        self.marks.drain(list);
        for (at, cause) in list.drain(..) {
            if self.of_shelf.get(at as usize).is_none_or(Vec::is_empty) {
                continue;
            }
            let offers = std::mem::take(&mut self.of_shelf[at as usize]);
            if offers.iter().any(|offer| self.offers[*offer as usize].terms != self.offers[*offer as usize].judged) {
                self.fold_old(&offers, shelves.get(at), facts, desk.edge());
            }
            for offer in &offers {
                self.close_offer((*offer, at), shelves.get(at), facts, desk, cause);
            }
            let mut offers = offers;
            offers.retain(|offer| {
                let offer = &self.offers[*offer as usize];
                if offer.gone && offer.settled_at.is_some() {
                    self.buried.insert((at, offer.key.promotion));
                }
                !offer.gone
            });
            self.of_shelf[at as usize] = offers;
        }
    }

    fn fold_old(&mut self, offers: &[u32], shelf: &Shelf, facts: &mut Facts, edge: i64) {
        for at in &shelf.facts {
            if let Some((fact, line)) = line_of(facts, *at).filter(|(fact, _)| fact.horizon < edge) {
                offers.iter().for_each(|offer| self.offers[*offer as usize].fold(fact, line));
                facts.get_mut(*at).folded = true;
            }
        }
    }

    fn close_offer(&mut self, (place, at): (u32, u32), shelf: &Shelf, facts: &Facts, desk: &mut Desk, cause: u32) {
        let offer = &mut self.offers[place as usize];
        let now = desk.now;
        if let Some(settled_at) = offer.settled_at {
            if now >= settled_at + READABLE_MS {
                offer.gone = true;
                offer.mismatch.touch(cause, place, &mut self.mismatches);
                offer.under.touch(cause, place, &mut self.unders);
                return;
            }
            // The row stands; detectors read it beside the period as it is now, and no period is none.
            let end_at = offer.read.0.1;
            let period = offer.terms.map_or((end_at, end_at), |terms| (terms.start_at, terms.end_at));
            if offer.read.0 != period {
                offer.read.0 = period;
                offer.mismatch.touch(cause, place, &mut self.mismatches);
                offer.under.touch(cause, place, &mut self.unders);
                desk.wake(period.0, Timer::Case(MISMATCH, place));
                desk.wake(period.1, Timer::Case(MISMATCH, place));
            }
            return;
        }
        if offer.terms != offer.judged {
            offer.judge(shelf, facts);
            let has_settled = |end_at: i64| desk.ticks.at(end_at.saturating_add(desk.lateness_ms)) < now;
            offer.over = offer.said.value.is_none() && offer.judged.is_some_and(|terms| has_settled(terms.end_at));
            if let Some(terms) = offer.judged {
                desk.wake(terms.end_at, Timer::Case(MISMATCH, place));
                desk.wake(terms.start_at, Timer::Promoted(at));
                desk.wake(terms.end_at.saturating_add(desk.lateness_ms), Timer::Promoted(at));
            }
        }
        let Some(terms) = offer.judged else {
            offer.gone = true;
            if self.unsent.say(place, &mut offer.said, None) {
                offer.mismatch.touch(cause, place, &mut self.mismatches);
                offer.under.touch(cause, place, &mut self.unders);
            }
            return;
        };
        let stands = terms.start_at <= now && !offer.over;
        let value = stands.then(|| offer.performance(terms, shelf, desk));
        let settles_at = terms.end_at.saturating_add(desk.lateness_ms);
        let read = ((terms.start_at, terms.end_at), offer.latest.clone());
        let new = self.unsent.tumble(place, &mut offer.said, value, (now, settles_at));
        if new || (stands && offer.read != read) {
            offer.read = read;
            offer.mismatch.touch(cause, place, &mut self.mismatches);
            offer.under.touch(cause, place, &mut self.unders);
        }
        if offer.said.settled {
            offer.settled_at = Some(now);
            offer.judged = None;
            desk.wake(now + READABLE_MS, Timer::Promoted(at));
        } else if stands {
            let grows = shelf.location.is_some_and(|location| location.forecast_milli > 0) && hour(now) < terms.end_at;
            if grows && offer.wake <= now {
                offer.wake = desk.wake(hour(now) + HOUR_MS, Timer::Promoted(at));
            }
        } else {
            offer.over = now >= settles_at;
        }
    }

    /// The clock looks at the cases of an offer.
    pub(super) fn end(&mut self, place: u32) {
        let offer = &mut self.offers[place as usize];
        offer.mismatch.touch(NOBODY, place, &mut self.mismatches);
        offer.under.touch(NOBODY, place, &mut self.unders);
    }

    /// Judges the offers that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        let now = desk.now;
        for place in std::mem::take(&mut self.mismatches) {
            let offer = &mut self.offers[place as usize];
            let mut case = std::mem::take(&mut offer.mismatch);
            let stands = offer.said.value.is_some() && !offer.gone;
            let verdict = if stands && runs(offer.read.0, now) {
                Verdict::while_true(offer.read.1.as_ref().is_some_and(LatestSale::is_mismatch))
            } else {
                Verdict::GONE
            };
            court.step(desk, (MISMATCH, place), &mut case, verdict, &Mismatch(offer, stands));
            offer.mismatch = case;
        }
        for place in std::mem::take(&mut self.unders) {
            let offer = &mut self.offers[place as usize];
            let bounds = [0, 1, 2].map(|at| court.policy(UNDER, at));
            let mut case = std::mem::take(&mut offer.under);
            let row = offer.said.value.filter(|_| !offer.gone);
            let verdict = match row.filter(|_| runs(offer.read.0, now)) {
                None => Verdict::GONE,
                Some(row) => under(&row, bounds),
            };
            let subject = Under { key: offer.key, store: offer.store, row, end_at: offer.read.0.1, bounds };
            court.step(desk, (UNDER, place), &mut case, verdict, &subject);
            offer.under = case;
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, page: &mut Page<'_>) {
        let offers = &mut self.offers;
        self.unsent.send(NAME, page, |at| {
            let offer = &mut offers[at as usize];
            (offer.key, offer.said.leave())
        });
    }
}

/// Whether a promotion of this period runs.
fn runs((start_at, end_at): (i64, i64), now: i64) -> bool {
    (start_at..end_at).contains(&now)
}
