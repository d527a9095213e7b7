//! The one setting of the programs' allocator: memory that was freed is kept for what comes next.

/// Keeps freed memory instead of giving it back to the system after a while and fetching it anew: a job needs the same
/// memory from tick to tick, and with two workers the giving back and fetching halved what they took a second. What a
/// process holds is then its peak. Called first in a program whose allocator is mimalloc; elsewhere without effect.
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
