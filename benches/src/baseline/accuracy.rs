//! How often the books agreed with the shelf when it was counted, store by store and day by day.

use contract::keys::StoreDay;
use contract::time::{DAY_MS, HOUR_MS, day};
use contract::units::ratio_bp;
use engine::row::READABLE_MS;
use retail::views::inventory_accuracy::{Accuracy, NAME};

use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY};
use super::timers::Timer;

/// The days of all stores.
#[derive(Debug, Default)]
pub(super) struct AccuracyDays {
    book: Book<(u32, i64), (Accuracy, Said<Accuracy>)>,
    unsent: Unsent<Accuracy>,
}

impl AccuracyDays {
    /// A count of that instant missed by so much, or no longer.
    pub(super) fn tell(&mut self, desk: &mut Desk, store: u32, time: i64, variance_milli: i64, diff: i64) {
        let start = day(time);
        let (at, new) = self.book.open(&(store, start), Default::default);
        if new {
            let settles_at = start + DAY_MS + desk.lateness_ms;
            desk.wake(settles_at, Timer::AccuracyDay(at));
            desk.wake(settles_at + READABLE_MS, Timer::AccuracyDay(at));
        }
        let (sums, _) = self.book.touch(at, NOBODY);
        sums.counts += diff;
        sums.exact += diff * i64::from(variance_milli == 0);
        sums.abs_variance_milli += diff * variance_milli.abs();
        sums.variance_milli += diff * variance_milli;
    }

    /// The clock looks at a day.
    pub(super) fn wake(&mut self, at: u32, desk: &mut Desk) {
        let (_, start) = *self.book.key(at);
        if desk.now < start + DAY_MS + desk.lateness_ms + READABLE_MS {
            self.book.touch(at, NOBODY);
        } else if self.book.get(at).1.is_waiting() || !self.book.forget(at) {
            desk.wake(desk.now + HOUR_MS, Timer::AccuracyDay(at));
        }
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &Desk) {
        let touched = self.book.take_touched();
        for at in &touched {
            let (&(_, start), (sums, said), _) = self.book.close(*at);
            let accuracy_bp = ratio_bp(sums.exact, sums.counts);
            let value = (sums.counts > 0).then_some(Accuracy { accuracy_bp, ..*sums });
            self.unsent.tumble(*at, said, value, (desk.now, start + DAY_MS + desk.lateness_ms));
        }
        self.book.give_back(touched);
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let book = &mut self.book;
        self.unsent.send(NAME, page, |at| {
            let (store, day) = *book.key(at);
            (StoreDay { store: desk.store_id(store), day }, book.get_mut(at).1.leave())
        });
    }
}
