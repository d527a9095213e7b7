//! Operators and structures whose result changes with the clock: trailing windows, temporal filters, schedules, episodes.

pub mod delay_until;
pub mod distinct_in_window;
pub mod episode;
pub mod panes;
pub mod scheduled_sum;
pub mod temporal_filter;
pub mod trailing_sum;
