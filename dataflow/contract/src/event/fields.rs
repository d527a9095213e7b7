//! Field readers: a record is read field by field in the contract's order, and the first bad field is named.
//!
//! A record type declares its fields once, in [`Fields`] calls; the same calls decode JSON ([`JsonFields`]) and
//! generate the JSON Schema (`crate::schema`).

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use crate::ids::{EventId, Id, is_id};

/// The reason a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Missing, null, or of a wrong JSON type.
    Malformed,
    /// Of the right type with a wrong value.
    Invalid,
}

/// The first bad field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The fault.
    pub fault: Fault,
    /// The field; `None` when the line as a whole is not a JSON object.
    pub field: Option<&'static str>,
}

/// The values an enum field may have, with their spelling.
pub type Spelling<T> = &'static [(&'static str, T)];

/// The limits of an integer field, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
}

/// The integers that JSON numbers carry exactly: |x| < 2^53.
pub const EXACT: i64 = (1 << 53) - 1;
/// Any integer ≥ 0.
pub const NATURAL: Range = Range { min: 0, max: EXACT };
/// Any integer ≥ 1.
pub const POSITIVE: Range = Range { min: 1, max: EXACT };
/// Any integer.
pub const SIGNED: Range = Range { min: -EXACT, max: EXACT };

/// The sign rule of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Zero or more.
    Natural,
    /// More than zero.
    Positive,
    /// Anything but zero.
    NonZero,
}

