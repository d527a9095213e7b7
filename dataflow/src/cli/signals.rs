//! SIGTERM and SIGINT: the first asks a command to stop, a second ends its process at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use live::error::Error;
use signal_hook::consts::{SIGINT, SIGTERM};

/// A flag that the first of the two signals sets.
///
/// # Errors
/// If the signals cannot be handled.
pub(super) fn stop_flag() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the shutdown looks at the flag as the signals before it have left it.
        let hooked = signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()));
        hooked.map_err(|error| Error::Engine(format!("signals cannot be handled: {error}")))?;
    }
    Ok(stop)
}
