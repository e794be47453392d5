//! The JSON Schema of a suite, for editors: made from the tables that the reader itself uses.

use serde_json::{Value, json};

use crate::policy::schema::{object, text, texts};

use super::keys;

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let mut root = object(keys::SUITE);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("sgsim suite");
    root["description"] = json!("Expectations: what must get through a scenario's groups and what must not.");
    root["$defs"] = json!({ "text": text(), "texts": texts() });
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_that_is_checked_in_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/suite.schema.json");
        let current = format!("{:#}\n", schema());
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &current).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in.replace("\r\n", "\n") == current,
            "{path} is stale; run `UPDATE_SCHEMA=1 cargo test schema` and commit it"
        );
    }
}
