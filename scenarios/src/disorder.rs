//! How records really arrive: most within seconds, some hours late in a burst, a few twice, a few corrected.
//!
//! A till sends each line within seconds; a basket now and then waits for the line to come back; a store that is cut
//! off hands over everything at once when it is back; a store that is polled by night hands over its whole day; a
//! line is sent again after a timeout; an audit corrects a line. No public figures exist for such delays, so the
//! defaults are a profile, put together from the bounds which payment providers and time clock makers publish:
//!
//! | cause | whom it hits | delay | default share |
//! |---|---|---|---|
//! | [`Cause::Trickle`] | a line | median 2 s, 99 % within 20 s, at most 40 s | the rest, about 97 % |
//! | [`Cause::Hiccup`] | a basket | 30 s to 10 min | 2 % of baskets |
//! | [`Cause::Offline`] | a store | till the line is back (20 min to 8 h), then in order at 40 times the pace | 4 % of store-days, about 0.7 % of lines |
//! | [`Cause::Polled`] | a store | its UTC day comes in order from 08:00 of the next, 8 to 32 h | 0.15 % of store-days |
//! | [`Disorder::resend`] | a line | a second copy 1 s to 10 min after the first | 0.3 % |
//! | [`Disorder::correction`] | a line | half 5 min to 24 h after, half 1 to 14 days after | 0.05 % |
//!
//! Every delay but those of corrections stays below 36 h, the lateness the contract allows: only corrections come too
//! late. Half of them come the same day, sooner than audits do, so that both fates, accepted and late, are met.
//!
//! Each outcome is drawn by the name of what it hits, so it does not depend on the order in which it is asked for.
//! Delays are whole milliseconds drawn from a table, without logarithms, which differ between machines in the last
//! bit.

use crate::random::Random;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How many times faster than it happened a held back stretch is handed over.
const BURST_PACE: i64 = 40;

/// The delay of an orderly line at shares of 10 000: a log-normal of median 2 s with its 99th hundredth at 20 s.
const TRICKLE_MS: [(i64, i64); 9] = [
    (0, 200),
    (100, 200),
    (1_000, 562),
    (2_500, 1_026),
    (5_000, 2_000),
    (7_500, 3_900),
    (9_000, 7_112),
    (9_900, 20_000),
    (10_000, 40_000),
];

/// How often each trouble strikes, in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of the baskets: a wait for the network.
    pub hiccup_bp: u32,
    /// Of the store-days: the store is cut off for a while.
    pub offline_bp: u32,
    /// Of the store-days: the day is fetched the next morning.
    pub polled_bp: u32,
    /// Of the lines: sent twice.
    pub resend_bp: u32,
    /// Of the lines: wrong at first, corrected later.
    pub correction_bp: u32,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates { hiccup_bp: 200, offline_bp: 400, polled_bp: 15, resend_bp: 30, correction_bp: 5 }
    }
}

/// Whether a scenario arrives in order, or as the world sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disorder {
    /// Every record arrives once, 2 s after it happened: the order of arrival is that of events.
    Off,
    /// As the rates say, by the seed.
    On {
        /// How often.
        rates: Rates,
        /// Which lines it hits.
        seed: u64,
    },
}

/// What decides the fate of a line: its names as numbers, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The store.
    pub store: u64,
    /// The basket, unique over all stores.
    pub basket: u64,
    /// The line within its basket.
    pub number: u64,
    /// When it happened.
    pub event_time: i64,
}

/// Why a line arrived when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table at the head of this file explains them")]
pub enum Cause {
    Trickle,
    Hiccup,
    Offline,
    Polled,
}

/// What a draw is for, so that two draws about the same thing are independent.
#[derive(Clone, Copy)]
enum Draw {
    Trickle = 1,
    Hiccup = 2,
    Offline = 3,
    Polled = 4,
    Resend = 5,
    Correction = 6,
}

impl Disorder {
    /// When the log takes a line, and why then.
    #[must_use]
    pub fn arrival(&self, line: &Line) -> (i64, Cause) {
        let Disorder::On { rates, seed } = *self else {
            return (line.event_time + 2 * SECOND_MS, Cause::Trickle);
        };
        if let Some(at) = polled(seed, rates.polled_bp, line) {
            return (at, Cause::Polled);
        }
        if let Some(at) = offline(seed, rates.offline_bp, line) {
            return (at, Cause::Offline);
        }
        let mut basket = draw(seed, Draw::Hiccup, &[line.basket]);
        if basket.chance(rates.hiccup_bp) {
            return (line.event_time + basket.between(30 * SECOND_MS, 10 * MINUTE_MS), Cause::Hiccup);
        }
        let share = draw(seed, Draw::Trickle, &[line.basket, line.number]).between(0, 10_000);
        (line.event_time + trickle_ms(share), Cause::Trickle)
    }

    /// When the log takes a second copy of a line which it took at `ingest_time`, if it is sent twice.
    #[must_use]
    pub fn resend(&self, line: &Line, ingest_time: i64) -> Option<i64> {
        let Disorder::On { rates, seed } = *self else { return None };
        let mut random = draw(seed, Draw::Resend, &[line.basket, line.number]);
        random.chance(rates.resend_bp).then(|| ingest_time + random.between(SECOND_MS, 10 * MINUTE_MS))
    }

    /// When the log takes the truth about a line which it took wrong at `ingest_time`, if it is one of those.
    #[must_use]
    pub fn correction(&self, line: &Line, ingest_time: i64) -> Option<i64> {
        let Disorder::On { rates, seed } = *self else { return None };
        let mut random = draw(seed, Draw::Correction, &[line.basket, line.number]);
        if !random.chance(rates.correction_bp) {
            return None;
        }
        let same_day = random.chance(5_000);
        let delay_ms =
            if same_day { random.between(5 * MINUTE_MS, DAY_MS) } else { random.between(DAY_MS, 14 * DAY_MS) };
        Some(ingest_time + delay_ms)
    }
}

