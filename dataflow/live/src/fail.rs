//! Places where a test may ask the process to die: what a crash there leaves behind is what recovery must cope with.
//!
//! `STOREPULSE_FAIL=NAME:N` aborts the process when it comes to the place called NAME for the N-th time, as a kill
//! would: nothing is flushed, nothing cleaned up. Without that variable a fail point costs one look at a static.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Wish {
    name: String,
    times: u64,
    passed: AtomicU64,
}

static WISH: OnceLock<Option<Wish>> = OnceLock::new();

fn wish() -> Option<&'static Wish> {
    let read = || {
        let text = std::env::var("STOREPULSE_FAIL").ok()?;
        let (name, times) = text.split_once(':')?;
        Some(Wish { name: name.to_owned(), times: times.parse().ok()?, passed: AtomicU64::new(0) })
    };
    WISH.get_or_init(read).as_ref()
}

/// Dies here if that was wished for.
pub fn fail_point(name: &str) {
    if let Some(wish) = wish()
        && wish.name == name
        && wish.passed.fetch_add(1, Ordering::Relaxed) + 1 == wish.times
    {
        std::process::abort();
    }
}
