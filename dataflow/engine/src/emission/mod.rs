//! What leaves: gathered by tick ([`stage`]), numbered ([`output`]), encoded ([`encode`]), urgent topics first ([`lanes`]).

pub mod encode;
pub mod lanes;
pub mod output;
pub mod stage;
