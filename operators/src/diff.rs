//! Differences that carry their cause.
//!
//! Every collection between operators has [`Traced`] differences: an ordinary difference (a count, or a struct of sums) and
//! the *cause*, the least tag among the input records that led to the update. An output can therefore name its record
//! without a second path through the graph.

use differential_dataflow::VecCollection;
use differential_dataflow::difference::{Abelian, IsZero, Monoid, Multiply, Semigroup};
use serde::{Deserialize, Serialize};

/// A collection on the job's clock whose differences carry their cause.
pub type TracedCollection<'scope, D, R, C> = VecCollection<'scope, i64, D, Traced<R, C>>;

/// A difference and its least cause; `cause` is `None` when the clock alone made the change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traced<R, C> {
    /// The difference without its cause.
    pub diff: R,
    /// The least tag among the records that led to it.
    pub cause: Option<C>,
}

impl<R, C> Traced<R, C> {
    /// A difference with its cause.
    pub fn new(diff: R, cause: Option<C>) -> Self {
        Traced { diff, cause }
    }
}

/// Sets `into` to the lesser of two causes; any cause is less than none.
pub fn least<C: Ord + Clone>(into: &mut Option<C>, other: &Option<C>) {
    if let Some(other) = other {
        least_of(into, other);
    }
}

/// Sets `into` to `other` if that is less, or if `into` is none.
pub fn least_of<C: Ord + Clone>(into: &mut Option<C>, other: &C) {
    if into.as_ref().is_none_or(|least| other < least) {
        *into = Some(other.clone());
    }
}

/// Adds up the moves of each member: leaves one move per member, with the least cause, in order of members.
pub fn add_up<M: Ord, R: Semigroup, C: Ord + Clone>(moves: &mut Vec<(M, Traced<R, C>)>) {
    moves.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    moves.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1.plus_equals(&later.1);
        }
        same
    });
}

impl<R: IsZero, C> IsZero for Traced<R, C> {
    fn is_zero(&self) -> bool {
        self.diff.is_zero()
    }
}

impl<R: Semigroup, C: Ord + Clone> Semigroup for Traced<R, C> {
    fn plus_equals(&mut self, rhs: &Self) {
        self.diff.plus_equals(&rhs.diff);
        least(&mut self.cause, &rhs.cause);
    }
}

impl<R: Monoid, C: Ord + Clone> Monoid for Traced<R, C> {
    fn zero() -> Self {
        Traced::new(R::zero(), None)
    }
}

impl<R: Abelian, C: Ord + Clone> Abelian for Traced<R, C> {
    fn negate(&mut self) {
        self.diff.negate();
    }
}

impl<R: Multiply<R2>, R2, C: Ord + Clone> Multiply<Traced<R2, C>> for Traced<R, C> {
    type Output = Traced<R::Output, C>;

    fn multiply(self, rhs: &Traced<R2, C>) -> Self::Output {
        let mut cause = self.cause;
        least(&mut cause, &rhs.cause);
        Traced::new(self.diff.multiply(&rhs.diff), cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_of_a_member_add_up_with_the_least_cause() {
        let moves = [('b', 1, Some(2)), ('a', 1, None), ('b', 5, None), ('b', -1, Some(1)), ('a', -1, Some(3))];
        let mut moves = moves.map(|(member, by, cause)| (member, Traced::new(by, cause))).to_vec();
        add_up(&mut moves);
        assert_eq!(moves, [('a', Traced::new(0, Some(3))), ('b', Traced::new(5, Some(1)))]);
    }

    #[test]
    fn counts_add_and_the_least_cause_wins() {
        let mut sum = Traced::new(1i64, Some("b"));
        sum.plus_equals(&Traced::new(2, None));
        sum.plus_equals(&Traced::new(-3, Some("a")));
        assert!(sum.is_zero());
        assert_eq!(sum.cause, Some("a"));
    }
}
