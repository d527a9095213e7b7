//! Fail points: places at which a test can abort the process, to test recovery from a crash there.
//!
//! `STOREPULSE_FAIL=NAME:N` aborts the process at the N-th pass of the fail point NAME, as a kill would: nothing is
//! flushed or cleaned up. Without the variable a fail point costs one read of a static.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct FailRequest {
    name: String,
    times: u64,
    passed: AtomicU64,
}

static REQUEST: OnceLock<Option<FailRequest>> = OnceLock::new();

fn request() -> Option<&'static FailRequest> {
    let read = || {
        let text = std::env::var("STOREPULSE_FAIL").ok()?;
        let (name, times) = text.split_once(':')?;
        Some(FailRequest { name: name.to_owned(), times: times.parse().ok()?, passed: AtomicU64::new(0) })
    };
    REQUEST.get_or_init(read).as_ref()
}

/// Aborts the process here if `STOREPULSE_FAIL` requests it.
pub fn fail_point(name: &str) {
    if let Some(request) = request()
        && request.name == name
        && request.passed.fetch_add(1, Ordering::Relaxed) + 1 == request.times
    {
        std::process::abort();
    }
}
