//! The layout of each view: the fields of its key, their types, and its columns as a typed table.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use contract::event::fields::{Bad, Fields, JsonFields, SIGNED};
use contract::ids::Id;
use contract::schema::Table;
use retail::views;
use serde_json::Value;

use crate::tables::columns::columns;

/// One value of a row's key. Ids are interned, so a part takes two words; parts are ordered as the contract says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A number (an hour, a day).
    Number(i64),
    /// An interned name.
    Name(Id),
}

/// The key of a row within its view, in the contract's order.
pub type Key = Box<[Part]>;

/// A value of a key in a query. A name is text: a query must not intern it, or unknown names would use memory for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryPart {
    /// A number.
    Number(i64),
    /// A name, interned or not.
    Name(Box<str>),
}

impl QueryPart {
    /// Compares with a part of a row's key, as two parts of keys compare.
    pub fn compare(&self, part: &Part) -> Ordering {
        match (self, part) {
            (QueryPart::Number(number), Part::Number(other)) => number.cmp(other),
            (QueryPart::Name(name), Part::Name(id)) => (**name).cmp(id.as_str()),
            (QueryPart::Number(_), Part::Name(_)) => Ordering::Less,
            (QueryPart::Name(_), Part::Number(_)) => Ordering::Greater,
        }
    }
}

/// Compares the beginning of a key, as a query gives it, with a row's key; equal if the row's key begins with it.
pub fn compare_prefix(prefix: &[QueryPart], key: &[Part]) -> Ordering {
    let parts = prefix.iter().zip(key).map(|(wanted, part)| wanted.compare(part));
    parts.fold(Ordering::Equal, Ordering::then)
}

/// A field of a view's key.
#[derive(Debug)]
pub struct KeyField {
    /// The JSON name.
    pub name: String,
    /// True if the field is an integer.
    pub number: bool,
}

impl KeyField {
    /// Parses a value of this field from a query; `None` if it is not of the field's type.
    pub fn read(&self, text: &str) -> Option<QueryPart> {
        if self.number {
            text.parse().ok().map(QueryPart::Number)
        } else {
            contract::ids::is_id(text).then(|| QueryPart::Name(text.into()))
        }
    }

    /// Returns true if a filter of this name means this field: `store_id` means `store`, as in the input topics.
    pub fn is_called(&self, name: &str) -> bool {
        name == self.name || name.strip_suffix("_id") == Some(&self.name)
    }
}

/// The layout of a view.
#[derive(Debug)]
pub struct Layout {
    /// The name of the view.
    pub name: &'static str,
    /// The fields of the key.
    pub key: Vec<KeyField>,
    /// The columns: those of the key, those of the value, and `settled`.
    pub schema: SchemaRef,
}

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| views::tables().iter().map(Layout::of).collect());

/// Returns the layouts of all views, ordered by name.
pub fn layouts() -> &'static [Layout] {
    &LAYOUTS
}

/// Returns the index of a view in [`layouts`].
pub fn place_of(view: &str) -> Option<usize> {
    layouts().binary_search_by(|layout| layout.name.cmp(view)).ok()
}

impl Layout {
    fn of(table: &Table) -> Self {
        let number = |schema: &Value| schema["type"] == "integer";
        let fields = table.key["properties"].as_object().into_iter().flatten();
        let key = fields.map(|(name, schema)| KeyField { name: name.clone(), number: number(schema) }).collect();
        let settled = Field::new("settled", DataType::Boolean, true);
        let fields: Vec<Field> = columns(&table.key).chain(columns(&table.value)).chain([settled]).collect();
        Layout { name: table.name, key, schema: Arc::new(Schema::new(fields)) }
    }

