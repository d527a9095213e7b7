//! Retries an operation while its error is temporary, so that a job can start before its broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connectors::Error;
use connectors::retry::Backoff;

/// The rests between tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// The limits of a retry.
#[derive(Clone, Copy)]
pub struct Retry<'a> {
    /// The greatest sum of rests.
    pub limit: Duration,
    /// Set when the job is stopped.
    pub stop: &'a AtomicBool,
    /// Rests; tests pass a function that returns at once.
    pub rest: fn(Duration),
}

impl Retry<'_> {
    /// Calls `attempt` until it succeeds, fails for good, or the limit or a stop ends the retries.
    ///
    /// # Errors
    /// The last error of `attempt`.
    pub fn with<T>(self, mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let (mut backoff, mut rested) = (BACKOFF, Duration::ZERO);
        loop {
            let error = match attempt() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.is_final() || rested >= self.limit || self.stop.load(Ordering::Relaxed) {
                return Err(error);
            }
            tracing::warn!(%error, "not yet; trying again");
            let rest = backoff.next_rest(self.limit - rested);
            (self.rest)(rest);
            rested += rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectors::error::Place;

    /// Returns the number of tries if the first `failures` fail, and whether the last one succeeds.
    fn check(failures: u32, is_final: bool, stop: bool) -> (u32, bool) {
        let mut tries = 0;
        let place = Place::default();
        let attempt = || {
            tries += 1;
            let failed =
                if is_final { Error::broker_final("write", &place, "") } else { Error::broker("write", &place, "") };
            if tries <= failures { Err(failed) } else { Ok(()) }
        };
        let stop = AtomicBool::new(stop);
        let retry = Retry { limit: Duration::from_secs(3), stop: &stop, rest: |_| () };
        let done = retry.with(attempt).is_ok();
        (tries, done)
    }

    #[test]
    fn temporary_errors_are_retried_and_no_others() {
        assert_eq!(check(0, false, false), (1, true));
        assert_eq!(check(3, false, false), (4, true));
        assert_eq!(check(1, true, false), (1, false));
        assert_eq!(check(1, false, true), (1, false));
        // 50 + 100 + 200 + 400 + 800 + 1000 + 450 ms.
        assert_eq!(check(u32::MAX, false, false), (8, false));
    }
}
