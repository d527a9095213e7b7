//! Places where a test may ask the process to die: what a crash there leaves behind is what recovery must cope with.
//!
//! `STOREPULSE_FAIL=NAME:N` aborts the process when it comes to the place called NAME for the N-th time, as a kill
//! would: nothing is flushed, nothing cleaned up. Without that variable a fail point costs one look at a static.

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

/// Dies here if that was wished for.
pub fn fail_point(name: &str) {
    if let Some(request) = request()
        && request.name == name
        && request.passed.fetch_add(1, Ordering::Relaxed) + 1 == request.times
    {
        std::process::abort();
    }
}
