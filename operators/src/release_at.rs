//! Updates that take effect later: held until the clock reaches their instant, then let go.
//!
//! *Meaning.* The update `(data, from)` of tick t is an update of `data` at the first tick ≥ max(t, from).
//! *Time.* Released as the frontier reaches the tick; nothing is re-examined before. *State.* One entry an update that
//! is not yet due. *Cost.* Logarithmic in the number of distinct ticks held.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};

/// The logic of [`release_at`].
pub struct Waiting<D, C> {
    types: PhantomData<(D, C)>,
}

impl<D, C> Keyed for Waiting<D, C>
where
    D: Clone + Eq + Hash + 'static,
    C: Ord + Clone + 'static,
{
    type Key = (D, i64);
    type Input = ();
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    /// Copies waiting, and copies let go.
    type State = (i64, i64);
    type Output = D;

    fn update(&mut self, _: &Self::Key, state: &mut Self::State, (): (), diff: i64, _: i64) {
        state.0 += diff;
    }

    fn close(&mut self, (data, from): &Self::Key, state: &mut Self::State, emit: &mut Emit<'_, D, C>) -> Next {
        let standing = if emit.now() >= *from { state.0 } else { 0 };
        if standing != state.1 {
            emit.push(data.clone(), standing - state.1);
            state.1 = standing;
        }
        match (state.0, emit.now() >= *from) {
            (0, _) => Next::Forget,
            (_, true) => Next::Rest,
            (_, false) => Next::At(*from),
        }
    }
}

/// Holds updates until their instant.
pub fn release_at<'scope, D, C>(
    name: &str,
    ticks: Ticks,
    input: Traces<'scope, (D, i64), i64, C>,
) -> Traces<'scope, D, i64, C>
where
    D: ExchangeData + Eq + Hash,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, input.map(|held| (held, ())), None, Waiting { types: PhantomData })
}
