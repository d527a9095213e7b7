//! Emissions: buffered by tick ([`buffer`]), numbered ([`output`]), encoded ([`encode`]), views at low priority
//! ([`priority`]).

pub mod buffer;
pub mod encode;
pub mod output;
pub mod priority;
