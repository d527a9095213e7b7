//! Rests between tries of something that fails: each is twice as long as the one before, up to a longest one.

use std::time::Duration;

/// The lengths of the rests between tries.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Rests that begin with `first` and double up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Backoff { first, longest, next: first }
    }

    /// Returns the length of the next rest, `limit` at most.
    pub fn next_rest(&mut self, limit: Duration) -> Duration {
        let rest = self.next;
        self.next = (rest * 2).min(self.longest);
        rest.min(limit)
    }

    /// Begins again with the first rest, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(35));
        let mut rests = |count: usize| -> Vec<u128> {
            let rests = (0..count).map(|_| backoff.next_rest(Duration::from_millis(30)).as_millis()).collect();
            backoff.reset();
            rests
        };
        assert_eq!(rests(4), [10, 20, 30, 30]);
        assert_eq!(rests(1), [10]);
    }
}
