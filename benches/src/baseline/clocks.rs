//! Who clocked in where, and for how long they worked each hour.

use std::collections::BTreeMap;

use contract::event::workforce::{Punch, PunchKind, Role};
use contract::ids::{EventId, Id};
use contract::keys::RoleHour;
use contract::time::{HOUR_MS, MINUTE_MS, hour};
use engine::row::READABLE_MS;
use retail::views::labor_hours::{NAME, WorkedHour};

use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY};
use super::timers::Timer;

const LONGEST_MS: i64 = 14 * HOUR_MS;

type Punched = (i64, EventId, Role, PunchKind);

/// From an `in` on: as what, since when, and since when without a break.
#[derive(Clone, Copy, Debug)]
struct Spell {
    role: Role,
    in_at: i64,
    since: Option<i64>,
}

/// Work without a break.
type Stint = (Role, i64, i64);

#[derive(Debug, Default)]
struct Person {
    base: Option<Spell>,
    folded_to: i64,
    punches: Vec<Punched>,
    here: Option<Role>,
    worked: BTreeMap<(i64, Role), i64>,
    wake: i64,
}

fn stint(spell: &Spell, to: i64) -> Option<Stint> {
    spell.since.map(|from| (spell.role, from, to))
}

/// Ends a spell that is over at an instant.
fn expire(spell: &mut Option<Spell>, instant: i64) -> Option<Stint> {
    let over = spell.take_if(|spell| spell.in_at + LONGEST_MS <= instant)?;
    stint(&over, over.in_at + LONGEST_MS)
}

/// Reads the next punch; answers the stint that ended.
fn read(spell: &mut Option<Spell>, at: i64, role: Role, kind: PunchKind) -> Option<Stint> {
    let expired = expire(spell, at);
    let ended = match (kind, spell.as_mut()) {
        (PunchKind::In, None) => {
            *spell = Some(Spell { role, in_at: at, since: Some(at) });
            None
        }
        (PunchKind::Out, Some(_)) => spell.take().and_then(|spell| stint(&spell, at)),
        (PunchKind::BreakStart, Some(held)) => {
            let ended = stint(held, at);
            held.since = None;
            ended
        }
        (PunchKind::BreakEnd, Some(held)) if held.since.is_none() => {
            held.since = Some(at);
            None
        }
        _ => None,
    };
    expired.or(ended)
}

impl Person {
    fn here(&self, now: i64) -> (Option<Role>, Option<i64>) {
        let mut spell = self.base;
        let come = self.punches.partition_point(|punch| punch.0 <= now);
        for (at, _, role, kind) in &self.punches[..come] {
            read(&mut spell, *at, *role, *kind);
        }
        expire(&mut spell, now);
        let working = spell.filter(|spell| spell.since.is_some());
        let over = working.map(|spell| spell.in_at + LONGEST_MS);
        let ahead = self.punches.get(come).map(|punch| punch.0);
        (working.map(|spell| spell.role), over.into_iter().chain(ahead).min())
    }

    fn worked(&self, now: i64) -> (BTreeMap<(i64, Role), i64>, Option<i64>) {
        let (mut spell, mut worked, mut next) = (self.base, BTreeMap::new(), None);
        let mut take = |(role, from, to): Stint| {
            let mut from = from.max(self.folded_to);
            while from < to.min(hour(now)) {
                let end = hour(from) + HOUR_MS;
                *worked.entry((hour(from), role)).or_insert(0) += end.min(to) - from;
                from = end;
            }
            if from < to && next.is_none() {
                next = Some(hour(from) + HOUR_MS);
            }
        };
        for (at, _, role, kind) in &self.punches {
            read(&mut spell, *at, *role, *kind).into_iter().for_each(&mut take);
        }
        expire(&mut spell, i64::MAX).into_iter().for_each(&mut take);
        (worked, next)
    }

    /// Gives up what cannot be corrected, by whole hours.
    fn fold(&mut self, edge: i64) {
        self.folded_to = self.folded_to.max(hour(edge));
        let folded = self.punches.partition_point(|punch| punch.0 < self.folded_to);
        for (at, _, role, kind) in self.punches.drain(..folded) {
            read(&mut self.base, at, role, kind);
        }
        expire(&mut self.base, self.folded_to);
        let first = self.folded_to;
        self.worked.retain(|key, _| key.0 >= first);
    }
}

/// The hour of a role at a store.
#[derive(Debug, Default)]
struct OfRole {
    people: i64,
    minutes: i64,
    said: Said<WorkedHour>,
}

/// Who came (1) or went (−1): store, role, because of which record.
pub(super) type Here = (u32, Role, i64, u32);

/// All clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    people: Book<(u32, Id), Person>,
    hours: Book<(u32, Role, i64), OfRole>,
    unsent: Unsent<WorkedHour>,
}

