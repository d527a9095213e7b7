//! Structs of integers that are used as one difference: many sums that add together.
//!
//! *Meaning.* [`sums!`](crate::sums!) gives a struct of `i64` (or `i128`) fields the arithmetic of a difference, field by
//! field.
//! *Time.* None. *State.* None. *Cost.* One addition per field.

#[doc(hidden)]
pub use differential_dataflow::difference;

/// Declares a struct of integers with the arithmetic of a difference, field by field. It wraps at the width of the field: an
/// absurd value must not stop the job, and a wrapped sum is right again when that value is retracted. The struct must
/// derive `Clone`, `Default` and `PartialEq`.
///
/// ```
/// use operators::aggregate::sums::difference::{IsZero, Multiply, Semigroup};
///
/// operators::sums! {
///     /// Totals of a gate.
///     #[derive(Clone, Copy, Debug, Default, PartialEq)]
///     pub struct Passages {
///         /// Number of animals.
///         pub heads: i64,
///         /// Their weight.
///         pub grams: i64,
///     }
/// }
///
/// let sheep = Passages { heads: 1, grams: 60_000 };
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

        impl $crate::aggregate::sums::difference::IsZero for $name {
            fn is_zero(&self) -> bool {
                *self == Self::default()
            }
        }

        impl $crate::aggregate::sums::difference::Semigroup for $name {
            fn plus_equals(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)+
            }
        }

        impl $crate::aggregate::sums::difference::Monoid for $name {
            fn zero() -> Self {
                Self::default()
            }
        }

        impl $crate::aggregate::sums::difference::Multiply<i64> for $name {
            type Output = Self;

            fn multiply(self, factor: &i64) -> Self {
                Self { $($field: self.$field.wrapping_mul(<$wide>::from(*factor)),)+ }
            }
        }
    };
}
