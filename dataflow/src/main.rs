//! Entry point of the program `storepulse`.

use std::process::ExitCode;

/// Short-lived small allocations by the million, freed on other threads than made them: mimalloc halves their cost
/// against the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    measure::allocator::keep_freed_memory();
    dataflow::cli::main()
}
