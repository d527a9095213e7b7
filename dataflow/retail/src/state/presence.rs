//! Presence of one employee at a store: turns punches into stints of work.
//!
//! *Meaning.* Presence runs from `in` to the next `out`, without the breaks, punches ordered by (event time, event id);
//! it ends 14 hours after its `in`, before a punch of that instant is read. Punches without effect (`in` while present,
//! `break_end` while not on a break, …) are ignored (contract §4, view 8).
//! *State.* The punches that may still be corrected, and the presence after the older ones.
//! *Cost.* One pass over the stored punches per query: a handful per day.

use std::collections::BTreeMap;

use contract::event::workforce::{PunchKind, Role};
use contract::ids::EventId;
use contract::time::{HOUR_MS, hour};

use serde::{Deserialize, Serialize};

/// The longest presence: a longer one is a forgotten punch.
const LONGEST_MS: i64 = 14 * HOUR_MS;

/// A punch: event time, event id, role and kind.
pub type Punched = (i64, EventId, Role, PunchKind);

/// A stretch of work without a break, `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    /// The role.
    pub role: Role,
    /// The start.
    pub from: i64,
    /// The end, exclusive.
    pub to: i64,
}

/// The presence after the punches read so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Presence(Option<Spell>);

/// From an `in` on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Spell {
    role: Role,
    in_at: i64,
    /// The start of work since the last break; `None` on a break.
    since: Option<i64>,
}

impl Spell {
    fn over_at(&self) -> i64 {
        self.in_at + LONGEST_MS
    }

    /// The stint that ends at `to`, if one is running.
    fn stint(&self, to: i64) -> Option<Stint> {
        self.since.map(|from| Stint { role: self.role, from, to })
    }
}

impl Presence {
    /// Ends a presence that is over at `instant`; returns the stint that ended with it.
    fn expire(&mut self, instant: i64) -> Option<Stint> {
        let spell = self.0.take_if(|spell| spell.over_at() <= instant)?;
        spell.stint(spell.over_at())
    }

    /// Reads the next punch; returns the stint that ended, at it or before it.
    fn read(&mut self, at: i64, role: Role, kind: PunchKind) -> Option<Stint> {
        let expired = self.expire(at);
        let stint = match (kind, &mut self.0) {
            (PunchKind::In, none @ None) => {
                *none = Some(Spell { role, in_at: at, since: Some(at) });
                None
            }
            (PunchKind::Out, present @ Some(_)) => present.take().and_then(|spell| spell.stint(at)),
            (PunchKind::BreakStart, Some(spell)) => {
                let stint = spell.stint(at);
                spell.since = None;
                stint
            }
            (PunchKind::BreakEnd, Some(spell @ Spell { since: None, .. })) => {
                spell.since = Some(at);
                None
            }
            _ => None,
        };
        expired.or(stint)
    }
}

/// The punches of one person at one store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Punches {
    /// The presence after the folded punches.
    base: Presence,
    /// The hour before which nothing changes and nothing is reported any more.
    folded_to: i64,
    punches: BTreeMap<Punched, i64>,
}

impl Default for Punches {
    fn default() -> Self {
        Punches { base: Presence::default(), folded_to: i64::MIN, punches: BTreeMap::new() }
    }
}

impl Punches {
    /// Takes `diff` copies of a punch; within a tick in any order.
    pub fn update(&mut self, punch: Punched, diff: i64) {
        let count = self.punches.entry(punch.clone()).or_insert(0);
        *count += diff;
        if *count == 0 {
            self.punches.remove(&punch);
        }
    }

    fn current(&self) -> impl Iterator<Item = &Punched> {
        self.punches.iter().filter(|(_, count)| **count > 0).map(|(punch, _)| punch)
    }

    /// The role of the employee who is in and not on a break at `now`, and the instant at which the clock alone changes
    /// that.
    pub fn here(&self, now: i64) -> (Option<Role>, Option<i64>) {
        let mut presence = self.base;
        for (at, _, role, kind) in self.current().take_while(|punch| punch.0 <= now) {
            presence.read(*at, *role, *kind);
        }
        presence.expire(now);
        let working = presence.0.filter(|spell| spell.since.is_some());
        let over_at = working.map(|spell| spell.over_at());
        let ahead = self.current().map(|punch| punch.0).find(|at| *at > now);
        (working.map(|spell| spell.role), over_at.into_iter().chain(ahead).min())
    }

    /// Every stint that may still change or be reported, in order; a running one to its latest end.
    pub fn stints(&self) -> Vec<Stint> {
        let mut presence = self.base;
        let mut stints = Vec::new();
        for (at, _, role, kind) in self.current() {
            stints.extend(presence.read(*at, *role, *kind));
        }
        stints.extend(presence.expire(i64::MAX));
        stints.retain(|stint| stint.from < stint.to && stint.to > self.folded_to);
        stints
    }

    /// Worked milliseconds by (hour, role) in the hours that have ended by `now` and are not folded, and when the next
    /// hour with work in it ends.
    pub fn worked(&self, now: i64) -> (BTreeMap<(i64, Role), i64>, Option<i64>) {
        let (mut worked, mut next) = (BTreeMap::new(), None);
        for Stint { role, from, to } in self.stints() {
            let mut from = from.max(self.folded_to);
            while from < to.min(hour(now)) {
                let end = hour(from) + HOUR_MS;
                *worked.entry((hour(from), role)).or_insert(0) += end.min(to) - from;
                from = end;
            }
            if from < to && next.is_none() {
                next = Some(hour(from) + HOUR_MS);
            }
        }
        (worked, next)
    }

