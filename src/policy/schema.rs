//! The JSON Schema of a scenario file, for editors and for checks outside `sgsim`.
//!
//! Made from the tables that the reader itself uses, so the two cannot drift. A schema knows keys, types and the shape
//! of words; names that point nowhere, ranges that are backwards and the like only the reader finds.

use serde_json::{Map, Value, json};

use super::scenario::keys::{self, Key, Shape};

/// The schema, draft 2020-12.
pub fn schema() -> Value {
    let mut root = object(keys::SCENARIO);
    let about = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sgsim scenario",
        "description": "Security groups, interfaces and addresses: who may talk to whom.",
        "$defs": {
            "text": text(),
            "texts": texts(),
            "rule": {
                "anyOf": [
                    {
                        "description": "ACTION PROTOCOL [PORTS | ICMP MESSAGES] [from|to REMOTE, ...] [priority N] \
                                        [ipv4|ipv6] [id NAME] [disabled]",
                        "type": "string",
                        "pattern": "^\\s*([Aa][Ll][Ll][Oo][Ww]|[Dd][Ee][Nn][Yy])\\s+\\S"
                    },
                    object(keys::RULE)
                ]
            },
            "rules": {
                "anyOf": [
                    { "$ref": "#/$defs/rule" },
                    { "type": ["array", "null"], "items": { "$ref": "#/$defs/rule" } }
                ]
            }
        }
    });
    if let (Value::Object(root), Value::Object(about)) = (&mut root, about) {
        root.extend(about);
        // A file that says nothing is an error.
        root.insert("type".into(), json!("object"));
    }
    root
}

/// One text.
pub(crate) fn text() -> Value {
    json!({
        "description": "A text; numbers and booleans are read as they are written.",
        "type": ["string", "number", "boolean"]
    })
}

/// One text or a list of them.
pub(crate) fn texts() -> Value {
    json!({
        "anyOf": [
            { "$ref": "#/$defs/text" },
            { "type": ["array", "null"], "items": { "$ref": "#/$defs/text" } }
        ]
    })
}

/// The schema as it is checked in: indented, with a line end.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

