//! The two kinds of value that have a grammar of their own: names, and quantities of goods.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Error;

/// A name by the grammar of the contract: 1 to 64 bytes from `A–Z a–z 0–9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(Box<str>);

impl Id {
    /// The most bytes an id has.
    pub const MAX_BYTES: usize = 64;

    /// The text as an id.
    ///
    /// # Errors
    /// [`Error::NotAnId`] if it is empty, too long, or has a byte outside the grammar.
    pub fn new(text: impl Into<String>) -> Result<Id, Error> {
        let text = text.into();
        if (1..=Id::MAX_BYTES).contains(&text.len()) && text.bytes().all(is_id_byte) {
            Ok(Id(text.into_boxed_str()))
        } else {
            Err(Error::NotAnId { text })
        }
    }

    /// An id which resembles a text meant for people: lower case, and one `-` for every run of anything else. A text
    /// with nothing to keep is `unknown`, the word the contract has for what it was not told.
    ///
    /// ```
    /// use scenarios::topic::Id;
    /// assert_eq!(Id::resembling("CNTRL/STORE  SUP").as_str(), "cntrl-store-sup");
    /// assert_eq!(Id::resembling(" & ").as_str(), "unknown");
    /// ```
    #[must_use]
    pub fn resembling(text: &str) -> Id {
        let mut id = String::new();
        for byte in text.bytes() {
            if id.len() == Id::MAX_BYTES {
                break;
            }
            if byte != b'-' && is_id_byte(byte) {
                id.push(char::from(byte.to_ascii_lowercase()));
            } else if !id.is_empty() && !id.ends_with('-') {
                id.push('-');
            }
        }
        let kept = id.trim_end_matches('-');
        Id(if kept.is_empty() { "unknown" } else { kept }.into())
    }

    /// A text that is made of parts which keep the grammar.
    pub(crate) fn known(text: String) -> Id {
        debug_assert!((1..=Id::MAX_BYTES).contains(&text.len()) && text.bytes().all(is_id_byte), "{text}");
        Id(text.into_boxed_str())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A whole number in decimal is always an id.
impl From<i64> for Id {
    fn from(number: i64) -> Id {
        Id(number.to_string().into_boxed_str())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

/// A quantity in whole thousandths of a unit, written as a decimal number of units (0.65, not 650).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    milli: i64,
}

impl Quantity {
    /// The first size the contract does not carry: |quantity| < 10^9 units.
    const BOUND_MILLI: i64 = 1_000_000_000_000;

    /// So many thousandths; `None` if the contract cannot carry them.
    #[must_use]
    pub fn from_milli(milli: i64) -> Option<Quantity> {
        (-Quantity::BOUND_MILLI < milli && milli < Quantity::BOUND_MILLI).then_some(Quantity { milli })
    }

    /// So many whole units; `None` if the contract cannot carry them.
    #[must_use]
    pub fn from_units(units: i64) -> Option<Quantity> {
        units.checked_mul(1000).and_then(Quantity::from_milli)
    }

    /// The thousandths.
    #[must_use]
    pub fn milli(self) -> i64 {
        self.milli
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.milli % 1000 == 0 {
            return serializer.serialize_i64(self.milli / 1000);
        }
        // At most 12 significant digits: the nearest f64 prints as exactly this decimal, since 15 always do.
        #[expect(clippy::cast_precision_loss, reason = "|milli| < 10^12 < 2^53")]
        serializer.serialize_f64(self.milli as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_the_grammar() {
        assert!(Id::new("A-z.0_9:").is_ok());
        assert!(Id::new("x".repeat(64)).is_ok());
        for bad in ["", "a b", "é", &"x".repeat(65)] {
            assert!(matches!(Id::new(bad), Err(Error::NotAnId { .. })), "{bad}");
        }
        assert_eq!(Id::from(-12).as_str(), "-12");
        for (text, id) in [
            ("DRUG GM", "drug-gm"),
            ("MEAT-PCKGD", "meat-pckgd"),
            ("ELECT &PLUMBING", "elect-plumbing"),
            ("--", "unknown"),
            ("", "unknown"),
            ("Crème 2", "cr-me-2"),
        ] {
            assert_eq!(Id::resembling(text).as_str(), id);
        }
        assert_eq!(Id::resembling(&"a ".repeat(80)).as_str().len(), 63);
    }

    #[test]
    fn quantities_are_exact_decimals() {
        let text = |milli| serde_json::to_string(&Quantity::from_milli(milli).unwrap()).unwrap();
        for (milli, expected) in [
            (9463, "9.463"),
            (1000, "1"),
            (-650, "-0.65"),
            (0, "0"),
            (1, "0.001"),
            (999_999_999_999, "999999999.999"),
            (-999_999_999_001, "-999999999.001"),
        ] {
            assert_eq!(text(milli), expected);
        }
        for milli in (0..2_000_000).chain(999_999_900_000..1_000_000_000_000) {
            if milli % 1000 != 0 {
                let trimmed = format!("{}.{:03}", milli / 1000, milli % 1000);
                assert_eq!(text(milli), trimmed.trim_end_matches('0'));
            }
        }
        assert_eq!(Quantity::from_milli(1_000_000_000_000), None);
        assert_eq!(Quantity::from_units(i64::MAX), None);
    }
}