    /// Folds the punches before `edge`, by whole hours: only the resulting presence is kept, and their hours are not
    /// reported again. Returns the first hour that is still reported.
    pub fn fold(&mut self, edge: i64) -> i64 {
        self.folded_to = self.folded_to.max(hour(edge));
        while let Some(first) = self.punches.first_entry()
            && first.key().0 < self.folded_to
        {
            let ((at, _, role, kind), count) = first.remove_entry();
            if count > 0 {
                self.base.read(at, role, kind);
            }
        }
        self.base.expire(self.folded_to);
        self.folded_to
    }

    /// The earliest stored instant; once its hour is folded, its memory is freed.
    pub fn earliest(&self) -> Option<i64> {
        let over_at = self.base.0.map(|spell| spell.over_at());
        self.punches.keys().map(|punch| punch.0).next().into_iter().chain(over_at).min()
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.punches.is_empty() && self.base.0.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::workforce::PunchKind::{BreakEnd, BreakStart, In, Out};
    use contract::time::MINUTE_MS;

    const TEN: i64 = 10 * MINUTE_MS;

    fn punches(script: &[(i64, PunchKind)]) -> Punches {
        let mut punches = Punches::default();
        for (nth, (tens, kind)) in script.iter().enumerate() {
            punches.update((tens * TEN, EventId::new(format!("p{nth:03}")), Role::Floor, *kind), 1);
        }
        punches
    }

    /// Stints in tens of minutes.
    fn check(script: &[(i64, PunchKind)], expected: &[(i64, i64)]) {
        let stints: Vec<_> = punches(script).stints().iter().map(|stint| (stint.from / TEN, stint.to / TEN)).collect();
        assert_eq!(stints, expected, "{script:?}");
    }

    #[test]
    fn punches_make_stints_of_work() {
        check(&[(1, In), (20, BreakStart), (23, BreakEnd), (48, Out)], &[(1, 20), (23, 48)]);
        check(&[(1, In), (3, In), (5, BreakEnd), (9, Out), (10, Out), (11, BreakStart)], &[(1, 9)]);
        check(&[(1, In), (5, BreakStart), (6, BreakStart), (9, Out), (10, BreakEnd)], &[(1, 5)]);
        check(&[(1, In)], &[(1, 85)]);
        check(&[(1, In), (85, In), (90, Out)], &[(1, 85), (85, 90)]);
        check(&[(1, In), (80, BreakStart), (85, BreakEnd), (86, Out)], &[(1, 80)]);
    }

    #[test]
    fn presence_goes_by_the_clock() {
        let punches = punches(&[(1, In), (20, BreakStart), (23, BreakEnd)]);
        assert_eq!(punches.here(0), (None, Some(TEN)));
        assert_eq!(punches.here(TEN), (Some(Role::Floor), Some(20 * TEN)));
        assert_eq!(punches.here(20 * TEN), (None, Some(23 * TEN)));
        assert_eq!(punches.here(23 * TEN), (Some(Role::Floor), Some(85 * TEN)));
        assert_eq!(punches.here(85 * TEN), (None, None));
        let hour = |nth: i64| (nth * HOUR_MS, Role::Floor);
        let worked = BTreeMap::from([(hour(0), 5 * TEN), (hour(1), 6 * TEN), (hour(2), 6 * TEN)]);
        assert_eq!(punches.worked(3 * HOUR_MS), (worked, Some(4 * HOUR_MS)));
    }

    /// The reference version: every punch stored, presence evaluated every ten minutes.
    fn slow(all: &[Punched], now: i64, hour_start: i64) -> i64 {
        let there = |instant: i64| {
            let mut known: Vec<_> = all.iter().filter(|punch| punch.0 <= instant).collect();
            known.sort();
            let (mut in_at, mut on_break) = (None, false);
            for (at, _, _, kind) in known {
                in_at = in_at.filter(|in_at| at - in_at < LONGEST_MS);
                match (kind, in_at) {
                    (In, None) => (in_at, on_break) = (Some(*at), false),
                    (Out, _) => in_at = None,
                    (BreakStart, _) => on_break = true,
                    (BreakEnd, _) => on_break = false,
                    _ => {}
                }
            }
            in_at.is_some_and(|in_at| instant - in_at < LONGEST_MS) && !on_break
        };
        let ended = hour_start + HOUR_MS <= now;
        (0..6).filter(|tens| ended && there(hour_start + tens * TEN)).map(|_| TEN).sum()
    }

    #[test]
    fn folding_changes_no_answer() {
        for lateness_ms in [3 * HOUR_MS, 20 * HOUR_MS] {
            let (mut punches, mut all, mut seed) = (Punches::default(), Vec::<Punched>::new(), 7u64);
            let mut draw = |below: u64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                i64::try_from((seed >> 33) % below).expect("small")
            };
            for nth in 0..400 {
                let now = nth * 2 * TEN;
                let at = now - draw(lateness_ms.unsigned_abs() / 600_000) * TEN;
                let kind = [In, In, Out, BreakStart, BreakEnd][usize::try_from(draw(5)).expect("small")];
                let punch = (at, EventId::new(format!("p{nth}")), Role::Floor, kind);
                if draw(3) == 0 {
                    all.push(punch.clone());
                    punches.update(punch, 1);
                }
                if draw(6) == 0
                    && let Some(found) = all.iter().position(|punch| punch.0 >= now - lateness_ms)
                {
                    punches.update(all.remove(found), -1);
                }
                let (worked, _) = punches.worked(now);
                let first = punches.folded_to.max(hour(now) - lateness_ms - HOUR_MS);
                for start in (first..now).step_by(3_600_000) {
                    let found = worked.get(&(start, Role::Floor)).copied().unwrap_or(0);
                    assert_eq!(found, slow(&all, now, start), "hour {start} at {now}");
                }
                punches.fold(now - lateness_ms);
            }
            assert!(punches.punches.len() < 60);
        }
    }
}
