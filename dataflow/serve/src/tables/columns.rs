//! Columns of a typed table, from a JSON Schema.

use arrow_schema::{DataType, Field};
use serde_json::Value;

/// Returns the columns of an object with this JSON Schema.
pub fn columns(schema: &Value) -> impl Iterator<Item = Field> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, schema)| column(name, schema))
}

/// Returns a column for values of this JSON Schema: integers and booleans as such, all others as text.
fn column(name: &str, schema: &Value) -> Field {
    let is = |kind: &str| {
        let stated = &schema["type"];
        stated == kind || stated.as_array().is_some_and(|kinds| kinds.iter().any(|stated| stated == kind))
    };
    let kind = if is("integer") {
        DataType::Int64
    } else if is("boolean") {
        DataType::Boolean
    } else {
        DataType::Utf8
    };
    Field::new(name, kind, true)
}
