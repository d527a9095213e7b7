//! Many sums that travel and add as one: a struct of integers used as a difference.
//!
//! *Meaning.* [`sums!`](crate::sums!) gives a struct of `i64` (or `i128`) fields the arithmetic of a difference, field by field.
//! *Time.* None. *State.* None. *Cost.* One addition a field.

#[doc(hidden)]
pub use differential_dataflow::difference;

/// Declares a struct of integers that adds, scales and vanishes field by field, wrapping at its width: a poisoned value
/// must not stop the job, and a sum that wrapped comes back when that value is retracted. It must derive `Clone`, `Default` and
/// `PartialEq`.
///
/// ```
/// use operators::sums::difference::{IsZero, Multiply, Semigroup};
///
/// operators::sums! {
///     /// What passed a gate.
///     #[derive(Clone, Copy, Debug, Default, PartialEq)]
///     pub struct Passed {
///         /// How many.
///         pub heads: i64,
///         /// How heavy.
///         pub grams: i64,
///     }
/// }
///
/// let sheep = Passed { heads: 1, grams: 60_000 };
/// let mut passed = sheep.multiply(&3);
/// passed.plus_equals(&sheep.multiply(&-2));
/// assert_eq!(passed, sheep);
/// passed.plus_equals(&sheep.multiply(&-1));
/// assert!(passed.is_zero());
/// ```
#[macro_export]
macro_rules! sums {
    (
        $(#[$about:meta])*
        $visible:vis struct $name:ident { $($(#[$what:meta])* $field_visible:vis $field:ident: $wide:ty,)+ }
    ) => {
        $(#[$about])*
        $visible struct $name {
            $($(#[$what])* $field_visible $field: $wide,)+
        }

        impl $crate::sums::difference::IsZero for $name {
            fn is_zero(&self) -> bool {
                *self == Self::default()
            }
        }

        impl $crate::sums::difference::Semigroup for $name {
            fn plus_equals(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)+
            }
        }

        impl $crate::sums::difference::Monoid for $name {
            fn zero() -> Self {
                Self::default()
            }
        }

        impl $crate::sums::difference::Multiply<i64> for $name {
            type Output = Self;

            fn multiply(self, factor: &i64) -> Self {
                Self { $($field: self.$field.wrapping_mul(<$wide>::from(*factor)),)+ }
            }
        }
    };
}
