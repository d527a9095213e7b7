//! What leaves: gathered by tick ([`buffer`]), numbered ([`output`]), encoded ([`encode`]), urgent topics first ([`priority`]).

pub mod buffer;
pub mod encode;
pub mod output;
pub mod priority;
