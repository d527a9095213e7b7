//! Probabilities and estimates: demand against stock, waiting times, promised times, rates with few trials.
//!
//! Pure functions of numbers that are already final. The special functions come from the `libm` crate, so every
//! platform computes the same bits. What is compared or written goes through [`basis_points`] first.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The largest quantile is the largest integer of the contract: a thousand times it still fits an i64.
const QUANTILE_LIMIT: i64 = (1 << 53) - 1;
/// A dispersion at which negative binomial and Poisson agree in every digit: one formula serves both.
const POISSON: f64 = 1e100;

/// A probability or ratio in whole basis points, half-up: floor(10 000 p + 0.5), contract §0. `p` is finite.
pub fn basis_points(p: f64) -> i64 {
    whole(libm::floor(p * 10_000.0 + 0.5))
}

/// Converts an already rounded float to an integer.
#[expect(clippy::cast_possible_truncation, reason = "rounded; saturates")]
fn whole(rounded: f64) -> i64 {
    rounded as i64
}

/// The number of units demanded: a Poisson or negative binomial count D ≥ 0.
/// Probabilities are exact to 1e-9 for means up to 1e9. The customary normal approximation above a mean of 100 is not
/// used: it is off by up to 66 basis points there. Cost: O(√min(m, k)) steps, below 1 µs for common means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Expected units m, finite; with a mean of 0 (or less) D is always 0.
    pub mean: f64,
    /// Dispersion k > 0 of a negative binomial, whose variance is m + m²/k; `None` is its limit, Poisson.
    pub dispersion: Option<f64>,
}

impl Demand {
    /// P(D > q), the risk that q units do not suffice; 1 when q < 0.
    pub fn exceeds(self, q: i64) -> f64 {
        self.tails(q).1
    }

    /// P(D ≤ q), the chance that q units suffice; 0 when q < 0. Of q = 0: the chance that nothing sells.
    pub fn at_most(self, q: i64) -> f64 {
        self.tails(q).0
    }

    /// The least q ≥ 0 with P(D ≤ q) ≥ `level_bp`, in units; the probability counts in whole basis points, half-up.
    /// Never above 2^53 − 1, also where no q suffices (a level above 10 000).
    pub fn quantile(self, level_bp: i64) -> i64 {
        let enough = |q| basis_points(self.at_most(q)) >= level_bp;
        let (m, k) = (self.mean, self.dispersion.unwrap_or(POISSON));
        let mut stride = whole(libm::ceil(libm::sqrt(m + m * m / k))).max(1);
        // Up from the mean in doubling standard deviations, then halving what is enclosed.
        let (mut low, mut high) = (-1, whole(libm::floor(m)).clamp(0, QUANTILE_LIMIT));
        while high < QUANTILE_LIMIT && !enough(high) {
            low = high;
            high = high.saturating_add(stride).min(QUANTILE_LIMIT);
            stride = stride.saturating_mul(2);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            *(if enough(middle) { &mut high } else { &mut low }) = middle;
        }
        high
    }

    /// (P(D ≤ q), P(D > q)): the lighter tail is computed, the other is its complement. Regularized incomplete beta
    /// functions, I(k, q + 1) at k/(k + m) and I(q + 1, k) at m/(k + m): the probability at the edge of the tail, times
    /// a hypergeometric function (DLMF 8.17.8, after Pfaff's transformation).
    fn tails(self, q: i64) -> (f64, f64) {
        let (m, k) = (self.mean, self.dispersion.unwrap_or(POISSON));
        if q < 0 || m <= 0.0 {
            return if q < 0 { (0.0, 1.0) } else { (1.0, 0.0) };
        }
        let q = q as f64;
        if q < m + m / k {
            let tail = self.mass(q) * (1.0 + q / k) / beta_fraction(k, q + 1.0, k / m);
            (tail.clamp(0.0, 1.0), (1.0 - tail).clamp(0.0, 1.0))
        } else {
            let tail = self.mass(q + 1.0) * (1.0 + m / k) / beta_fraction(q + 1.0, k, m / k);
            ((1.0 - tail).clamp(0.0, 1.0), tail.clamp(0.0, 1.0))
        }
    }

