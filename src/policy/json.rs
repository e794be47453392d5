//! JSON text to the tree that the YAML reader makes, for what clouds and tools export.
//!
//! The only file that names the JSON crate. Trailing commas are let pass, because the examples of AWS's own pages have
//! them; every other liberty is a mistake. Numbers and words become text as written, so that `22` and `"22"` are one.

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::diag::{Diagnostic, Source, codes};

use super::tree::{Kind, Node, Piece};
use super::yaml::MOST_BYTES;

const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Whether a text sets out to be JSON, and not YAML written with braces.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim_start();
    let inner = text.strip_prefix(['{', '[']).map(str::trim_start);
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(['"', '{', '[', ']', '}']))
}

/// Reads a text; a syntax error says at which value it was met.
pub(super) fn parse(source: &Source) -> Result<Node, Box<Diagnostic>> {
    let text = source.text.as_str();
    if text.len() > MOST_BYTES {
        let message = format!("the file has more than the {MOST_BYTES} bytes that are read");
        return Err(Box::new(Diagnostic::new(codes::TOO_LARGE, message)));
    }
    match parse_to_ast(text, &CollectOptions::default(), &OPTIONS) {
        Ok(result) => match result.value {
            Some(value) => Ok(node(&value, text)),
            None => Err(Box::new(Diagnostic::new(codes::EMPTY_FILE, "the file is empty"))),
        },
        Err(error) => {
            let range = error.range();
            let at = range.start.min(text.len());
            let cut = text[at..].trim().is_empty() || error.kind().to_string().starts_with("Unterminated");
            let open = open_at(text, if cut { text.len() } else { at });
            let place = if open.is_empty() { "the outermost value".to_owned() } else { open };
            let finding = if cut {
                let last = text.trim_end().len();
                let message = format!("the JSON text ends inside {place}");
                let finding = Diagnostic::new(codes::SYNTAX, message).at(last.saturating_sub(1)..last, "");
                finding.help("the file was cut: export it again")
            } else {
                let message = format!("{} inside {place}", lowercase(&error.kind().to_string()));
                Diagnostic::new(codes::SYNTAX, message).at(at..range.end.max(at + 1), "")
            };
            Err(Box::new(finding))
        }
    }
}

fn lowercase(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn node(value: &Value<'_>, text: &str) -> Node {
    let span = value.start()..value.end();
    let scalar = |content: &str| {
        let written = &text[span.clone()];
        let quotes = usize::from(written.starts_with('"'));
        let same = written.get(quotes..written.len() - quotes) == Some(content);
        Kind::Scalar(Piece::new(content.to_owned(), span.clone(), same.then_some(span.start + quotes)))
    };
    let kind = match value {
        Value::NullKeyword(_) => Kind::Null,
        Value::StringLit(string) => scalar(&string.value),
        Value::NumberLit(number) => scalar(number.value),
        Value::BooleanLit(word) => scalar(if word.value { "true" } else { "false" }),
        Value::Array(array) => Kind::Sequence {
            items: array.elements.iter().map(|element| node(element, text)).collect(),
            flow: true,
        },
        Value::Object(object) => {
            let entry = |property: &jsonc_parser::ast::ObjectProp<'_>| {
                let name = match &property.name {
                    ObjectPropName::String(string) => string.value.as_ref(),
                    ObjectPropName::Word(word) => word.value,
                };
                let key = property.name.start()..property.name.end();
                (Piece::new(name.to_owned(), key, None), node(&property.value, text))
            };
            Kind::Mapping(object.properties.iter().map(entry).collect())
        }
    };
    // Of a list or mapping its first line, so that what is underlined stays one line.
    let span = match kind {
        Kind::Sequence { .. } | Kind::Mapping(_) => {
            let line = text[span.clone()].lines().next().unwrap_or("").trim_end().len();
            span.start..span.start + line
        }
        _ => span,
    };
    Node::new(kind, span)
}

/// The JSON pointer of the innermost value that is still open at a byte of a text that is no whole JSON.
fn open_at(text: &str, end: usize) -> String {
    /// A list with the number of its value, or a mapping with the key that was read last.
    enum Open<'t> {
        List(usize),
        Mapping(&'t str),
    }
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut string, mut escaped, mut last) = (None, false, "");
    for (at, c) in text.char_indices().take_while(|&(at, _)| at < end) {
        if let Some(start) = string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    last = &text[start..at];
                    string = None;
                }
                _ => {}
            }
            continue;
        }
        match (c, open.last_mut()) {
            ('"', _) => string = Some(at + 1),
            ('{', _) => open.push(Open::Mapping("")),
            ('[', _) => open.push(Open::List(0)),
            ('}' | ']', _) => _ = open.pop(),
            (':', Some(Open::Mapping(key))) => *key = last,
            (',', Some(Open::Mapping(key))) => *key = "",
            (',', Some(Open::List(number))) => *number += 1,
            _ => {}
        }
    }
    let steps = open.iter().map(|open| match open {
        Open::List(number) => number.to_string(),
        Open::Mapping(key) => key.replace('~', "~0").replace('/', "~1"),
    });
    let steps = steps.filter(|step| !step.is_empty());
    steps.fold(String::new(), |pointer, step| pointer + "/" + &step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Box<Diagnostic>> {
        parse(&Source::new("f.json", text))
    }

    #[test]
    fn texts_numbers_and_words_are_texts_with_their_place() {
        let text = r#"{"a": [22, "22", true, null, "\ud83d\ude00",], "b/c": {"d": 1.5}}"#;
        let root = read(text).unwrap();
        let texts: Vec<_> = root.get("a").unwrap().items().iter().map(Node::piece).collect();
        assert_eq!(texts[0].unwrap().text, texts[1].unwrap().text);
        assert_eq!((texts[2].unwrap().text.as_str(), texts[3]), ("true", None));
        assert_eq!(texts[4].unwrap().text, "\u{1f600}");
        let deep = root.get("b/c").unwrap().get("d").unwrap();
        assert_eq!(&text[deep.span.clone()], "1.5");
        assert_eq!(root.pointer(deep.span.start), "/b~1c/d");
        assert_eq!(root.pointer(texts[1].unwrap().span.start), "/a/1");
    }

    #[test]
    fn syntax_errors_name_the_value_they_are_in() {
        for (text, part) in [
            (r#"{"groups": [{"id": "a"}, {"id": "b", "rules": [{"x"#, "ends inside /groups/1/rules/0"),
            (r#"{"groups": [1, 2"#, "ends inside /groups/1"),
            (r#"{"a": 1 "b": 2}"#, "inside /a"),
            ("{", "ends inside the outermost value"),
        ] {
            let finding = read(text).unwrap_err();
            assert!(finding.message.contains(part), "{text}: {}", finding.message);
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn json_is_told_from_braces_of_yaml() {
        assert!(looks_like(" {\"a\": 1}") && looks_like("[{}]") && looks_like("{"));
        assert!(!looks_like("{ groups: {} }") && !looks_like("groups: {}") && !looks_like(""));
    }
}
