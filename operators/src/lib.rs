//! The operators storepulse is built from: keyed, total-order state on timely dataflow.
//!
//! The language between operators is the differential collection: `(data, tick, ±difference)`, retractions always
//! allowed, the difference beside the least record that caused it ([`diff::Traced`]). Time is one total order of ticks,
//! so a keyed state is a hash map updated when its tick closes, not an index over many times: one lookup an update
//! where an arrangement searches every batch.
//!
//! Each file says Meaning · Time · State · Cost of one thing, holds a pure structure with all the thinking, and a thin
//! function that hands it to the one driver.
//!
//! | operator | answers | plain differential twin |
//! |---|---|---|
//! | [`dedup`](dedup::dedup) | each event once, corrections and deletions applied | `reduce` |
//! | [`latest_by_key`](latest::latest_by_key) | the current row of each key | `reduce` |
//! | [`totals`](totals::totals) | one sum per key | `count_total` |
//! | [`co_group`](co_group::co_group) | two rows of a key side by side | `join` and antijoins |
//! | [`lookup`](lookup::lookup) | sums beside the one row of their key | `join` |
//! | [`trailing`](panes::trailing) | sums over the last hours or days | negated future copies and `count_total` |
//! | [`distinct_in_window`](distinct::distinct_in_window) | how many different members, lately | the same with `threshold` |
//! | [`greatest`](greatest::greatest) | the maximum, under retraction | `reduce` |
//! | [`release_at`](release_at::release_at) | updates that wait for their instant | updates at future times |
//! | [`during`](during::during) | rows that count only for a while | updates at future times |
//! | [`Inputs`](inputs::Inputs) | several collections into one operator | `concatenate` |
//! | [`Fan`](fan::Fan) | one collection read by many, each in its own way | as many maps |
//! | [`at_close`](at_close::at_close) | the changes of each closed tick, in order | `consolidate` |
//! | [`Gather`](gather::Gather) | the changes of many collections, in one place | as many `inspect`s and probes |
//!
//! Invariants: no retail noun · no input or output, no clock but the frontier · no hash order reaches an output.

pub mod arrival;
pub mod at_close;
pub mod co_group;
mod deal;
pub mod dedup;
pub mod diff;
pub mod distinct;
pub mod driver;
pub mod during;
pub mod episode;
pub mod fan;
pub mod gather;
pub mod greatest;
mod held;
pub mod inputs;
pub mod keyed;
pub mod latest;
pub mod lookup;
pub mod one;
pub mod panes;
pub mod perhaps;
mod pile;
mod received;
pub mod release;
pub mod release_at;
pub mod shape;
pub mod slim;
pub mod steps;
pub mod sums;
pub mod testing;
pub mod totals;
pub mod twins;
pub mod vault;
