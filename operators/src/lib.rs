//! Operators with keyed, total-order state on timely dataflow.
//!
//! Collections between operators are differential collections: `(data, tick, ±difference)`, with retractions at any tick.
//! A difference carries the least record that caused it ([`diff::Traced`]). Time is one total order of ticks. A keyed state
//! is therefore a hash table that is updated when its tick closes: one lookup per update, where an arrangement searches
//! every batch of an index over many times.
//!
//! Each file holds one operator and documents its Meaning · Time · State · Cost. It has a pure structure with the logic and a
//! thin function that runs it as a [`keyed_operator`](keyed::keyed_operator). The same result from plain differential
//! operators is in [`testing::reference`], and a test compares the two.
//!
//! | operator | result | from plain differential operators |
//! |---|---|---|
//! | **ingest** | | |
//! | [`dedup`](ingest::dedup::dedup) | each event once, with corrections and deletions applied | `reduce` |
//! | [`latest_by_key`](ingest::latest_by_key::latest_by_key) | the current row of each key | `reduce` |
//! | **aggregate** | | |
//! | [`sum_by_key`](aggregate::sum_by_key::sum_by_key) | one sum per key | `count_total` |
//! | [`max_by_key`](aggregate::max_by_key::max_by_key) | the maximum of each key, under retraction | `reduce` |
//! | **window** | | |
//! | [`trailing_sum`](window::trailing_sum::trailing_sum) | sums over the last hours or days | future negated copies and `count_total` |
//! | [`distinct_in_window`](window::distinct_in_window::distinct_in_window) | number of different members over the last hours or days | the same with `threshold` |
//! | [`temporal_filter`](window::temporal_filter::temporal_filter) | rows while the clock is in the time span of their key | updates at future times |
//! | [`delay_until`](window::delay_until::delay_until) | updates held back until their instant | updates at future times |
//! | **join** | | |
//! | [`co_group`](join::co_group::co_group) | two rows of a key side by side (full outer join) | `join` and antijoins |
//! | [`lookup`](join::lookup::lookup) | sums regrouped by the one row of their key (left join) | `join` and an antijoin |
//! | **io** | | |
//! | [`Inputs`](io::inputs::Inputs) | several collections into one operator | `concatenate` |
//! | [`Tee`](io::tee::Tee) | one collection into many, each with its own function | one map each |
//! | [`Merge`](io::merge::Merge) | the changes of many collections into callbacks on one worker | one `inspect` and probe each |
//! | [`at_close`](io::at_close::at_close) | the consolidated changes of each closed tick, in order | `consolidate` |
//!
//! Structures for the state of other operators: [`Panes`](window::panes::Panes),
//! [`ScheduledSum`](window::scheduled_sum::ScheduledSum), [`Episode`](window::episode::Episode),
//! [`RetractableMax`](aggregate::max_by_key::RetractableMax), [`UniqueRow`](compact::unique_row::UniqueRow) and the small
//! types of [`compact`].
//!
//! Invariants: no term of an application · no input or output, no clock but the frontier · no hash order reaches an
//! output · names in `serde` attributes are stored in the fingerprints of checkpoints and stay when an identifier is
//! renamed.

pub mod aggregate;
pub mod compact;
pub mod diff;
pub mod ingest;
pub mod io;
pub mod join;
pub mod keyed;
pub mod testing;
pub mod window;
