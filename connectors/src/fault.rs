//! A failure at the n-th call, for tests of whoever must survive one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Counts calls down to the one that fails; clones count together.
#[derive(Clone, Debug)]
pub struct FailingCall {
    /// Calls before the one that fails; negative after it.
    left: Arc<AtomicI64>,
}

impl Default for FailingCall {
    /// No call fails.
    fn default() -> Self {
        FailingCall::nth(i64::MAX)
    }
}

impl FailingCall {
    /// The `nth` call fails, from 0, and no other.
    pub fn nth(nth: i64) -> Self {
        FailingCall { left: Arc::new(AtomicI64::new(nth)) }
    }

    /// Counts a call; whether it is the one that fails.
    pub fn fails(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 0
    }

    /// True once the failing call was made.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::Relaxed) < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_fails() {
        let call = FailingCall::nth(2);
        let seen: Vec<(bool, bool)> = (0..4).map(|_| (call.clone().fails(), call.has_failed())).collect();
        assert_eq!(seen, [(false, false), (false, false), (true, true), (false, true)]);
        assert!(!FailingCall::default().fails());
    }
}
