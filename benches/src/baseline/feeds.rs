//! Whether each store's feeds are alive, and what became of their records.

use contract::event::Topic;
use contract::exception::Severity;
use contract::fate::Outcome;
use contract::ids::Id;
use contract::policy::STALE_AFTER;
use engine::reference::Policies;
use retail::views::feed_health::{Feed, Health, NAME};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::{Desk, bit};
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `data.feed_stale`, by its place in the list of types.
pub(super) const STALE: u8 = 0;

#[derive(Debug, Default)]
struct OfFeed {
    health: Health,
    accepted_at: Option<i64>,
    said: Said<Health>,
    said_at: Option<i64>,
    case: Case,
    wake: i64,
}

/// All feeds.
#[derive(Debug)]
pub(super) struct Feeds {
    book: Book<(u32, u8), OfFeed>,
    limits: [Option<i64>; 12],
    unsent: Unsent<Health>,
    silent: Vec<u32>,
}

fn limits(policies: &Policies) -> [Option<i64>; 12] {
    Topic::ALL.map(|topic| {
        let name = format!("stale_ms.{topic}");
        let default = STALE_AFTER.iter().find(|policy| policy.name == name).map(|policy| policy.default);
        policies.value_of(&name).or(default)
    })
}

impl Feeds {
    /// No feeds yet.
    pub(super) fn new(policies: &Policies) -> Self {
        Feeds { book: Book::default(), limits: limits(policies), unsent: Unsent::default(), silent: Vec::new() }
    }

    /// A record of a feed met its fate.
    pub(super) fn beat(
        &mut self,
        now: i64,
        (store, topic): (u32, Topic),
        outcome: &Outcome,
        event_time: i64,
        cause: u32,
    ) {
        let (at, _) = self.book.open(&(store, topic as u8), OfFeed::default);
        let of = self.book.touch(at, cause);
        match outcome {
            Outcome::Accepted => {
                of.health.accepted += 1;
                of.health.last_event_time = of.health.last_event_time.max(Some(event_time));
                of.accepted_at = Some(now);
            }
            Outcome::Duplicate => of.health.duplicates += 1,
            Outcome::Late(_) => of.health.late += 1,
            Outcome::Dead(..) => of.health.dead += 1,
        }
    }

    /// The clock looks at a feed.
    pub(super) fn wake(&mut self, at: u32) {
        self.book.touch(at, NOBODY);
    }

    /// How long feeds may be silent changed.
    pub(super) fn restate(&mut self, policies: &Policies, cause: u32) {
        self.limits = limits(policies);
        (0..self.book.places()).for_each(|at| _ = self.book.touch(at, cause));
    }

    /// The hours of a store changed.
    pub(super) fn touch_store(&mut self, store: u32, cause: u32) {
        for topic in Topic::ALL {
            if let Some(at) = self.book.find(&(store, topic as u8)) {
                self.book.touch(at, cause);
            }
        }
    }

    /// Touches the cases of all feeds, or of one.
    pub(super) fn touch(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..self.book.places(), |at| at..at + 1) {
            self.book.get_mut(at).case.touch(cause, at, &mut self.silent);
        }
    }

    /// Says the rows; tells which feeds became stale or alive, and because of which record.
    pub(super) fn close(&mut self, desk: &mut Desk, mut turned: impl FnMut(u32, Topic, u32)) {
        let touched = self.book.take_touched();
        for at in &touched {
            let (&(store, topic), of, cause) = self.book.close(*at);
            let topic = Topic::ALL[usize::from(topic)];
            let (stale, next) = stale(desk, store, self.limits[topic as usize], of.accepted_at);
            let was = of.health.stale;
            of.health.stale = stale;
            let new = self.unsent.say(*at, &mut of.said, Some(of.health)) || of.said_at != of.accepted_at;
            of.said_at = of.accepted_at;
            if new && (was || stale) {
                of.case.touch(cause, *at, &mut self.silent);
            }
            if was != stale {
                desk.shops[store as usize].stale ^= bit(topic);
                turned(store, topic, cause);
            }
            if let Some(next) = next
                && (of.wake <= desk.now || next < of.wake)
            {
                of.wake = desk.wake(next, Timer::Feed(*at));
            }
        }
        self.book.give_back(touched);
    }

    /// Judges the feeds that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for at in std::mem::take(&mut self.silent) {
            let (store, topic) = *self.book.key(at);
            let of = self.book.get_mut(at);
            let heard_at = of.accepted_at.filter(|_| of.health.stale);
            let verdict = if heard_at.is_some() { Verdict::while_true(true) } else { Verdict::GONE };
            let since = heard_at.map(|heard_at| silent_since(desk, store, heard_at));
            let subject = Silent {
                store,
                name: desk.store_id(store),
                topic: Topic::ALL[usize::from(topic)].name(),
                silence: since.map(|since| desk.now - since),
                limit: self.limits[usize::from(topic)],
                heard_at,
            };
            court.step(desk, (STALE, at), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let book = &mut self.book;
        self.unsent.send(NAME, page, |at| {
            let (store, topic) = *book.key(at);
            let key = Feed { store: desk.store_id(store), topic: Topic::ALL[usize::from(topic)] };
            (key, book.get_mut(at).said.leave())
        });
    }
}

fn silent_since(desk: &Desk, store: u32, accepted_at: i64) -> i64 {
    desk.hours(store).last_opening(desk.now).map_or(accepted_at, |opening| opening.max(accepted_at))
}

/// Whether a feed is stale, and when the clock may change that.
fn stale(desk: &Desk, store: u32, limit: Option<i64>, accepted_at: Option<i64>) -> (bool, Option<i64>) {
    let (Some(limit_ms), Some(accepted_at)) = (limit, accepted_at) else { return (false, None) };
    let (hours, now) = (desk.hours(store), desk.now);
    let turn = hours.next_turn(now);
    if !hours.is_open(now) {
        return (false, turn);
    }
    let since = silent_since(desk, store, accepted_at);
    if now - since > limit_ms { (true, turn) } else { (false, turn.into_iter().chain([since + limit_ms + 1]).min()) }
}

struct Silent {
    store: u32,
    name: Id,
    topic: &'static str,
    silence: Option<i64>,
    limit: Option<i64>,
    heard_at: Option<i64>,
}

impl Subject for Silent {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.name), Part::Word(self.topic)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "check_feed", "platform_team")
    }

    fn drivers(&self) -> Drivers {
        smallvec![
            driver("silence_while_open", self.silence, self.limit, "ms"),
            driver("last_accepted_at", self.heard_at, None, "ms"),
        ]
    }
}
