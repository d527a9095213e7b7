//! Tests of the whole job, in one binary.

mod against_model;
mod baseline;
mod consistency;
mod decisions;
mod decoding;
mod generator;
mod golden;
mod laws;
mod life_of_a_sale;
mod live_job;
mod misuse;
mod model;
mod restart;
mod schemas;
mod terminal;
mod tidy;
mod truth;
