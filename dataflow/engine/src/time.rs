//! Types of changes and collections: differences with their cause, by tick. No other file names a differential type.

use contract::time::Cause;
use operators::diff::Traced;

/// A multiplicity, and the record that caused the change.
pub type Diff = Traced<i64, Cause>;

/// A maintained collection of `D`.
pub type Collection<'scope, D> = operators::diff::TracedCollection<'scope, D, i64, Cause>;

/// The inputs of a keyed operator: several collections, each at a port of its own.
pub type Inputs<'scope, K, I> = operators::io::inputs::Inputs<'scope, K, I, i64, Cause>;

/// A maintained sum per `D`.
pub type Sums<'scope, D, R> = operators::diff::TracedCollection<'scope, D, R, Cause>;

/// Removes the causes of rows: for rows that explain an exception but do not decide it.
pub fn without_cause<D: Clone + 'static>(rows: Collection<'_, D>) -> Collection<'_, D> {
    use differential_dataflow::collection::AsCollection;
    use timely::dataflow::operators::vec::Map;
    rows.inner.map(|(row, tick, change)| (row, tick, Traced::new(change.diff, None))).as_collection()
}
