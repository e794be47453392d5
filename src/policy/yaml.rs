//! YAML text to a small tree in which everything knows its place.
//!
//! The only file that names the YAML crate. It is the parser's events that are read here, not a deserialiser: all
//! mistakes of a file are to be told in one run, and a deserialiser stops at the first. Scalars stay text as written
//! (`22`, `no` and `1.5` are words here), and what they mean is for the reader of the tree to say. JSON comes through
//! the same door, being YAML; the one exception is a character written as two `\u` surrogates, which YAML does not
//! know: it is a syntax error, and the character itself can be written instead. What clouds and tools export is read by
//! [`super::json`], which knows them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diag::{Diagnostic, Source, Span, codes};

use super::tree::{Kind, Node, Piece};

/// Longest file that is read.
pub(crate) const MOST_BYTES: usize = 32 << 20;
/// Most values in a file, those that an alias repeats counted each time.
const MOST_NODES: usize = 1_000_000;
/// Deepest nesting; a scenario needs six levels.
const MOST_DEPTH: usize = 32;

/// A file that could not be read, and why.
type Unread = Box<(Source, Diagnostic)>;

/// Reads a file.
pub(crate) fn load(path: &Path) -> Result<Source, Unread> {
    let name = path.display().to_string();
    match read_bounded(path) {
        Ok(bytes) => decode(&name, &bytes).map(|text| Source::new(&name, text)),
        Err(error) => {
            let finding = Diagnostic::new(codes::UNREADABLE_FILE, format!("cannot be read: {error}"));
            Err(Box::new((Source::new(name, ""), finding)))
        }
    }
}

/// The bytes of a file, or of a device or pipe, up to just over what is read of one.
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes bytes for text; `name` is what findings call them.
pub(crate) fn decode<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, Unread> {
    std::str::from_utf8(bytes).map_err(|error| {
        // Up to the bad byte the text is the same, so the place is right.
        let source = Source::new(name, String::from_utf8_lossy(bytes));
        let at = error.valid_up_to();
        let message = format!("byte {at} is not part of UTF-8 text");
        let finding = Diagnostic::new(codes::NOT_UTF8, message).at(at..at + 1, "");
        Box::new((source, finding.help("save the file as UTF-8")))
    })
}

/// Reads a text. With a syntax error there is no tree, because nothing after it could be trusted.
pub(crate) fn parse(source: &Source, findings: &mut Vec<Diagnostic>) -> Option<Node> {
    if source.text.len() > MOST_BYTES {
        let message = format!("the file has more than the {MOST_BYTES} bytes that are read");
        findings.push(Diagnostic::new(codes::TOO_LARGE, message));
        return None;
    }
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(&source.text) {
        let step = match event {
            Ok((event, span)) => builder.take(event, builder.span(span)),
            Err(error) => Err(Box::new(builder.syntax(&error))),
        };
        match step {
            Ok(true) => {}
            Ok(false) => break,
            Err(finding) => {
                findings.append(&mut builder.findings);
                findings.push(*finding);
                return None;
            }
        }
    }
    findings.append(&mut builder.findings);
    let root = builder.root.filter(|root| root.kind != Kind::Null);
    if root.is_none() {
        let finding = Diagnostic::new(codes::EMPTY_FILE, "the file is empty");
        findings.push(finding);
    }
    root
}

/// A list or mapping that is not closed yet.
struct Frame {
    start: usize,
    anchor: usize,
    content: Content,
    /// Values inside, and the levels below.
    nodes: usize,
    height: usize,
}

enum Content {
    Sequence(Vec<Node>),
    /// The entries, and the key whose value comes next.
    Mapping(Vec<(Piece, Node)>, Option<Node>),
}

/// A value that an alias may repeat, with its values counted and its levels.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

