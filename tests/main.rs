//! Tests of the whole job, in one binary.

mod against_model;
mod baseline;
mod campaign;
mod consistency;
mod decisions;
mod decoding;
mod documents;
mod following;
mod generator;
mod golden;
mod growing;
mod laws;
mod life_of_a_sale;
mod live_job;
mod misuse;
mod model;
mod process;
mod restart;
mod schemas;
mod standstill;
mod terminal;
mod tidy;
mod truth;