fn draw(seed: u64, purpose: Draw, name: &[u64]) -> Random {
    let mut key = [0; 3];
    key[0] = purpose as u64;
    key[1..=name.len()].copy_from_slice(name);
    Random::keyed(seed, &key)
}

/// The day of an instant as part of a name: days before 1970 keep their bits.
fn day_name(day: i64) -> u64 {
    day.cast_unsigned()
}

fn polled(seed: u64, polled_bp: u32, line: &Line) -> Option<i64> {
    let day = line.event_time.div_euclid(DAY_MS);
    let struck = draw(seed, Draw::Polled, &[line.store, day_name(day)]).chance(polled_bp);
    struck.then(|| (day + 1) * DAY_MS + 8 * HOUR_MS + line.event_time.rem_euclid(DAY_MS) / BURST_PACE)
}

/// A store is cut off at most once from each UTC day on; the stretch may reach into the next day.
fn offline(seed: u64, offline_bp: u32, line: &Line) -> Option<i64> {
    let today = line.event_time.div_euclid(DAY_MS);
    [today - 1, today].into_iter().find_map(|day| {
        let mut random = draw(seed, Draw::Offline, &[line.store, day_name(day)]);
        if !random.chance(offline_bp) {
            return None;
        }
        let from = day * DAY_MS + random.between(0, DAY_MS);
        let to = from + random.between(20 * MINUTE_MS, 8 * HOUR_MS);
        (from..to).contains(&line.event_time).then(|| to + (line.event_time - from) / BURST_PACE)
    })
}

/// The delay at a share of 10 000, on straight lines between the points of the table.
fn trickle_ms(share: i64) -> i64 {
    let mut below = TRICKLE_MS[0];
    for above in TRICKLE_MS {
        if share < above.0 {
            return below.1 + (share - below.0) * (above.1 - below.1) / (above.0 - below.0);
        }
        below = above;
    }
    below.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(store: u64, basket: u64, event_time: i64) -> Line {
        Line { store, basket, number: 1, event_time }
    }

    fn on(rates: Rates) -> Disorder {
        Disorder::On { rates, seed: 1 }
    }

    const NEVER: Rates = Rates { hiccup_bp: 0, offline_bp: 0, polled_bp: 0, resend_bp: 0, correction_bp: 0 };

    #[test]
    fn off_is_orderly() {
        let line = line(1, 2, 1_000_000);
        assert_eq!(Disorder::Off.arrival(&line), (1_002_000, Cause::Trickle));
        assert_eq!(Disorder::Off.resend(&line, 5), None);
        assert_eq!(Disorder::Off.correction(&line, 5), None);
    }

    #[test]
    fn a_trickle_has_its_median_and_its_tail() {
        let disorder = on(NEVER);
        let mut delays: Vec<i64> = (0..20_000).map(|basket| disorder.arrival(&line(1, basket, 0)).0).collect();
        delays.sort_unstable();
        assert!((1_900..2_100).contains(&delays[10_000]), "median {}", delays[10_000]);
        assert!((18_000..22_000).contains(&delays[19_800]), "p99 {}", delays[19_800]);
        assert!(delays[0] >= 200 && delays[19_999] <= 40_000);
    }

    #[test]
    fn a_store_cut_off_hands_over_in_order_after_it_is_back() {
        let disorder = on(Rates { offline_bp: 10_000, ..NEVER });
        let mut held = Vec::new();
        for minute in 0..2 * 1440 {
            let event_time = 100 * DAY_MS + minute * MINUTE_MS;
            if let (at, Cause::Offline) = disorder.arrival(&line(7, 1, event_time)) {
                assert!(at > event_time && at - event_time <= 8 * HOUR_MS + 12 * MINUTE_MS);
                held.push(at);
            }
        }
        assert!(held.len() > 20 && held.is_sorted());
    }

    #[test]
    fn a_polled_day_comes_the_next_morning_and_not_too_late() {
        let disorder = on(Rates { polled_bp: 10_000, ..NEVER });
        for event_time in [0, DAY_MS / 2, DAY_MS - 1] {
            let (at, cause) = disorder.arrival(&line(1, 1, event_time));
            assert_eq!(cause, Cause::Polled);
            assert!((32 * HOUR_MS..33 * HOUR_MS).contains(&at));
            assert!(at - event_time <= 36 * HOUR_MS);
        }
    }

    #[test]
    fn default_shares_are_as_stated() {
        let disorder = on(Rates::default());
        let (mut causes, mut resent, mut corrected) = ([0; 4], 0, 0);
        for store in 0..100 {
            for minute in 0..2000_i64 {
                let line = line(store, store * 10_000 + minute.cast_unsigned(), minute * 43 * MINUTE_MS);
                let (at, cause) = disorder.arrival(&line);
                assert!(at > line.event_time);
                causes[cause as usize] += 1;
                resent += usize::from(disorder.resend(&line, at).is_some_and(|again| again > at));
                corrected += usize::from(disorder.correction(&line, at).is_some_and(|truth| truth > at));
            }
        }
        assert!((3_600..4_300).contains(&causes[Cause::Hiccup as usize]), "{causes:?}");
        assert!((1_000..1_900).contains(&causes[Cause::Offline as usize]), "{causes:?}");
        assert!((150..500).contains(&causes[Cause::Polled as usize]), "{causes:?}");
        assert!((500..700).contains(&resent), "{resent}");
        assert!((70..130).contains(&corrected), "{corrected}");
    }
}
