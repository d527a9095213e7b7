//! An instant that may be absent, in one word: for what is held by the million.

use serde::{Deserialize, Serialize};

/// No instant that happens.
const NEVER: i64 = i64::MIN;

/// An instant, or none, in the room of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
pub struct Perhaps(i64);

impl Perhaps {
    /// No instant.
    pub const NONE: Perhaps = Perhaps(NEVER);

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

impl From<Perhaps> for Option<i64> {
    fn from(perhaps: Perhaps) -> Self {
        perhaps.get()
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
        }
        assert_eq!((size_of::<Perhaps>(), Perhaps::default()), (8, Perhaps::NONE));
    }
}
