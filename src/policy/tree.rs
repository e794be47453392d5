//! A file as a small tree in which everything knows its place: what the readers of YAML and JSON make of a text.

use std::cell::Cell;

use crate::diag::Span;

/// A piece of text that knows where each of its parts stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The text, with quotes and escapes resolved.
    pub(crate) text: String,
    /// Where it was written, quotes included.
    pub(crate) span: Span,
    /// Where its first byte stands, when the file has the very same bytes.
    offset: Option<usize>,
}

impl Piece {
    /// A text and its place; `offset` is where its first byte stands when the file has the very same bytes.
    pub(crate) const fn new(text: String, span: Span, offset: Option<usize>) -> Self {
        Self { text, span, offset }
    }

    /// A text that stands nowhere in the file; findings about it point at `span`.
    pub(crate) fn elsewhere(text: &str, span: &Span) -> Self {
        Self { text: text.to_owned(), span: span.clone(), offset: None }
    }

    /// Where these bytes of the text stand; the whole of it when escapes or folded lines make that unclear.
    pub(crate) fn part(&self, part: Span) -> Span {
        match self.offset {
            Some(offset) => offset + part.start..offset + part.end,
            None => self.span.clone(),
        }
    }

    /// These bytes as a text of their own.
    pub(crate) fn slice(&self, part: Span) -> Self {
        let text = self.text.get(part.clone()).unwrap_or("").to_owned();
        let offset = self.offset.map(|offset| offset + part.start);
        Self { text, span: self.part(part), offset }
    }

    /// Another text that stands in this one's place.
    pub(crate) fn reworded(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), span: self.span.clone(), offset: None }
    }

    pub(crate) fn shift(&mut self, by: usize) {
        self.span = self.span.start + by..self.span.end + by;
        self.offset = self.offset.map(|offset| offset + by);
    }
}

/// A value and its place. The span of a list or mapping ends with its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// What a reader took it for and it is not.
    mistaken_for: Cell<Option<&'static str>>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`, without quotes.
    Null,
    /// Any other scalar.
    Scalar(Piece),
    /// A list; `flow` when it was written with brackets.
    Sequence { items: Vec<Node>, flow: bool },
    /// A mapping in the order written, keys possibly several times.
    Mapping(Vec<(Piece, Node)>),
}

impl Node {
    /// A value and its place.
    pub(crate) const fn new(kind: Kind, span: Span) -> Self {
        Self { kind, span, mistaken_for: Cell::new(None) }
    }

    /// Remembers that a reader expected something else here, so that it is told and not taken for nothing.
    pub(crate) fn expected(&self, what: &'static str) {
        self.mistaken_for.set(Some(what));
    }

    /// What a reader expected here in vain.
    pub(crate) fn mistaken_for(&self) -> Option<&'static str> {
        self.mistaken_for.get()
    }

    /// What it is, for messages.
    pub(crate) const fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::Sequence { .. } => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// The value behind a key; of a key written twice the last, as programs read JSON.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Mapping(entries) = &self.kind else { return None };
        entries.iter().rev().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// The values of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[(Piece, Self)] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) const fn piece(&self) -> Option<&Piece> {
        match &self.kind {
            Kind::Scalar(piece) => Some(piece),
            _ => None,
        }
    }

    /// Moves every place, for a text that comes to stand behind others.
    pub(crate) fn shift(&mut self, by: usize) {
        self.span = self.span.start + by..self.span.end + by;
        match &mut self.kind {
            Kind::Null => {}
            Kind::Scalar(piece) => piece.shift(by),
            Kind::Sequence { items, .. } => items.iter_mut().for_each(|item| item.shift(by)),
            Kind::Mapping(entries) => {
                for (key, value) in entries {
                    key.shift(by);
                    value.shift(by);
                }
            }
        }
    }

    /// The JSON pointer (RFC 6901) of the value that begins at a byte, or that the byte lies in; the root's is empty.
    pub(crate) fn pointer(&self, at: usize) -> String {
        let (mut pointer, mut node) = (String::new(), self);
        loop {
            let next = match &node.kind {
                Kind::Sequence { items, .. } => {
                    let index = items.partition_point(|item| item.span.start <= at).checked_sub(1);
                    index.map(|index| (index.to_string(), &items[index]))
                }
                Kind::Mapping(entries) => {
                    let index = entries.partition_point(|(key, _)| key.span.start <= at).checked_sub(1);
                    index.map(|index| (entries[index].0.text.clone(), &entries[index].1))
                }
                _ => None,
            };
            let Some((step, inner)) = next else { return pointer };
            pointer.push('/');
            pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
            node = inner;
        }
    }
}
