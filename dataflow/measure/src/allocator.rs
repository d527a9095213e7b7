//! Allocator setting of the programs: freed memory is kept for the next allocation.

/// Keeps freed memory instead of returning it to the system and fetching it again: a job needs the same memory from
/// tick to tick, and with two workers returning and fetching halved the throughput. The resident memory of a process is
/// then its peak. Called first in a program whose allocator is mimalloc; without effect elsewhere.
#[expect(
    unsafe_code,
    reason = "mimalloc has no safe way to its settings, and reads them from the environment only at start"
)]
pub fn keep_freed_memory() {
    /// mimalloc 3, mimalloc.h: `mi_option_purge_delay`, in milliseconds; −1 is never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // Sound: sets one word, atomically, whatever else allocates meanwhile.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