impl Clocks {
    /// A punch.
    pub(super) fn punch(&mut self, store: u32, (time, id, punch): (i64, &EventId, &Punch), (diff, cause): (i64, u32)) {
        let (at, _) = self.people.open(&(store, punch.employee), Person::default);
        let of = self.people.touch(at, cause);
        let punched = (time, id.clone(), punch.role, punch.kind);
        match (of.punches.binary_search(&punched), diff > 0) {
            (Err(place), true) => of.punches.insert(place, punched),
            (Ok(place), false) => _ = of.punches.remove(place),
            _ => {}
        }
    }

    /// The clock looks at somebody.
    pub(super) fn wake(&mut self, at: u32) {
        self.people.touch(at, NOBODY);
    }

    /// The clock looks at an hour of a role.
    pub(super) fn wake_hour(&mut self, at: u32, desk: &mut Desk) {
        let (_, _, start) = *self.hours.key(at);
        if desk.now < start + HOUR_MS + desk.lateness_ms + READABLE_MS {
            self.hours.touch(at, NOBODY);
        } else if self.hours.get(at).said.is_waiting() || !self.hours.forget(at) {
            desk.wake(desk.now + HOUR_MS, Timer::RoleHour(at));
        }
    }

    /// Brings everybody up to date; tells who came and went, and how the rows of worked hours changed: by store and
    /// hour, how many rows more, how many minutes more.
    pub(super) fn close(
        &mut self,
        desk: &mut Desk,
        here: &mut Vec<Here>,
        mut worked: impl FnMut(&mut Desk, (u32, i64), i64, i64),
    ) {
        let touched = self.people.take_touched();
        for at in &touched {
            let (&(store, _), of, cause) = self.people.close(*at);
            let (role, turn) = of.here(desk.now);
            if role != of.here {
                here.extend(of.here.map(|role| (store, role, -1, cause)));
                here.extend(role.map(|role| (store, role, 1, cause)));
                of.here = role;
            }
            let (ms, ends) = of.worked(desk.now);
            let minutes: BTreeMap<(i64, Role), i64> = ms.into_iter().map(|(key, ms)| (key, ms / MINUTE_MS)).collect();
            if minutes != of.worked {
                for (said, diff) in [(&of.worked, -1), (&minutes, 1)] {
                    for ((start, role), minutes) in said {
                        add(&mut self.hours, desk, (store, *role, *start), (diff, diff * minutes));
                    }
                }
                of.worked = minutes;
            }
            of.fold(desk.edge());
            let over = of.base.map(|spell| spell.in_at + LONGEST_MS);
            let earliest = of
                .worked
                .keys()
                .map(|key| key.0)
                .next()
                .into_iter()
                .chain(over)
                .chain(of.punches.first().map(|punch| punch.0));
            let folds = earliest.min().map(|at| hour(at) + HOUR_MS + desk.lateness_ms);
            if let Some(next) = [turn, ends, folds].into_iter().flatten().min()
                && (of.wake <= desk.now || next < of.wake)
            {
                of.wake = desk.wake(next, Timer::Employee(*at));
            }
        }
        self.people.give_back(touched);
        let touched = self.hours.take_touched();
        for at in &touched {
            let (&(store, _, start), of, _) = self.hours.close(*at);
            let before = of.said.value;
            let value = (of.people > 0).then_some(WorkedHour { worked_minutes: of.minutes });
            self.unsent.tumble(*at, &mut of.said, value, (desk.now, start + HOUR_MS + desk.lateness_ms));
            let after = of.said.value;
            if before != after {
                let minutes = |row: Option<WorkedHour>| row.map_or(0, |row| row.worked_minutes);
                let rows = i64::from(after.is_some()) - i64::from(before.is_some());
                worked(desk, (store, start), rows, minutes(after) - minutes(before));
            }
        }
        self.hours.give_back(touched);
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let hours = &mut self.hours;
        self.unsent.send(NAME, page, |at| {
            let (store, role, hour) = *hours.key(at);
            (RoleHour { store: desk.store_id(store), role, hour }, hours.get_mut(at).said.leave())
        });
    }
}

fn add(
    hours: &mut Book<(u32, Role, i64), OfRole>,
    desk: &mut Desk,
    key: (u32, Role, i64),
    (people, minutes): (i64, i64),
) {
    let (at, new) = hours.open(&key, OfRole::default);
    if new {
        let settles_at = key.2 + HOUR_MS + desk.lateness_ms;
        desk.wake(settles_at, Timer::RoleHour(at));
        desk.wake(settles_at + READABLE_MS, Timer::RoleHour(at));
    }
    let of = hours.touch(at, NOBODY);
    if !of.said.settled {
        of.people += people;
        of.minutes += minutes;
    }
}
