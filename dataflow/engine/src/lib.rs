//! Computes one tick from admission to numbered output, for any catalog of views and detectors.
//!
//! [`edge`] gives every record its fate, [`streams`] splits the accepted records by type, [`graph`] builds the views
//! and detectors of a catalog over them, [`detector`] runs a detector, [`governance`] applies commands, [`emission`]
//! buffers, numbers and encodes the outputs. [`job`] runs the graph on worker threads. [`telemetry`] holds the metrics;
//! only [`clock`] reads the wall clock.
//!
//! Invariants: the engine names no view and no detector · the graph does no input or output and reads no clock · no sum
//! is a float · no hash order reaches an output.

pub mod batch;
pub mod clock;
pub mod detector;
pub mod edge;
pub mod emission;
pub mod error;
pub mod governance;
pub mod graph;
pub mod job;
pub mod reference;
pub mod row;
pub mod streams;
pub mod telemetry;
pub mod time;