struct Builder<'s> {
    source: &'s Source,
    /// The byte of each character; empty when all characters are one byte.
    bytes: Vec<u32>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    root: Option<Node>,
    findings: Vec<Diagnostic>,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Source) -> Self {
        let bytes = if source.text.is_ascii() {
            Vec::new()
        } else {
            source.text.char_indices().filter_map(|(at, _)| u32::try_from(at).ok()).collect()
        };
        Self {
            source,
            bytes,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            root: None,
            findings: Vec::new(),
        }
    }

    /// The parser counts characters; findings count bytes.
    fn byte(&self, character: usize) -> usize {
        let end = self.source.text.len();
        if self.bytes.is_empty() {
            return character.min(end);
        }
        self.bytes.get(character).map_or(end, |&at| at as usize)
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let at = self.byte(error.marker().index());
        let line = self.source.text.get(..at).map_or("", |before| before.rsplit('\n').next().unwrap_or(""));
        let indent_has_tab = line.trim_start_matches(' ').starts_with('\t')
            || line.trim_start().is_empty()
                && self.source.text[at..].trim_start_matches(' ').starts_with('\t');
        let finding = Diagnostic::new(codes::SYNTAX, error.info()).at(at..at + 1, "");
        if indent_has_tab {
            finding.help("YAML indents with spaces; this line has a tab")
        } else if error.info().contains("Unicode character escape") {
            finding.help("write the character itself: it cannot be written as two `\\u` escapes")
        } else {
            finding
        }
    }

    /// Takes one event; false when no more are wanted.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<bool, Box<Diagnostic>> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let finding = Diagnostic::new(codes::SEVERAL_DOCUMENTS, "a second document starts here");
                let span = first_line(&self.source.text, span.start..span.end.max(span.start + 1));
                self.findings.push(finding.at(span, "").help("the file is one document: remove the `---`"));
                return Ok(false);
            }
            Event::Scalar(text, style, anchor, _) => {
                let node = self.scalar(text.into_owned(), style, span);
                self.place(node, anchor, 1, 0)?;
            }
            Event::SequenceStart(anchor, _) => self.open(Content::Sequence(Vec::new()), anchor, span)?,
            Event::MappingStart(anchor, _) => self.open(Content::Mapping(Vec::new(), None), anchor, span)?,
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id) else {
                    let finding =
                        Diagnostic::new(codes::SYNTAX, "an alias stands inside the value that it repeats");
                    return Err(Box::new(finding.at(span, "")));
                };
                let (nodes, height) = (anchored.nodes, anchored.height);
                // Before copying: this is what an alias bomb would make large.
                self.check(nodes, height, &span)?;
                let node = anchored.node.clone();
                self.place(node, 0, nodes, height)?;
            }
            _ => {}
        }
        Ok(true)
    }

    /// Whether so many more values, so many levels deep, may be placed here.
    fn check(&self, nodes: usize, height: usize, span: &Span) -> Result<(), Box<Diagnostic>> {
        let message = if self.nodes.saturating_add(nodes) > MOST_NODES {
            format!("the file holds more than {MOST_NODES} values, those repeated by aliases counted")
        } else if self.stack.len() + height > MOST_DEPTH {
            format!("lists and mappings are nested deeper than {MOST_DEPTH} levels")
        } else {
            return Ok(());
        };
        Err(Box::new(Diagnostic::new(codes::TOO_LARGE, message).at(span.clone(), "")))
    }

    fn scalar(&self, text: String, style: ScalarStyle, span: Span) -> Node {
        let plain = style == ScalarStyle::Plain;
        if plain && matches!(text.as_str(), "" | "~" | "null") {
            return Node::new(Kind::Null, span);
        }
        let written = self.source.text.get(span.clone()).unwrap_or("");
        let quotes = usize::from(!plain);
        let same = written.get(quotes..written.len().saturating_sub(quotes)) == Some(&text);
        let offset = same.then_some(span.start + quotes);
        let span = if same { span } else { first_line(&self.source.text, span) };
        Node::new(Kind::Scalar(Piece::new(text, span.clone(), offset)), span)
    }

    fn open(&mut self, content: Content, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.check(1, 1, &span)?;
        self.stack.push(Frame { start: span.start, anchor, content, nodes: 1, height: 1 });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let span = first_line(&self.source.text, frame.start..span.end.max(frame.start));
        let flow = self.source.text[span.start..].starts_with('[');
        let kind = match frame.content {
            Content::Sequence(items) => Kind::Sequence { items, flow },
            Content::Mapping(entries, _) => Kind::Mapping(entries),
        };
        self.place(Node::new(kind, span), frame.anchor, frame.nodes, frame.height)
    }

    /// Puts a finished value where it belongs.
    fn place(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        height: usize,
    ) -> Result<(), Box<Diagnostic>> {
        self.check(1, 0, &node.span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, height });
            // The copy counts too: it is held in memory.
            self.nodes += nodes;
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        self.nodes += if height == 0 { 1 } else { nodes };
        frame.nodes += nodes;
        frame.height = frame.height.max(height + 1);
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(entries, pending) => match pending.take() {
                None => *pending = Some(node),
                Some(key) => match key.kind {
                    Kind::Scalar(text) => entries.push((text, node)),
                    Kind::Null => entries.push((Piece::elsewhere("null", &key.span), node)),
                    _ => {
                        let message = format!("expected a text as key, found {}", key.what());
                        self.findings.push(Diagnostic::new(codes::WRONG_TYPE, message).at(key.span, ""));
                    }
                },
            },
        }
        Ok(())
    }
}

/// The part of a span that is on its first line, so that an underlined block stays one line.
fn first_line(text: &str, span: Span) -> Span {
    let span = span.start.min(text.len())..span.end.min(text.len());
    let written = text.get(span.clone()).unwrap_or("");
    let line = written.lines().next().unwrap_or("").trim_end();
    span.start..span.start + line.len()
}
