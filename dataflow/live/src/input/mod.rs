//! Input of a live job: partition readers, the binding of records to ticks, and the log of that binding.

pub mod binder;
pub mod reader;
pub mod remap_log;
