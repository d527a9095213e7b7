//! One tick from admission to numbered output: the frame of the job, which knows no view and no detector by name.
//!
//! [`edge`] gives every record its one fate, [`streams`] splits what was accepted, [`graph`] builds the views and detectors
//! of a catalog over it, [`detector`] runs a detector, [`governance`] lets people answer, [`emission`] gathers, numbers and
//! encodes what leaves. [`job`] runs the graph on worker threads. [`telemetry`] counts; [`clock`] alone reads the wall clock.
//!
//! Invariants: the graph does no input or output and reads no clock · nothing that is summed is a float · no hash order
//! reaches an output.

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