/// Reads the fields of one record. Each answers the value, `None` for an absent optional one, or what is wrong.
pub trait Fields {
    /// An integer.
    fn integer(&mut self, name: &'static str, range: Range) -> Result<i64, Bad>;
    /// An integer that may be absent.
    fn optional_integer(&mut self, name: &'static str, range: Range) -> Result<Option<i64>, Bad>;
    /// A quantity in thousandths: a decimal number × 1000.
    fn quantity(&mut self, name: &'static str, sign: Sign) -> Result<i64, Bad>;
    /// An id, as its text.
    fn text_id(&mut self, name: &'static str) -> Result<EventId, Bad>;
    /// An id that may be absent, as its text.
    fn optional_text_id(&mut self, name: &'static str) -> Result<Option<EventId>, Bad>;
    /// Any text that may be absent.
    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Bad>;
    /// True or false.
    fn boolean(&mut self, name: &'static str) -> Result<bool, Bad>;
    /// True, false or absent.
    fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, Bad>;
    /// One of some words.
    fn choice<T: Copy>(&mut self, name: &'static str, choices: Spelling<T>) -> Result<T, Bad>;
    /// One of some words, or absent.
    fn optional_choice<T: Copy>(&mut self, name: &'static str, choices: Spelling<T>) -> Result<Option<T>, Bad>;
    /// A list of ids.
    fn ids(&mut self, name: &'static str) -> Result<Vec<Id>, Bad>;
    /// A list of objects; a bad element makes the list bad.
    fn list<T>(&mut self, name: &'static str, read: impl Fn(&mut Self) -> Result<T, Bad>) -> Result<Vec<T>, Bad>;

    /// An interned id.
    fn id(&mut self, name: &'static str) -> Result<Id, Bad> {
        self.text_id(name).map(|text| Id::new(&text))
    }

    /// An interned id that may be absent.
    fn optional_id(&mut self, name: &'static str) -> Result<Option<Id>, Bad> {
        Ok(self.optional_text_id(name)?.map(|text| Id::new(&text)))
    }
}

/// The fields of one JSON object, borrowed from its line.
pub struct JsonFields<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// The index of the last field found: producers write fields in one order, so the next field is usually the next
    /// one.
    cursor: usize,
}

impl<'a> JsonFields<'a> {
    /// The fields of a line; of repeated names the last wins.
    ///
    /// # Errors
    /// [`Fault::Malformed`] without a field, if the line is not one JSON object in UTF-8.
    pub fn parse(line: &'a [u8]) -> Result<Self, Bad> {
        let malformed = Bad { fault: Fault::Malformed, field: None };
        let text = std::str::from_utf8(line).map_err(|_| malformed)?;
        let Object(fields) = serde_json::from_str(text).map_err(|_| malformed)?;
        Ok(JsonFields { fields, cursor: 0 })
    }

    /// The store id of the record, if it is an id, whatever else is wrong with it.
    pub fn any_store(&mut self) -> Option<Id> {
        self.optional_id("store_id").ok().flatten()
    }

    /// The raw JSON of a field, `None` when absent or null.
    fn raw(&mut self, name: &str) -> Option<&'a str> {
        let count = self.fields.len();
        let at = (0..count).map(|step| (self.cursor + step) % count).find(|at| self.fields[*at].0 == name)?;
        self.cursor = at + 1;
        Some(self.fields[at].1.get()).filter(|raw| *raw != "null")
    }

    fn required(&mut self, name: &'static str) -> Result<&'a str, Bad> {
        self.raw(name).ok_or(malformed(name))
    }
}

fn malformed(name: &'static str) -> Bad {
    Bad { fault: Fault::Malformed, field: Some(name) }
}

fn invalid(name: &'static str) -> Bad {
    Bad { fault: Fault::Invalid, field: Some(name) }
}

fn text<'a>(raw: &'a str, name: &'static str) -> Result<Cow<'a, str>, Bad> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(malformed(name));
    };
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).map(Cow::Owned).map_err(|_| malformed(name))
}

fn id_text(raw: &str, name: &'static str) -> Result<EventId, Bad> {
    let text = text(raw, name)?;
    if is_id(&text) { Ok(EventId::from(text)) } else { Err(invalid(name)) }
}

fn integer(raw: &str, name: &'static str, range: Range) -> Result<i64, Bad> {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed(name));
    }
    match raw.parse::<i64>() {
        Ok(value) if (range.min..=range.max).contains(&value) => Ok(value),
        _ => Err(invalid(name)),
    }
}

/// The exponent of a JSON number; one beyond `i64` is clamped: no line is long enough for the difference to matter.
fn exponent(digits: &str) -> i64 {
    digits.parse().unwrap_or(if digits.starts_with('-') { i64::MIN } else { i64::MAX })
}

/// The decimal number `raw` × 1000, exactly; `None` if it is no whole number of thousandths below 10^9 units.
///
/// The number may have any length and any exponent: it is compared with the range before anything is computed from it.
fn thousandths(raw: &str) -> Option<i64> {
    let (mantissa, exponent) =
        raw.split_once(['e', 'E']).map_or((raw, 0), |(mantissa, digits)| (mantissa, exponent(digits)));
    let negative = mantissa.starts_with('-');
    let (whole, fraction) =
        mantissa.trim_start_matches('-').split_once('.').unwrap_or((mantissa.trim_start_matches('-'), ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let trimmed = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - trimmed.len()).ok()?;
    let shift = exponent.saturating_add(3 + dropped - i64::try_from(fraction.len()).ok()?);
    // trimmed · 10^shift thousandths: a whole number of at most twelve digits.
    let shift = u32::try_from(shift).ok().filter(|shift| trimmed.len() + *shift as usize <= 12)?;
    let value = trimmed.parse::<i64>().ok()?.checked_mul(10i64.checked_pow(shift)?)?;
    Some(if negative { -value } else { value })
}

fn quantity(raw: &str, name: &'static str, sign: Sign) -> Result<i64, Bad> {
    if !raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Err(malformed(name));
    }
    let plain = raw.len() <= 9 && raw.bytes().all(|byte| byte.is_ascii_digit());
    let value = if plain { raw.parse::<i64>().ok().map(|units| units * 1000) } else { thousandths(raw) };
    let fits = |value: &i64| match sign {
        Sign::Natural => *value >= 0,
        Sign::Positive => *value > 0,
        Sign::NonZero => *value != 0,
    };
    value.filter(fits).ok_or(invalid(name))
}

fn boolean(raw: &str, name: &'static str) -> Result<bool, Bad> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(malformed(name)),
    }
}

fn choice<T: Copy>(raw: &str, name: &'static str, choices: Spelling<T>) -> Result<T, Bad> {
    let text = text(raw, name)?;
    choices.iter().find(|(spelling, _)| *spelling == text).map(|(_, value)| *value).ok_or(invalid(name))
}

impl Fields for JsonFields<'_> {
    fn integer(&mut self, name: &'static str, range: Range) -> Result<i64, Bad> {
        integer(self.required(name)?, name, range)
    }

    fn optional_integer(&mut self, name: &'static str, range: Range) -> Result<Option<i64>, Bad> {
        self.raw(name).map(|raw| integer(raw, name, range)).transpose()
    }

    fn quantity(&mut self, name: &'static str, sign: Sign) -> Result<i64, Bad> {
        quantity(self.required(name)?, name, sign)
    }

    fn text_id(&mut self, name: &'static str) -> Result<EventId, Bad> {
        id_text(self.required(name)?, name)
    }

    fn optional_text_id(&mut self, name: &'static str) -> Result<Option<EventId>, Bad> {
        self.raw(name).map(|raw| id_text(raw, name)).transpose()
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Bad> {
        self.raw(name).map(|raw| text(raw, name).map(Cow::into_owned)).transpose()
    }

    fn boolean(&mut self, name: &'static str) -> Result<bool, Bad> {
        boolean(self.required(name)?, name)
    }

    fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, Bad> {
        self.raw(name).map(|raw| boolean(raw, name)).transpose()
    }

    fn choice<T: Copy>(&mut self, name: &'static str, choices: Spelling<T>) -> Result<T, Bad> {
        choice(self.required(name)?, name, choices)
    }

    fn optional_choice<T: Copy>(&mut self, name: &'static str, choices: Spelling<T>) -> Result<Option<T>, Bad> {
        self.raw(name).map(|raw| choice(raw, name, choices)).transpose()
    }

    fn ids(&mut self, name: &'static str) -> Result<Vec<Id>, Bad> {
        let raw: Vec<&RawValue> = serde_json::from_str(self.required(name)?).map_err(|_| malformed(name))?;
        raw.iter().map(|raw| id_text(raw.get(), name).map(|text| Id::new(&text))).collect()
    }

    fn list<T>(&mut self, name: &'static str, read: impl Fn(&mut Self) -> Result<T, Bad>) -> Result<Vec<T>, Bad> {
        let raw: Vec<&RawValue> = serde_json::from_str(self.required(name)?).map_err(|_| malformed(name))?;
        // The first bad element decides the reason.
        raw.into_iter()
            .map(|raw| {
                let mut fields = JsonFields::parse(raw.get().as_bytes()).map_err(|_| malformed(name))?;
                read(&mut fields).map_err(|bad| Bad { field: Some(name), ..bad })
            })
            .collect()
    }
}

struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(24);
                // Names seen so far, 64 to one: a clear bit says that a name is new without a search.
                let mut seen = 0u64;
                while let Some(Name(name)) = map.next_key()? {
                    let value = map.next_value()?;
                    let bit = 1u64
                        << (name.bytes().fold(name.len(), |sum, byte| sum.wrapping_mul(31) ^ usize::from(byte)) % 64);
                    let earlier = (seen & bit != 0).then(|| fields.iter().position(|(known, _)| *known == name));
                    match earlier.flatten() {
                        Some(at) => fields[at].1 = value,
                        None => fields.push((name, value)),
                    }
                    seen |= bit;
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A field name, borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact_thousandths() {
        let cases = [
            ("0.65", Some(650)),
            ("3", Some(3_000)),
            ("1e-3", Some(1)),
            ("2.50e1", Some(25_000)),
            ("0.1234", None),
            ("0.10000", Some(100)),
            ("999999999.999", Some(999_999_999_999)),
            ("1000000000", None),
            ("1e400", None),
            ("-1.5", None),
            ("999999999999e-3", Some(999_999_999_999)),
            ("1000000000000e-3", None),
            ("1e9223372036854775807", None),
            ("1e9223372036854775808", None),
            ("1.0e-9223372036854775808", None),
            ("1.0e-9223372036854775809", None),
            ("1e-99999999999999999999999", None),
            ("0e9223372036854775807", Some(0)),
            ("0.000e-99999999999999999999999", Some(0)),
        ];
        for (raw, expected) in cases {
            assert_eq!(thousandths(raw).filter(|value| *value >= 0), expected, "{raw}");
        }
        let zeros = "0".repeat(100_000);
        assert_eq!(thousandths(&format!("1{zeros}e-100000")), Some(1_000));
        assert_eq!(thousandths(&format!("0.{zeros}1e100001")), Some(1_000));
        assert_eq!(thousandths(&format!("1{zeros}")), None);
        assert_eq!(thousandths(&format!("0.{zeros}1")), None);
        assert_eq!(quantity("0e9223372036854775807", "q", Sign::Positive), Err(invalid("q")));
        assert_eq!(quantity("-1.5", "q", Sign::NonZero), Ok(-1_500));
        assert_eq!(quantity("0.0", "q", Sign::NonZero), Err(invalid("q")));
        assert_eq!(quantity("\"1\"", "q", Sign::Natural), Err(malformed("q")));
    }

    #[test]
    fn integers_have_no_fraction_exponent_or_excess() {
        assert_eq!(integer("12", "n", NATURAL), Ok(12));
        assert_eq!(integer("1.0", "n", NATURAL), Err(malformed("n")));
        assert_eq!(integer("1e3", "n", NATURAL), Err(malformed("n")));
        assert_eq!(integer("true", "n", NATURAL), Err(malformed("n")));
        assert_eq!(integer("-1", "n", NATURAL), Err(invalid("n")));
        assert_eq!(integer("9007199254740992", "n", NATURAL), Err(invalid("n")));
        assert_eq!(integer("123456789012345678901", "n", NATURAL), Err(invalid("n")));
    }

    #[test]
    fn of_repeated_names_the_last_wins_and_null_is_absent() {
        let line = br#"{"a":1,"b":"x","a":2,"c":null}"#;
        let mut fields = JsonFields::parse(line).expect("an object");
        assert_eq!(fields.integer("a", NATURAL), Ok(2));
        assert_eq!(fields.text_id("b").as_deref(), Ok("x"));
        assert_eq!(fields.optional_integer("c", NATURAL), Ok(None));
        assert_eq!(fields.integer("c", NATURAL), Err(malformed("c")));
        for bad in [&b"[1,2]"[..], b"{\"event_time\": NaN}", b"{\"a\":1} x", b"{\"a\": \"\xff\"}", b"{"] {
            assert!(JsonFields::parse(bad).is_err());
        }
    }
}
