//! storepulse: retail operations views and exceptions, incrementally maintained.
//!
//! The way of a record: [`event`] reads it, [`edge`] gives it its one fate, [`views`] maintain what it means,
//! [`detectors`] notice what is wrong, [`governance`] lets people answer, [`stage`] gathers and [`output`] numbers what
//! leaves. [`graph`] has every collection on one page, [`shelf`] all that is kept of an item at a store; [`job`] replays
//! files through it, [`live`] follows topics and survives every end; [`lanes`] let exceptions out ahead of views.
//! [`serve`] shows what stands and takes people's answers over HTTP, [`telemetry`] counts, [`log`] tells, [`bench`](mod@bench) measures.
//!
//! Invariants: views, detectors and the graph do no input or output and read no clock · detectors read views, never
//! events · nothing that is summed is a float · no hash order reaches an output · of this
//! crate only [`serve`] knows async.

pub mod allocator;
pub mod bench;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod columns;
pub mod context;
pub mod detect;
pub mod detectors;
pub mod edge;
pub mod encode;
pub mod error;
pub mod event;
pub mod exception;
pub mod exception_type;
pub mod fate;
pub mod feed;
pub mod governance;
pub mod graph;
pub mod ids;
pub mod job;
pub mod lanes;
pub mod live;
pub mod log;
pub mod output;
pub mod pace;
pub mod policy;
pub mod record;
pub mod row;
pub mod scenario;
pub mod schema;
pub mod serve;
pub mod shelf;
pub mod stage;
pub mod stats;
pub mod streams;
pub mod symbol;
pub mod telemetry;
pub mod time;
pub mod views;
pub mod write;
