//! JSON Schemas of every input and output record, made from the code that reads and writes the records.
//!
//! Input schemas come from the calls that decode a record ([`Fields`]), run against a recorder; output schemas come
//! from the types that are written.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::event::fields::{Bad, EXACT, Fields, Range, Sign, Spelling};
use crate::event::{Kind, Record, Topic};
use crate::ids::{EventId, Id};
use crate::output::{Op, OutputTopic};
use crate::record::{PublicDead, PublicDecision, PublicException, PublicLate};

/// Records the fields that a reader asks for, and answers each call with a harmless value.
#[derive(Default)]
struct Recorder {
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Recorder {
    fn note(&mut self, name: &str, schema: Value, required: bool) {
        if required {
            self.required.push(name.into());
            self.properties.insert(name.to_owned(), schema);
        } else {
            self.properties.insert(name.to_owned(), json!({ "anyOf": [schema, { "type": "null" }] }));
        }
    }

    /// The object with the fields asked for; unknown ones are ignored by the reader, so they are allowed.
    fn object(self) -> Value {
        json!({ "type": "object", "properties": self.properties, "required": self.required })
    }
}

fn integer(range: Range) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": range.min });
    if range.max < EXACT {
        schema["maximum"] = range.max.into();
    } else {
        schema["maximum"] = EXACT.into();
    }
    schema
}

fn quantity(sign: Sign) -> Value {
    let below = 1_000_000_000;
    match sign {
        Sign::Natural => json!({ "type": "number", "minimum": 0, "exclusiveMaximum": below, "multipleOf": 0.001 }),
        Sign::Positive => {
            json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": below, "multipleOf": 0.001 })
        }
        Sign::NonZero => json!({
            "type": "number", "exclusiveMinimum": -below, "exclusiveMaximum": below, "multipleOf": 0.001,
            "not": { "const": 0 }
        }),
    }
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$" })
}

fn choices<T>(choices: Spelling<T>) -> Value {
    let spellings: Vec<&str> = choices.iter().map(|(spelling, _)| *spelling).collect();
    json!({ "enum": spellings })
}

impl Fields for Recorder {
    fn integer(&mut self, name: &'static str, range: Range) -> Result<i64, Bad> {
        self.note(name, integer(range), true);
        Ok(range.min.max(0))
    }

    fn optional_integer(&mut self, name: &'static str, range: Range) -> Result<Option<i64>, Bad> {
        self.note(name, integer(range), false);
        Ok(None)
    }

    fn quantity(&mut self, name: &'static str, sign: Sign) -> Result<i64, Bad> {
        self.note(name, quantity(sign), true);
        Ok(1)
    }

    fn text_id(&mut self, name: &'static str) -> Result<EventId, Bad> {
        self.note(name, id(), true);
        Ok(EventId::default())
    }

