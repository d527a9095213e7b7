//! The program `storepulse`: its command line over the packages beside it.
//!
//! `contract` is what goes in and out, `engine` one tick from admission to numbered output, `retail` the views and
//! detectors, `serve` the HTTP server, `live` a job over topics or files, `measure` what `storepulse bench` runs.

pub mod cli;
pub mod reference;
