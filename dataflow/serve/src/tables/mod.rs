//! The tables that readers query: view rows and open exceptions at one closed tick, and their form in a snapshot.

pub mod columns;
pub mod layout;
pub mod pages;
pub mod saved;
pub mod serving;