    fn optional_text_id(&mut self, name: &'static str) -> Result<Option<EventId>, Bad> {
        self.note(name, id(), false);
        Ok(None)
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, Bad> {
        self.note(name, json!({ "type": "string" }), false);
        Ok(None)
    }

    fn boolean(&mut self, name: &'static str) -> Result<bool, Bad> {
        self.note(name, json!({ "type": "boolean" }), true);
        Ok(false)
    }

    fn optional_boolean(&mut self, name: &'static str) -> Result<Option<bool>, Bad> {
        self.note(name, json!({ "type": "boolean" }), false);
        Ok(None)
    }

    fn choice<T: Copy>(&mut self, name: &'static str, spelled: Spelling<T>) -> Result<T, Bad> {
        self.note(name, choices(spelled), true);
        Ok(spelled[0].1)
    }

    fn optional_choice<T: Copy>(&mut self, name: &'static str, spelled: Spelling<T>) -> Result<Option<T>, Bad> {
        self.note(name, choices(spelled), false);
        Ok(None)
    }

    fn ids(&mut self, name: &'static str) -> Result<Vec<Id>, Bad> {
        self.note(name, json!({ "type": "array", "items": id() }), true);
        Ok(Vec::new())
    }

    fn list<T>(&mut self, name: &'static str, read: impl Fn(&mut Self) -> Result<T, Bad>) -> Result<Vec<T>, Bad> {
        let mut element = Recorder::default();
        read(&mut element)?;
        self.note(name, json!({ "type": "array", "items": element.object() }), true);
        Ok(Vec::new())
    }
}

/// The schema of one record type.
fn record(name: &str, kind: Kind) -> Value {
    let mut recorder = Recorder::default();
    recorder.note("type", json!({ "const": name }), true);
    // The schema of an input topic: one of its record types. Deletes need only the common fields and the key.
    _ = Record::read_kind(kind, &mut recorder);
    let mut schema = recorder.object();
    schema["title"] = name.into();
    if kind == Kind::PosLine {
        let required = json!({ "required": ["receipt", "restock"] });
        schema["if"] = json!({ "properties": { "kind": { "const": "return" } } });
        schema["then"] = required;
    }
    schema
}

/// The schema of an input topic: one of its record types. Deletes need only the common fields and the key.
fn input(topic: Topic) -> Value {
    let kinds: Vec<Value> = topic.kinds().iter().map(|(name, kind)| record(name, *kind)).collect();
    json!({ "anyOf": kinds })
}

/// The schema of a type, with everything it refers to inside.
pub fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    SchemaGenerator::new(settings.for_serialize()).into_root_schema_for::<T>().to_value()
}

/// A record of an output topic: the topic's record with `time` and `seq`.
fn numbered(mut record: Value) -> Value {
    let natural = json!({ "type": "integer", "minimum": 0 });
    record["properties"]["time"] = natural.clone();
    record["properties"]["seq"] = natural;
    if let Some(required) = record["required"].as_array_mut() {
        required.extend(["time".into(), "seq".into()]);
    }
    record
}

/// A view as a table: its name, its topics, and the JSON Schemas of its keys and values.
pub struct Table {
    /// The view's name.
    pub name: &'static str,
    /// The topics it is derived from.
    pub topics: &'static [Topic],
    /// The schema of the keys.
    pub key: Value,
    /// The schema of the values.
    pub value: Value,
}

impl Table {
    /// The table of the view of this name, derived from these topics, with values `V` under keys `K`.
    pub fn of<K: JsonSchema, V: JsonSchema>(name: &'static str, topics: &'static [Topic]) -> Self {
        Table { name, topics, key: of::<K>(), value: of::<V>() }
    }
}

fn view_records(views: &[Table]) -> Value {
    let views: Vec<Value> = views
        .iter()
        .map(|table| {
            json!({
                "title": table.name,
                "type": "object",
                "properties": {
                    "time": { "type": "integer" }, "seq": { "type": "integer", "minimum": 0 },
                    "view": { "const": table.name }, "key": table.key, "op": of::<Op>(), "value": table.value,
                },
                "required": ["time", "seq", "view", "key", "op"],
                "additionalProperties": false,
            })
        })
        .collect();
    json!({ "oneOf": views })
}

fn output(topic: OutputTopic, views: &[Table]) -> Value {
    match topic {
        OutputTopic::Views => view_records(views),
        OutputTopic::Exceptions => numbered(of::<PublicException<'_>>()),
        OutputTopic::Decisions => numbered(of::<PublicDecision<'_>>()),
        OutputTopic::Late => numbered(of::<PublicLate<'_>>()),
        OutputTopic::DeadLetter => numbered(of::<PublicDead<'_>>()),
    }
}

/// Every schema by topic name: the twelve input topics and the five output topics of a job with these views.
pub fn all(views: &[Table]) -> BTreeMap<&'static str, Value> {
    let inputs = Topic::ALL.into_iter().map(|topic| (topic.name(), input(topic)));
    let outputs = OutputTopic::ALL.into_iter().map(|topic| (topic.name(), output(topic, views)));
    let titled = |(name, mut schema): (&'static str, Value)| {
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        schema["title"] = name.into();
        (name, schema)
    };
    inputs.chain(outputs).map(titled).collect()
}
