//! Probabilities by plain summation, opening hours by the minute, and the arithmetic of contract §0.

use super::record::Store;

/// Spans in milliseconds.
pub(super) const MINUTE: i64 = 60_000;
pub(super) const QUARTER: i64 = 15 * MINUTE;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// `t` floored to `pane`.
pub(super) fn floor_to(t: i64, pane: i64) -> i64 {
    t.div_euclid(pane) * pane
}

/// Whether the row of an instant is in trail(window, pane) at `now`.
pub(super) fn trailing(now: i64, window: i64, pane: i64) -> impl Fn(i64) -> bool {
    let last = floor_to(now, pane);
    move |t| (last - window + 1..=last).contains(&floor_to(t, pane))
}

/// floor(a/b), `None` if b is 0.
pub(super) fn quotient(a: i128, b: i128) -> Option<i64> {
    if b == 0 {
        return None;
    }
    let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
    Some(i64::try_from(a.div_euclid(b)).unwrap_or(i64::MAX))
}

/// floor(a/b) where b counts things or sold quantity: `None` if it is not positive.
pub(super) fn per(a: i128, b: i64) -> Option<i64> {
    if b > 0 { quotient(a, b.into()) } else { None }
}

/// floor(a·10 000/b) where b counts things.
pub(super) fn ratio_bp(a: i64, b: i64) -> Option<i64> {
    per(i128::from(a) * 10_000, b)
}

/// Half-up whole basis points of a probability or ratio.
#[expect(clippy::cast_possible_truncation, reason = "floored; saturates")]
pub(super) fn basis_points(p: f64) -> i64 {
    libm::floor(p * 10_000.0 + 0.5) as i64
}

/// The probabilities P(D = 0), P(D = 1), … of a Poisson or negative binomial of this mean.
fn masses(mean: f64, dispersion: Option<f64>) -> impl Iterator<Item = f64> {
    let mut log = match dispersion {
        None => -mean,
        Some(k) => k * libm::log(k / (k + mean)),
    };
    (0..).map(move |i| {
        let mass = libm::exp(log);
        let i = f64::from(i);
        log += match dispersion {
            None => libm::log(mean / (i + 1.0)),
            Some(k) => libm::log((k + i) / (i + 1.0)) + libm::log(mean / (k + mean)),
        };
        mass
    })
}

/// P(D ≤ q).
pub(super) fn at_most(mean: f64, dispersion: Option<f64>, q: i64) -> f64 {
    (0..=q).zip(masses(mean, dispersion)).map(|(_, mass)| mass).sum::<f64>().min(1.0)
}

/// The least q with P(D ≤ q) ≥ 9500 bp.
pub(super) fn quantile_95(mean: f64, dispersion: Option<f64>) -> i64 {
    let mut sum = 0.0;
    let mut enough = |(_, mass): &(i64, f64)| {
        sum += mass;
        basis_points(sum) >= 9500
    };
    (0..).zip(masses(mean, dispersion)).find(&mut enough).map_or(i64::MAX, |(q, _)| q)
}

/// Heads a checkout needs for `t` transactions with `l` sale lines in 15 minutes.
pub(super) fn checkouts(t: i64, l: i64) -> i64 {
    if t <= 0 {
        return 0;
    }
    let work = 40 * t + 3 * l;
    let (a, handling) = (work as f64 / 900.0, 40.0 + 3.0 * l as f64 / t as f64);
    let enough = |c: &i64| {
        let spare = *c as f64 - a;
        // c > a and a/c ≤ 0.85, in integers.
        c * 900 > work && 100 * work <= 85 * 900 * c && {
            let late = erlang_c(*c, a) * libm::exp(-spare * 120.0 / handling);
            basis_points(1.0 - late) >= 8000
        }
    };
    (1..).find(enough).unwrap_or(0)
}

/// Erlang-C: the chance to wait with `c` servers under `a` erlangs, a < c; terms a^k/k! relative to the last.
fn erlang_c(c: i64, a: f64) -> f64 {
    let mut term = 1.0;
    let mut fewer = 0.0;
    for k in (0..c).rev() {
        term *= (k + 1) as f64 / a;
        fewer += term;
    }
    let busy = c as f64 / (c as f64 - a);
    busy / (fewer + busy)
}

/// Wilson 95 % lower bound of `successes` in `trials`, in bp.
pub(super) fn wilson_low_bp(successes: i64, trials: i64) -> Option<i64> {
    let (z, n) = (1.959_964, trials as f64);
    let p = successes as f64 / n;
    let half = z * libm::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    let low = (p + z * z / (2.0 * n) - half) / (1.0 + z * z / n);
    (trials > 0).then(|| basis_points(low.max(0.0)))
}

/// Φ, the standard normal distribution function.
pub(super) fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / libm::sqrt(2.0))
}

/// When a store is open.
#[derive(Clone, Copy)]
pub(super) struct Hours(i64, i64);

impl Hours {
    /// The hours of a store; always without one.
    pub(super) fn of(store: Option<&Store>) -> Self {
        store.map_or(Hours(0, 0), |store| Hours(store.open_from, store.open_to))
    }

    fn is_open_minute(self, minute: i64) -> bool {
        match self {
            Hours(from, to) if from == to => true,
            Hours(from, to) if to < from => minute >= from || minute < to,
            Hours(from, to) => from <= minute && minute < to,
        }
    }

    /// Whether it is open at an instant.
    pub(super) fn is_open(self, t: i64) -> bool {
        self.is_open_minute(t.rem_euclid(DAY) / MINUTE)
    }

    /// Open milliseconds per day.
    pub(super) fn open_day(self) -> i64 {
        match self {
            Hours(from, to) if from == to => DAY,
            Hours(from, to) if to < from => (1440 - from + to) * MINUTE,
            Hours(from, to) => (to - from) * MINUTE,
        }
    }

    /// Open milliseconds in [from, to).
    pub(super) fn open(self, from: i64, to: i64) -> i64 {
        if to <= from { 0 } else { self.since_1970(to) - self.since_1970(from) }
    }

    fn since_1970(self, t: i64) -> i64 {
        let Hours(from, to) = self;
        let (days, ms) = (t.div_euclid(DAY), t.rem_euclid(DAY));
        // Of today, the part of [a, b) that has passed.
        let passed = |a: i64, b: i64| ms.min(b * MINUTE).max(a * MINUTE) - a * MINUTE;
        let today = if from == to {
            ms
        } else if to < from {
            passed(0, to) + passed(from, 1440)
        } else {
            passed(from, to)
        };
        days * self.open_day() + today
    }

    /// The last opening instant ≤ `t`, if it ever opens.
    pub(super) fn last_opening(self, t: i64) -> Option<i64> {
        let minute = self.0 % 1440;
        let opens = self.is_open_minute(minute) && !self.is_open_minute((minute + 1439) % 1440);
        let today = floor_to(t, DAY) + minute * MINUTE;
        opens.then_some(if today <= t { today } else { today - DAY })
    }
}
