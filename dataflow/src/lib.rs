//! The program `storepulse`: the command line and the reference over the packages beside it.
//!
//! `contract` has inputs and outputs, `engine` one tick from admission to numbered output, `retail` the views and
//! detectors, `serve` the HTTP server, `live` a job over topics or files, `measure` the runs of `storepulse bench`.

pub mod cli;
pub mod reference;
