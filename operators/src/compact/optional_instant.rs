//! Optional instant in one word, for states held by the million.

use serde::{Deserialize, Serialize};

/// The value that stands for no instant.
const NEVER: i64 = i64::MIN;

/// An instant, or none, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct OptionalInstant(i64);

impl OptionalInstant {
    /// No instant.
    pub const NONE: OptionalInstant = OptionalInstant(NEVER);
    /// An instant after all others.
    pub const LAST: OptionalInstant = OptionalInstant(i64::MAX);

    /// The instant, if there is one.
    pub fn get(self) -> Option<i64> {
        (self.0 != NEVER).then_some(self.0)
    }

    /// Returns whether there is none.
    pub fn is_none(self) -> bool {
        self == OptionalInstant::NONE
    }
}

impl Default for OptionalInstant {
    fn default() -> Self {
        OptionalInstant::NONE
    }
}

impl From<Option<i64>> for OptionalInstant {
    fn from(instant: Option<i64>) -> Self {
        OptionalInstant(instant.unwrap_or(NEVER))
    }
}

/// The serialized form: 0 for none, then the instants by their distance from 0, so that none takes the fewest bytes.
impl From<OptionalInstant> for u64 {
    fn from(OptionalInstant(instant): OptionalInstant) -> Self {
        let distance = (instant << 1) ^ (instant >> 63);
        distance.cast_unsigned().wrapping_add(1)
    }
}

impl From<u64> for OptionalInstant {
    fn from(serialized: u64) -> Self {
        let distance = serialized.wrapping_sub(1);
        OptionalInstant((distance >> 1).cast_signed() ^ -(distance & 1).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_an_instant_or_none() {
        for instant in [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN + 1)] {
            assert_eq!(OptionalInstant::from(instant).get(), instant);
            assert_eq!(OptionalInstant::from(instant).is_none(), instant.is_none());
            assert_eq!(OptionalInstant::from(u64::from(OptionalInstant::from(instant))).get(), instant);
        }
        assert_eq!(
            [None, Some(0), Some(-1), Some(1)].map(|instant| u64::from(OptionalInstant::from(instant))),
            [0, 1, 2, 3]
        );
        assert_eq!((size_of::<OptionalInstant>(), OptionalInstant::default()), (8, OptionalInstant::NONE));
    }
}
