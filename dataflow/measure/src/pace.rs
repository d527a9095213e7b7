//! Pacing of single items at a rate: an open loop, where no item waits for the one before it.

use std::time::Duration;

use engine::clock::Stopwatch;

/// A rate per second with its start.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    started: Stopwatch,
    per_second: u64,
}

impl Pace {
    /// Starts now; the first item is due at once. A rate of 0 is taken as 1.
    pub fn start(per_second: u64) -> Self {
        Pace { started: Stopwatch::start(), per_second: per_second.max(1) }
    }

    /// The number of items due by now.
    pub fn due(self) -> u64 {
        due(self.elapsed(), self.per_second)
    }

    /// The time from the start until item `index` (from 0) is due.
    pub fn at(self, index: u64) -> Duration {
        at(index, self.per_second)
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until item `index` is due.
    pub fn wait_for(self, index: u64) {
        let rest = self.at(index).saturating_sub(self.elapsed());
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
    }
}

fn due(elapsed: Duration, per_second: u64) -> u64 {
    let passed = elapsed.as_nanos() * u128::from(per_second) / 1_000_000_000;
    u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(1)
}

fn at(index: u64, per_second: u64) -> Duration {
    let nanos = (u128::from(index) * 1_000_000_000).div_ceil(u128::from(per_second));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_when_its_time_has_come_and_not_before() {
        for per_second in [1, 3, 7, 1_000, 50_000, 999_983] {
            for index in [0, 1, 2, 10, 12_345, 1 << 30] {
                let moment = at(index, per_second);
                assert!(due(moment, per_second) > index, "{index} at {per_second}/s");
                let before = moment.saturating_sub(Duration::from_nanos(1));
                assert!(index == 0 || due(before, per_second) <= index, "{index} at {per_second}/s");
            }
        }
        assert_eq!((at(500, 1_000), due(Duration::from_millis(500), 1_000)), (Duration::from_millis(500), 501));
    }
}
