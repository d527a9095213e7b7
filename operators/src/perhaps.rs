//! An instant that may be absent, in one word: for what is held by the million.

use serde::{Deserialize, Serialize};

/// No instant that happens.
const NEVER: i64 = i64::MIN;

/// An instant, or none, in the room of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Perhaps(i64);

impl Perhaps {
    /// No instant.
    pub const NONE: Perhaps = Perhaps(NEVER);
    /// After all that happens.
    pub const LAST: Perhaps = Perhaps(i64::MAX);

    /// The instant, if there is one.
    pub fn get(self) -> Option<i64> {
        (self.0 != NEVER).then_some(self.0)
    }

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self == Perhaps::NONE
    }
}

impl Default for Perhaps {
    fn default() -> Self {
        Perhaps::NONE
    }
}

impl From<Option<i64>> for Perhaps {
    fn from(instant: Option<i64>) -> Self {
        Perhaps(instant.unwrap_or(NEVER))
    }
}

/// The plain form: 0 for none, then the instants by their distance from 0, so that none takes least room.
impl From<Perhaps> for u64 {
    fn from(Perhaps(instant): Perhaps) -> Self {
        let distance = (instant << 1) ^ (instant >> 63);
        distance.cast_unsigned().wrapping_add(1)
    }
}

impl From<u64> for Perhaps {
    fn from(plain: u64) -> Self {
        let distance = plain.wrapping_sub(1);
        Perhaps((distance >> 1).cast_signed() ^ -(distance & 1).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_an_instant_or_none() {
        for instant in [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN + 1)] {
            assert_eq!(Perhaps::from(instant).get(), instant);
            assert_eq!(Perhaps::from(instant).is_none(), instant.is_none());
            assert_eq!(Perhaps::from(u64::from(Perhaps::from(instant))).get(), instant);
        }
        assert_eq!([None, Some(0), Some(-1), Some(1)].map(|instant| u64::from(Perhaps::from(instant))), [0, 1, 2, 3]);
        assert_eq!((size_of::<Perhaps>(), Perhaps::default()), (8, Perhaps::NONE));
    }
}