    /// P(D = x), by the saddle point expansion of C. Loader, "Fast and Accurate Computation of Binomial
    /// Probabilities" (2000): differences of log-gammas would lose half the digits at large means.
    fn mass(self, x: f64) -> f64 {
        let (m, k) = (self.mean, self.dispersion.unwrap_or(POISSON));
        if x == 0.0 {
            return libm::exp(-k * libm::log1p(m / k));
        }
        let (ratio, pull) = ((1.0 + x / k) / (1.0 + m / k), (x - m) / (1.0 + m / k));
        let bulk = deviance(k, k * ratio, -pull) + deviance(x, m * ratio, pull);
        let log = stirling_error(k + x) - stirling_error(k) - stirling_error(x) - bulk;
        libm::exp(log) / libm::sqrt(2.0 * PI * x * (1.0 + x / k))
    }
}

/// 1 / 2F1(1, 1 − b; a + 1; −z) by Gauss's continued fraction 1 + e₁/(1 + e₂/(1 + …)), with the modified Lentz method.
/// No digits are lost for large a or b; the steps are bounded at three times what a mean of 1e9 needs.
fn beta_fraction(a: f64, b: f64, z: f64) -> f64 {
    let nonzero = |x: f64| if x.abs() < 1e-300 { 1e-300 } else { x };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for n in (0..50_000).map(f64::from) {
        let middle = a + 2.0 * n + 1.0;
        let odd = (n + 1.0 - b) * z * (a + n) / ((middle - 1.0) * middle);
        let even = (n + 1.0) * z * (a + b + n) / (middle * (middle + 1.0));
        for element in [odd, even] {
            d = nonzero(1.0 + element * d).recip();
            c = nonzero(1.0 + element / c);
            value *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// ln Γ(x + 1) − ln(√(2πx)·(x/e)^x), x > 0: what Stirling's formula leaves out, to 1e-14.
fn stirling_error(x: f64) -> f64 {
    if x <= 15.0 {
        return libm::lgamma(x + 1.0) - (x + 0.5) * libm::log(x) + x - 0.5 * libm::log(2.0 * PI);
    }
    let s = 1.0 / (x * x);
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / x
}

/// x ln(x/y) − (x − y) ≥ 0, where the caller knows `difference` = x − y better than the subtraction would.
fn deviance(x: f64, y: f64, difference: f64) -> f64 {
    let v = difference / (x + y);
    if v.abs() >= 0.1 {
        return x * libm::log(x / y) - difference;
    }
    // ln(x/y) = 2 atanh v = 2(v + v³/3 + v⁵/5 + …), of which eight terms after the first reach 1e-17.
    let horner = |sum, j| v * v * (1.0 / f64::from(2 * j + 1) + sum);
    v * (difference + 2.0 * x * (1..=8).rev().fold(0.0, horner))
}

/// Φ(x), the standard normal distribution function, through the complementary error function.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The chance that an order is ready in time, P_time of contract §5: Φ((s − b) / (0.5·√(b·60 000) + 1)), where s =
/// `slack_ms` is left until the promise and b = `backlog_ms` ≥ 0 of work is queued up to it.
pub fn on_time_probability(slack_ms: i64, backlog_ms: f64) -> f64 {
    normal_cdf((slack_ms as f64 - backlog_ms) / (0.5 * libm::sqrt(backlog_ms * 60_000.0) + 1.0))
}

/// The lowest rate that successes/trials is still compatible with: lower end of the two-sided 95 % score interval of
/// E. B. Wilson (1927), in 0..=1, with the contract's z. `None` without trials.
pub fn wilson_low(successes: i64, trials: i64) -> Option<f64> {
    let (z, n) = (1.959_964, trials as f64);
    let rate = successes as f64 / n;
    let half = z * libm::sqrt(rate * (1.0 - rate) / n + z * z / (4.0 * n * n));
    let low = (rate + z * z / (2.0 * n) - half) / (1.0 + z * z / n);
    (trials > 0).then_some(low.max(0.0))
}

/// The chance that a customer has to wait at all with `servers` open (A. K. Erlang's C formula), `load` in erlangs:
/// arrivals × handling time. 1 when the servers cannot keep up, servers ≤ load.
pub fn erlang_c(servers: u64, load: f64) -> f64 {
    let one_more = |(fewer, _), c| erlang(fewer, c as f64, load);
    (1..=servers).fold((1.0, 1.0), one_more).1
}

/// From this load a on, a/c ≤ 0.85 alone decides. By Chernoff's bound P(N = c) ≤ e^−a(r ln r − r + 1) for a Poisson N of mean
/// a and r = c/a; N ≤ c at least every second time, so B ≤ 2·P(N = c), and C ≤ cB/(c − a). At r ≥ 1/0.85 that is C ≤
/// 13.4·e^−0.0147a: below 0.17 from here on, and so nobody waits for 120 s more often than is allowed.
const MANY_ERLANGS: f64 = 300.0;

/// The number of checkouts required for the `transactions` and sale `lines` of the last 15 minutes, contract view 10:
/// at 40 s a transaction and 3 s a line, a erlangs, the least c with c > a, a/c ≤ 0.85 and
/// P(wait ≤ 120 s) = 1 − C·exp(−(c − a)·120/AHT) ≥ 8000 bp; 0 without transactions. Takes O(c) steps, and one from
/// some 350 checkouts on.
pub fn required_servers(transactions: i64, lines: i64) -> i64 {
    if transactions <= 0 {
        return 0;
    }
    let work_s = 40 * transactions + 3 * lines;
    let load = work_s as f64 / 900.0;
    let handling_s = 40.0 + 3.0 * lines as f64 / transactions as f64;
    let in_time = |waits: f64, c: f64| 1.0 - waits * libm::exp(-(c - load) * 120.0 / handling_s);
    if load >= MANY_ERLANGS {
        return -(-work_s).div_euclid(765);
    }
    let (mut servers, (mut blocked, mut waits)) = (1, erlang(1.0, 1.0, load));
    // 85 % of 900 s are 765 s of work a server; in integers, so that exactly 85 % is enough. It implies c > a.
    while servers * 765 < work_s || basis_points(in_time(waits, servers as f64)) < 8000 {
        servers += 1;
        (blocked, waits) = erlang(blocked, servers as f64, load);
    }
    servers
}

/// Erlang B, from that of one server `fewer` (stable, where factorials overflow), and C = cB / (c − a(1 − B)).
fn erlang(fewer: f64, servers: f64, load: f64) -> (f64, f64) {
    let blocked = load * fewer / (servers + load * fewer);
    let waits = servers * blocked / (servers - load * (1.0 - blocked));
    (blocked, if servers > load { waits } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(mean: f64, k: f64) -> Demand {
        let dispersion = (k > 0.0).then_some(k);
        Demand { mean, dispersion }
    }

    /// Golden rows, separated by `;`; `-` is a number that the source does not give.
    fn rows<const N: usize>(table: &str) -> impl Iterator<Item = [f64; N]> {
        let number = |word: &str| word.parse().unwrap_or(f64::NAN);
        let row = move |row: &str| row.split_whitespace().map(number).collect::<Vec<_>>();
        table.split(';').map(move |s| row(s).try_into().unwrap())
    }

    fn close(actual: f64, golden: f64, digits: i32) {
        let error = (actual - golden).abs() * libm::pow(10.0, f64::from(digits));
        assert!(golden.is_nan() || error <= 0.500_001, "{actual} {golden}");
    }

    /// The next of a repeatable series of numbers in 0..below.
    fn next(state: &mut i64, below: i64) -> i64 {
        *state = state.wrapping_mul(25_214_903_917).wrapping_add(11);
        (*state >> 17).rem_euclid(below)
    }

    #[test]
    fn demand_meets_golden_values() {
        // mean, k, on hand A, P(D > A), P(D ≥ A), expected lost units of a Poisson
        let golden = "4.2 0 6 0.132536 0.246857 0.241584; 0.8 0 1 0.191208 0.550671 0.249329;
            30 0 36 0.119627 0.157383 0.414945; 30 0 24 0.842758 0.885354 6.334431;
            4.2 1.5 6 0.219558 0.282920 -; 30 5 36 0.284527 0.305677 -";
        for [m, k, a, above, at_least, lost] in rows(golden) {
            let [more, no_less] = [a, a - 1.0].map(|q| demand(m, k).exceeds(whole(q)));
            close(more, above, 6);
            close(no_less, at_least, 6);
            close(m * no_less - a * more, lost, 6);
        }
        let levels = |m, k| [9000, 9800].map(|level| demand(m, k).quantile(level));
        assert_eq!([levels(4.2, 0.0), levels(4.2, 1.5)], [[7, 9], [9, 15]]);
        // Silence of a shelf; a week of (m 0.5, k 0.8) a day is (m 3.5, k 5.6).
        let golden = "3.5 0 0.03020; 6.9 0 0.00101; 2.1 0 0.12246; 3.5 5.6 0.06595";
        rows(golden).for_each(|[m, k, silence]| close(demand(m, k).at_most(0), silence, 5));
        let [no_less, more] = [13, 14].map(|q| demand(6.0, 0.0).exceeds(q));
        close(no_less, 0.003_628_49, 8);
        close((no_less + more) / 2.0, 0.002_514_42, 8);
        close(demand(9.0, 0.0).at_most(2), 0.006_232_2, 7);
        close(demand(25.0, 0.0).exceeds(39), 0.003_443_57, 8);
    }

    #[test]
    fn demand_of_any_size() {
        // mean, k, q, P(D ≤ q) as computed with 60 digits
        let reference = "0.001 0 0 0.999000499833375; 0.001 1e-4 3 0.999917484630193;
            250.5 0 230 0.101976915604054; 1000 37.3 900 0.286990029806068;
            1e5 0 100321 0.845341208641587; 1e5 0.2 41 0.166378827688968;
            1e7 0 9995000 0.0569321860643401; 1e7 1.5 1900000 0.0967355680138237;
            1e7 1e5 10050000 0.94199685026282; 1e7 9e11 10002000 0.736516189851706;
            1e9 0 1000063245 0.977248923555607";
        for [m, k, q, at_most] in rows(reference) {
            close(demand(m, k).at_most(whole(q)), at_most, 10);
        }
        for k in [0.0, 1e-4, 1.0, 1e8, 9e11] {
            let [nothing, absurd] = [0.0, 4e27].map(|m| demand(m, k).quantile(9999));
            assert_eq!([nothing, absurd], [0, QUANTILE_LIMIT]);
            assert_eq!(demand(4.0, k).quantile(10_001), QUANTILE_LIMIT);
            assert_eq!(demand(4.0, k).exceeds(-1), 1.0);
        }
    }

    #[test]
    fn small_demand_agrees_with_plain_summation() {
        let mut seed = 1;
        for case in 0..300 {
            let m = (1 + next(&mut seed, 40_000)) as f64 / 1000.0;
            let k = next(&mut seed, 40_000) as f64 / 1000.0;
            let d = demand(m, [0.0, k, 999.0 * k][case % 3]);
            let nothing = |k: f64| libm::pow(1.0 + m / k, -k);
            let (mut term, mut sum) = (d.dispersion.map_or(libm::exp(-m), nothing), 0.0);
            let k = d.dispersion.unwrap_or(1e30);
            for q in 0..400 {
                sum += term;
                term *= m / f64::from(q + 1) * (k + f64::from(q)) / (k + m);
                let (at_most, more) = d.tails(q.into());
                assert!((at_most - sum).abs() < 1e-11, "{d:?} at {q}: {at_most}");
                assert_eq!(at_most + more, 1.0, "{d:?} at {q}");
            }
        }
    }

    #[test]
    fn more_stock_is_never_worse_and_quantiles_are_least() {
        let mut seed = 1;
        for case in 0..600 {
            let m = libm::exp((next(&mut seed, 2000) - 400) as f64 / 100.0);
            let d = demand(m, [0.0, 0.3, 8.0, 1e4][case % 4]);
            let level = [1, 500, 5000, 9500, 9999, 10_000][case % 6];
            let (q, reached) = (d.quantile(level), |q| basis_points(d.at_most(q)) >= level);
            assert!(reached(q) && !reached(q - 1), "{d:?} level {level}");
            let ascends = |q| d.at_most(q) <= d.at_most(q + 1) + 1e-12;
            assert!((q - 9..q + 9).all(ascends), "{d:?} near {q}");
        }
    }

    #[test]
    fn checkouts_and_waiting() {
        let golden = "120 90 4 0.50943 45.85 60 0.73845; 120 90 5 0.23615 10.63 60 0.93775;
            120 90 6 0.09914 - 60 0.98658; 200 150 9 0.76039 171.09 120 0.55392;
            200 150 10 0.48761 - 120 0.87147; 200 150 11 0.29962 - 120 0.96451;
            40 240 3 - - 180 0.37890; 40 240 4 - 68.12 180 0.86079";
        for [hourly, handling, c, waits, mean_wait, within, in_time] in rows(golden) {
            let load = hourly * handling / 3600.0;
            let (actual, spare) = (erlang_c(whole(c).unsigned_abs(), load), c - load);
            close(actual, waits, 5);
            close(actual * handling / spare, mean_wait, 2);
            let late = actual * libm::exp(-spare * within / handling);
            close(1.0 - late, in_time, 5);
        }
        assert_eq!([erlang_c(3, 3.0), erlang_c(0, 0.0)], [1.0, 1.0]);
        // The required servers are the fewest that meet every bound.
        let enough = |c: i64, t: i64, l: i64| {
            let load = (40 * t + 3 * l) as f64 / 900.0;
            let (spare, handling) = (c as f64 - load, 40.0 + 3.0 * l as f64 / t as f64);
            let late = erlang_c(c.unsigned_abs(), load) * libm::exp(-spare * 120.0 / handling);
            let bounded = spare > 0.0 && (40 * t + 3 * l) * 100 <= 85 * 900 * c;
            bounded && basis_points(1.0 - late) >= 8000
        };
        let mut seed = 1;
        for case in 0..300 {
            let t = 1 + next(&mut seed, [3, 40, 400][case % 3]);
            let l = next(&mut seed, t * [2, 20, 400, 20_000 / t][case % 4]);
            let slow = (1..).find(|&c| enough(c, t, l));
            assert_eq!(Some(required_servers(t, l)), slow, "{t} with {l} lines");
        }
        // Where the many begin.
        for t in (6_000..7_500).step_by(7) {
            let slow = (1..).find(|&c| enough(c, t, 0));
            assert_eq!(Some(required_servers(t, 0)), slow, "{t}");
        }
        // 76 500 s of work are exactly 85 % of 100 servers, 76 501 s are more.
        let tight = [(1899, 180), (1897, 207), (50_000, 600_000), (0, 7)];
        let required = tight.map(|(t, l)| required_servers(t, l));
        assert_eq!(required, [100, 101, 4968, 0]);
    }

    #[test]
    fn rates_promises_and_rounding() {
        let golden = "3 40 0.025836 0.198642; 0 10 0 0.277533; 10 10 0.722467 1;
            120 1000 0.101299 0.141609";
        for [successes, trials, low, high] in rows(golden) {
            let low_of = |n: f64| wilson_low(whole(n), whole(trials)).unwrap();
            close(low_of(successes), low, 6);
            close(1.0 - low_of(trials - successes), high, 6);
        }
        assert_eq!(wilson_low(0, 0), None);
        close(normal_cdf(-2.0), 0.022_750_131_948_179_2, 15);
        close(on_time_probability(360_000, 3e5), 0.814_449_749_683_772, 14);
        let bp = [0.000_049, 0.000_05, -0.000_05, 0.799_949, 0.799_95].map(basis_points);
        assert_eq!(bp, [0, 1, 0, 7999, 8000]);
    }
}
