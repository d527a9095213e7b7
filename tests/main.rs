//! Tests of the whole job, in one binary.

mod consistency;
mod decisions;
mod golden;
mod laws;
mod life_of_a_sale;
mod misuse;
mod schemas;
mod tidy;