pub(crate) fn object(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut value = shape(&key.shape);
        if let Value::Object(value) = &mut value {
            value.insert("description".into(), json!(key.about));
        }
        (key.name.to_owned(), value)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let mut object =
        json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false });
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        // Nothing at all has no address either.
        object["type"] = json!("object");
        object["required"] = json!(required);
    }
    object
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Word => json!({ "type": ["string", "number", "boolean"] }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::Boolean => {
            json!({ "anyOf": [{ "type": "boolean" }, { "enum": ["true", "false", "yes", "no", "on", "off"] }] })
        }
        Shape::Priority => json!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 100 },
                { "type": "string", "pattern": "^0*([1-9][0-9]?|100)$" }
            ]
        }),
        Shape::Duration => json!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^\\s*[0-9]+(ms|s|m|h|d)?\\s*$" }
            ]
        }),
        Shape::Texts => json!({ "$ref": "#/$defs/texts" }),
        Shape::Rules => json!({ "$ref": "#/$defs/rules" }),
        Shape::Change => json!({ "anyOf": [{ "const": "remove" }, { "$ref": "#/$defs/rule" }] }),
        Shape::Object(keys) => object(keys),
        Shape::ListOf(keys) => json!({ "type": "array", "items": object(keys) }),
        Shape::Count => json!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^\\s*(=|!=|<|<=|>|>=)?\\s*[0-9]+\\s*$|^\\s*[0-9]+\\s*-\\s*[0-9]+\\s*$" }
            ]
        }),
        Shape::MapOf(inner) => {
            json!({ "type": ["object", "null"], "additionalProperties": self::shape(inner) })
        }
        Shape::WordOr(words, keys) => json!({ "anyOf": [{ "enum": words }, object(keys)] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Source, Style};
    use crate::policy::Scenario;
    use crate::policy::tree::{Kind, Node};
    use crate::policy::yaml;

    #[test]
    fn the_schema_that_is_checked_in_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenario.schema.json");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, schema_text()).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in.replace("\r\n", "\n") == schema_text(),
            "{path} is stale; run `UPDATE_SCHEMA=1 cargo test schema` and commit it"
        );
    }

    /// The value that an editor's YAML reader would hand to the schema.
    fn value(node: &Node, source: &str) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Scalar(text) => {
                let plain = !source[node.span.clone()].starts_with(['"', '\'']);
                let typed =
                    serde_json::from_str(&text.text).ok().filter(|v: &Value| v.is_number() || v.is_boolean());
                typed.filter(|_| plain).unwrap_or_else(|| json!(text.text))
            }
            Kind::Sequence { items, .. } => items.iter().map(|item| value(item, source)).collect(),
            Kind::Mapping(entries) => entries
                .iter()
                .map(|(key, item)| (key.text.clone(), value(item, source)))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    fn admits(text: &str) -> bool {
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("scenario.json", schema()).unwrap();
        let index = compiler.compile("scenario.json", &mut schemas).unwrap();
        let source = Source::new("s", text);
        let value = value(&yaml::parse(&source, &mut Vec::new()).unwrap(), text);
        schemas.validate(&value, index).is_ok()
    }

    const INTERFACE: &str =
        "\ninterfaces: { n: { addresses: 10.0.0.1, groups: [g], behind: [10.1.0.0/16] } }";

    #[test]
    fn schema_and_reader_agree_on_good_scenarios() {
        for text in [
            "groups: { g: { ingress: [allow tcp 22 from any, { protocol: 47, from: [any] }], description: x } }",
            "groups: { g: { ingress: { protocol: tcp, ports: [22, 8000-8100], priority: 5, enabled: no, id: a } } }",
            "groups: { g: { egress: 'DENY icmp 8', ingress: } }",
            "groups: { g: { ingress: [{ protocol: icmp, icmp: [8, 3/4], priority: '7', ethertype: ipv4 }] } }",
            "groups: { g: }\naddresses: { a: 10.0.0.1, b: [a, '::/0'] }\ndialect: union\nmidstream: pickup",
            "groups: { g: }\nstate: { profile: linux, tcp-established: 5d, icmp: 30 }\ndescription: 7",
            "groups: { g: { ingress: allow tcp id a } }\nstate: aws\nchange: { g/a: { action: deny } }",
            "groups: { g: { ingress: allow tcp id a } }\nchange: { g/a: remove }",
        ] {
            let text = format!("{text}{INTERFACE}");
            let loaded = Scenario::parse("s", &text);
            assert!(loaded.scenario.is_some(), "{}", loaded.render(Style::Plain));
            assert!(admits(&text), "the schema refuses\n{text}");
        }
    }

    #[test]
    fn schema_and_reader_agree_on_bad_scenarios() {
        for text in [
            "groups: { g: { ingres: [] } }",
            "groups: { g: [allow tcp] }",
            "groups: { g: { ingress: [permit tcp] } }",
            "groups: { g: { ingress: [{ protocol: tcp, port: 22 }] } }",
            "groups: { g: { ingress: [{ priority: 0 }] } }",
            "groups: { g: { ingress: [{ priority: 101 }] } }",
            "groups: { g: { ingress: [{ priority: high }] } }",
            "groups: { g: { ingress: [{ enabled: perhaps }] } }",
            "groups: { g: { ingress: [{ ethertype: ipv5 }] } }",
            "groups: { g: { ingress: [[allow tcp]] } }",
            "groups: { g: }\ndialect: both",
            "groups: { g: }\nmidstream: never",
            "groups: { g: }\nstate: { tcp: 5s }",
            "groups: { g: }\nstate: { icmp: soon }",
            "groups: { g: }\naddresses: { a: { b: c } }",
            "groups: { g: }\nchange: { g/a: [remove] }",
            "groups: { g: { ingress: { id: } } }",
            "rules: []",
            "interfaces: { m: { groups: g } }\ngroups: { g: }",
            "interfaces: { m: }\ngroups: { g: }",
        ] {
            let text = if text.contains("interfaces") { text.into() } else { format!("{text}{INTERFACE}") };
            assert!(Scenario::parse("s", &text).scenario.is_none(), "the reader admits\n{text}");
            assert!(!admits(&text), "the schema admits\n{text}");
        }
        assert!(!admits("[]") && !admits("hello"));
    }
}
