//! Shape of a serialized type as text: one line per part, with the names of structs, fields and variants.
//!
//! *Meaning.* Two programs in which a type has the same shape can decode each other's values of it; with different shapes
//! they may fail. Fingerprints of checkpoints are hashes of shapes.
//! *Method.* The type's own `Deserialize` runs against a deserializer that records each request and returns a default
//! value, repeatedly, until it has been asked for every variant of every enum. *Limits.* A type that rejects a value is
//! described up to that part, and a type that contains itself to a fixed depth. The meaning of a number, such as its
//! unit, is not part of its shape.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Maximum depth of nested parts.
const DEPTH: usize = 48;
/// Maximum number of runs; each visits another variant of every enum that has one.
const RUNS: usize = 4_096;

/// The shape of `T`.
pub fn of<T: DeserializeOwned>() -> String {
    let mut notes = Notes::default();
    for _ in 0..RUNS {
        // A refusal is part of the shape: it comes at the same place in every program in which the type is the same.
        if let Err(Refused(problem)) = T::deserialize(Probe { notes: &mut notes, path: String::new(), depth: 0 }) {
            notes.lines.insert("refused".to_owned(), problem);
        }
        if !notes.turn() {
            break;
        }
    }
    notes.lines.iter().map(|(path, what)| format!("{path}: {what}\n")).collect()
}

/// The parts of a type found so far.
#[derive(Default)]
struct Notes {
    /// The description of the part at each path.
    lines: BTreeMap<String, String>,
    /// The enum at each path: the variant to visit next, and the number of variants.
    enums: BTreeMap<String, (u32, u32)>,
    /// The enums found in this run, from the outside in, and the variants visited.
    met: Vec<(String, u32)>,
}

impl Notes {
    /// Ends a run: an enum advances to its next variant when everything within the one just visited is known. Returns
    /// whether a variant is left.
    fn turn(&mut self) -> bool {
        for (path, shown) in std::mem::take(&mut self.met).into_iter().rev() {
            let within = format!("{path}/{shown}");
            let inside = self.enums.range(within.clone()..).take_while(|(inner, _)| inner.starts_with(&within));
            let is_seen = inside.into_iter().all(|(_, (next, count))| next >= count);
            if let Some((next, _)) = self.enums.get_mut(&path).filter(|_| is_seen) {
                *next = shown + 1;
            }
        }
        self.enums.values().any(|(next, count)| next < count)
    }
}

/// The reason for which a type rejects a value.
#[derive(Debug)]
struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Error for Refused {
    fn custom<T: Display>(problem: T) -> Self {
        Refused(problem.to_string())
    }
}

/// The deserializer of one part.
struct Probe<'n> {
    notes: &'n mut Notes,
    path: String,
    depth: usize,
}

impl Probe<'_> {
    fn note(&mut self, what: impl Into<String>) {
        self.notes.lines.insert(self.path.clone(), what.into());
    }

    /// The part of this one that is called `name`.
    fn part(&mut self, name: impl Display) -> Result<Probe<'_>, Refused> {
        if self.depth == DEPTH {
            return Err(Refused(format!("too deep at {}", self.path)));
        }
        Ok(Probe { path: format!("{}/{name}", self.path), depth: self.depth + 1, notes: self.notes })
    }
}

