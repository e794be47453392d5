//! The JSON Schema of a workload file, from the tables that the reader uses.

use serde_json::{Value, json};

use crate::policy::schema::object;

use super::keys;

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let mut root = object(keys::WORKLOAD);
    let about = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sgsim workload",
        "description": "Synthetic traffic: who talks to whom, how often, how long and how much.",
        "$defs": {
            "text": {
                "description": "A text; numbers and booleans are read as they are written.",
                "type": ["string", "number", "boolean"]
            },
            "texts": {
                "anyOf": [
                    { "$ref": "#/$defs/text" },
                    { "type": ["array", "null"], "items": { "$ref": "#/$defs/text" } }
                ]
            }
        }
    });
    if let (Value::Object(root), Value::Object(about)) = (&mut root, about) {
        root.extend(about);
    }
    root
}

/// The schema as it is checked in: indented, with a line end.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_that_is_checked_in_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/workload.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, super::schema_text()).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in.replace("\r\n", "\n") == super::schema_text(),
            "{path} is stale; run `UPDATE_SCHEMA=1 cargo test schema` and commit it"
        );
    }
}