    /// Parses the key of a record.
    ///
    /// # Errors
    /// If a field is absent or of another type.
    pub fn read_key(&'static self, json: &str) -> Result<Key, Bad> {
        let mut fields = JsonFields::parse(json.as_bytes())?;
        let mut part = |field: &'static KeyField| {
            if field.number {
                fields.integer(&field.name, SIGNED).map(Part::Number)
            } else {
                fields.id(&field.name).map(Part::Name)
            }
        };
        self.key.iter().map(&mut part).collect()
    }

    /// Appends the fields of a key, without braces: `"store":"s01","hour":3600000`.
    pub fn write_key(&self, key: &[Part], into: &mut String) {
        for (at, (field, part)) in self.key.iter().zip(key).enumerate() {
            // Names of fields and ids are of a grammar that JSON need not escape.
            into.push_str(if at == 0 { "\"" } else { ",\"" });
            into.push_str(&field.name);
            match part {
                Part::Number(number) => into.push_str(&format!("\":{number}")),
                Part::Name(id) => into.push_str(&format!("\":\"{id}\"")),
            }
        }
    }
}

/// Formats a key as a cursor: `s01|3600000`.
pub fn cursor(key: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Number(number) => number.to_string(),
        Part::Name(id) => id.to_string(),
    };
    key.iter().map(part).collect::<Vec<_>>().join("|")
}

impl Layout {
    /// Parses a cursor that [`cursor`] formatted.
    pub fn read_cursor(&self, text: &str) -> Option<Vec<QueryPart>> {
        let parts: Vec<&str> = text.split('|').collect();
        let fits = parts.len() == self.key.len();
        fits.then(|| self.key.iter().zip(parts).map(|(field, part)| field.read(part)).collect()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(view: &str) -> &'static Layout {
        &layouts()[place_of(view).expect("a view")]
    }

    #[test]
    fn views_are_found_by_name() {
        assert!(layouts().is_sorted_by(|one, next| one.name < next.name));
        assert!(layouts().iter().all(|layout| !layout.key.is_empty()));
        assert_eq!(place_of("store.unknown"), None);
    }

    #[test]
    fn a_key_is_written_as_it_was_read() {
        let sales = layout("store.sales");
        let key = sales.read_key(r#"{"store":"corner","hour":3600000}"#).expect("a key");
        assert_eq!(*key, [Part::Name(Id::new("corner")), Part::Number(3_600_000)]);
        let mut text = String::new();
        sales.write_key(&key, &mut text);
        assert_eq!(text, r#""store":"corner","hour":3600000"#);
        assert_eq!(cursor(&key), "corner|3600000");
        let read = sales.read_cursor("corner|3600000").expect("a cursor");
        assert_eq!(read, [QueryPart::Name("corner".into()), QueryPart::Number(3_600_000)]);
        assert_eq!(compare_prefix(&read, &key), Ordering::Equal);
    }

    #[test]
    fn a_query_compares_with_a_key_as_two_keys_compare() {
        let keys = [("a", 1), ("a", 2), ("b", 0)]
            .map(|(name, number)| (name, number, [Part::Name(Id::new(name)), Part::Number(number)]));
        for (name, number, left) in &keys {
            let query = [QueryPart::Name((*name).into()), QueryPart::Number(*number)];
            for (.., right) in &keys {
                assert_eq!(compare_prefix(&query, right), left.cmp(right));
                assert_eq!(compare_prefix(&query[..1], right), left[0].cmp(&right[0]));
                assert_eq!(compare_prefix(&query[1..], &right[..1]), left[1].cmp(&right[0]));
            }
        }
        assert_eq!(compare_prefix(&[], &keys[0].2), Ordering::Equal);
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        let sales = layout("store.sales");
        assert_eq!(sales.read_key(r#"{"store":"corner"}"#).err().and_then(|bad| bad.field), Some("hour"));
        assert_eq!(sales.read_key(r#"{"store":1,"hour":1}"#).err().and_then(|bad| bad.field), Some("store"));
        for cursor in ["corner", "corner|x", "corner|1|2", "a b|1", ""] {
            assert_eq!(sales.read_cursor(cursor), None, "{cursor}");
        }
    }
}