/// Methods for values without parts: each records its type and returns a value.
macro_rules! simple {
    ($($method:ident $visit:ident $value:expr;)+) => {
        $(fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            self.note(stringify!($visit).trim_start_matches("visit_"));
            visitor.$visit($value)
        })+
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    simple! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 0;
        deserialize_i16 visit_i16 0;
        deserialize_i32 visit_i32 0;
        deserialize_i64 visit_i64 0;
        deserialize_i128 visit_i128 0;
        deserialize_u8 visit_u8 0;
        deserialize_u16 visit_u16 0;
        deserialize_u32 visit_u32 0;
        deserialize_u64 visit_u64 0;
        deserialize_u128 visit_u128 0;
        deserialize_f32 visit_f32 0.0;
        deserialize_f64 visit_f64 0.0;
        deserialize_char visit_char 'a';
        deserialize_str visit_str "";
        deserialize_string visit_string String::new();
        deserialize_bytes visit_bytes &[];
        deserialize_byte_buf visit_byte_buf Vec::new();
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        Err(Refused(format!("{} is of no fixed type", self.path)))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("option");
        visitor.visit_some(self.part("some")?)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("unit");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(mut self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.note(format!("struct {name}"));
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format!("struct {name}"));
        visitor.visit_newtype_struct(self.part(0)?)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("list");
        visitor.visit_seq(Parts::of(self, ["each"]))
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.note(format!("tuple of {len}"));
        visitor.visit_seq(Parts::of(self, 0..len))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format!("struct {name} of {len}"));
        visitor.visit_seq(Parts::of(self, 0..len))
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.note("map");
        visitor.visit_map(Parts::of(self, ["key", "value"]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format!("struct {name} {{ {} }}", fields.join(", ")));
        visitor.visit_seq(Parts::of(self, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.note(format!("enum {name} {{ {} }}", variants.join(", ")));
        let count = u32::try_from(variants.len()).map_err(Refused::custom)?;
        let (next, _) = *self.notes.enums.entry(self.path.clone()).or_insert((0, count));
        let shown = next.min(count.saturating_sub(1));
        self.notes.met.push((self.path.clone(), shown));
        visitor.visit_enum(Variant { whole: self, shown })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a struct, a tuple, a list or a map.
struct Parts<'n> {
    whole: Probe<'n>,
    names: std::vec::IntoIter<String>,
}

impl<'n> Parts<'n> {
    fn of<N: ToString>(whole: Probe<'n>, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
        Parts { whole, names: names.into_iter() }
    }

    fn next<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        let Some(name) = self.names.next() else { return Ok(None) };
        seed.deserialize(self.whole.part(name)?).map(Some)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        self.next(seed)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Refused> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        self.next(seed)?.ok_or_else(|| Refused("a key without a value".to_owned()))
    }
}

/// One variant of an enum.
struct Variant<'n> {
    whole: Probe<'n>,
    shown: u32,
}

impl<'de, 'n> EnumAccess<'de> for Variant<'n> {
    type Error = Refused;
    type Variant = Probe<'n>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Probe<'n>), Refused> {
        let Variant { whole, shown } = self;
        let index: U32Deserializer<Refused> = shown.into_deserializer();
        let variant = seed.deserialize(index)?;
        Ok((variant, Probe { path: format!("{}/{shown}", whole.path), depth: whole.depth + 1, notes: whole.notes }))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, Refused> {
        seed.deserialize(self.part(0)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde::Deserialize;
    use smallvec::SmallVec;

    use super::*;
    use crate::compact::optional_instant::OptionalInstant;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Example {
        count: i64,
        rows: SmallVec<[(bool, OptionalInstant); 2]>,
        names: BTreeMap<String, Arc<[Kind]>>,
        #[serde(skip)]
        number: u32,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Kind {
        Nothing,
        Either(Option<Side>),
        Pair { left: u8, right: u8 },
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    enum Side {
        Left,
        Right(u32),
    }

    #[test]
    fn every_field_and_every_variant_is_in_the_shape() {
        let shape = "\
            : struct Example { count, rows, names }
            /count: i64
            /names: map
            /names/key: string
            /names/value: list
            /names/value/each: enum Kind { Nothing, Either, Pair }
            /names/value/each/1/0: option
            /names/value/each/1/0/some: enum Side { Left, Right }
            /names/value/each/1/0/some/1/0: u32
            /names/value/each/2: struct  { left, right }
            /names/value/each/2/left: u8
            /names/value/each/2/right: u8
            /rows: list
            /rows/each: tuple of 2
            /rows/each/0: bool
            /rows/each/1: u64\n";
        assert_eq!(of::<Example>(), shape.replace("\n            ", "\n").trim_start());
    }

    #[test]
    fn a_recursive_type_is_described_to_a_fixed_depth() {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its shape is looked at")]
        struct Chain(u8, Option<Box<Chain>>);

        let shape = of::<Chain>();
        assert!(shape.starts_with(": struct Chain of 2\n/0: u8\n/1: option\n"), "{shape}");
        assert!(shape.contains("refused: too deep"), "{shape}");
    }
}
